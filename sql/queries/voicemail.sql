-- name: voicemails
-- Those that wait, the oldest first; with $2 the others too. $1 queue text or null, $2 all boolean, $3 most int, $4 the id's beginning text or null
SELECT blob::text AS id, contact::text, queue, extract(epoch FROM left_at)::float8 AS left_at, seconds,
       extract(epoch FROM done_at)::float8 AS done_at, done_by
FROM voicemail
WHERE ($1::text IS NULL OR queue = $1) AND ($2::boolean OR done_at IS NULL) AND ($4::text IS NULL OR starts_with(blob::text, $4))
ORDER BY left_at, blob LIMIT $3::int;

-- name: voicemail_done
-- No row: it is so already. $1 blob text (a uuid), $2 who text or null: it waits again
UPDATE voicemail SET done_at = CASE WHEN $2::text IS NULL THEN NULL ELSE now() END, done_by = $2::text
WHERE blob = $1::text::uuid AND (done_at IS NULL) = ($2::text IS NOT NULL) RETURNING blob;

-- name: voicemails_waiting
-- By queue: how many wait, and for how many seconds the oldest has.
SELECT queue, count(*) AS waiting, extract(epoch FROM now() - min(left_at))::float8 AS oldest_s
FROM voicemail WHERE done_at IS NULL GROUP BY queue;
