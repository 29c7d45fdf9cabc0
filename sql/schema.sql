-- The whole schema, to be read. `contactd migrate` does not run this file but sql/migrations, one after the other; a test
-- holds both to giving the same database. What holds in it, and how to change it: README.rst beside this file.

-- --- Which migrations this database has had --------------------------------------------------------------------------

-- Made by `contactd migrate` itself, before the first of them.
CREATE TABLE migration (
    number integer     PRIMARY KEY,
    name   text        NOT NULL,
    sha256 text        NOT NULL,
    run_at timestamptz NOT NULL DEFAULT now(),
    runs_with integer
);
COMMENT ON COLUMN migration.runs_with IS 'The oldest contactd, by the last migration that it knows, which still works after this one.';

-- --- Who may write, and what was configured --------------------------------------------------------------------------

CREATE TABLE floor (
    id      smallint PRIMARY KEY,
    epoch   bigint   NOT NULL DEFAULT 0,
    seq     bigint   NOT NULL DEFAULT 0,
    chain   bytea    NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'
);
COMMENT ON TABLE floor IS 'One row a floor: who may write (epoch) and how far the journal goes (seq). Every append is fenced by it.';
COMMENT ON COLUMN floor.chain IS 'sha256 over the previous chain and the next event''s body, event by event; sealed monthly.';
INSERT INTO floor (id) VALUES (1);

CREATE TABLE config_version (
    sha256     bytea       PRIMARY KEY,
    first_used timestamptz NOT NULL DEFAULT now(),
    files      jsonb       NOT NULL
);
COMMENT ON TABLE config_version IS 'The whole configuration by hash, without secrets: what was in force when a fact happened.';

-- --- The journal: what came in, and what happened --------------------------------------------------------------------

CREATE TABLE input (
    floor   smallint    NOT NULL,
    seq     bigint      NOT NULL,
    at      timestamptz NOT NULL,
    kind    text        NOT NULL,
    version smallint    NOT NULL,
    config  bytea,
    body    text        NOT NULL,
    PRIMARY KEY (floor, seq)
) PARTITION BY RANGE (seq);
COMMENT ON TABLE input IS 'The inputs that changed something, kept 35 days. seq is that of the first event they made.';

CREATE TABLE event (
    floor   smallint    NOT NULL,
    seq     bigint      NOT NULL,
    at      timestamptz NOT NULL,
    kind    text        NOT NULL,
    version smallint    NOT NULL,
    contact uuid,
    agent   text,
    body    text        NOT NULL,
    PRIMARY KEY (floor, seq)
) PARTITION BY RANGE (seq);
COMMENT ON TABLE event IS 'What happened, append-only, without a personal value. body is the event as JSON, byte for byte.';
CREATE INDEX event_contact ON event (contact, seq) WHERE contact IS NOT NULL;

-- Cut monthly by cut_journal(): the newest partition is open-ended.
CREATE TABLE input_1 PARTITION OF input FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (MINVALUE) TO (MAXVALUE);

CREATE TABLE journal_part (
    part       integer     PRIMARY KEY,
    first_seq  bigint      NOT NULL,
    since      timestamptz NOT NULL DEFAULT now(),
    input_kept boolean     NOT NULL DEFAULT true
);
COMMENT ON TABLE journal_part IS 'The partitions event_N and input_N, and the seq at which each begins.';
INSERT INTO journal_part (part, first_seq) VALUES (1, 0);

CREATE FUNCTION cut_journal(keep_input interval) RETURNS integer
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

CREATE TABLE seal (
    floor    smallint NOT NULL,
    month    date     NOT NULL,
    last_seq bigint   NOT NULL,
    hash     bytea    NOT NULL,
    PRIMARY KEY (floor, month)
);
COMMENT ON TABLE seal IS 'The chain at the end of each month, for an auditor to recompute from event.body.';

-- --- A short way back to the floor -----------------------------------------------------------------------------------

CREATE TABLE snapshot (
    floor   smallint    NOT NULL,
    seq     bigint      NOT NULL,
    version smallint    NOT NULL,
    taken   timestamptz NOT NULL DEFAULT now(),
    body    bytea       NOT NULL,
    PRIMARY KEY (floor, seq)
);
COMMENT ON TABLE snapshot IS 'The floor as msgpack after event seq, so that a start reads minutes and not months. The newest three are kept, and the last one of each hour for 35 days.';

-- --- History: read from the journal by a follower, and made anew from it at any time ---------------------------------

