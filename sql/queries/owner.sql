-- name: unsealed_identities
-- As the owner: identities that are not sealed as they would be now, by place. $1 after id bigint, $2 most int, $3 what a value
-- begins with that is text
SELECT id, party::text, kind, value FROM party_identity
WHERE id > $1 AND NOT starts_with(value, $3) ORDER BY id LIMIT $2::int;

-- name: reseal_identity
-- As the owner: seal it anew. $1 id bigint, $2 sealed value text, $3 hash bytea, $4 the value as it was read text
UPDATE party_identity SET value = $2, lookup = $3 WHERE id = $1 AND value = $4;

-- name: unsealed_fields
-- As the owner: fields that are not sealed as they would be now, and names without the hash of what is alike, by place. $1 after
-- party text (a uuid), $2 after field text, $3 most int, $4 what a value begins with that is text
SELECT party::text, field, value, lookup IS NOT NULL AS found FROM party_private
WHERE (party, field) > ($1::text::uuid, $2)
  AND (NOT starts_with(value, $4) OR (lookup IS NOT NULL AND alike IS NULL)) ORDER BY party, field LIMIT $3::int;

-- name: reseal_field
-- As the owner: seal it anew. $1 party text (a uuid), $2 field text, $3 sealed value text, $4 hash bytea or null, $5 hash of what is
-- alike bytea or null, $6 the value as it was read text
UPDATE party_private SET value = $3, lookup = $4, alike = $5 WHERE party = $1::text::uuid AND field = $2 AND value = $6;

-- name: unsealed_notes
-- As the owner: notes that are not sealed as they would be now, by place. $1 after id text (a uuid), $2 most int, $3 what a value
-- begins with that is text
SELECT id::text, body FROM party_note
WHERE id > $1::text::uuid AND NOT starts_with(body, $3) ORDER BY id LIMIT $2::int;

-- name: reseal_note
-- As the owner: seal it anew. $1 id text (a uuid), $2 sealed body text, $3 the body as it was read text
UPDATE party_note SET body = $2 WHERE id = $1::text::uuid AND body = $3;

-- name: unsealed_case_words
-- As the owner: words of cases that are not sealed as they would be now, by place. $1 after id text (a uuid), $2 most int, $3 what a
-- value begins with that is text
SELECT id::text, value FROM case_word
WHERE id > $1::text::uuid AND NOT starts_with(value, $3) ORDER BY id LIMIT $2::int;

-- name: reseal_case_word
-- As the owner: seal it anew. $1 id text (a uuid), $2 sealed value text, $3 the value as it was read text
UPDATE case_word SET value = $2 WHERE id = $1::text::uuid AND value = $3;

-- name: unsealed_callers
-- As the owner: numbers and names that are not kept as they would be now, or not found by a hash, by place. $1 after contact text
-- (a uuid), $2 most int, $3 what a sealed value begins with text, $4 what a value begins with that is text; null: it is not sealed
SELECT contact::text, ani, name FROM contact_private
WHERE contact > $1::text::uuid AND (
    (ani IS NOT NULL AND (lookup IS NULL OR starts_with(ani, coalesce($4::text, $3)) <> ($4::text IS NOT NULL)))
    OR (name IS NOT NULL AND starts_with(name, coalesce($4::text, $3)) <> ($4::text IS NOT NULL)))
ORDER BY contact LIMIT $2::int;

-- name: reseal_caller
-- As the owner: keep it as it would be kept now. $1 contact text (a uuid), $2 number text, $3 name text, $4 hash bytea, and as they
-- were read: $5 number text, $6 name text
UPDATE contact_private SET ani = $2, name = $3, lookup = $4
WHERE contact = $1::text::uuid AND ani IS NOT DISTINCT FROM $5 AND name IS NOT DISTINCT FROM $6;

-- name: retention_set
-- As the owner: how long a kind is kept. $1 kind text, $2 days int, null: for ever
INSERT INTO retention (kind, keep_days) VALUES ($1, $2) ON CONFLICT (kind) DO UPDATE SET keep_days = excluded.keep_days;

-- name: unsealed_holds
-- As the owner: reasons that are not sealed as they would be now, by place. $1 after id text (a uuid), $2 most int, $3 what a value
-- begins with that is text
SELECT id::text, reason FROM hold WHERE id > $1::text::uuid AND NOT starts_with(reason, $3) ORDER BY id LIMIT $2::int;

-- name: reseal_hold
-- As the owner: seal it anew. $1 id text (a uuid), $2 sealed reason text, $3 the reason as it was read text
UPDATE hold SET reason = $2 WHERE id = $1::text::uuid AND reason = $3;

-- name: unsealed_transcripts
-- As the owner: words that are not sealed with the current key, by place. $1 after contact text (a uuid), $2 after message text,
-- $3 most int, $4 what a sealed value begins with text
SELECT contact::text, message, body FROM transcript
WHERE (contact, message) > ($1::text::uuid, $2::text) AND NOT starts_with(body, $4)
ORDER BY contact, message LIMIT $3::int;

-- name: reseal_transcript
-- As the owner. $1 contact text (a uuid), $2 message text, $3 body text, $4 body text as it was read
UPDATE transcript SET body = $3 WHERE contact = $1::text::uuid AND message = $2 AND body = $4;

-- name: unsealed_mails_out
-- As the owner: mail that is sent and not sealed as it would be now, by place. $1 after message text (a uuid), $2 most int, $3 what a
-- body begins with that is text
SELECT message::text AS id, body FROM mail_out
WHERE message > $1::text::uuid AND NOT starts_with(body, $3) ORDER BY message LIMIT $2::int;

-- name: reseal_mail_out
-- As the owner: seal it anew. $1 message text (a uuid), $2 sealed body text, $3 hashes bytea[], $4 the body as it was read text
UPDATE mail_out SET body = $2, people = $3::bytea[] WHERE message = $1::text::uuid AND body = $4;

-- name: unsealed_mails
-- As the owner: messages whose key is not sealed as it would be now, by place. $1 after id text (a uuid), $2 most int, $3 what a
-- key begins with that is text
SELECT id::text, key FROM mail WHERE id > $1::text::uuid AND NOT starts_with(key, $3) ORDER BY id LIMIT $2::int;

-- name: reseal_mail
-- As the owner: seal it anew. $1 id text (a uuid), $2 sealed key text, $3 hash bytea, $4 the key as it was read text
UPDATE mail SET key = $2, lookup = $3 WHERE id = $1::text::uuid AND key = $4;
