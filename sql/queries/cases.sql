-- name: case_add
-- A new case. No row: another one has the number, roll again. $1 id text (a uuid), $2 number text, $3 type text, $4 topic text or
-- null, $5 status text, $6 phase text, $7 party text (a uuid) or null, $8 agent text or null, $9 queue text or null, $10 the case
-- that it follows text (a uuid) or null
INSERT INTO customer_case (id, number, type, topic, status, phase, party, agent, queue, follows, closed_at)
VALUES ($1::text::uuid, $2, $3, $4, $5, $6::text, $7::text::uuid, $8, $9, $10::text::uuid,
        CASE WHEN $6::text = 'closed' THEN now() END)
ON CONFLICT (number) DO NOTHING RETURNING extract(epoch FROM now())::float8 AS at;

-- name: case_hold
-- Hold a case still until the transaction ends; at is when that is. $1 id text (a uuid)
SELECT id::text, number, type, topic, status, phase, party::text, agent, queue, follows::text,
       extract(epoch FROM made_at)::float8 AS made_at, extract(epoch FROM changed_at)::float8 AS changed_at,
       extract(epoch FROM closed_at)::float8 AS closed_at, extract(epoch FROM now())::float8 AS at
FROM customer_case WHERE id = $1::text::uuid FOR UPDATE;

-- name: case_set
-- As it is now. $1 id text (a uuid), $2 type text, $3 topic text or null, $4 status text, $5 phase text, $6 party text (a uuid) or
-- null, $7 agent text or null, $8 queue text or null
UPDATE customer_case SET type = $2, topic = $3, status = $4, phase = $5::text, party = $6::text::uuid, agent = $7, queue = $8,
       changed_at = now(), closed_at = CASE WHEN $5::text = 'closed' THEN coalesce(closed_at, now()) END
WHERE id = $1::text::uuid;

-- name: case_changed
-- One line of the history each. $1 case text (a uuid), $2 who text, $3 what text[], $4 was text[], $5 now text[]
INSERT INTO case_change (case_id, who, what, was, now)
SELECT $1::text::uuid, $2::text, c.what, c.was, c.now FROM unnest($3::text[], $4::text[], $5::text[]) AS c (what, was, now);

-- name: case_word
-- What somebody wrote. $1 id text (a uuid), $2 case text (a uuid), $3 field text, $4 who text, $5 contact text (a uuid) or null,
-- $6 sealed value text, null: cleared
INSERT INTO case_word (id, case_id, field, who, contact, value)
VALUES ($1::text::uuid, $2::text::uuid, $3, $4, $5::text::uuid, $6);

-- name: case_link
-- No row: linked already. $1 case text (a uuid), $2 contact text (a uuid)
INSERT INTO case_contact (case_id, contact) VALUES ($1::text::uuid, $2::text::uuid) ON CONFLICT DO NOTHING RETURNING at;

-- name: case_unlink
-- No row: it was not linked. $1 case text (a uuid), $2 contact text (a uuid)
DELETE FROM case_contact WHERE case_id = $1::text::uuid AND contact = $2::text::uuid RETURNING at;

-- name: case_target_write
-- A target as it is now; times in Unix seconds or null. $1 case text (a uuid), $2 kind text, $3 calendar text or null, $4 left_s
-- float8, $5 since float8, $6 warn_at float8, $7 due float8, $8 met_at float8, $9 broken_at float8, $10 warned_at float8
INSERT INTO case_target (case_id, kind, calendar, left_s, since, warn_at, due, met_at, broken_at, warned_at)
VALUES ($1::text::uuid, $2, $3, $4, to_timestamp($5), to_timestamp($6), to_timestamp($7), to_timestamp($8),
        to_timestamp($9), to_timestamp($10))
ON CONFLICT (case_id, kind) DO UPDATE SET calendar = excluded.calendar, left_s = excluded.left_s, since = excluded.since,
    warn_at = excluded.warn_at, due = excluded.due, met_at = excluded.met_at, broken_at = excluded.broken_at,
    warned_at = excluded.warned_at;

-- name: case_by_number
-- $1 number text
SELECT id::text FROM customer_case WHERE number = $1;

-- name: cases_beginning
-- Cases whose id begins so. $1 lowest text (a uuid), $2 highest text, $3 most int
SELECT id::text FROM customer_case WHERE id BETWEEN $1::text::uuid AND $2::text::uuid ORDER BY id LIMIT $3::int;

-- name: case_follower
-- The newest case that follows this one. $1 id text (a uuid)
SELECT id::text FROM customer_case WHERE follows = $1::text::uuid ORDER BY made_at DESC, id DESC LIMIT 1;

-- name: case_rows
-- Cases by their ids. $1 ids text[] (uuids)
SELECT id::text, number, type, topic, status, phase, party::text, agent, queue, follows::text,
       extract(epoch FROM made_at)::float8 AS made_at, extract(epoch FROM changed_at)::float8 AS changed_at,
       extract(epoch FROM closed_at)::float8 AS closed_at
FROM customer_case WHERE id = ANY ($1::text[]::uuid[]) ORDER BY made_at DESC, id;

-- name: cases
-- The newest first; null asks for no such thing. $1 closed ones too boolean, $2 type text, $3 topic text, $4 status text, $5 agent
-- text, $6 queue text, $7 a party and all merged into it text (a uuid), $8 contact text (a uuid), $9 most int
SELECT k.id::text, k.number, k.type, k.topic, k.status, k.phase, k.party::text, k.agent, k.queue, k.follows::text,
       extract(epoch FROM k.made_at)::float8 AS made_at, extract(epoch FROM k.changed_at)::float8 AS changed_at,
       extract(epoch FROM k.closed_at)::float8 AS closed_at
