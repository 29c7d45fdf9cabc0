-- runs with: 0001
-- How long each kind of data is kept, in one table; a job of the worker removes what is older, in batches; and what is held
-- for a court or an authority stays, whatever its age and whoever erases.

CREATE TABLE hold (
    id          uuid        PRIMARY KEY,
    party       uuid        REFERENCES party,
    contact     uuid,
    reason      text        NOT NULL,
    who         text        NOT NULL,
    since       timestamptz NOT NULL DEFAULT now(),
    until       timestamptz,
    released_at timestamptz,
    released_by text,
    CHECK ((party IS NULL) <> (contact IS NULL))
);
COMMENT ON TABLE hold IS 'Legal holds. One that was released or is over stays until its party is erased; while it is in force, its party cannot be removed.';
COMMENT ON COLUMN hold.reason IS 'As store/vault.py seals it.';
CREATE INDEX hold_party ON hold (party) WHERE party IS NOT NULL;
CREATE INDEX hold_contact ON hold (contact) WHERE contact IS NOT NULL;

CREATE TABLE retention (
    kind         text        PRIMARY KEY,
    keep_days    integer     CHECK (keep_days > 0),
    ran_at       timestamptz,
    removed      bigint      NOT NULL DEFAULT 0,
    last_removed bigint      NOT NULL DEFAULT 0,
    held         bigint      NOT NULL DEFAULT 0,
    oldest       timestamptz
);
COMMENT ON TABLE retention IS 'How long each kind of data is kept, as contactd migrate read it in the configuration, and what the last run did.';
COMMENT ON COLUMN retention.keep_days IS 'Null: until somebody erases it.';
COMMENT ON COLUMN retention.removed IS 'Rows in all; it only rises.';
COMMENT ON COLUMN retention.held IS 'Rows that were old enough at the last run, and are held.';
COMMENT ON COLUMN retention.oldest IS 'Of what the last run left.';

CREATE INDEX party_light ON party (id) WHERE light;

CREATE FUNCTION held_parties() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- The parties that are held, each with all that are the same person.
    SELECT DISTINCT member FROM (
        SELECT DISTINCT party_root(h.party) AS one FROM hold h
        WHERE h.party IS NOT NULL AND h.released_at IS NULL AND (h.until IS NULL OR h.until > now())) AS held
    CROSS JOIN LATERAL party_family(held.one) AS member
$$;

CREATE FUNCTION held_contacts(asked uuid[]) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Which of these are held: themselves, by whose they are, or as nobody's that came from a number of one who is held.
DECLARE
    parties uuid[];
    numbers bytea[];
BEGIN
    IF NOT EXISTS (SELECT FROM hold h WHERE h.released_at IS NULL AND (h.until IS NULL OR h.until > now())) THEN
        RETURN;
    END IF;
    parties := ARRAY(SELECT held_parties());
    numbers := ARRAY(SELECT i.lookup FROM party_identity i WHERE i.party = ANY (parties) AND i.kind = 'phone');
    RETURN QUERY SELECT a.id FROM unnest(asked) AS a (id)
        LEFT JOIN contact c ON c.id = a.id LEFT JOIN contact_private p ON p.contact = a.id
        WHERE c.party = ANY (parties) OR (c.party IS NULL AND p.lookup = ANY (numbers))
           OR EXISTS (SELECT FROM hold h WHERE h.contact = a.id AND h.released_at IS NULL
                      AND (h.until IS NULL OR h.until > now()));
END $$;

CREATE FUNCTION retention_batch(of_kind text, keep interval, place text, most integer, really boolean)
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

CREATE FUNCTION forget_batch(of_kind text, place text, most integer) RETURNS TABLE (next text, removed bigint, held bigint)
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
    SELECT b.next, b.removed, b.held INTO next, removed, held
    FROM retention_batch(of_kind, make_interval(days => days), place, least(most, 10000), true) AS b;
    UPDATE retention r SET removed = r.removed + forget_batch.removed WHERE r.kind = of_kind AND forget_batch.removed > 0;
    RETURN NEXT;
END $$;

