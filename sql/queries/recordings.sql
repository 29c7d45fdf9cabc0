-- name: recordings
-- The newest first. $1 most int, $2 contact text (a uuid) or null, $3 agent text or null, $4 the id's beginning text or null
SELECT b.id::text, array_agg(r.contact::text ORDER BY r.contact) AS contacts, min(r.agent) AS agent, min(r.queue) AS queue,
       extract(epoch FROM min(r.began_at))::float8 AS began_at, min(r.seconds) AS seconds, bool_and(r.whole) AS whole,
       b.hash AS sha256, b.bytes, b.path, b.key_id, extract(epoch FROM b.kept_at)::float8 AS kept_at,
       extract(epoch FROM b.expires)::float8 AS expires, b.hold
FROM blob b JOIN recording r ON r.blob = b.id
WHERE ($2::text IS NULL OR b.id IN (SELECT of.blob FROM recording of WHERE of.contact = $2::text::uuid))
  AND ($3::text IS NULL OR r.agent = $3) AND ($4::text IS NULL OR starts_with(b.id::text, $4))
GROUP BY b.id, b.hash, b.bytes, b.path, b.key_id, b.kept_at, b.expires, b.hold
ORDER BY min(r.began_at) DESC, b.id LIMIT $1::int;

-- name: audit_recording_read
-- Before a recording can be read. $1 who text, $2 uid bigint, $3 via text, $4 contact text (a uuid), $5 blob text (a uuid)
INSERT INTO audit (who, uid, via, act, contact, fields, outcome)
VALUES ($1, $2, $3, 'read', $4::text::uuid, '{recording}', $5) RETURNING id;

-- name: reveal_blob
-- $1 id of audit_recording_read bigint
SELECT path, hash, key_id, key FROM reveal_blob($1);

-- name: hold_blob
-- No row: it is so already. $1 id text (a uuid), $2 hold boolean
UPDATE blob SET hold = $2 WHERE id = $1::text::uuid AND hold <> $2 RETURNING id;

-- name: erase_recordings
-- $1 id of the audit row 'erase' bigint, $2 contacts text[] (uuids)
SELECT removed, held FROM erase_recordings($1, $2::text[]::uuid[]);

-- name: contacts_of_parties
-- Those that are theirs, and of others named those that are nobody's. $1 parties text[] (uuids), $2 contacts text[] (uuids)
SELECT id::text FROM contact WHERE party = ANY ($1::text[]::uuid[])
UNION
SELECT named.id FROM unnest($2::text[]) AS named (id) LEFT JOIN contact c ON c.id = named.id::uuid WHERE c.party IS NULL;
