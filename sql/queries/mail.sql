-- name: open_mailbox
-- How far it was fetched; from the first message where the server counts anew, and where we were never there from $3 on. $1
-- name text, $2 UIDVALIDITY bigint, $3 uid bigint
INSERT INTO mailbox AS m (name, validity, uid) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE
SET uid = CASE WHEN m.validity = excluded.validity THEN m.uid ELSE 0 END, validity = excluded.validity
RETURNING uid;

-- name: lock_mailbox
-- Whoever keeps messages of it waits here for the other. $1 name text
SELECT validity, uid FROM mailbox WHERE name = $1 FOR UPDATE;

-- name: mail_known
-- A message of before that the server has numbered anew: the same bytes, and no place yet among the new numbers. $1 mailbox
-- text, $2 UIDVALIDITY bigint, $3 hashes tried bytea[]
SELECT m.id::text FROM mail m
WHERE m.mailbox = $1 AND m.lookup = ANY ($3::bytea[])
  AND NOT EXISTS (SELECT FROM mail_place p WHERE p.mail = m.id AND p.mailbox = $1 AND p.validity = $2)
ORDER BY m.id LIMIT 1;

-- name: keep_mail
-- $1 id text (a uuid), $2 mailbox text, $3 state text, $4 bytes bigint, $5 lookup bytea, $6 key text, $7 arrived float8 (Unix s)
INSERT INTO mail (id, mailbox, state, bytes, lookup, key, arrived_at)
VALUES ($1::text::uuid, $2, $3, $4, $5, $6, to_timestamp($7));

-- name: keep_mail_piece
-- $1 id text (a uuid), $2 n int, $3 body bytea
INSERT INTO mail_piece (mail, n, body) VALUES ($1::text::uuid, $2, $3);

-- name: keep_mail_place
-- $1 mailbox text, $2 UIDVALIDITY bigint, $3 uid bigint, $4 id text (a uuid), $5 settled boolean
INSERT INTO mail_place (mailbox, validity, uid, mail, settled) VALUES ($1, $2, $3, $4::text::uuid, $5);

-- name: mailbox_came_to
-- $1 name text, $2 uid bigint
UPDATE mailbox SET uid = $2 WHERE name = $1;

-- name: mail_unsettled
-- What is kept and not yet marked or moved on the server. $1 mailbox text, $2 UIDVALIDITY bigint, $3 most int
SELECT uid FROM mail_place WHERE mailbox = $1 AND validity = $2 AND NOT settled ORDER BY uid LIMIT $3::int;

-- name: settle_mail
-- $1 mailbox text, $2 UIDVALIDITY bigint, $3 uids bigint[]
UPDATE mail_place SET settled = true WHERE mailbox = $1 AND validity = $2 AND uid = ANY ($3::bigint[]);

-- name: mailboxes
-- How far each was fetched, and what is kept of it.
SELECT b.name, b.validity, b.uid, count(m.id) AS kept, count(m.id) FILTER (WHERE m.state <> 'whole') AS not_whole,
       coalesce(sum(m.bytes), 0)::bigint AS bytes, extract(epoch FROM max(m.kept_at))::float8 AS last_kept_at,
       (SELECT count(*) FROM mail_place p WHERE p.mailbox = b.name AND p.validity = b.validity AND NOT p.settled) AS unsettled
FROM mailbox b LEFT JOIN mail m ON m.mailbox = b.name GROUP BY b.name, b.validity, b.uid ORDER BY b.name;

-- name: mails
-- The newest first. $1 most int, $2 mailbox text or null, $3 the id's beginning text or null, $4 only what is not whole boolean
SELECT m.id::text, m.mailbox, m.state, m.bytes, extract(epoch FROM m.arrived_at)::float8 AS arrived_at,
       extract(epoch FROM m.kept_at)::float8 AS kept_at
FROM mail m
WHERE ($2::text IS NULL OR m.mailbox = $2) AND ($3::text IS NULL OR starts_with(m.id::text, $3))
  AND (NOT $4::boolean OR m.state <> 'whole')
ORDER BY m.kept_at DESC, m.arrived_at DESC, m.id DESC LIMIT $1::int;

-- name: audit_mail
-- Before a message is read or erased. $1 who text, $2 uid bigint, $3 via text, $4 act text, $5 mail text (a uuid)
INSERT INTO audit (who, uid, via, act, fields, outcome) VALUES ($1, $2, $3, $4, '{mail}', $5) RETURNING id;

-- name: reveal_mail
-- $1 id of audit_mail bigint
SELECT id::text, key FROM reveal_mail($1);

-- name: mail_piece
-- No row: that was all. $1 id text (a uuid), $2 n int
SELECT body FROM mail_piece WHERE mail = $1::text::uuid AND n = $2;

-- name: erase_mail
-- $1 id of audit_mail bigint
SELECT erase_mail($1);

-- name: mail_secrets
-- The newest, which signs, first.
SELECT key FROM mail_secret ORDER BY id DESC;

-- name: mail_out_number
-- Of a message that is to be sent.
SELECT gen_random_uuid()::text;

-- name: mail_out_keep
-- $1 message text (a uuid), $2 mail that it answers text (a uuid), $3 mailbox text, $4 thread text (a uuid), $5 Message-ID text, $6 hashes of
-- the recipients bytea[], $7 sealed body text
INSERT INTO mail_out (message, mail, mailbox, thread, message_id, people, body)
VALUES ($1::text::uuid, $2::text::uuid, $3, $4::text::uuid, $5, $6::bytea[], $7);

-- name: mail_out_queue
-- $1 message text (a uuid), $2 kind text, $3 destination text, $4 event text, $5 subject text
INSERT INTO outbox (message, kind, destination, event, subject, data) VALUES ($1::text::uuid, $2, $3, $4, $5, '{}');

-- name: mail_out_wrote_to
-- Where one of these was written to. $1 threads text[] (uuids), $2 hashes tried bytea[]
SELECT thread::text FROM mail_out WHERE thread = ANY ($1::text[]::uuid[]) AND people && $2::bytea[]
ORDER BY array_position($1::text[]::uuid[], thread) LIMIT 1;

-- name: mail_unrouted
-- Messages that are to become contacts, the oldest first, and whether the journal has the contact. $1 mailboxes text[], $2 most int
SELECT m.id::text, m.mailbox, extract(epoch FROM m.arrived_at)::float8 AS arrived_at,
       EXISTS (SELECT FROM event e WHERE e.contact = m.id) AS journalled
FROM mail m WHERE NOT m.routed AND m.mailbox = ANY ($1::text[]) ORDER BY m.kept_at, m.id LIMIT $2::int;

-- name: mail_routed
-- $1 ids text[] (uuids)
UPDATE mail SET routed = true WHERE id = ANY ($1::text[]::uuid[]) AND NOT routed;

-- name: mail_gone
-- Which of these messages were erased. $1 ids text[] (uuids)
SELECT named.id FROM unnest($1::text[]) AS named (id) WHERE NOT EXISTS (SELECT FROM mail m WHERE m.id = named.id::uuid);
