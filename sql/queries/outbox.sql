-- name: outbox_routes
-- What destinations of a kind are told now; whoever is not named any more is told nothing. $1 kind text, $2 names text[], $3 events of
-- each, joined by a comma, text[]
WITH wanted AS (
    SELECT name, string_to_array(events, ',') AS events FROM unnest($2::text[], $3::text[]) AS w (name, events)
), left_out AS (
    UPDATE outbox_destination SET events = '{}' WHERE kind = $1 AND name <> ALL ($2::text[]) AND events <> '{}'
)
INSERT INTO outbox_destination AS d (kind, name, events) SELECT $1, name, events FROM wanted
ON CONFLICT (kind, name) DO UPDATE SET events = excluded.events WHERE d.events <> excluded.events;

-- name: outbox_followed
-- Whether anybody is told anything.
SELECT EXISTS (SELECT FROM outbox_destination WHERE events <> '{}');

-- name: outbox_wanted
-- What anybody is told.
SELECT DISTINCT unnest(events) AS event FROM outbox_destination;

-- name: outbox_place
-- How far the follower has come; others wait until this transaction ends.
SELECT outbox_place();

-- name: outbox_placed
-- The follower has come so far. $1 seq bigint
SELECT outbox_placed($1);

-- name: outbox_begin
-- Nothing was to be told before now: the follower begins where the journal ends. $1 floor smallint
SELECT outbox_placed(seq) FROM floor WHERE id = $1;

-- name: outbox_add
-- A message for each destination that is told it. $1 events text[], $2 subjects text[], $3 at float8[] (Unix s), $4 data text[] (JSON), $5
-- parties text[] (uuids) with nulls, $6 contacts text[] (uuids) with nulls
INSERT INTO outbox (kind, destination, event, subject, at, data, party, contact)
SELECT d.kind, d.name, m.event, m.subject, to_timestamp(m.at), m.data::jsonb, m.party::uuid, m.contact::uuid
FROM unnest($1::text[], $2::text[], $3::float8[], $4::text[], $5::text[], $6::text[])
     WITH ORDINALITY AS m (event, subject, at, data, party, contact, place)
JOIN outbox_destination d ON m.event = ANY (d.events) ORDER BY m.place;

-- name: outbox_take
-- A destination whose lease is over, or was this worker's. No row: another worker has it. $1 kind text, $2 name text, $3 worker text, $4
-- the lease in seconds float8
UPDATE outbox_destination SET worker = $3, term = term + 1, leased_until = now() + make_interval(secs => $4)
WHERE kind = $1 AND name = $2 AND (leased_until < now() OR worker = $3) RETURNING term;

-- name: outbox_beat
-- The worker lives, and asks how the destination stands. No row: it is ours no more. $1 kind text, $2 name text, $3 worker text, $4 term
-- bigint, $5 the lease in seconds float8
UPDATE outbox_destination SET leased_until = now() + make_interval(secs => $5)
WHERE kind = $1 AND name = $2 AND worker = $3 AND term = $4
RETURNING gone_at IS NOT NULL AS gone, greatest(0, extract(epoch FROM paused_until - now()))::float8 AS paused_s;

-- name: outbox_release
-- The worker goes. $1 kind text, $2 name text, $3 worker text, $4 term bigint
UPDATE outbox_destination SET leased_until = now() WHERE kind = $1 AND name = $2 AND worker = $3 AND term = $4;

-- name: outbox_heads
-- What may be sent now: of each subject the oldest message, when its time has come. $1 kind text, $2 destination text, $3 most int, $4
-- subjects that are being sent text[]
SELECT o.id, o.message::text, o.event, o.subject, extract(epoch FROM o.at)::float8 AS at, o.data::text, o.attempts
FROM outbox o
WHERE o.kind = $1 AND o.destination = $2 AND o.state = 'queued' AND o.due <= now() AND o.subject <> ALL ($4::text[])
  AND NOT EXISTS (SELECT FROM outbox e WHERE e.kind = o.kind AND e.destination = o.destination AND e.subject = o.subject
                  AND e.state = 'queued' AND e.id < o.id)
ORDER BY o.id LIMIT $3::int;

-- name: outbox_hurry
-- It takes messages again: what waits after a failure need not wait. $1 kind text, $2 destination text
UPDATE outbox SET due = now() WHERE kind = $1 AND destination = $2 AND state = 'queued' AND due > now();

-- name: outbox_sent
-- It was taken. No row: the destination is ours no more, or the message is not. $1 kind text, $2 name text, $3 worker text, $4 term bigint,
-- $5 id bigint
WITH ours AS (
    UPDATE outbox_destination SET sent = sent + 1, sent_at = now(), paused_until = NULL
    WHERE kind = $1 AND name = $2 AND worker = $3 AND term = $4 RETURNING kind
)
UPDATE outbox o SET state = 'sent', attempts = attempts + 1, ended_at = now(), error = '' FROM ours
WHERE o.id = $5 AND o.state = 'queued' RETURNING o.id;

-- name: outbox_failed
-- It was not taken; too old, it is dead. No row as in outbox_sent. $1 kind text, $2 name text, $3 worker text, $4 term bigint, $5 id bigint,
-- $6 error text, $7 again in seconds float8, $8 the greatest age in seconds float8, $9 how long the destination wants quiet in seconds
-- float8 or null, $10 it is gone boolean
WITH ours AS (
    UPDATE outbox_destination SET failed = failed + 1, failed_at = now(), error = $6,
        paused_until = coalesce(now() + make_interval(secs => $9), paused_until),
        gone_at = CASE WHEN $10::boolean THEN coalesce(gone_at, now()) ELSE gone_at END
    WHERE kind = $1 AND name = $2 AND worker = $3 AND term = $4 RETURNING kind
)
UPDATE outbox o SET attempts = attempts + 1, error = $6, due = now() + make_interval(secs => $7),
    state = CASE WHEN o.since < now() - make_interval(secs => $8) THEN 'dead' ELSE 'queued' END,
    ended_at = CASE WHEN o.since < now() - make_interval(secs => $8) THEN now() END
FROM ours WHERE o.id = $5 AND o.state = 'queued' RETURNING o.state;

-- name: outbox_aged
-- What has waited for longer than it may is dead, tried or not. $1 kind text, $2 destination text, null: those that nobody is configured
-- for, $3 the greatest age in seconds float8
UPDATE outbox o SET state = 'dead', ended_at = now(),
    error = coalesce(nullif(o.error, ''), 'It was never tried: no worker, or the destination was being let be.')
WHERE o.kind = $1 AND o.state = 'queued' AND o.since < now() - make_interval(secs => $3)
  AND CASE WHEN $2::text IS NULL THEN EXISTS (SELECT FROM outbox_destination d WHERE d.kind = o.kind AND d.name = o.destination
                                              AND d.events = '{}') ELSE o.destination = $2 END
RETURNING o.id;

-- name: outbox_tidy
-- Destinations that are configured no more and have no message left. $1 kind text
DELETE FROM outbox_destination d WHERE d.kind = $1 AND d.events = '{}' AND d.leased_until < now()
  AND NOT EXISTS (SELECT FROM outbox o WHERE o.kind = d.kind AND o.destination = d.name);

-- name: events_of_contacts
-- What happened to contacts up to a fact, in order. $1 contacts text[] (uuids), $2 seq bigint (included)
SELECT seq, extract(epoch FROM at)::float8 AS at, kind, version, body
FROM event WHERE contact = ANY ($1::text[]::uuid[]) AND seq <= $2 ORDER BY seq;
