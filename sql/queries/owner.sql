-- name: unsealed_identities
-- As the owner: identities by place. $1 after id bigint, $2 most int
SELECT id, party::text, kind, value FROM party_identity WHERE id > $1 ORDER BY id LIMIT $2::int;

-- name: reseal_identity
-- As the owner: seal it anew. $1 id bigint, $2 sealed value text, $3 hash bytea, $4 the value as it was read text
UPDATE party_identity SET value = $2, lookup = $3 WHERE id = $1 AND value = $4;

-- name: unsealed_fields
-- As the owner: fields by place. $1 after party text (a uuid), $2 after field text, $3 most int
SELECT party::text, field, value, lookup IS NOT NULL AS found FROM party_private
WHERE (party, field) > ($1::text::uuid, $2) ORDER BY party, field LIMIT $3::int;

-- name: reseal_field
-- As the owner: seal it anew. $1 party text (a uuid), $2 field text, $3 sealed value text, $4 hash bytea or null, $5 the value as it was read text
UPDATE party_private SET value = $3, lookup = $4 WHERE party = $1::text::uuid AND field = $2 AND value = $5;

-- name: unsealed_notes
-- As the owner: notes by place. $1 after id text (a uuid), $2 most int
SELECT id::text, party::text, body FROM party_note WHERE id > $1::text::uuid ORDER BY id LIMIT $2::int;

-- name: reseal_note
-- As the owner: seal it anew. $1 id text (a uuid), $2 sealed body text, $3 the body as it was read text
UPDATE party_note SET body = $2 WHERE id = $1::text::uuid AND body = $3;
