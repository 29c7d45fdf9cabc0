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

-- name: last_case_rules
-- By which types and calendars all targets were counted last.
SELECT result ->> 'rules' FROM job WHERE kind = 'case_targets' AND state = 'done' ORDER BY id DESC LIMIT 1;

-- name: running_targets
-- Targets that run, by place. $1 after case text (a uuid), $2 after kind text, $3 most int
SELECT t.case_id::text, t.kind, k.type, t.calendar, t.left_s, extract(epoch FROM t.since)::float8 AS since,
       extract(epoch FROM t.warn_at)::float8 AS warn_at, extract(epoch FROM t.due)::float8 AS due,
       extract(epoch FROM t.met_at)::float8 AS met_at, extract(epoch FROM t.broken_at)::float8 AS broken_at,
       extract(epoch FROM t.warned_at)::float8 AS warned_at
FROM case_target t JOIN customer_case k ON k.id = t.case_id
WHERE t.since IS NOT NULL AND t.broken_at IS NULL AND (t.case_id, t.kind) > ($1::text::uuid, $2)
ORDER BY t.case_id, t.kind LIMIT $3::int;

-- name: move_target
-- What follows from the calendars now. No row: the case was changed meanwhile. $1 case text (a uuid), $2 kind text, $3 since float8
-- (Unix s), $4 left_s float8, $5 warn_at float8 (Unix s) or null, $6 due float8 (Unix s) or null
UPDATE case_target SET warn_at = to_timestamp($5), due = to_timestamp($6)
WHERE case_id = $1::text::uuid AND kind = $2 AND since = to_timestamp($3) AND left_s = $4 AND broken_at IS NULL
RETURNING kind;

-- name: targets_soon
-- Those that are about to break and were not told before: now they are, with a line in the history.
WITH told AS (
    UPDATE case_target SET warned_at = now()
    WHERE warn_at <= now() AND warned_at IS NULL AND due > now() RETURNING case_id, kind
), kept AS (
    INSERT INTO case_change (case_id, who, what, now) SELECT case_id, 'contactd', kind, 'soon' FROM told
)
SELECT k.number, told.kind FROM told JOIN customer_case k ON k.id = told.case_id ORDER BY k.number, told.kind;

-- name: targets_broken
-- Those that broke and were not told before: now they are, with a line in the history.
WITH told AS (
    UPDATE case_target SET broken_at = due, warned_at = coalesce(warned_at, now())
    WHERE due <= now() AND broken_at IS NULL RETURNING case_id, kind
), kept AS (
    INSERT INTO case_change (case_id, who, what, now) SELECT case_id, 'contactd', kind, 'broken' FROM told
)
SELECT k.number, told.kind FROM told JOIN customer_case k ON k.id = told.case_id ORDER BY k.number, told.kind;

-- name: forget_batch
-- Remove some rows of a kind that are older than they may be. $1 kind text, $2 place text, null: from the first, $3 most int
SELECT next, removed, held FROM forget_batch($1, $2, $3);

-- name: retention_ended
-- A run over a kind has come to its end. $1 kind text, $2 rows removed bigint, $3 rows that are held bigint
SELECT retention_ended($1, $2, $3);

-- name: offered_contact
-- Whose talk an offer led to, with whom, and from which queue: the offer's id ends in its fact's number. No row: the journal
-- does not have it (yet). $1 floor smallint, $2 seq bigint, $3 offer text
SELECT e.contact::text, e.agent, (
    SELECT q.body::json ->> 'queue' FROM event q
    WHERE q.contact = e.contact AND q.kind = 'ContactQueued' AND q.floor = e.floor AND q.seq <= e.seq
    ORDER BY q.seq DESC LIMIT 1) AS queue
FROM event e
WHERE e.floor = $1 AND e.seq = $2 AND e.kind = 'ContactOffered' AND e.body::json ->> 'offer' = $3;

-- name: recording_passed_on
-- Who was put through into a talk that began as another contact's: told in the step in which that one ended. $1 contact text
-- (a uuid), $2 offer text
SELECT p.contact::text FROM event e
JOIN event p ON p.floor = e.floor AND p.seq BETWEEN e.seq AND e.seq + 20 AND p.kind = 'RecordingStarted'
WHERE e.contact = $1::text::uuid AND e.kind = 'ContactEnded' AND p.body::json ->> 'passed_on' = $1
  AND p.body::json ->> 'offer' = $2;

-- name: blob_kept
-- $1 id text (a uuid)
SELECT true FROM blob WHERE id = $1::text::uuid;

-- name: keep_blob
-- No row: it is kept already. $1 id text (a uuid), $2 hash bytea, $3 bytes bigint, $4 path text, $5 key's id text, $6 wrapped
-- key bytea, $7 expires float8 (Unix s)
INSERT INTO blob (id, hash, bytes, path, key_id, key, expires)
VALUES ($1::text::uuid, $2, $3, $4, $5, $6, to_timestamp($7)) ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: keep_recording
-- $1 blob text (a uuid), $2 contact text (a uuid), $3 offer text, $4 agent text, $5 queue text, $6 began float8 (Unix s), $7
-- seconds float8, $8 whole boolean
INSERT INTO recording (blob, contact, offer, agent, queue, began_at, seconds, whole)
VALUES ($1::text::uuid, $2::text::uuid, $3, $4, $5, to_timestamp($6), $7, $8);

-- name: keep_voicemail
-- $1 blob text (a uuid), $2 contact text (a uuid), $3 queue text, $4 left_at double precision (Unix seconds), $5 seconds double precision
INSERT INTO voicemail (blob, contact, queue, left_at, seconds)
VALUES ($1::text::uuid, $2::text::uuid, $3, to_timestamp($4), $5);

-- name: expire_blobs
-- Forget the keys of what is old and not held.
WITH old AS (SELECT ARRAY(SELECT id FROM blob WHERE expires < now() AND NOT hold) AS ids)
DELETE FROM blob WHERE id IN (SELECT unnest(ids) FROM old EXCEPT SELECT held_blobs(ids) FROM old) RETURNING path;

-- name: blob_paths
-- Every file that is kept.
SELECT path FROM blob;

-- name: blobs_of_other_keys
-- $1 the current key's id text, $2 most int
SELECT id::text, key_id, key FROM blob WHERE key_id <> $1 ORDER BY id LIMIT $2::int;

-- name: rewrap_blob
-- $1 id text (a uuid), $2 key's id text, $3 wrapped key bytea
UPDATE blob SET key_id = $2, key = $3 WHERE id = $1::text::uuid;

-- name: mail_out_sealed
-- As the worker. $1 message text (a uuid)
SELECT body, done FROM mail_out WHERE message = $1::text::uuid;

-- name: mail_out_took
-- As the worker: these recipients have it. $1 message text (a uuid), $2 their places int[]
UPDATE mail_out SET done = done || $2::int[] WHERE message = $1::text::uuid;