FROM customer_case k
WHERE ($1::boolean OR k.phase <> 'closed') AND ($2::text IS NULL OR k.type = $2) AND ($3::text IS NULL OR k.topic = $3)
  AND ($4::text IS NULL OR k.status = $4) AND ($5::text IS NULL OR k.agent = $5) AND ($6::text IS NULL OR k.queue = $6)
  AND ($7::text IS NULL OR k.party = ANY (ARRAY(SELECT party_family($7::text::uuid))))
  AND ($8::text IS NULL OR k.id = ANY (ARRAY(SELECT l.case_id FROM case_contact l WHERE l.contact = $8::text::uuid)))
ORDER BY k.made_at DESC, k.id LIMIT $9::int;

-- name: case_targets
-- Targets of cases. $1 cases text[] (uuids)
SELECT case_id::text, kind, calendar, left_s, extract(epoch FROM since)::float8 AS since,
       extract(epoch FROM warn_at)::float8 AS warn_at, extract(epoch FROM due)::float8 AS due,
       extract(epoch FROM met_at)::float8 AS met_at, extract(epoch FROM broken_at)::float8 AS broken_at,
       extract(epoch FROM warned_at)::float8 AS warned_at
FROM case_target WHERE case_id = ANY ($1::text[]::uuid[]) ORDER BY case_id, kind;

-- name: case_changes
-- The history of a case, the oldest first. $1 id text (a uuid)
SELECT extract(epoch FROM at)::float8 AS at, who, what, was, now FROM case_change WHERE case_id = $1::text::uuid ORDER BY id;

-- name: case_contacts
-- The contacts that are about cases, the oldest first; what history does not know yet is null. $1 cases text[] (uuids)
SELECT l.case_id::text, l.contact::text, extract(epoch FROM l.at)::float8 AS linked_at, c.medium, c.queue, c.agent, c.outcome,
       extract(epoch FROM c.arrived_at)::float8 AS arrived_at, extract(epoch FROM c.connected_at)::float8 AS connected_at,
       c.party::text, coalesce(c.talk_s, 0) AS talk_s
FROM case_contact l LEFT JOIN contact c ON c.id = l.contact
WHERE l.case_id = ANY ($1::text[]::uuid[]) ORDER BY l.case_id, coalesce(c.arrived_at, l.at), l.contact;

-- name: contact_of_case
-- What a link needs to know of a contact; no row: history does not know it yet. $1 contact text (a uuid)
SELECT party::text, extract(epoch FROM arrived_at)::float8 AS arrived_at,
       extract(epoch FROM connected_at)::float8 AS connected_at FROM contact WHERE id = $1::text::uuid;

-- name: audit_case_reads
-- Before the words of cases are shown: one row each. $1 who text, $2 uid bigint, $3 via text, $4 cases text[] (uuids)
INSERT INTO audit (who, uid, via, act, party, case_id, fields)
SELECT $1, $2, $3, 'read', k.party, k.id, '{case}' FROM customer_case k WHERE k.id = ANY ($4::text[]::uuid[]) RETURNING id;

-- name: audit_case_act
-- Somebody did something to a case. $1 who text, $2 uid bigint, $3 via text, $4 act text, $5 party text (a uuid) or null, $6 case
-- text (a uuid), $7 outcome text
INSERT INTO audit (who, uid, via, act, party, case_id, outcome) VALUES ($1, $2, $3, $4, $5::text::uuid, $6::text::uuid, $7);

-- name: reveal_case
-- The words of the reads that were written down, and only of these, the oldest first. $1 ids of audit_case_reads bigint[]
SELECT id::text, case_id::text, field, extract(epoch FROM at)::float8 AS at, who, contact::text, value
FROM reveal_case($1) ORDER BY at, id;

-- name: case_last_status
-- When the status was changed last, and from what; no row: never. $1 id text (a uuid)
SELECT extract(epoch FROM at)::float8 AS at, was FROM case_change
WHERE case_id = $1::text::uuid AND what = 'status' ORDER BY id DESC LIMIT 1;

-- name: erase_cases
-- Before erase_party. $1 id of the audit row 'erase' bigint, $2 party text (a uuid), $3 contacts found by their numbers text[] (uuids)
SELECT erase_cases($1, $2::text::uuid, $3::text[]::uuid[]);

-- name: case_counts
-- Cases that are not closed, by what their status means.
SELECT phase, count(*) AS count FROM customer_case WHERE phase <> 'closed' GROUP BY phase;

-- name: target_counts
-- Targets that run: in time, about to break, and broken.
SELECT kind, count(*) FILTER (WHERE due > now() AND (warn_at IS NULL OR warn_at > now())) AS running,
       count(*) FILTER (WHERE due > now() AND warn_at <= now()) AS soon, count(*) FILTER (WHERE due <= now()) AS broken
FROM case_target WHERE due IS NOT NULL GROUP BY kind;

-- name: cases_due
-- Targets that run and break next, those that broke first; null asks for no such thing. $1 due at the latest in so many seconds
-- float8, $2 type text, $3 agent text, $4 queue text, $5 most int
SELECT t.case_id::text, t.kind FROM case_target t JOIN customer_case k ON k.id = t.case_id
WHERE t.due <= now() + make_interval(secs => $1) AND ($2::text IS NULL OR k.type = $2) AND ($3::text IS NULL OR k.agent = $3)
  AND ($4::text IS NULL OR k.queue = $4)
ORDER BY t.due, t.case_id, t.kind LIMIT $5::int;