CREATE TABLE projection (
    name text   PRIMARY KEY,
    seq  bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE projection IS 'How far each follower of the journal has come.';
INSERT INTO projection (name) VALUES ('history'), ('outbox');

CREATE TABLE contact (
    id           uuid        PRIMARY KEY,
    floor        smallint    NOT NULL,
    medium       text        NOT NULL,
    pbx          text        NOT NULL,
    call         text        NOT NULL,
    dnis         text        NOT NULL,
    queue        text,
    agent        text,
    arrived_at   timestamptz NOT NULL,
    queued_at    timestamptz,
    connected_at timestamptz,
    ended_at     timestamptz,
    outcome      text,
    waited_s     double precision,
    talk_s       double precision NOT NULL DEFAULT 0,
    offers       integer     NOT NULL DEFAULT 0,
    seen_late    boolean     NOT NULL DEFAULT false,
    test         boolean     NOT NULL DEFAULT false,
    party        uuid,
    verified     boolean     NOT NULL DEFAULT false
);
COMMENT ON COLUMN contact.test IS 'Placed by contactctl testcall. Reports leave it out: WHERE NOT test.';
COMMENT ON TABLE contact IS 'One wide row a contact, written by the follower "history" and rebuildable from event.';
CREATE INDEX contact_arrived ON contact (arrived_at DESC);
CREATE INDEX contact_party ON contact (party, arrived_at DESC) WHERE party IS NOT NULL;

CREATE TABLE agent_span (
    agent   text        NOT NULL,
    since   timestamptz NOT NULL,
    until   timestamptz,
    status  text        NOT NULL,
    state   text        NOT NULL,
    reason  text        NOT NULL DEFAULT '',
    contact uuid,
    seq     bigint      NOT NULL,
    PRIMARY KEY (agent, seq)
);
COMMENT ON TABLE agent_span IS 'What an agent was, from when to when; until is null for what they are now. Written by "history".';
CREATE UNIQUE INDEX agent_span_now ON agent_span (agent) WHERE until IS NULL;

-- --- Personal values of contacts --------------------------------------------------------------------------------------

CREATE TABLE contact_private (
    contact uuid  PRIMARY KEY,
    salt    bytea NOT NULL,
    ani     text,
    name    text,
    lookup  bytea
);
COMMENT ON TABLE contact_private IS 'The only place of a caller''s number and name. Deleting the row erases the person; the journal keeps nothing.';
-- Whoever searches or erases by number has it; without this each reads all callers of 90 days.
CREATE INDEX contact_private_lookup ON contact_private (lookup) WHERE lookup IS NOT NULL;
CREATE INDEX contact_private_ani ON contact_private (ani) WHERE ani IS NOT NULL AND lookup IS NULL;
COMMENT ON COLUMN contact_private.lookup IS 'Keyed hash of the number, as party_identity.lookup; null in rows of a version that knew none.';
COMMENT ON COLUMN contact_private.ani IS 'As the PBX showed it, or sealed (store/callers.py). So is name.';

-- --- Who is calling ---------------------------------------------------------------------------------------------------

CREATE TABLE party (
    id          uuid        PRIMARY KEY,
    kind        text        NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'organisation')),
    light       boolean     NOT NULL DEFAULT false,
    language    text,
    medium      text,
    vip         boolean     NOT NULL DEFAULT false,
    merged_into uuid        REFERENCES party CHECK (merged_into <> id),
    made_at     timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    source      text
);
COMMENT ON TABLE party IS 'A person or an organisation: an id, and what routing reads. Whatever names them is in party_identity and party_private.';
COMMENT ON COLUMN party.light IS 'Made when an unknown number called; nobody has looked at it yet.';
COMMENT ON COLUMN party.merged_into IS 'The same person as that one. Nothing of it moves, so a merge can be undone.';
COMMENT ON COLUMN party.source IS 'Where the record came from, such as import 12; null: a call, or somebody by hand.';
CREATE INDEX party_light ON party (id) WHERE light;
CREATE INDEX party_merged ON party (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE party_identity (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party    uuid        NOT NULL REFERENCES party ON DELETE CASCADE,
    kind     text        NOT NULL CHECK (kind IN ('phone', 'mail', 'chat', 'external')),
    lookup   bytea       NOT NULL,
    value    text        NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (party, kind, lookup)
);
COMMENT ON TABLE party_identity IS 'Numbers, addresses, handles and ids in other systems. A number may be several parties''.';
COMMENT ON COLUMN party_identity.lookup IS 'Keyed hash of kind and value: how one is found without being read.';
COMMENT ON COLUMN party_identity.value IS 'As store/vault.py seals it.';
CREATE INDEX party_identity_lookup ON party_identity (lookup);

CREATE TABLE party_private (
    party  uuid  NOT NULL REFERENCES party ON DELETE CASCADE,
    field  text  NOT NULL,
    value  text  NOT NULL,
    lookup bytea,
    alike  bytea,
    PRIMARY KEY (party, field)
);
COMMENT ON TABLE party_private IS 'The name, and the fields that the configuration declares, each sealed.';
COMMENT ON COLUMN party_private.alike IS 'Of names: keyed hash of what is left without titles, accents and the order of words; null until the night where a version or an import knew none.';
CREATE INDEX party_private_alike ON party_private ((coalesce(alike, lookup))) WHERE lookup IS NOT NULL;
CREATE INDEX party_private_lookup ON party_private (lookup) WHERE lookup IS NOT NULL;

CREATE TABLE party_note (
    id      uuid        PRIMARY KEY,
    party   uuid        NOT NULL REFERENCES party ON DELETE CASCADE,
    at      timestamptz NOT NULL DEFAULT now(),
    who     text        NOT NULL,
    contact uuid,
    body    text        NOT NULL
);
COMMENT ON TABLE party_note IS 'What people wrote down. body is sealed.';
CREATE INDEX party_note_party ON party_note (party, at DESC);

CREATE TABLE party_consent (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party   uuid        NOT NULL REFERENCES party ON DELETE CASCADE,
    purpose text        NOT NULL CHECK (purpose IN ('recording', 'marketing', 'calls')),
    given   boolean     NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    how     text        NOT NULL,
    who     text        NOT NULL
);
COMMENT ON TABLE party_consent IS 'Consents and refusals with their history: appended, never changed; the last one of a purpose counts.';
CREATE INDEX party_consent_party ON party_consent (party, at DESC);

-- --- What customers want done -----------------------------------------------------------------------------------------

CREATE TABLE customer_case (
    id         uuid        PRIMARY KEY,
    number     text        NOT NULL UNIQUE CHECK (number ~ '^[0-9]{10}$'),
    type       text        NOT NULL,
    topic      text,
    status     text        NOT NULL,
    phase      text        NOT NULL CHECK (phase IN ('open', 'waiting', 'closed')),
    party      uuid,
    agent      text,
    queue      text        CHECK (num_nonnulls(agent, queue) <= 1),
    follows    uuid        REFERENCES customer_case CHECK (follows <> id),
    made_at    timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    closed_at  timestamptz CHECK ((closed_at IS NULL) = (phase <> 'closed'))
);
COMMENT ON TABLE customer_case IS 'Something that a customer wants done. No personal value is in it: those are in case_word.';
COMMENT ON COLUMN customer_case.number IS 'Nine random digits and a check digit; shown as C-10473-62946.';
COMMENT ON COLUMN customer_case.phase IS 'What the status meant by the configuration when it was set: waiting is for the customer.';
COMMENT ON COLUMN customer_case.party IS 'Whose it is; erasing the person leaves the id, which then names nobody.';
COMMENT ON COLUMN customer_case.agent IS 'Who owns it: an agent, or a queue, or nobody.';
COMMENT ON COLUMN customer_case.follows IS 'The closed case that the customer came back about when it was too late to open it again.';
CREATE INDEX case_made ON customer_case (made_at DESC);
CREATE INDEX case_open ON customer_case (made_at DESC) INCLUDE (type, phase) WHERE phase <> 'closed';
CREATE INDEX case_agent ON customer_case (agent, made_at DESC) WHERE agent IS NOT NULL AND phase <> 'closed';
CREATE INDEX case_queue ON customer_case (queue, made_at DESC) WHERE queue IS NOT NULL AND phase <> 'closed';
CREATE INDEX case_party ON customer_case (party, made_at DESC) WHERE party IS NOT NULL;
CREATE INDEX case_follows ON customer_case (follows) WHERE follows IS NOT NULL;

CREATE TABLE case_contact (
    case_id uuid        NOT NULL REFERENCES customer_case,
    contact uuid        NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, contact)
);
COMMENT ON TABLE case_contact IS 'Which contacts, on any medium, are about a case. case_change has who linked and unlinked them.';
CREATE INDEX case_contact_contact ON case_contact (contact);

CREATE TABLE case_change (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id uuid        NOT NULL REFERENCES customer_case,
    at      timestamptz NOT NULL DEFAULT now(),
    who     text        NOT NULL,
    what    text        NOT NULL,
    was     text,
    now     text
);
COMMENT ON TABLE case_change IS 'Every change of a case but of its words: from what to what. Appended only. No personal value is in it.';
CREATE INDEX case_change_case ON case_change (case_id, id);

CREATE TABLE case_word (
    id      uuid        PRIMARY KEY,
    case_id uuid        NOT NULL REFERENCES customer_case,
    field   text        NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    who     text        NOT NULL,
    contact uuid,
    value   text
);
COMMENT ON TABLE case_word IS 'What people wrote of a case: subject, declared fields, notes. Appended only: the last one of a field counts, every note does.';
COMMENT ON COLUMN case_word.value IS 'As store/vault.py seals it; null: cleared.';
CREATE INDEX case_word_case ON case_word (case_id, at);
CREATE INDEX case_word_contact ON case_word (contact) WHERE contact IS NOT NULL;

CREATE TABLE case_target (
    case_id   uuid             NOT NULL REFERENCES customer_case,
    kind      text             NOT NULL CHECK (kind IN ('first_answer', 'resolution')),
    calendar  text,
    left_s    double precision NOT NULL,
    since     timestamptz,
    warn_at   timestamptz,
    due       timestamptz,
    met_at    timestamptz,
    broken_at timestamptz,
    warned_at timestamptz,
    PRIMARY KEY (case_id, kind)
);
COMMENT ON TABLE case_target IS 'By when a case is to be answered and resolved, in business hours. A target runs (since), is paused, or has ended (met_at).';
COMMENT ON COLUMN case_target.calendar IS 'In whose hours it counts; null: around the clock.';
COMMENT ON COLUMN case_target.left_s IS 'Seconds of business hours that were left at since, when it was paused, or when it ended; less than 0: so much too late.';
COMMENT ON COLUMN case_target.due IS 'What follows from since and left_s by the calendar; null while it does not run, or where the calendar does not open.';
COMMENT ON COLUMN case_target.broken_at IS 'It was due then and not met; stays when it is met later.';
COMMENT ON COLUMN case_target.warned_at IS 'Since when the worker has told that it is about to break.';
CREATE INDEX case_target_due ON case_target (due) WHERE due IS NOT NULL;
CREATE INDEX case_target_warn ON case_target (warn_at) WHERE warn_at IS NOT NULL AND warned_at IS NULL;