CREATE FUNCTION count_batch(of_kind text, days integer, place text, most integer) RETURNS TABLE (next text, removed bigint, held bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What forget_batch would do if so many days were kept; nothing is removed.
    SELECT next, removed, held FROM retention_batch(of_kind, make_interval(days => days), place, least(most, 10000), false)
$$;

CREATE FUNCTION retention_ended(of_kind text, gone bigint, stayed bigint) RETURNS void
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

CREATE OR REPLACE FUNCTION erase_party(audited bigint, one uuid, numbers text[], tried bytea[])
RETURNS TABLE (parties bigint, private bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- All that is kept of a person: the party, whatever was merged into it, number and name of their contacts, and of contacts
-- that came from their numbers (hashes, or spellings of rows that have none) and are nobody else's. Written down before, in
-- the same transaction or earlier. Nothing where something of it is held.
DECLARE
    family uuid[];
    theirs uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM audit a WHERE a.id = audited AND a.act = 'erase' AND a.party = one
                   AND a.login = session_user AND a.at > now() - interval '1 minute') THEN
        RAISE EXCEPTION 'erase_party: write it down first';
    END IF;
    family := ARRAY(SELECT party_family(party_root(one)));
    -- The audit says whose values were removed; it keeps no value. Ids first: joined, all callers of 90 days could be read.
    theirs := ARRAY(
        SELECT c.id FROM contact c WHERE c.party = ANY (family)
        UNION
        SELECT f.contact FROM (
            SELECT p.contact FROM contact_private p WHERE p.lookup = ANY (tried)
            UNION ALL SELECT p.contact FROM contact_private p WHERE p.lookup IS NULL AND p.ani = ANY (numbers)) AS f
        LEFT JOIN contact c ON c.id = f.contact
        WHERE c.party IS NULL OR c.party = ANY (family));
    IF EXISTS (SELECT unnest(family) INTERSECT SELECT held_parties()) OR EXISTS (SELECT held_contacts(theirs)) THEN
        RAISE EXCEPTION 'erase_party: it is held' USING ERRCODE = 'CTD01';
    END IF;
    DELETE FROM contact_private p WHERE p.contact = ANY (theirs);
    GET DIAGNOSTICS private = ROW_COUNT;
    DELETE FROM hold h WHERE h.party = ANY (family) OR h.contact = ANY (theirs);
    DELETE FROM party p WHERE p.id = ANY (family);
    GET DIAGNOSTICS parties = ROW_COUNT;
    RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION cut_journal(keep_input interval) RETURNS integer
LANGUAGE plpgsql AS $$
-- Close the newest partition and open the next when a calendar month has begun since it was opened and something
-- happened in it; drop the partitions of input that are older than keep_input (null: none). Returns the newest partition's
-- number.
DECLARE
    newest journal_part;
    cut    bigint;
    old    journal_part;
    gone   bigint := 0;
BEGIN
    SELECT * INTO newest FROM journal_part ORDER BY part DESC LIMIT 1;
    SELECT max(seq) + 1 INTO cut FROM floor;
    IF date_trunc('month', now() AT TIME ZONE 'UTC') > date_trunc('month', newest.since AT TIME ZONE 'UTC')
       AND cut > newest.first_seq THEN
        -- In an append's own order, input then event, or the two would wait for each other. Appends wait here, before
        -- they touch anything; the spool carries the daemon through.
        LOCK TABLE input, event IN ACCESS EXCLUSIVE MODE;
        SELECT max(seq) + 1 INTO cut FROM floor;
        EXECUTE format('ALTER TABLE event DETACH PARTITION event_%s', newest.part);
        EXECUTE format('ALTER TABLE input DETACH PARTITION input_%s', newest.part);
        EXECUTE format('ALTER TABLE event ATTACH PARTITION event_%s FOR VALUES FROM (%s) TO (%s)', newest.part,
                       CASE newest.part WHEN 1 THEN 'MINVALUE' ELSE newest.first_seq::text END, cut);
        EXECUTE format('ALTER TABLE input ATTACH PARTITION input_%s FOR VALUES FROM (%s) TO (%s)', newest.part,
                       CASE newest.part WHEN 1 THEN 'MINVALUE' ELSE newest.first_seq::text END, cut);
        INSERT INTO journal_part (part, first_seq) VALUES (newest.part + 1, cut) RETURNING * INTO newest;
        EXECUTE format('CREATE TABLE event_%s PARTITION OF event FOR VALUES FROM (%s) TO (MAXVALUE)', newest.part, cut);
        EXECUTE format('CREATE TABLE input_%s PARTITION OF input FOR VALUES FROM (%s) TO (MAXVALUE)', newest.part, cut);
    END IF;
    -- A part ends when the next begins, so it is old when its successor is.
    FOR old IN
        SELECT p.* FROM journal_part p JOIN journal_part n ON n.part = p.part + 1
        WHERE p.input_kept AND n.since < now() - keep_input
    LOOP
        -- As PostgreSQL last estimated them: to count them would be to read them all.
        gone := gone + (SELECT greatest(c.reltuples, 0)::bigint FROM pg_class c WHERE c.oid = format('input_%s', old.part)::regclass);
        EXECUTE format('DROP TABLE input_%s', old.part);
        UPDATE journal_part SET input_kept = false WHERE part = old.part;
    END LOOP;
    UPDATE retention SET removed = removed + gone WHERE kind = 'inputs';
    PERFORM retention_ended('inputs', gone, 0);
    RETURN newest.part;
END $$;

GRANT SELECT, INSERT (id, party, contact, reason, who, until), UPDATE (released_at, released_by) ON hold TO contactd_daemon;
GRANT SELECT ON retention TO contactd_daemon, contactd_worker;
REVOKE ALL ON FUNCTION held_parties(), held_contacts(uuid[]), retention_batch(text, interval, text, integer, boolean),
    forget_batch(text, text, integer), count_batch(text, integer, text, integer), retention_ended(text, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION held_parties(), held_contacts(uuid[]), count_batch(text, integer, text, integer) TO contactd_daemon;
GRANT EXECUTE ON FUNCTION forget_batch(text, text, integer), retention_ended(text, bigint, bigint) TO contactd_worker;
