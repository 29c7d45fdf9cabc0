-- runs with: 0001
-- Jobs that take long, done by contactd worker in processes of their own; what the nightly look at the journal's chain found;
-- which contacts were placed by contactctl testcall.

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
REVOKE ALL ON FUNCTION forget_jobs(interval) FROM PUBLIC;

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

-- The daemon asks for jobs and counts them; contactctl jobs retries and drops them by the same role.
GRANT SELECT, INSERT (kind, key, arguments, due), UPDATE (state, due, attempts, ended_at, error) ON job TO contactd_daemon;
GRANT SELECT ON job_tally, verification TO contactd_daemon;
GRANT SELECT ON verification TO contactd_reader;

-- Who is the daemon's login today may be the worker's too, so that an upgrade needs no further hand.
DO $$
DECLARE
    login name;
BEGIN
    FOR login IN
        SELECT l.rolname FROM pg_auth_members m JOIN pg_roles l ON l.oid = m.member
        WHERE m.roleid = 'contactd_daemon'::regrole AND l.rolname <> current_user
    LOOP
        EXECUTE format('GRANT contactd_worker TO %I', login);
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'Let the worker''s login be a member of contactd_worker: GRANT contactd_worker TO ...';
END $$;

-- A fact of the journal, so that no report counts them by mistake.
ALTER TABLE contact ADD COLUMN test boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN contact.test IS 'Placed by contactctl testcall. Reports leave it out: WHERE NOT test.';