CREATE TABLE party_apart (
    one   uuid        NOT NULL REFERENCES party ON DELETE CASCADE,
    other uuid        NOT NULL REFERENCES party ON DELETE CASCADE CHECK (other > one),
    who   text        NOT NULL,
    at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (one, other)
);
COMMENT ON TABLE party_apart IS 'Pairs of whom somebody said that they are two persons, though they share something.';
CREATE INDEX party_apart_other ON party_apart (other);

-- --- Who looked, and what is forgotten ------------------------------------------------------------------------------

CREATE TABLE audit (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    who     text        NOT NULL,
    uid     bigint,
    via     text        NOT NULL,
    act     text        NOT NULL,
    contact uuid,
    agent   text,
    fields  text[]      NOT NULL DEFAULT '{}',
    outcome text        NOT NULL DEFAULT '',
    login   name        NOT NULL DEFAULT session_user,
    client  inet        DEFAULT inet_client_addr(),
    party   uuid,
    case_id uuid
);
COMMENT ON TABLE audit IS 'Who read or erased a personal value, and who acted for others. Never a personal value itself. Appended only.';
COMMENT ON COLUMN audit.fields IS 'Which kinds of values were read: ani, name.';
COMMENT ON COLUMN audit.login IS 'The database''s own word, as are at and client: a writer cannot choose them.';
CREATE INDEX audit_contact ON audit (contact, id) WHERE contact IS NOT NULL;
CREATE INDEX audit_party ON audit (party, id) WHERE party IS NOT NULL;
CREATE INDEX audit_case ON audit (case_id, id) WHERE case_id IS NOT NULL;

