-- name: import_find
-- The newest import of a file. $1 the file's hash bytea
SELECT id, options, who, extract(epoch FROM began_at)::float8 AS began_at, ended_at IS NOT NULL AS ended, position,
       made, completed, updated, skipped, refused
FROM party_import WHERE sha256 = $1 ORDER BY id DESC LIMIT 1;

-- name: import_begin
-- $1 the file's hash bytea, $2 the options' hash bytea, $3 who text
INSERT INTO party_import (sha256, options, who) VALUES ($1, $2, $3) RETURNING id;

-- name: import_advance
-- So many rows further, and what became of them; no row: somebody else went further meanwhile. $1 id bigint, $2 from
-- position bigint, $3 to position bigint, $4 made bigint, $5 completed bigint, $6 updated bigint, $7 skipped bigint, $8 refused bigint
UPDATE party_import SET position = $3, changed_at = now(), made = made + $4, completed = completed + $5,
    updated = updated + $6, skipped = skipped + $7, refused = refused + $8
WHERE id = $1 AND position = $2 AND ended_at IS NULL RETURNING id;

-- name: import_end
-- The whole file is dealt with. $1 id bigint
UPDATE party_import SET ended_at = now(), changed_at = now() WHERE id = $1 AND ended_at IS NULL RETURNING id;

-- name: import_match
-- Whose identities these are: hash, party, whether its record is light. $1 hashes tried bytea[]
SELECT lookup, party::text, light FROM match_identities($1::bytea[]);

-- name: import_change
-- Many records at once; they are light no longer. Null leaves a column. $1 parties text[] (uuids), $2 kinds text[],
-- $3 languages text[], $4 media text[], $5 vip boolean[]
UPDATE party p SET light = false, changed_at = now(), kind = coalesce(n.kind, p.kind),
    language = coalesce(n.language, p.language), medium = coalesce(n.medium, p.medium), vip = coalesce(n.vip, p.vip)
FROM unnest($1::text[]::uuid[], $2::text[], $3::text[], $4::text[], $5::boolean[]) AS n (id, kind, language, medium, vip)
WHERE p.id = n.id;

-- name: import_identify
-- More identities for records that there are; one that a record has already is left alone. $1 parties text[] (uuids),
-- $2 kinds text[], $3 hashes bytea[], $4 sealed values text[]
INSERT INTO party_identity (party, kind, lookup, value)
SELECT n.party, n.kind, n.lookup, n.value
FROM unnest($1::text[]::uuid[], $2::text[], $3::bytea[], $4::text[]) AS n (party, kind, lookup, value)
ON CONFLICT DO NOTHING;

-- name: import_clear_fields
-- Fields that are written anew. $1 parties text[] (uuids), $2 fields text[]
DELETE FROM party_private p USING unnest($1::text[]::uuid[], $2::text[]) AS n (party, field)
WHERE p.party = n.party AND p.field = n.field;

-- name: import_consents
-- Answers of records that there are, but those kept already: the same at the same time, or without a time the same as the
-- last. $1 parties text[] (uuids), $2 purposes text[], $3 given boolean[], $4 when float8[] (Unix s) or null, $5 how text, $6 who text
INSERT INTO party_consent (party, purpose, given, at, how, who)
SELECT n.party, n.purpose, n.given, coalesce(to_timestamp(n.at), now()), $5, $6
FROM unnest($1::text[]::uuid[], $2::text[], $3::boolean[], $4::float8[]) AS n (party, purpose, given, at)
WHERE CASE WHEN n.at IS NULL THEN n.given IS DISTINCT FROM (
        SELECT c.given FROM party_consent c WHERE c.party = n.party AND c.purpose = n.purpose
        ORDER BY c.at DESC, c.id DESC LIMIT 1)
    ELSE NOT EXISTS (SELECT FROM party_consent c WHERE c.party = n.party AND c.purpose = n.purpose
        AND c.given = n.given AND c.at = to_timestamp(n.at)) END;

-- name: audit_import_changes
-- One row a record that an import changed. $1 who text, $2 uid bigint, $3 via text, $4 parties text[] (uuids), $5 outcome text
INSERT INTO audit (who, uid, via, act, party, outcome)
SELECT $1, $2, $3, 'customer-set', p.party::uuid, $5 FROM unnest($4::text[]) AS p (party);

-- name: import_holder
-- Who imports now, by the advisory lock that an import holds, and the newest import that has not ended. $1 the lock bigint
SELECT l.pid, i.who, extract(epoch FROM i.began_at)::float8 AS began_at, i.position,
       extract(epoch FROM now() - i.changed_at)::float8 AS still_s
FROM pg_locks l LEFT JOIN LATERAL (SELECT * FROM party_import WHERE ended_at IS NULL ORDER BY changed_at DESC LIMIT 1) AS i ON true
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid::bigint = $1::bigint >> 32 AND l.objid::bigint = $1::bigint & 4294967295 LIMIT 1;
