-- name: take_job
-- The job that has been due for longest, or whose worker fell silent; nobody else gets it meanwhile. $1 worker text, $2 the
-- lease in seconds float8, $3 kinds that this worker knows text[]
UPDATE job SET state = 'running', attempts = attempts + 1, started_at = now(), worker = $1,
       due = now() + make_interval(secs => $2), error = ''
WHERE id = (SELECT id FROM job WHERE state IN ('waiting', 'running') AND due <= now() AND kind = ANY ($3::text[])
            ORDER BY due, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, key, arguments::text, attempts, progress::text;

-- name: beat_job
-- The worker lives, and the job came so far. No row: it is ours no more. $1 id bigint, $2 worker text, $3 attempt int, $4 the
-- lease in seconds float8, $5 progress text (JSON) or null
UPDATE job SET due = now() + make_interval(secs => $4), progress = coalesce($5::text::jsonb, progress)
WHERE id = $1 AND worker = $2 AND attempts = $3 AND state = 'running' RETURNING id;

-- name: end_job
-- What became of an attempt. No row: it is ours no more. $1 id bigint, $2 worker text, $3 attempt int, $4 state text, $5 due
-- in seconds from now float8, $6 given back, so that the attempt does not count, boolean, $7 error text, $8 result text (JSON)
-- or null, $9 progress text (JSON) or null, $10 outcome text, $11 how long it ran, in seconds, float8
WITH ended AS (
    UPDATE job SET state = $4::text, due = now() + make_interval(secs => $5),
           attempts = attempts - $6::boolean::integer, error = $7::text, result = $8::text::jsonb,
           progress = coalesce($9::text::jsonb, progress),
           ended_at = CASE WHEN $4::text = 'waiting' THEN NULL ELSE now() END
    WHERE id = $1 AND worker = $2 AND attempts = $3 AND state = 'running' RETURNING id, kind
), told AS (
    INSERT INTO job_tally AS t (kind, outcome, runs, run_s) SELECT kind, $10::text, 1, $11::float8 FROM ended
    ON CONFLICT (kind, outcome) DO UPDATE SET runs = t.runs + 1, run_s = t.run_s + excluded.run_s
)
SELECT id FROM ended;

-- name: keep_verification
-- What a look at a whole journal found. $1 floor smallint, $2 to_seq bigint, $3 facts bigint, $4 seals int, $5 broken_from
-- bigint or null, $6 broken_to bigint or null
INSERT INTO verification (floor, to_seq, facts, seals, broken_from, broken_to) VALUES ($1, $2, $3, $4, $5, $6);
