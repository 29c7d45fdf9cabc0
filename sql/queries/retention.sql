-- name: retention
-- What is kept for how long, and what the last run did.
SELECT kind, keep_days, extract(epoch FROM ran_at)::float8 AS ran_at, removed, last_removed, held,
       extract(epoch FROM oldest)::float8 AS oldest
FROM retention ORDER BY kind;

-- name: count_batch
-- How many forget_batch would remove if so many days were kept. $1 kind text, $2 days int, $3 place text, null: from the first,
-- $4 most int
SELECT next, removed, held FROM count_batch($1, $2, $3, $4);

-- name: hold_party
-- The whole family, so that an unmerge frees nobody: one row each. $1 id text (a uuid), $2 party text (a uuid), $3 sealed reason
-- text, $4 who text, $5 until float8 (Unix s), null: until it is released
INSERT INTO hold (id, party, reason, who, until) VALUES ($1::text::uuid, $2::text::uuid, $3, $4, to_timestamp($5));

-- name: hold_contact
-- $1 id text (a uuid), $2 contact text (a uuid), $3 sealed reason text, $4 who text, $5 until float8 (Unix s), null: until it is released
INSERT INTO hold (id, contact, reason, who, until) VALUES ($1::text::uuid, $2::text::uuid, $3, $4, to_timestamp($5));

-- name: release_holds
-- Those in force of these. $1 who text, $2 parties text[] (uuids), $3 contacts text[] (uuids)
UPDATE hold SET released_at = now(), released_by = $1
WHERE released_at IS NULL AND (until IS NULL OR until > now())
  AND (party = ANY ($2::text[]::uuid[]) OR contact = ANY ($3::text[]::uuid[]))
RETURNING id::text, party::text, contact::text;

-- name: holds
-- The newest first. $1 also those that are over boolean
SELECT id::text, party::text, contact::text, reason, who, extract(epoch FROM since)::float8 AS since,
       extract(epoch FROM until)::float8 AS until, extract(epoch FROM released_at)::float8 AS released_at, released_by
FROM hold WHERE $1 OR (released_at IS NULL AND (until IS NULL OR until > now())) ORDER BY hold.since DESC, id DESC;

-- name: parties_held
-- Which of these. $1 parties text[] (uuids)
SELECT member::text AS party FROM held_parties() AS member WHERE member = ANY ($1::text[]::uuid[]);

-- name: contacts_held
-- Which of these. $1 contacts text[] (uuids)
SELECT contact::text FROM held_contacts($1::text[]::uuid[]) AS contact;

-- name: party_has_fields
-- Which fields are kept of a party, without their values. $1 party text (a uuid)
SELECT field FROM party_private WHERE party = $1::text::uuid;

-- name: party_looked_at
-- It is no light record any more. $1 parties text[] (uuids)
UPDATE party SET light = false WHERE id = ANY ($1::text[]::uuid[]) AND light;
