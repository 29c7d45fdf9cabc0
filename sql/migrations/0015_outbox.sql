-- runs with: 0001
-- What is to be told to others, web hooks first: written with the fact itself, sent by a worker, forgotten with the person.

CREATE TABLE outbox_destination (
    kind         text        NOT NULL,
    name         text        NOT NULL,
    events       text[]      NOT NULL DEFAULT '{}',
    worker       text        NOT NULL DEFAULT '',
    term         bigint      NOT NULL DEFAULT 0,
    leased_until timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz,
    gone_at      timestamptz,
    sent         bigint      NOT NULL DEFAULT 0,
    failed       bigint      NOT NULL DEFAULT 0,
    sent_at      timestamptz,
    failed_at    timestamptz,
    error        text        NOT NULL DEFAULT '',
    PRIMARY KEY (kind, name)
);
COMMENT ON TABLE outbox_destination IS 'Where the outbox leads, as the workers read it in their configuration, and who sends there now.';
COMMENT ON COLUMN outbox_destination.kind IS 'webhook; further ways of telling somebody will be kinds of their own.';
COMMENT ON COLUMN outbox_destination.events IS 'What it is told. Empty: it is not configured any more.';
COMMENT ON COLUMN outbox_destination.term IS 'How often it was taken. With worker it fences: nobody marks a message but who has it now.';
COMMENT ON COLUMN outbox_destination.paused_until IS 'It asked for quiet until then.';
COMMENT ON COLUMN outbox_destination.gone_at IS 'It said that it is no more; nothing is sent until somebody says otherwise.';
COMMENT ON COLUMN outbox_destination.error IS 'Of the last attempt that failed. A sentence of ours, never what the other side said.';

CREATE TABLE outbox (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text        NOT NULL,
    destination text        NOT NULL,
    message     uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    event       text        NOT NULL,
    subject     text        NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    data        jsonb       NOT NULL,
    party       uuid,
    contact     uuid,
    state       text        NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'dead', 'dropped')),
    due         timestamptz NOT NULL DEFAULT now(),
    since       timestamptz NOT NULL DEFAULT now(),
    attempts    integer     NOT NULL DEFAULT 0,
    ended_at    timestamptz,
    error       text        NOT NULL DEFAULT ''
);
COMMENT ON TABLE outbox IS 'Messages to others, written in the transaction of the fact that they tell. Ids only: no personal value is in any column.';
COMMENT ON COLUMN outbox.message IS 'Its name at the receiver, the same at every attempt.';
COMMENT ON COLUMN outbox.subject IS 'What it is about, such as contact:ID. Messages about one subject go in their order, one at a time.';
COMMENT ON COLUMN outbox.at IS 'When what it tells happened.';
COMMENT ON COLUMN outbox.since IS 'Since when it waits: what is older than the destination allows is dead.';
CREATE INDEX outbox_queued ON outbox (kind, destination, id) WHERE state = 'queued';
CREATE INDEX outbox_subject ON outbox (kind, destination, subject, id) WHERE state = 'queued';
CREATE INDEX outbox_dead ON outbox (kind, destination, id) WHERE state = 'dead';
CREATE INDEX outbox_party ON outbox (party) WHERE party IS NOT NULL;
CREATE INDEX outbox_contact ON outbox (contact) WHERE contact IS NOT NULL;

INSERT INTO projection (name) VALUES ('outbox');

CREATE FUNCTION outbox_place() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- How far the follower "outbox" has come; others wait until this one is done.
    SELECT p.seq FROM projection p WHERE p.name = 'outbox' FOR UPDATE
$$;

