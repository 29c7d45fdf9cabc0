-- name: add_job
-- Ask for a job; asked with the same key again, nothing happens. $1 kind text, $2 key text, $3 arguments text (JSON), $4 not
-- before, in seconds from now, float8
INSERT INTO job (kind, key, arguments, due) VALUES ($1, $2, $3::text::jsonb, now() + make_interval(secs => $4))
ON CONFLICT (kind, key) DO NOTHING RETURNING id;

-- name: add_job_alone
-- Ask for a job, unless one of the kind waits or runs. $1 kind text, $2 key text
INSERT INTO job (kind, key) SELECT $1::text, $2::text
WHERE NOT EXISTS (SELECT FROM job WHERE kind = $1::text AND state IN ('waiting', 'running'))
ON CONFLICT (kind, key) DO NOTHING RETURNING id;

-- name: jobs
-- The newest first. $1 most int, $2 kind text or null, $3 state text or null
SELECT id, kind, key, state, attempts, worker, error, extract(epoch FROM due)::float8 AS due,
       extract(epoch FROM made_at)::float8 AS made_at, extract(epoch FROM started_at)::float8 AS started_at,
       extract(epoch FROM ended_at)::float8 AS ended_at, arguments::text, progress::text, result::text
FROM job WHERE ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR state = $3) ORDER BY id DESC LIMIT $1;

-- name: one_job
-- $1 id bigint
SELECT id, kind, key, state, attempts, worker, error, extract(epoch FROM due)::float8 AS due,
       extract(epoch FROM made_at)::float8 AS made_at, extract(epoch FROM started_at)::float8 AS started_at,
       extract(epoch FROM ended_at)::float8 AS ended_at, arguments::text, progress::text, result::text
FROM job WHERE id = $1;

-- name: retry_job
-- One that is dead, dropped or waits for its next attempt shall run now, as if for the first time; its progress stays. $1 id
-- bigint
UPDATE job SET state = 'waiting', due = now(), attempts = 0, ended_at = NULL
WHERE id = $1 AND state IN ('dead', 'dropped', 'waiting') RETURNING kind, key;

-- name: drop_job
-- Never to be run again; a worker that runs it now is told at its next heartbeat. $1 id bigint
UPDATE job SET state = 'dropped', ended_at = now()
WHERE id = $1 AND state IN ('dead', 'running', 'waiting') RETURNING kind, key;

-- name: open_jobs
-- What waits, runs, or died: by kind and state, with how long the oldest that is due has waited, in seconds.
SELECT kind, state, count(*) AS count, greatest(0, extract(epoch FROM now() - min(due)))::float8 AS oldest_s
FROM job WHERE state IN ('waiting', 'running', 'dead') GROUP BY kind, state;

-- name: job_tallies
-- How often attempts ended how, and how long they took in all.
SELECT kind, outcome, runs, run_s FROM job_tally;

-- name: last_verification
-- The newest look at the whole journal of a floor. $1 floor smallint
SELECT extract(epoch FROM at)::float8 AS at, to_seq, facts, seals, broken_from, broken_to
FROM verification WHERE floor = $1 ORDER BY at DESC LIMIT 1;
