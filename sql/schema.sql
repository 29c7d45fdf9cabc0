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
-- happened in it; drop the partitions of input that are older than keep_input. Returns the newest partition's number.
DECLARE
    newest journal_part;
    cut    bigint;
    old    journal_part;
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
        EXECUTE format('DROP TABLE input_%s', old.part);
        UPDATE journal_part SET input_kept = false WHERE part = old.part;
    END LOOP;
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
COMMENT ON TABLE snapshot IS 'The floor as msgpack after event seq, so that a start reads minutes and not months. Three are kept.';

-- --- History: read from the journal by a follower, and made anew from it at any time ---------------------------------

CREATE TABLE projection (
    name text   PRIMARY KEY,
    seq  bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE projection IS 'How far each follower of the journal has come.';
INSERT INTO projection (name) VALUES ('history');

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
    test         boolean     NOT NULL DEFAULT false
);
COMMENT ON COLUMN contact.test IS 'Placed by contactctl testcall. Reports leave it out: WHERE NOT test.';
COMMENT ON TABLE contact IS 'One wide row a contact, written by the follower "history" and rebuildable from event.';
CREATE INDEX contact_arrived ON contact (arrived_at DESC);

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

-- --- The only personal values ----------------------------------------------------------------------------------------

CREATE TABLE contact_private (
    contact uuid  PRIMARY KEY,
    salt    bytea NOT NULL,
    ani     text,
    name    text
);
COMMENT ON TABLE contact_private IS 'The only place of a caller''s number and name. Deleting the row erases the person; the journal keeps nothing.';

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
    client  inet        DEFAULT inet_client_addr()
);
COMMENT ON TABLE audit IS 'Who read or erased a personal value, and who acted for others. Never a personal value itself. Appended only.';
COMMENT ON COLUMN audit.fields IS 'Which kinds of values were read: ani, name.';
COMMENT ON COLUMN audit.login IS 'The database''s own word, as are at and client: a writer cannot choose them.';
CREATE INDEX audit_contact ON audit (contact, id) WHERE contact IS NOT NULL;

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
GRANT SELECT, INSERT (who, uid, via, act, contact, agent, fields, outcome) ON audit TO contactd_daemon;
GRANT SELECT ON migration TO contactd_daemon;

-- Reports read history and the journal, never a person and never who looked.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'contactd_reader') THEN
        CREATE ROLE contactd_reader NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was first
END $$;
GRANT SELECT ON contact, agent_span, event, seal, floor, projection, config_version TO contactd_reader;

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

REVOKE ALL ON FUNCTION forget_jobs(interval) FROM PUBLIC;

-- The daemon asks for jobs and counts them; contactctl jobs retries and drops them by the same role.
GRANT SELECT, INSERT (kind, key, arguments, due), UPDATE (state, due, attempts, ended_at, error) ON job TO contactd_daemon;
GRANT SELECT ON job_tally, verification TO contactd_daemon;
GRANT SELECT ON verification TO contactd_reader;

-- PostgreSQL lets everybody make temporary tables, and before 15 others too. Whoever may not change that is warned and
-- goes on: docs/security.rst has the command for a superuser.
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'The rights of PUBLIC on this database or its schema were left as they were.';
END $$;