CREATE FUNCTION outbox_placed(seq bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- It has come so far.
    UPDATE projection p SET seq = outbox_placed.seq WHERE p.name = 'outbox'
$$;

CREATE FUNCTION tell(told text, about text, told_data jsonb, whose uuid, of_contact uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- One message for each destination that is told this.
    INSERT INTO outbox (kind, destination, event, subject, data, party, contact)
    SELECT d.kind, d.name, told, about, told_data, whose, of_contact FROM outbox_destination d WHERE told = ANY (d.events)
$$;

CREATE FUNCTION tell_customer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What was done to a customer's record, by its row in the audit: kinds of values, never a value.
BEGIN
    PERFORM tell(
        CASE NEW.act WHEN 'customer-add' THEN 'customer.added' WHEN 'customer-set' THEN 'customer.changed'
                     WHEN 'customer-consent' THEN 'customer.consent' WHEN 'customer-merge' THEN 'customer.merged'
                     WHEN 'customer-unmerge' THEN 'customer.unmerged' ELSE 'customer.erased' END,
        'customer:' || NEW.party,
        jsonb_build_object('customer', NEW.party, 'what', CASE WHEN NEW.act = 'erase' THEN '' ELSE NEW.outcome END),
        NEW.party, NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER tell_customer AFTER INSERT ON audit FOR EACH ROW
WHEN (NEW.party IS NOT NULL AND (NEW.act IN ('customer-add', 'customer-set', 'customer-consent', 'customer-merge', 'customer-unmerge')
                                 OR NEW.act = 'erase' AND NEW.outcome = 'done'))
EXECUTE FUNCTION tell_customer();

CREATE FUNCTION tell_import() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- A file of customers was read to its end: one message, however many they are.
BEGIN
    PERFORM tell('customers.imported', 'import:' || NEW.id,
                 jsonb_build_object('import', NEW.id, 'made', NEW.made, 'completed', NEW.completed, 'updated', NEW.updated,
                                    'skipped', NEW.skipped, 'refused', NEW.refused), NULL, NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER tell_import AFTER UPDATE ON party_import FOR EACH ROW
WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION tell_import();

CREATE FUNCTION tell_cases() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What changed in cases, by the lines of their history: one message for what was changed at once.
BEGIN
    IF EXISTS (SELECT FROM outbox_destination d WHERE d.events <> '{}') THEN
        PERFORM tell(CASE WHEN c.made THEN 'case.opened' ELSE c.told END, 'case:' || k.id,
                     jsonb_build_object('case', k.id, 'number', k.number, 'type', k.type, 'topic', k.topic, 'status', k.status,
                                        'phase', k.phase, 'customer', k.party, 'agent', k.agent, 'queue', k.queue,
                                        'follows', k.follows, 'changes', c.changes), k.party, NULL)
        FROM (SELECT l.case_id, l.told, bool_or(l.what = 'made') AS made, min(l.id) AS first,
                     jsonb_agg(jsonb_build_object('what', l.what, 'was', l.was, 'now', l.now) ORDER BY l.id) AS changes
              FROM (SELECT f.*, CASE WHEN f.now IN ('soon', 'broken') AND f.what IN ('first_answer', 'resolution')
                                     THEN 'case.target_' || f.now ELSE 'case.changed' END AS told FROM fresh f) AS l
              GROUP BY l.case_id, l.told ORDER BY first) AS c
        JOIN customer_case k ON k.id = c.case_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tell_cases AFTER INSERT ON case_change REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION tell_cases();

-- Whoever is erased is erased here too; that they were is still told.
CREATE FUNCTION erase_outbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM outbox o WHERE o.event <> 'customer.erased' AND (
        o.party = OLD.id OR o.contact IN (SELECT c.id FROM contact c WHERE c.party = OLD.id));
    RETURN NULL;
END $$;
CREATE TRIGGER erase_outbox AFTER DELETE ON party FOR EACH ROW EXECUTE FUNCTION erase_outbox();

CREATE FUNCTION outbox_batch(keep interval, place text, most integer, really boolean)
RETURNS TABLE (next text, removed bigint, held bigint)
LANGUAGE plpgsql AS $$
-- As retention_batch(), of messages that were sent or dropped. Dead ones wait for somebody: they stay until they are dropped.
DECLARE
    rows bigint[];
BEGIN
    rows := ARRAY(SELECT o.id FROM outbox o WHERE o.id > coalesce(place::bigint, 0)
                  AND o.state IN ('sent', 'dropped') AND o.ended_at < now() - keep ORDER BY o.id LIMIT most);
    IF really THEN
        DELETE FROM outbox o WHERE o.id = ANY (rows);
    END IF;
    next := CASE WHEN cardinality(rows) = most THEN rows[most]::text END;
    removed := cardinality(rows);
    held := 0;
    RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION forget_batch(of_kind text, place text, most integer) RETURNS TABLE (next text, removed bigint, held bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Remove some of what is older than the owner's table allows: whoever has the worker's password removes nothing younger.
DECLARE
    days integer;
BEGIN
    SELECT r.keep_days INTO days FROM retention r WHERE r.kind = of_kind;
    IF days IS NULL THEN
        RETURN QUERY SELECT NULL::text, 0::bigint, 0::bigint;
        RETURN;
    END IF;
    IF of_kind = 'outbox' THEN
        SELECT b.next, b.removed, b.held INTO next, removed, held
        FROM outbox_batch(make_interval(days => days), place, least(most, 10000), true) AS b;
    ELSE
        SELECT b.next, b.removed, b.held INTO next, removed, held
        FROM retention_batch(of_kind, make_interval(days => days), place, least(most, 10000), true) AS b;
    END IF;
    UPDATE retention r SET removed = r.removed + forget_batch.removed WHERE r.kind = of_kind AND forget_batch.removed > 0;
    RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION count_batch(of_kind text, days integer, place text, most integer) RETURNS TABLE (next text, removed bigint, held bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What forget_batch would do if so many days were kept; nothing is removed.
BEGIN
    IF of_kind = 'outbox' THEN
        RETURN QUERY SELECT * FROM outbox_batch(make_interval(days => days), place, least(most, 10000), false);
    ELSE
        RETURN QUERY SELECT * FROM retention_batch(of_kind, make_interval(days => days), place, least(most, 10000), false);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION retention_ended(of_kind text, gone bigint, stayed bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- A run over this kind has come to its end: keep when, and the oldest of what it left. Who looks later sees it in the audit.
DECLARE
    left_over timestamptz;
BEGIN
    CASE of_kind
    WHEN 'callers' THEN
        SELECT to_timestamp(('x' || left(replace(p.contact::text, '-', ''), 12))::bit(48)::bigint / 1000.0) INTO left_over
        FROM contact_private p ORDER BY p.contact LIMIT 1;
    WHEN 'light_records' THEN
        SELECT p.made_at INTO left_over FROM party p WHERE p.light ORDER BY p.id LIMIT 1;
    WHEN 'notes' THEN
        SELECT n.at INTO left_over FROM party_note n ORDER BY n.id LIMIT 1;
    WHEN 'consents' THEN
        SELECT s.at INTO left_over FROM party_consent s ORDER BY s.id LIMIT 1;
    WHEN 'case_words' THEN
        SELECT min(w.at) INTO left_over FROM case_word w;
    WHEN 'audit' THEN
        SELECT a.at INTO left_over FROM audit a ORDER BY a.id LIMIT 1;
    WHEN 'jobs' THEN
        SELECT j.ended_at INTO left_over FROM job j WHERE j.state IN ('done', 'dropped') ORDER BY j.id LIMIT 1;
    WHEN 'outbox' THEN
        SELECT o.ended_at INTO left_over FROM outbox o WHERE o.state IN ('sent', 'dropped') ORDER BY o.id LIMIT 1;
    WHEN 'inputs' THEN
        SELECT p.since INTO left_over FROM journal_part p WHERE p.input_kept ORDER BY p.part LIMIT 1;
    ELSE
        RAISE EXCEPTION 'retention_ended: there is no kind % here', of_kind;
    END CASE;
    UPDATE retention r SET ran_at = now(), last_removed = gone, held = stayed, oldest = left_over WHERE r.kind = of_kind;
    IF gone > 0 THEN
        INSERT INTO audit (who, via, act, outcome)
        VALUES ('contactd', 'retention', 'forget', format('%s: %s rows, %s held', of_kind, gone, stayed));
    END IF;
END $$;

GRANT SELECT, INSERT (kind, name, events), DELETE,
    UPDATE (events, worker, term, leased_until, paused_until, gone_at, sent, failed, sent_at, failed_at, error)
    ON outbox_destination TO contactd_worker;
GRANT SELECT, INSERT (kind, destination, event, subject, at, data, party, contact),
    UPDATE (state, due, attempts, ended_at, error) ON outbox TO contactd_worker;
-- contactctl webhooks, by the daemon's role: tries again, drops, and lets a test be sent.
GRANT SELECT, UPDATE (paused_until, gone_at) ON outbox_destination TO contactd_daemon;
GRANT SELECT, INSERT (kind, destination, event, subject, data), UPDATE (state, due, since, attempts, ended_at)
    ON outbox TO contactd_daemon;
REVOKE ALL ON FUNCTION outbox_place(), outbox_placed(bigint), tell(text, text, jsonb, uuid, uuid), tell_customer(), tell_import(),
    tell_cases(), erase_outbox(), outbox_batch(interval, text, integer, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION outbox_place(), outbox_placed(bigint) TO contactd_worker;
