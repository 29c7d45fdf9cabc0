-- name: outbox_figures
-- Every destination: how it stands and what waits. lag_s: since when the journal has facts that nobody has looked at for the outbox. $1
-- floor smallint
SELECT d.kind, d.name, d.events, d.worker, d.leased_until > now() AS served, d.sent, d.failed, d.error,
       extract(epoch FROM d.sent_at)::float8 AS sent_at, extract(epoch FROM d.failed_at)::float8 AS failed_at,
       extract(epoch FROM d.paused_until)::float8 AS paused_until, extract(epoch FROM d.gone_at)::float8 AS gone_at,
       (SELECT count(*) FROM outbox o WHERE o.kind = d.kind AND o.destination = d.name AND o.state = 'queued') AS queued,
       (SELECT count(*) FROM outbox o WHERE o.kind = d.kind AND o.destination = d.name AND o.state = 'dead') AS dead,
       coalesce((SELECT extract(epoch FROM now() - o.since)::float8 FROM outbox o
                 WHERE o.kind = d.kind AND o.destination = d.name AND o.state = 'queued' ORDER BY o.id LIMIT 1), 0) AS oldest_s,
       coalesce((SELECT extract(epoch FROM now() - e.at)::float8 FROM event e
                 WHERE e.floor = $1 AND e.seq > (SELECT p.seq FROM projection p WHERE p.name = 'outbox')
                   AND d.events <> '{}' ORDER BY e.seq LIMIT 1), 0) AS lag_s
FROM outbox_destination d ORDER BY d.kind, d.name;

-- name: outbox_messages
-- The newest first. $1 kind text, $2 destination text or null, $3 state text or null, $4 most int
SELECT o.id, o.destination, o.message::text, o.event, o.subject, o.state, o.attempts, o.error, o.data::text,
       extract(epoch FROM o.at)::float8 AS at, extract(epoch FROM o.since)::float8 AS since, extract(epoch FROM o.due)::float8 AS due,
       extract(epoch FROM o.ended_at)::float8 AS ended_at
FROM outbox o WHERE o.kind = $1 AND ($2::text IS NULL OR o.destination = $2) AND ($3::text IS NULL OR o.state = $3)
ORDER BY o.id DESC LIMIT $4::int;

-- name: outbox_message
-- $1 kind text, $2 message text (a uuid)
SELECT o.id, o.destination, o.message::text, o.event, o.subject, o.state, o.attempts, o.error, o.data::text,
       extract(epoch FROM o.at)::float8 AS at, extract(epoch FROM o.since)::float8 AS since, extract(epoch FROM o.due)::float8 AS due,
       extract(epoch FROM o.ended_at)::float8 AS ended_at
FROM outbox o WHERE o.kind = $1 AND o.message = $2::text::uuid;

-- name: outbox_retry
-- Try now, as if it were new: one message, or all dead ones of a destination. $1 kind text, $2 destination text, $3 message text (a uuid)
-- or null
UPDATE outbox o SET state = 'queued', due = now(), since = now(), attempts = 0, ended_at = NULL
WHERE o.kind = $1 AND o.destination = $2
  AND CASE WHEN $3::text IS NULL THEN o.state = 'dead' ELSE o.message = $3::text::uuid AND o.state IN ('dead', 'queued', 'dropped') END
RETURNING o.id;

-- name: outbox_resume
-- The destination is tried again, whatever it said. $1 kind text, $2 name text
UPDATE outbox_destination SET gone_at = NULL, paused_until = NULL WHERE kind = $1 AND name = $2 RETURNING name;

-- name: outbox_drop
-- Not to be sent: one message, or all of a destination that are dead (or, all of them, wait too). $1 kind text, $2 destination text, $3
-- message text (a uuid) or null, $4 those that wait too boolean
UPDATE outbox o SET state = 'dropped', ended_at = now()
WHERE o.kind = $1 AND o.destination = $2 AND (o.state = 'dead' OR o.state = 'queued' AND ($3::text IS NOT NULL OR $4))
  AND ($3::text IS NULL OR o.message = $3::text::uuid) RETURNING o.id;

-- name: outbox_test
-- A message for one destination, whatever it is told. $1 kind text, $2 destination text, $3 event text, $4 subject text, $5 data text (JSON)
INSERT INTO outbox (kind, destination, event, subject, data) VALUES ($1, $2, $3, $4, $5::text::jsonb) RETURNING message::text;