CREATE FUNCTION reveal(audited bigint[]) RETURNS TABLE (contact uuid, ani text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- The personal values of the reads that were written down. Only of committed rows: one of this transaction is not older
-- than it, and one that is visible and older was committed. Only for a minute, and for the login that wrote them.
    SELECT p.contact, CASE WHEN 'ani' = ANY (a.fields) THEN p.ani END, CASE WHEN 'name' = ANY (a.fields) THEN p.name END
    FROM audit a JOIN contact_private p ON p.contact = a.contact
    WHERE a.id = ANY (audited) AND a.act = 'read' AND a.login = session_user
      AND a.at < now() AND a.at > now() - interval '1 minute'
$$;

CREATE FUNCTION find_caller(audited bigint, number text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- The contacts of a number, for a search that was written down and committed, as in reveal().
    SELECT p.contact FROM contact_private p
    WHERE p.ani = number AND EXISTS (
        SELECT FROM audit a WHERE a.id = audited AND a.act = 'search' AND a.login = session_user
        AND a.at < now() AND a.at > now() - interval '1 minute')
    ORDER BY p.contact DESC
$$;

CREATE FUNCTION find_callers(audited bigint, numbers text[], tried bytea[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- The contacts of a number, by its hashes or (rows that have none) its spellings, for a search that was written down and
-- committed, as in reveal(). Of more than 10,000 the newest.
    SELECT f.contact FROM (
        SELECT p.contact FROM contact_private p WHERE p.lookup = ANY (tried)
        UNION ALL SELECT p.contact FROM contact_private p WHERE p.lookup IS NULL AND p.ani = ANY (numbers)) AS f
    WHERE EXISTS (
        SELECT FROM audit a WHERE a.id = audited AND a.act = 'search' AND a.login = session_user
        AND a.at < now() AND a.at > now() - interval '1 minute')
    ORDER BY f.contact DESC LIMIT 10000
$$;

CREATE FUNCTION forget(keep_private interval, keep_audit interval) RETURNS TABLE (private bigint, audited bigint)
LANGUAGE plpgsql AS $$
-- Remove the personal values of contacts that arrived longer ago than keep_private, and audit rows older than keep_audit.
-- A contact's id begins with the milliseconds of its arrival.
BEGIN
    DELETE FROM contact_private p WHERE p.contact <
        (lpad(to_hex((extract(epoch FROM now() - keep_private) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    GET DIAGNOSTICS private = ROW_COUNT;
    DELETE FROM audit a WHERE a.at < now() - keep_audit;
    GET DIAGNOSTICS audited = ROW_COUNT;
    IF private > 0 OR audited > 0 THEN
        INSERT INTO audit (who, via, act, outcome)
        VALUES ('contactd', 'migrate', 'forget', format('%s contacts'' private values, %s audit rows', private, audited));
    END IF;
    RETURN NEXT;
END $$;

CREATE FUNCTION party_root(one uuid) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
-- Whom a party was merged into in the end; itself when into nobody. In plpgsql, which keeps its plans for the session.
DECLARE
    here uuid := one;
    up   uuid;
BEGIN
    -- Bounded: a ring, which merges do not make, ends as nobody.
    FOR step IN 1..1000 LOOP
        SELECT p.merged_into INTO up FROM party p WHERE p.id = here;
        IF NOT FOUND THEN
            RETURN NULL;
        ELSIF up IS NULL THEN
            RETURN here;
        END IF;
        here := up;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION party_family(one uuid) RETURNS SETOF uuid LANGUAGE sql STABLE ROWS 2 AS $$
-- A party and all that were merged into it.
    WITH RECURSIVE down AS (
        SELECT one AS id UNION SELECT p.id FROM party p JOIN down ON p.merged_into = down.id
    ) SELECT id FROM down
$$;

CREATE FUNCTION match_party(tried bytea[]) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 2 AS $$
-- Whose identity or name has one of these hashes. It tells ids only, and only to who knows the value (and the key).
BEGIN
    RETURN QUERY SELECT DISTINCT party_root(f.party) FROM (
        SELECT i.party FROM party_identity i WHERE i.lookup = ANY (tried)
        UNION ALL SELECT p.party FROM party_private p WHERE p.lookup = ANY (tried) LIMIT 1000) AS f
    LIMIT 100;
END $$;

CREATE FUNCTION meet_party(fresh uuid, tried bytea[], of_kind text, made bytea, sealed text) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp ROWS 2 AS $$
-- Whose identity has one of these hashes; one of nobody becomes that of a light record with the id fresh (null: of none). Two
-- calls at once make one: the second waits, looks again, and finds the first one's.
BEGIN
    FOR look IN 1..2 LOOP
        RETURN QUERY SELECT DISTINCT party_root(f.party) FROM (
            SELECT i.party FROM party_identity i WHERE i.lookup = ANY (tried) LIMIT 1000) AS f LIMIT 100;
        IF FOUND OR fresh IS NULL THEN
            RETURN;
        END IF;
        IF look = 1 THEN
            PERFORM pg_advisory_xact_lock(1668247413, hashtext(encode(made, 'hex')));
        END IF;
    END LOOP;
    INSERT INTO party (id, light) VALUES (fresh, true);
    INSERT INTO party_identity (party, kind, lookup, value) VALUES (fresh, of_kind, made, sealed);
    RETURN NEXT fresh;
END $$;

CREATE FUNCTION reveal_party(audited bigint[])
RETURNS TABLE (party uuid, source text, ref text, name text, value text, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What is kept of the parties whose reading was written down and committed, as in reveal(); sealed, where it is.
    WITH allowed AS (
        SELECT DISTINCT a.party FROM audit a
        WHERE a.id = ANY (audited) AND a.act = 'read' AND 'customer' = ANY (a.fields) AND a.login = session_user
          AND a.at < now() AND a.at > now() - interval '1 minute')
    SELECT i.party, 'identity', i.id::text, i.kind, i.value, i.added_at FROM party_identity i JOIN allowed USING (party)
    UNION ALL SELECT p.party, 'field', p.field, p.field, p.value, NULL FROM party_private p JOIN allowed USING (party)
    UNION ALL SELECT n.party, 'note', n.id::text, n.who, n.body, n.at FROM party_note n JOIN allowed USING (party)
$$;

CREATE FUNCTION duplicate_parties(most integer) RETURNS TABLE (one uuid, other uuid, why text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Parties that share a number, an address, a handle, an id or a name, and are not merged yet: ids, no value.
    WITH twice AS (
        SELECT i.party AS one, j.party AS other, i.kind AS why
        FROM party_identity i JOIN party_identity j ON j.lookup = i.lookup AND j.party > i.party
        UNION ALL
        SELECT p.party, q.party, p.field
        FROM party_private p JOIN party_private q ON q.lookup = p.lookup AND q.party > p.party
        WHERE p.lookup IS NOT NULL)
    SELECT r.one, r.other, string_agg(DISTINCT r.why, ', ') FROM (
        SELECT least(party_root(t.one), party_root(t.other)) AS one, greatest(party_root(t.one), party_root(t.other)) AS other,
               t.why FROM twice t) AS r
    WHERE r.one <> r.other GROUP BY r.one, r.other ORDER BY 1, 2 LIMIT most
$$;

CREATE FUNCTION likely_duplicates(asked uuid, most integer)
RETURNS TABLE (one uuid, other uuid, score integer, why text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET work_mem = '64MB' AS $$
-- Pairs that share something, the likeliest first: of one party (null: of all). What many share (a switchboard, a common name)
-- tells less of each, and of more than 20 nothing. Ids and kinds, no value.
DECLARE
    family uuid[];
    hashes bytea[];
BEGIN
    IF asked IS NULL THEN
        hashes := ARRAY(SELECT i.lookup FROM party_identity i GROUP BY i.lookup HAVING count(*) BETWEEN 2 AND 40)
               || ARRAY(SELECT coalesce(p.alike, p.lookup) FROM party_private p WHERE p.lookup IS NOT NULL
                        GROUP BY coalesce(p.alike, p.lookup) HAVING count(*) BETWEEN 2 AND 40);
    ELSE
        family := ARRAY(SELECT party_family(party_root(asked)));
        hashes := ARRAY(SELECT i.lookup FROM party_identity i WHERE i.party = ANY (family))
               || ARRAY(SELECT coalesce(p.alike, p.lookup) FROM party_private p WHERE p.party = ANY (family) AND p.lookup IS NOT NULL);
    END IF;
    RETURN QUERY
    WITH member AS (
        SELECT DISTINCT f.hash, f.kind, f.exact, CASE WHEN p.merged_into IS NULL THEN p.id ELSE party_root(p.id) END AS id
        FROM (
            SELECT u.hash, i.kind, NULL::bytea AS exact, i.party FROM unnest(hashes) AS u (hash) CROSS JOIN LATERAL (
                SELECT j.kind, j.party FROM party_identity j WHERE j.lookup = u.hash LIMIT 41) AS i
            UNION ALL
            SELECT u.hash, 'name', n.lookup, n.party FROM unnest(hashes) AS u (hash) CROSS JOIN LATERAL (
                SELECT m.lookup, m.party FROM party_private m
                WHERE coalesce(m.alike, m.lookup) = u.hash AND m.lookup IS NOT NULL LIMIT 41) AS n
        ) AS f JOIN party p ON p.id = f.party),
    counted AS (SELECT m.*, count(*) OVER (PARTITION BY m.hash) AS sharers FROM member m),
    shared AS (
        SELECT a.id AS a, b.id AS b,
               CASE WHEN a.kind <> 'name' THEN a.kind WHEN a.exact = b.exact THEN 'name' ELSE 'similar name' END AS what,
               CASE a.kind WHEN 'external' THEN 80 WHEN 'name' THEN CASE WHEN a.exact = b.exact THEN 40 ELSE 30 END
                           WHEN 'phone' THEN 50 ELSE 60 END / (a.sharers - 1)::numeric AS weight
        FROM counted a JOIN counted b ON b.hash = a.hash AND b.kind = a.kind AND b.id > a.id
        WHERE a.sharers BETWEEN 2 AND 20),
    apart AS (
        SELECT least(party_root(x.one), party_root(x.other)) AS a, greatest(party_root(x.one), party_root(x.other)) AS b
        FROM party_apart x)
    SELECT s.a, s.b, least(100, ceil(sum(s.weight)))::integer, string_agg(DISTINCT s.what, ', ')
    FROM shared s
    WHERE (asked IS NULL OR s.a = ANY (family) OR s.b = ANY (family))
      AND NOT EXISTS (SELECT FROM apart x WHERE x.a = s.a AND x.b = s.b)
    GROUP BY s.a, s.b ORDER BY 3 DESC, 1, 2 LIMIT most;
END $$;

CREATE FUNCTION erase_party(audited bigint, one uuid, numbers text[])
RETURNS TABLE (parties bigint, private bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- All that is kept of a person: the party, whatever was merged into it, number and name of their contacts, and of contacts
-- that came from their numbers and are nobody else's. Written down before, in the same transaction or earlier.
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
        SELECT p.contact FROM contact_private p LEFT JOIN contact c ON c.id = p.contact
        WHERE p.ani = ANY (numbers) AND (c.party IS NULL OR c.party = ANY (family)));
    DELETE FROM contact_private p WHERE p.contact = ANY (theirs);
    GET DIAGNOSTICS private = ROW_COUNT;
    DELETE FROM party p WHERE p.id = ANY (family);
    GET DIAGNOSTICS parties = ROW_COUNT;
    RETURN NEXT;
END $$;

CREATE FUNCTION erase_party(audited bigint, one uuid, numbers text[], tried bytea[])
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

CREATE FUNCTION forget_light_parties(keep interval) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Remove light records that nobody looked at and that have not called for so long: their numbers are forgotten as those of
-- contacts are. Run by the owner, beside forget().
DECLARE
    removed bigint;
BEGIN
    DELETE FROM party p
    WHERE p.light AND p.merged_into IS NULL AND p.made_at < now() - keep
      AND NOT EXISTS (SELECT FROM contact c WHERE c.party = p.id AND c.arrived_at > now() - keep)
      AND NOT EXISTS (SELECT FROM party q WHERE q.merged_into = p.id);
    GET DIAGNOSTICS removed = ROW_COUNT;
    IF removed > 0 THEN
        INSERT INTO audit (who, via, act, outcome)
        VALUES ('contactd', 'migrate', 'forget', format('%s light records', removed));
    END IF;
    RETURN removed;
END $$;

CREATE FUNCTION reveal_case(audited bigint[])
RETURNS TABLE (id uuid, case_id uuid, field text, at timestamptz, who text, contact uuid, value text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- The words of the cases whose reading was written down and committed, as in reveal(); sealed, where they are.
    SELECT w.id, w.case_id, w.field, w.at, w.who, w.contact, w.value FROM case_word w WHERE w.case_id IN (
        SELECT a.case_id FROM audit a
        WHERE a.id = ANY (audited) AND a.act = 'read' AND 'case' = ANY (a.fields) AND a.login = session_user
          AND a.at < now() AND a.at > now() - interval '1 minute')
$$;

CREATE FUNCTION erase_cases(audited bigint, one uuid, contacts uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- All words of a person's cases, and of cases of nobody that one of their contacts is about; and in other people's cases what
-- was noted of their contacts. contacts: such as are theirs by the number alone. To be called before erase_party(), for the
-- same row of the audit. Returns how many cases lost words.
DECLARE
    family uuid[];
    erased bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM audit a WHERE a.id = audited AND a.act = 'erase' AND a.party = one
                   AND a.login = session_user AND a.at > now() - interval '1 minute') THEN
        RAISE EXCEPTION 'erase_cases: write it down first';
    END IF;
    family := ARRAY(SELECT party_family(party_root(one)));
    WITH theirs AS (
        SELECT c.id FROM contact c WHERE c.party = ANY (family)
        UNION SELECT c.id FROM contact c WHERE c.id = ANY (contacts) AND c.party IS NULL),
    about AS (
        SELECT k.id FROM customer_case k WHERE k.party = ANY (family)
        UNION SELECT k.id FROM theirs JOIN case_contact l ON l.contact = theirs.id
                               JOIN customer_case k ON k.id = l.case_id WHERE k.party IS NULL),
    gone AS (
        DELETE FROM case_word w WHERE w.case_id IN (SELECT id FROM about) OR w.contact IN (SELECT id FROM theirs)
        RETURNING w.case_id)
    SELECT count(DISTINCT gone.case_id) INTO erased FROM gone;
    RETURN erased;
END $$;

-- --- Customers from a file ------------------------------------------------------------------------------------------

CREATE TABLE party_import (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256     bytea       NOT NULL,
    options    bytea       NOT NULL,
    who        text        NOT NULL,
    began_at   timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    position   bigint      NOT NULL DEFAULT 0,
    made       bigint      NOT NULL DEFAULT 0,
    completed  bigint      NOT NULL DEFAULT 0,
    updated    bigint      NOT NULL DEFAULT 0,
    skipped    bigint      NOT NULL DEFAULT 0,
    refused    bigint      NOT NULL DEFAULT 0
);
COMMENT ON TABLE party_import IS 'Files of customers that were imported, by the hash of each: how far, and what became of the rows. No value of a row.';
COMMENT ON COLUMN party_import.options IS 'Hash of how the file was to be understood: a broken import goes on in the same way or not at all.';
COMMENT ON COLUMN party_import.position IS 'Rows that are dealt with. Two who import one file at once would both change it: only one may.';
COMMENT ON COLUMN party_import.completed IS 'Light records that a row made whole.';
CREATE INDEX party_import_file ON party_import (sha256, id DESC);

CREATE FUNCTION match_identities(tried bytea[]) RETURNS TABLE (lookup bytea, party uuid, light boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Whose identities have these hashes; as match_party, for thousands at once.
    SELECT DISTINCT i.lookup, r.root, p.light FROM unnest(tried) AS t (hash)
    JOIN party_identity i ON i.lookup = t.hash
    CROSS JOIN LATERAL (SELECT party_root(i.party) AS root) AS r
    JOIN party p ON p.id = r.root
$$;

CREATE FUNCTION re_contacts(since timestamptz, until timestamptz, within interval, same text)
RETURNS TABLE (contact uuid, arrived_at timestamptz, queue text, outcome text, party uuid, known boolean, again_at timestamptz)
LANGUAGE sql STABLE AS $$
-- Contacts that arrived from since (included) to until, without test calls and agents' own calls that were merged, each with
-- the arrival of the next contact of the same customer about the same within so long; null: there was none. same: 'any': whatever
-- it was about; 'topic': about the same case, or a topic that both have by their cases, or, where one of the two has none, in
-- the same queue. Parties that were merged are one customer. known is false where nobody knows who it was, or, by topic,
-- what it was about. One sort: a switchboard with ten thousand contacts costs what ten thousand customers do.
    WITH RECURSIVE way AS (
        SELECT p.id, p.merged_into AS up FROM party p WHERE p.merged_into IS NOT NULL
        UNION SELECT w.id, p.merged_into FROM way w JOIN party p ON p.id = w.up WHERE p.merged_into IS NOT NULL),
    root AS (SELECT w.id, w.up FROM way w JOIN party p ON p.id = w.up WHERE p.merged_into IS NULL),
    told AS MATERIALIZED (
        SELECT c.id, c.arrived_at, c.queue, c.outcome, coalesce(r.up, c.party) AS who
        FROM contact c LEFT JOIN root r ON r.id = c.party
        WHERE c.arrived_at >= since AND c.arrived_at < until + within AND NOT c.test
          AND c.outcome IS DISTINCT FROM 'merged'),
    about AS MATERIALIZED (
        SELECT t.id, l.case_id, k.topic FROM told t JOIN case_contact l ON l.contact = t.id
        JOIN customer_case k ON k.id = l.case_id WHERE same = 'topic'),
    topical AS MATERIALIZED (SELECT DISTINCT a.id FROM about a WHERE a.topic IS NOT NULL),
    -- alone: it matches every other one of its key; else only those that are alone.
    keyed AS (
        SELECT t.id, t.who, t.arrived_at, 'any' AS key, true AS alone FROM told t WHERE same = 'any'
        UNION ALL
        SELECT t.id, t.who, t.arrived_at, 'queue ' || t.queue, s.id IS NULL
        FROM told t LEFT JOIN topical s ON s.id = t.id WHERE same = 'topic' AND t.queue IS NOT NULL
        UNION ALL
        SELECT DISTINCT t.id, t.who, t.arrived_at, 'topic ' || a.topic, true
        FROM told t JOIN about a ON a.id = t.id WHERE a.topic IS NOT NULL
        UNION ALL
        SELECT t.id, t.who, t.arrived_at, 'case ' || a.case_id, true FROM told t JOIN about a ON a.id = t.id),
    nexts AS (
        SELECT k.id, CASE WHEN k.alone THEN min(k.arrived_at) OVER later
                          ELSE min(k.arrived_at) FILTER (WHERE k.alone) OVER later END AS next_at
        FROM keyed k WHERE k.who IS NOT NULL
        WINDOW later AS (PARTITION BY k.who, k.key ORDER BY k.arrived_at DESC, k.id DESC
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
    next AS (SELECT n.id, min(n.next_at) AS next_at FROM nexts n GROUP BY n.id)
    SELECT t.id, t.arrived_at, t.queue, t.outcome, t.who, n.id IS NOT NULL,
           CASE WHEN n.next_at <= t.arrived_at + within THEN n.next_at END
    FROM told t LEFT JOIN next n ON n.id = t.id
    WHERE t.arrived_at < until
$$;


-- --- How long each kind of data is kept, and what is held ------------------------------------------------------------

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

CREATE FUNCTION count_batch(of_kind text, days integer, place text, most integer) RETURNS TABLE (next text, removed bigint, held bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What forget_batch would do if so many days were kept; nothing is removed.
BEGIN
    IF of_kind = 'outbox' THEN
        RETURN QUERY SELECT * FROM outbox_batch(make_interval(days => days), place, least(most, 10000), false);
    ELSE
        RETURN QUERY SELECT * FROM retention_batch(of_kind, make_interval(days => days), place, least(most, 10000), false);
    END IF;
END $$;

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

-- --- What was written --------------------------------------------------------------------------------------------------

CREATE TABLE transcript (
    contact uuid        NOT NULL,
    message text        NOT NULL,
    at      timestamptz NOT NULL,
    author  text        NOT NULL CHECK (author IN ('caller', 'agent', 'system', 'note')),
    body    text        NOT NULL,
    PRIMARY KEY (contact, message)
);
COMMENT ON TABLE transcript IS 'What was written in a contact. It is erased, forgotten and held with the contact''s row of contact_private.';
COMMENT ON COLUMN transcript.message IS 'As the journal''s MessageAdded names it; in the order of time.';
COMMENT ON COLUMN transcript.body IS 'JSON of the words, sealed where there is a key (store/transcripts.py).';

CREATE FUNCTION forget_transcript() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Whatever removes who called removes what they wrote. No foreign key: words that come in the moment of an erasure must not
-- refuse the facts beside them.
BEGIN
    DELETE FROM transcript t USING gone g WHERE t.contact = g.contact;
    RETURN NULL;
END $$;
CREATE TRIGGER contact_private_gone AFTER DELETE ON contact_private
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forget_transcript();

CREATE FUNCTION reveal_transcript(audited bigint) RETURNS TABLE (message text, at timestamptz, author text, body text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What was written in a contact, for a read that was written down and committed, as in reveal(); sealed, where it is.
    SELECT t.message, t.at, t.author, t.body FROM transcript t WHERE t.contact IN (
        SELECT a.contact FROM audit a
        WHERE a.id = audited AND a.act = 'read' AND 'transcript' = ANY (a.fields) AND a.login = session_user
          AND a.at < now() AND a.at > now() - interval '1 minute')
$$;

-- --- Recordings ------------------------------------------------------------------------------------------------------

CREATE TABLE blob (
    id      uuid        PRIMARY KEY,
    hash    bytea       NOT NULL,
    bytes   bigint      NOT NULL,
    path    text        NOT NULL UNIQUE,
    key_id  text        NOT NULL,
    key     bytea       NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL,
    hold    boolean     NOT NULL DEFAULT false
);
COMMENT ON TABLE blob IS 'A file that is kept encrypted, below store of [recording]. Deleting the row forgets its key, and with it every copy.';
COMMENT ON COLUMN blob.hash IS 'SHA-256 of what was encrypted: what an export gives.';
COMMENT ON COLUMN blob.key IS 'The key of this file, wrapped by the configured one that key_id names.';
COMMENT ON COLUMN blob.hold IS 'Kept beyond expires, and erased with nobody, until somebody lifts it.';
CREATE INDEX blob_expires ON blob (expires) WHERE NOT hold;

CREATE TABLE recording (
    blob     uuid             NOT NULL REFERENCES blob ON DELETE CASCADE,
    contact  uuid             NOT NULL,
    offer    text             NOT NULL,
    agent    text,
    queue    text,
    began_at timestamptz      NOT NULL,
    seconds  double precision NOT NULL,
    whole    boolean          NOT NULL,
    PRIMARY KEY (blob, contact)
);
COMMENT ON TABLE recording IS 'Which contacts'' talk a recording is of: one, or two when a caller was put through into it.';
COMMENT ON COLUMN recording.whole IS 'False: the PBX died over it, or wrote less than the talk was long.';
CREATE INDEX recording_contact ON recording (contact);
CREATE INDEX recording_began ON recording (began_at DESC);

CREATE TABLE voicemail (
    blob    uuid             PRIMARY KEY REFERENCES blob ON DELETE CASCADE,
    contact uuid             NOT NULL,
    queue   text             NOT NULL,
    left_at timestamptz      NOT NULL,
    seconds double precision NOT NULL,
    done_at timestamptz,
    done_by text,
    CHECK ((done_at IS NULL) = (done_by IS NULL))
);
COMMENT ON TABLE voicemail IS 'A message that a caller left for the people of a queue. It goes with its recording: by its time, and with who called.';
COMMENT ON COLUMN voicemail.done_by IS 'Who says that it was dealt with; null: it waits.';
CREATE INDEX voicemail_waits ON voicemail (queue, left_at) WHERE done_at IS NULL;

CREATE FUNCTION reveal_blob(audited bigint) RETURNS TABLE (path text, hash bytea, key_id text, key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- By what a recording can be read, for a read that was written down and committed, as in reveal().
    SELECT b.path, b.hash, b.key_id, b.key FROM audit a JOIN blob b ON b.id::text = a.outcome
    WHERE a.id = audited AND a.act = 'read' AND 'recording' = ANY (a.fields) AND a.login = session_user
      AND a.at < now() AND a.at > now() - interval '1 minute'
$$;

CREATE FUNCTION held_blobs(asked uuid[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Which of these recordings are held: themselves, or by a contact or a customer that is.
    SELECT b.id FROM blob b WHERE b.id = ANY (asked) AND b.hold
    UNION
    SELECT r.blob FROM recording r
    WHERE r.blob = ANY (asked)
      AND r.contact IN (SELECT held_contacts(ARRAY(SELECT f.contact FROM recording f WHERE f.blob = ANY (asked))))
$$;

CREATE FUNCTION erase_recordings(audited bigint, contacts uuid[]) RETURNS TABLE (removed bigint, held bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Forget the keys of the recordings of these contacts. Written down before, in the same transaction or earlier. What is
-- held stays.
DECLARE
    theirs uuid[];
    stay uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM audit a WHERE a.id = audited AND a.act = 'erase' AND a.login = session_user
                   AND a.at > now() - interval '1 minute') THEN
        RAISE EXCEPTION 'erase_recordings: write it down first';
    END IF;
    theirs := ARRAY(SELECT DISTINCT r.blob FROM recording r WHERE r.contact = ANY (contacts));
    stay := ARRAY(SELECT held_blobs(theirs));
    held := cardinality(stay);
    DELETE FROM blob b WHERE b.id = ANY (theirs) AND b.id <> ALL (stay);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN NEXT;
END $$;

-- --- What is told to others ----------------------------------------------------------------------------------------

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

-- --- Mail ----------------------------------------------------------------------------------------------------------

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
    kept_at    timestamptz NOT NULL DEFAULT now(),
    routed     boolean     NOT NULL DEFAULT false
);
COMMENT ON TABLE mail IS 'A message as it was fetched, once. Deleting the row forgets its key and its pieces.';
COMMENT ON COLUMN mail.state IS 'cut: longer than allowed, only its beginning is kept; unreadable: the server did not give it.';
COMMENT ON COLUMN mail.bytes IS 'How long it is on the server.';
COMMENT ON COLUMN mail.lookup IS 'Keyed hash of what is kept: known again when the server numbers its messages anew.';
COMMENT ON COLUMN mail.key IS 'Key and hash of what is kept, sealed where there is a key (store/mail.py).';
COMMENT ON COLUMN mail.arrived_at IS 'When the server got it.';
COMMENT ON COLUMN mail.routed IS 'Whether its contact, which has its id, is in the journal.';
CREATE INDEX mail_lookup ON mail (mailbox, lookup);
CREATE INDEX mail_kept_at ON mail (kept_at);
CREATE INDEX mail_unrouted ON mail (mailbox, kept_at) WHERE NOT routed;

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

CREATE TABLE mail_secret (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key     bytea       NOT NULL DEFAULT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
    made_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE mail_secret IS 'Signs the thread into Message-ID and Reply-To of what is sent; the newest signs, all verify. An INSERT of DEFAULT VALUES changes it.';
INSERT INTO mail_secret DEFAULT VALUES;

CREATE TABLE mail_out (
    message    uuid        PRIMARY KEY,
    mail       uuid        NOT NULL REFERENCES mail ON DELETE CASCADE,
    mailbox    text        NOT NULL,
    thread     uuid        NOT NULL,
    message_id text        NOT NULL UNIQUE,
    people     bytea[]     NOT NULL,
    done       integer[]   NOT NULL DEFAULT '{}',
    body       text        NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE mail_out IS 'A message that is sent, whole as at its first attempt; outbox.message has its state. It goes with the one that it answers.';
COMMENT ON COLUMN mail_out.mail IS 'What it answers.';
COMMENT ON COLUMN mail_out.thread IS 'The conversation, named by its first message; a signed token in Message-ID and Reply-To says the same.';
COMMENT ON COLUMN mail_out.people IS 'Keyed hash of each recipient.';
COMMENT ON COLUMN mail_out.done IS 'Places of the recipients whose mail server has taken it, where not all have.';
COMMENT ON COLUMN mail_out.body IS 'Envelope and bytes, sealed where there is a key.';
CREATE INDEX mail_out_mail ON mail_out (mail);
CREATE INDEX mail_out_thread ON mail_out (thread);

CREATE FUNCTION forget_mail_out() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What is not there any more is not sent.
BEGIN
    DELETE FROM outbox o WHERE o.kind = 'mail' AND o.message = OLD.message;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_mail_out AFTER DELETE ON mail_out FOR EACH ROW EXECUTE FUNCTION forget_mail_out();

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

-- --- The desk: who may use it, and who is at it ----------------------------------------------------------------------

CREATE TABLE desk_user (
    name       text        PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    person     text        NOT NULL DEFAULT '',
    role       text        NOT NULL,
    agent      text,
    queues     text[]      NOT NULL DEFAULT '{}',
    language   text        NOT NULL DEFAULT '',
    password   text,
    token      bytea       UNIQUE,
    totp       text,
    totp_step  bigint      NOT NULL DEFAULT 0,
    locked_at  timestamptz,
    added_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk_user IS 'Who may sign in at the desk, or use its API by a token. A right goes with the row.';
COMMENT ON COLUMN desk_user.person IS 'The name for people.';
COMMENT ON COLUMN desk_user.agent IS 'The [agents.<id>] that the user is; null: none.';
COMMENT ON COLUMN desk_user.queues IS 'What a supervisor, a planner or an integrator sees and acts on; empty: all.';
COMMENT ON COLUMN desk_user.password IS 'argon2id, with its salt and costs; null: signs in by no password.';
COMMENT ON COLUMN desk_user.token IS 'sha256 of an integrator''s token.';
COMMENT ON COLUMN desk_user.totp IS 'The secret of the one-time codes, sealed where there is a key (store/vault.py); null: none are asked for.';
COMMENT ON COLUMN desk_user.totp_step IS 'The step of the last code that was taken: no code counts twice.';

CREATE TABLE desk_session (
    id        bytea       PRIMARY KEY,
    name      text        NOT NULL REFERENCES desk_user ON DELETE CASCADE,
    opened_at timestamptz NOT NULL DEFAULT now(),
    seen_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk_session IS 'Who is signed in at the desk. id is the sha256 of what the browser has, so that a copy of this table opens nothing.';
CREATE INDEX desk_session_name ON desk_session (name);

-- --- Jobs that take long ---------------------------------------------------------------------------------------------

CREATE TABLE job (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text        NOT NULL,
    key        text        NOT NULL,
    arguments  jsonb       NOT NULL DEFAULT '{}',
    state      text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'dead', 'dropped')),
    due        timestamptz NOT NULL DEFAULT now(),
    attempts   integer     NOT NULL DEFAULT 0,
    made_at    timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at   timestamptz,
    worker     text        NOT NULL DEFAULT '',
    error      text        NOT NULL DEFAULT '',
    progress   jsonb,
    result     jsonb,
    UNIQUE (kind, key)
);
COMMENT ON TABLE job IS 'Work that takes long. A kind and a key stand once: asked twice, done once. No personal value is in any column.';
COMMENT ON COLUMN job.due IS 'waiting: not before. running: so long the worker that has it is believed to live; later another one takes it.';
COMMENT ON COLUMN job.attempts IS 'How often it was begun. With worker it fences: nobody writes but who began this attempt.';
COMMENT ON COLUMN job.progress IS 'How far it came, in its own words; the next attempt goes on from there.';
CREATE INDEX job_due ON job (due, id) WHERE state IN ('waiting', 'running');
CREATE INDEX job_open ON job (kind, state) WHERE state IN ('waiting', 'running', 'dead');

CREATE TABLE job_tally (
    kind    text             NOT NULL,
    outcome text             NOT NULL,
    runs    bigint           NOT NULL DEFAULT 0,
    run_s   double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, outcome)
);
COMMENT ON TABLE job_tally IS 'How often attempts ended how, and how long they took: the counters of Prometheus. They only rise.';

CREATE TABLE verification (
    floor       smallint    NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    to_seq      bigint      NOT NULL,
    facts       bigint      NOT NULL,
    seals       integer     NOT NULL,
    broken_from bigint,
    broken_to   bigint,
    PRIMARY KEY (floor, at)
);
COMMENT ON TABLE verification IS 'What each look at the whole chain of hashes found; broken_from is null where all was whole. Appended only.';

CREATE FUNCTION forget_jobs(keep interval) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Remove jobs that ended longer ago than keep. Dead ones wait for somebody: they stay until they are dropped.
DECLARE
    removed bigint;
BEGIN
    DELETE FROM job WHERE state IN ('done', 'dropped') AND ended_at < now() - keep;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$;

-- --- Rights ----------------------------------------------------------------------------------------------------------

-- The daemon appends to the journal and can neither change nor remove what happened.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'contactd_daemon') THEN
        CREATE ROLE contactd_daemon NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was first
END $$;
GRANT SELECT, UPDATE (epoch, seq, chain) ON floor TO contactd_daemon;
GRANT SELECT, INSERT ON input, event, seal, config_version TO contactd_daemon;
GRANT SELECT, INSERT, DELETE ON snapshot TO contactd_daemon;
GRANT SELECT, UPDATE ON projection TO contactd_daemon;
GRANT SELECT, INSERT, UPDATE ON contact, agent_span TO contactd_daemon;
GRANT SELECT (contact), INSERT, DELETE ON contact_private TO contactd_daemon;
GRANT SELECT ON journal_part TO contactd_daemon;
REVOKE ALL ON FUNCTION reveal(bigint[]), forget(interval, interval), cut_journal(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reveal(bigint[]) TO contactd_daemon;
REVOKE ALL ON FUNCTION find_caller(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_caller(bigint, text) TO contactd_daemon;
REVOKE ALL ON FUNCTION find_callers(bigint, text[], bytea[]), erase_party(bigint, uuid, text[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_callers(bigint, text[], bytea[]), erase_party(bigint, uuid, text[], bytea[]) TO contactd_daemon;
GRANT SELECT, INSERT (who, uid, via, act, contact, agent, fields, outcome) ON audit TO contactd_daemon;
GRANT SELECT ON migration TO contactd_daemon;

GRANT SELECT, INSERT, UPDATE (kind, light, language, medium, vip, merged_into, changed_at) ON party TO contactd_daemon;
GRANT SELECT (id, party, kind, added_at), INSERT (party, kind, lookup, value), DELETE ON party_identity TO contactd_daemon;
GRANT SELECT (party, field), INSERT, DELETE ON party_private TO contactd_daemon;
GRANT SELECT (id, party, at, who, contact), INSERT ON party_note TO contactd_daemon;
GRANT SELECT, INSERT (party, purpose, given, how, who) ON party_consent TO contactd_daemon;
GRANT INSERT (party) ON audit TO contactd_daemon;
REVOKE ALL ON FUNCTION match_identities(bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION match_identities(bytea[]) TO contactd_daemon;

GRANT SELECT, INSERT (sha256, options, who),
    UPDATE (changed_at, ended_at, position, made, completed, updated, skipped, refused) ON party_import TO contactd_daemon;
GRANT UPDATE (source) ON party TO contactd_daemon;
-- A consent was given when it was given, not when its file was read.
GRANT INSERT (at) ON party_consent TO contactd_daemon;
REVOKE ALL ON FUNCTION party_root(uuid), party_family(uuid), match_party(bytea[]),
    meet_party(uuid, bytea[], text, bytea, text), reveal_party(bigint[]), duplicate_parties(integer),
    erase_party(bigint, uuid, text[]), forget_light_parties(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION party_root(uuid), party_family(uuid), match_party(bytea[]),
    meet_party(uuid, bytea[], text, bytea, text), reveal_party(bigint[]), duplicate_parties(integer),
    erase_party(bigint, uuid, text[]) TO contactd_daemon;

GRANT SELECT, INSERT, UPDATE (type, topic, status, phase, party, agent, queue, changed_at, closed_at)
    ON customer_case TO contactd_daemon;
GRANT SELECT, INSERT (case_id, contact), DELETE ON case_contact TO contactd_daemon;
GRANT SELECT, INSERT (case_id, who, what, was, now) ON case_change TO contactd_daemon;
GRANT SELECT (id, case_id, field, at, who, contact), INSERT (id, case_id, field, who, contact, value)
    ON case_word TO contactd_daemon;
GRANT SELECT, INSERT, UPDATE ON case_target TO contactd_daemon;
GRANT INSERT (case_id) ON audit TO contactd_daemon;
REVOKE ALL ON FUNCTION reveal_case(bigint[]), erase_cases(bigint, uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reveal_case(bigint[]), erase_cases(bigint, uuid, uuid[]) TO contactd_daemon;

-- Reports read history and the journal, never a person and never who looked.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'contactd_reader') THEN
        CREATE ROLE contactd_reader NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was first
END $$;
GRANT SELECT ON contact, agent_span, event, seal, floor, projection, config_version TO contactd_reader;
-- Reports: what became of cases, and who was merged into whom; no word of anybody.
GRANT SELECT ON customer_case, case_contact, case_target TO contactd_reader;
GRANT SELECT (id, merged_into) ON party TO contactd_reader;

REVOKE ALL ON FUNCTION re_contacts(timestamptz, timestamptz, interval, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION re_contacts(timestamptz, timestamptz, interval, text) TO contactd_daemon, contactd_reader;

-- The worker runs jobs and reads the journal; people, the audit and history are no business of its role.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'contactd_worker') THEN
        CREATE ROLE contactd_worker NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was first
END $$;
GRANT SELECT, INSERT (kind, key, arguments, due) ON job TO contactd_worker;
GRANT UPDATE (state, due, attempts, started_at, ended_at, worker, error, progress, result) ON job TO contactd_worker;
GRANT SELECT, INSERT, UPDATE (runs, run_s) ON job_tally TO contactd_worker;
GRANT SELECT ON event, floor, seal, migration TO contactd_worker;
GRANT SELECT, INSERT (floor, to_seq, facts, seals, broken_from, broken_to) ON verification TO contactd_worker;
-- The worker moves and marks targets; of a case it knows what is no word.
GRANT SELECT ON customer_case, case_target TO contactd_worker;
GRANT UPDATE (warn_at, due, broken_at, warned_at) ON case_target TO contactd_worker;
GRANT INSERT (case_id, who, what, was, now) ON case_change TO contactd_worker;

REVOKE ALL ON FUNCTION forget_jobs(interval) FROM PUBLIC;

-- The daemon asks for jobs and counts them; contactctl jobs retries and drops them by the same role.
GRANT SELECT, INSERT (kind, key, arguments, due), UPDATE (state, due, attempts, ended_at, error) ON job TO contactd_daemon;
GRANT SELECT ON job_tally, verification TO contactd_daemon;
GRANT SELECT ON verification TO contactd_reader;

GRANT SELECT, INSERT (id, party, contact, reason, who, until), UPDATE (released_at, released_by) ON hold TO contactd_daemon;
GRANT SELECT ON retention TO contactd_daemon, contactd_worker;
REVOKE ALL ON FUNCTION held_parties(), held_contacts(uuid[]), retention_batch(text, interval, text, integer, boolean),
    forget_batch(text, text, integer), count_batch(text, integer, text, integer), retention_ended(text, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION held_parties(), held_contacts(uuid[]), count_batch(text, integer, text, integer) TO contactd_daemon;
GRANT EXECUTE ON FUNCTION forget_batch(text, text, integer), retention_ended(text, bigint, bigint) TO contactd_worker;

GRANT INSERT (alike) ON party_private TO contactd_daemon;
GRANT SELECT, INSERT (one, other, who), DELETE ON party_apart TO contactd_daemon;
REVOKE ALL ON FUNCTION likely_duplicates(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION likely_duplicates(uuid, integer) TO contactd_daemon;

-- The worker keeps them; the daemon's role sees that there are, and holds them, and reads one through the audit.
GRANT SELECT, INSERT, DELETE, UPDATE (key_id, key) ON blob TO contactd_worker;
GRANT SELECT, INSERT, DELETE ON recording TO contactd_worker;
GRANT SELECT (id, hash, bytes, path, key_id, kept_at, expires, hold), UPDATE (hold) ON blob TO contactd_daemon;
GRANT SELECT ON recording TO contactd_daemon;
GRANT SELECT, INSERT ON voicemail TO contactd_worker;
GRANT SELECT, UPDATE (done_at, done_by) ON voicemail TO contactd_daemon;
GRANT SELECT ON voicemail TO contactd_reader;
REVOKE ALL ON FUNCTION reveal_blob(bigint), held_blobs(uuid[]), erase_recordings(bigint, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION held_blobs(uuid[]) TO contactd_worker;
GRANT EXECUTE ON FUNCTION reveal_blob(bigint), erase_recordings(bigint, uuid[]) TO contactd_daemon;
GRANT SELECT ON recording TO contactd_reader;

-- ON CONFLICT reads the key.
GRANT SELECT (contact, message), INSERT ON transcript TO contactd_daemon;
REVOKE ALL ON FUNCTION forget_transcript(), reveal_transcript(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reveal_transcript(bigint) TO contactd_daemon;
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

-- The daemon puts messages there and knows them again; what opens one it gets through the audit alone.
GRANT SELECT, INSERT, UPDATE (validity, uid) ON mailbox TO contactd_daemon;
GRANT SELECT (id, mailbox, state, bytes, lookup, arrived_at, kept_at, routed), INSERT, UPDATE (routed) ON mail TO contactd_daemon;
GRANT SELECT, INSERT ON mail_piece TO contactd_daemon;
GRANT SELECT, INSERT, UPDATE (settled) ON mail_place TO contactd_daemon;
REVOKE ALL ON FUNCTION reveal_mail(bigint), erase_mail(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reveal_mail(bigint), erase_mail(bigint) TO contactd_daemon;
GRANT SELECT (id, mailbox, state, bytes, arrived_at, kept_at) ON mail TO contactd_reader;
GRANT SELECT ON mail_secret TO contactd_daemon, contactd_worker;

GRANT SELECT, INSERT, UPDATE, DELETE ON desk_user, desk_session TO contactd_daemon;

-- contactctl, by the daemon's role, writes mail and cannot read it again; a worker sends it.
GRANT SELECT (message, mail, mailbox, thread, message_id, people, made_at), INSERT (message, mail, mailbox, thread, message_id, people, body)
    ON mail_out TO contactd_daemon;
GRANT INSERT (message) ON outbox TO contactd_daemon;
GRANT SELECT, UPDATE (done) ON mail_out TO contactd_worker;
REVOKE ALL ON FUNCTION forget_mail_out() FROM PUBLIC;
GRANT SELECT (message, mail, mailbox, thread, message_id, made_at) ON mail_out TO contactd_reader;

-- PostgreSQL lets everybody make temporary tables, and before 15 others too. Whoever may not change that is warned and
-- goes on: docs/security.rst has the command for a superuser.
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'The rights of PUBLIC on this database or its schema were left as they were.';
END $$;
