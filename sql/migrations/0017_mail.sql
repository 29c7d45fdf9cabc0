-- runs with: 0001
-- Mail as it is fetched: each message once, in pieces, with a key of its own.

CREATE TABLE mailbox (
    name     text   PRIMARY KEY,
    validity bigint NOT NULL,
    uid      bigint NOT NULL
);
COMMENT ON TABLE mailbox IS 'How far each mailbox was fetched: up to this UID all is kept, as long as the server has this UIDVALIDITY.';

CREATE TABLE mail (
    id         uuid        PRIMARY KEY,
    mailbox    text        NOT NULL,
    state      text        NOT NULL CHECK (state IN ('whole', 'cut', 'unreadable')),
    bytes      bigint      NOT NULL,
    lookup     bytea       NOT NULL,
    key        text        NOT NULL,
    arrived_at timestamptz NOT NULL,
    kept_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE mail IS 'A message as it was fetched, once. Deleting the row forgets its key and its pieces.';
COMMENT ON COLUMN mail.state IS 'cut: longer than allowed, only its beginning is kept; unreadable: the server did not give it.';
COMMENT ON COLUMN mail.bytes IS 'How long it is on the server.';
COMMENT ON COLUMN mail.lookup IS 'Keyed hash of what is kept: known again when the server numbers its messages anew.';
COMMENT ON COLUMN mail.key IS 'Key and hash of what is kept, sealed where there is a key (store/mail.py).';
COMMENT ON COLUMN mail.arrived_at IS 'When the server got it.';
CREATE INDEX mail_lookup ON mail (mailbox, lookup);
CREATE INDEX mail_kept_at ON mail (kept_at);

CREATE TABLE mail_piece (
    mail uuid    NOT NULL REFERENCES mail ON DELETE CASCADE,
    n    integer NOT NULL,
    body bytea   NOT NULL,
    PRIMARY KEY (mail, n)
);
COMMENT ON TABLE mail_piece IS 'The message, byte for byte, in pieces that are encrypted with its key.';
ALTER TABLE mail_piece ALTER body SET STORAGE EXTERNAL;

CREATE TABLE mail_place (
    mailbox  text    NOT NULL,
    validity bigint  NOT NULL,
    uid      bigint  NOT NULL,
    mail     uuid    REFERENCES mail ON DELETE SET NULL,
    settled  boolean NOT NULL,
    PRIMARY KEY (mailbox, validity, uid)
);
COMMENT ON TABLE mail_place IS 'Where a message lies on the server. It stays when the message is erased, so that it is not fetched again.';
COMMENT ON COLUMN mail_place.settled IS 'Whether it was marked or moved there, as [mailboxes.<id>] wants it.';
CREATE INDEX mail_place_mail ON mail_place (mail);
CREATE INDEX mail_place_unsettled ON mail_place (mailbox, validity, uid) WHERE NOT settled;

CREATE FUNCTION reveal_mail(audited bigint) RETURNS TABLE (id uuid, key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- By what a message can be read, for a read that was written down and committed, as in reveal().
    SELECT m.id, m.key FROM audit a JOIN mail m ON m.id::text = a.outcome
    WHERE a.id = audited AND a.act = 'read' AND 'mail' = ANY (a.fields) AND a.login = session_user
      AND a.at < now() AND a.at > now() - interval '1 minute'
$$;

CREATE FUNCTION erase_mail(audited bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Forget the message that a row of the audit names, written in the same transaction. Where it lay stays known.
DECLARE
    removed bigint;
BEGIN
    DELETE FROM mail m USING audit a
    WHERE a.id = audited AND a.act = 'erase' AND 'mail' = ANY (a.fields) AND a.login = session_user
      AND a.at > now() - interval '1 minute' AND m.id::text = a.outcome;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$;

CREATE OR REPLACE FUNCTION retention_batch(of_kind text, keep interval, place text, most integer, really boolean)
RETURNS TABLE (next text, removed bigint, held bigint)
LANGUAGE plpgsql AS $$
-- Of one kind, in the order of its keys, from place on (null: the first): look at most rows that are older than keep, and remove
-- (really) or count those that may go. next: where to go on; null: that was all. Each batch is a transaction: nothing is locked
-- for longer, and no row that is young.
DECLARE
    before timestamptz := now() - keep;
    looked integer;
    ids    uuid[];
    rows   bigint[];
    stay   uuid[];
    words  bigint;
BEGIN
    CASE of_kind
    WHEN 'callers' THEN
        -- A contact's id begins with the milliseconds of its arrival.
        ids := ARRAY(SELECT p.contact FROM contact_private p
                     WHERE p.contact > coalesce(place::uuid, '00000000-0000-0000-0000-000000000000')
                       AND p.contact < (lpad(to_hex((extract(epoch FROM before) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
                     ORDER BY p.contact LIMIT most);
        looked := cardinality(ids);
        next := ids[looked];
        stay := ARRAY(SELECT held_contacts(ids));
        ids := ARRAY(SELECT unnest(ids) EXCEPT SELECT unnest(stay));
        IF really THEN
            DELETE FROM contact_private p WHERE p.contact = ANY (ids);
        END IF;
    WHEN 'light_records' THEN
        ids := ARRAY(SELECT p.id FROM party p
                     WHERE p.light AND p.id > coalesce(place::uuid, '00000000-0000-0000-0000-000000000000') AND p.made_at < before
                     ORDER BY p.id LIMIT most);
        looked := cardinality(ids);
        next := ids[looked];
        -- Who called lately is nobody's to forget yet.
        ids := ARRAY(SELECT p.id FROM party p WHERE p.id = ANY (ids) AND p.merged_into IS NULL
                     AND NOT EXISTS (SELECT FROM contact c WHERE c.party = p.id AND c.arrived_at > before)
                     AND NOT EXISTS (SELECT FROM party q WHERE q.merged_into = p.id));
        stay := ARRAY(SELECT unnest(ids) INTERSECT SELECT held_parties());
        ids := ARRAY(SELECT unnest(ids) EXCEPT SELECT unnest(stay));
        IF really THEN
            DELETE FROM hold h WHERE h.party = ANY (ids);
            DELETE FROM party p WHERE p.id = ANY (ids) AND p.light;
        END IF;
    WHEN 'notes' THEN
        ids := ARRAY(SELECT n.id FROM party_note n
                     WHERE n.id > coalesce(place::uuid, '00000000-0000-0000-0000-000000000000') AND n.at < before
                     ORDER BY n.id LIMIT most);
        looked := cardinality(ids);
        next := ids[looked];
        stay := ARRAY(SELECT n.id FROM party_note n WHERE n.id = ANY (ids) AND n.party IN (SELECT held_parties()));
        ids := ARRAY(SELECT unnest(ids) EXCEPT SELECT unnest(stay));
        IF really THEN
            DELETE FROM party_note n WHERE n.id = ANY (ids);
        END IF;
    WHEN 'consents' THEN
        -- The last answer of a purpose counts, however old it is.
        rows := ARRAY(SELECT s.id FROM party_consent s WHERE s.id > coalesce(place::bigint, 0) AND s.at < before
                      ORDER BY s.id LIMIT most);
        looked := cardinality(rows);
        next := rows[looked];
        SELECT coalesce(array_agg(s.id) FILTER (WHERE h.party IS NULL), '{}'), coalesce(array_agg(s.party) FILTER (WHERE h.party IS NOT NULL), '{}')
        INTO rows, stay
        FROM party_consent s LEFT JOIN (SELECT held_parties() AS party) AS h ON h.party = s.party
        WHERE s.id = ANY (rows) AND EXISTS (
            SELECT FROM party_consent later WHERE later.party = s.party AND later.purpose = s.purpose
            AND (later.at, later.id) > (s.at, s.id));
        IF really THEN
            DELETE FROM party_consent s WHERE s.id = ANY (rows);
        END IF;
    WHEN 'case_words' THEN
        -- Of cases that were closed so long ago; the case itself has no word and stays.
        ids := ARRAY(SELECT k.id FROM customer_case k
                     WHERE k.id > coalesce(place::uuid, '00000000-0000-0000-0000-000000000000')
                       AND k.phase = 'closed' AND k.closed_at < before
                       AND EXISTS (SELECT FROM case_word w WHERE w.case_id = k.id)
                     ORDER BY k.id LIMIT most);
        looked := cardinality(ids);
        next := ids[looked];
        stay := ARRAY(SELECT k.id FROM customer_case k WHERE k.id = ANY (ids) AND k.party IN (SELECT held_parties())
                      UNION SELECT l.case_id FROM case_contact l WHERE l.case_id = ANY (ids) AND l.contact IN (
                          SELECT held_contacts(ARRAY(SELECT m.contact FROM case_contact m WHERE m.case_id = ANY (ids)))));
        ids := ARRAY(SELECT unnest(ids) EXCEPT SELECT unnest(stay));
        SELECT count(*) INTO words FROM case_word w WHERE w.case_id = ANY (ids);
        IF really THEN
            DELETE FROM case_word w WHERE w.case_id = ANY (ids);
        END IF;
    WHEN 'audit' THEN
        rows := ARRAY(SELECT a.id FROM (SELECT b.id, b.at FROM audit b WHERE b.id > coalesce(place::bigint, 0)
                                        ORDER BY b.id LIMIT most) AS a WHERE a.at < before ORDER BY a.id);
        looked := cardinality(rows);
        next := rows[looked];
        ids := ARRAY(SELECT held_contacts(ARRAY(SELECT DISTINCT a.contact FROM audit a WHERE a.id = ANY (rows) AND a.contact IS NOT NULL)));
        SELECT coalesce(array_agg(a.id) FILTER (WHERE NOT a.held), '{}'), coalesce(array_agg(a.one) FILTER (WHERE a.held), '{}')
        INTO rows, stay
        FROM (SELECT a.id, coalesce(a.party, a.contact) AS one,
                     coalesce(a.contact = ANY (ids), false) OR coalesce(a.party IN (SELECT held_parties()), false) AS held
              FROM audit a WHERE a.id = ANY (rows)) AS a;
        IF really THEN
            DELETE FROM audit a WHERE a.id = ANY (rows);
        END IF;
    WHEN 'mails' THEN
        ids := ARRAY(SELECT m.id FROM mail m
                     WHERE m.id > coalesce(place::uuid, '00000000-0000-0000-0000-000000000000') AND m.kept_at < before
                     ORDER BY m.id LIMIT most);
        looked := cardinality(ids);
        next := ids[looked];
        IF really THEN
            DELETE FROM mail m WHERE m.id = ANY (ids);
        END IF;
    WHEN 'jobs' THEN
        -- Dead ones wait for somebody: they stay until they are dropped.
        rows := ARRAY(SELECT j.id FROM job j WHERE j.id > coalesce(place::bigint, 0)
                      AND j.state IN ('done', 'dropped') AND j.ended_at < before ORDER BY j.id LIMIT most);
        looked := cardinality(rows);
        next := rows[looked];
        IF really THEN
            DELETE FROM job j WHERE j.id = ANY (rows);
        END IF;
    ELSE
        RAISE EXCEPTION 'retention_batch: there is no kind % here', of_kind;
    END CASE;
    IF looked < most THEN
        next := NULL;
    END IF;
    removed := coalesce(words, cardinality(rows), cardinality(ids));
    held := coalesce(cardinality(stay), 0);
    RETURN NEXT;
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
    WHEN 'mails' THEN
        SELECT m.kept_at INTO left_over FROM mail m ORDER BY m.kept_at LIMIT 1;
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

-- The daemon puts messages there and knows them again; what opens one it gets through the audit alone.
GRANT SELECT, INSERT, UPDATE (validity, uid) ON mailbox TO contactd_daemon;
GRANT SELECT (id, mailbox, state, bytes, lookup, arrived_at, kept_at), INSERT ON mail TO contactd_daemon;
GRANT SELECT, INSERT ON mail_piece TO contactd_daemon;
GRANT SELECT, INSERT, UPDATE (settled) ON mail_place TO contactd_daemon;
REVOKE ALL ON FUNCTION reveal_mail(bigint), erase_mail(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reveal_mail(bigint), erase_mail(bigint) TO contactd_daemon;
GRANT SELECT (id, mailbox, state, bytes, arrived_at, kept_at) ON mail TO contactd_reader;
