-- name: audit_reads
-- Before a personal value is shown: one row a contact. $1 who text, $2 uid bigint, $3 via text, $4 contacts text[] (uuids),
-- $5 fields text[] (ani, name)
INSERT INTO audit (who, uid, via, act, contact, fields)
SELECT $1, $2, $3, 'read', c.contact::uuid, $5 FROM unnest($4::text[]) AS c (contact) RETURNING id;

-- name: reveal
-- The personal values of the reads that were written down, and only of these. $1 the ids of audit_reads bigint[]
SELECT contact::text, ani, name FROM reveal($1);

-- name: erase_private
-- A person's number and name, for good. $1 contact text (a uuid)
DELETE FROM contact_private WHERE contact = $1::text::uuid RETURNING contact;

-- name: audit_act
-- Somebody acted. $1 who text, $2 uid bigint, $3 via text, $4 act text, $5 contact text (a uuid) or null, $6 agent text or null,
-- $7 fields text[], $8 outcome text
INSERT INTO audit (who, uid, via, act, contact, agent, fields, outcome) VALUES ($1, $2, $3, $4, $5::text::uuid, $6, $7, $8)
RETURNING id;

-- name: audit_rows
-- Who did what, the newest first. $1 most int, $2 contact text (a uuid): only of this one; null: all
SELECT id, extract(epoch FROM at)::float8 AS at, who, uid, via, act, contact::text, agent, fields, outcome,
       login::text, host(client) AS client
FROM audit WHERE $2::text IS NULL OR contact = $2::text::uuid ORDER BY id DESC LIMIT $1;

-- name: known_migrations
-- How far the database was migrated, and the oldest contactd that it still works with.
SELECT coalesce(max(number), 0) AS number, coalesce(max(coalesce(runs_with, number)), 0) AS runs_with FROM migration;

-- name: find_caller
-- The contacts of a number, the newest first. $1 the id of an audit row 'search' bigint, $2 its spellings text[], $3 its hashes
-- bytea[]
SELECT contact::text FROM find_callers($1, $2::text[], $3::bytea[]) AS contact;

-- name: audit_transcript_read
-- Before a transcript can be read. $1 who text, $2 uid bigint, $3 via text, $4 contact text (a uuid)
INSERT INTO audit (who, uid, via, act, contact, fields) VALUES ($1, $2, $3, 'read', $4::text::uuid, '{transcript}') RETURNING id;

-- name: reveal_transcript
-- In the order of time. $1 id of audit_transcript_read bigint
SELECT message, extract(epoch FROM at)::float8 AS at, author, body FROM reveal_transcript($1) ORDER BY message;
