-- name: party_arrives
-- Who an identity belongs to, with what routing reads; nobody's becomes a light record. One row a party. $1 fresh id text (a
-- uuid; null: none is made), $2 hashes tried bytea[], $3 kind text, $4 the current hash bytea, $5 the sealed value text,
-- $6 days back for the last agents int, 0: none
WITH met AS MATERIALIZED (
    SELECT party FROM meet_party($1::text::uuid, $2::bytea[], $3::text, $4::bytea, $5::text) AS party
)
SELECT m.party::text AS party, coalesce(f.vip, false) AS vip, f.language, coalesce(f.light, true) AS light,
       coalesce(last.queues, '{}') AS queues, coalesce(last.agents, '{}') AS agents, said.recording, coalesce(f.text, false) AS text
FROM met m
LEFT JOIN LATERAL (
    SELECT bool_or(p.vip) AS vip, bool_or(p.medium = 'tty') AS text, bool_and(p.light) AS light,
           (array_agg(p.language ORDER BY (p.id = m.party) DESC, p.id) FILTER (WHERE p.language IS NOT NULL))[1] AS language
    FROM party_family(m.party) AS member JOIN party p ON p.id = member
) AS f ON true
LEFT JOIN LATERAL (
    SELECT array_agg(s.queue) AS queues, array_agg(s.agent) AS agents FROM (
        SELECT DISTINCT ON (recent.queue) recent.queue, recent.agent FROM (
            SELECT c.queue, c.agent, c.arrived_at FROM party_family(m.party) AS member CROSS JOIN LATERAL (
                SELECT k.queue, k.agent, k.arrived_at FROM contact k
                WHERE k.party = member AND k.arrived_at > now() - make_interval(days => $6::int)
                ORDER BY k.arrived_at DESC LIMIT 50) AS c
        ) AS recent
        WHERE recent.agent IS NOT NULL AND recent.queue IS NOT NULL AND $6::int > 0
        ORDER BY recent.queue, recent.arrived_at DESC) AS s
) AS last ON true
LEFT JOIN LATERAL (
    SELECT s.given AS recording FROM party_family(m.party) AS member JOIN party_consent s ON s.party = member
    WHERE s.purpose = 'recording' ORDER BY s.at DESC, s.id DESC LIMIT 1
) AS said ON true;

-- name: party_known
-- The same of one party that somebody named: of the one it was merged into. No row: there is none. $1 party text (a uuid),
-- $2 days int
SELECT m.party::text AS party, f.vip, f.language, f.light,
       coalesce(last.queues, '{}') AS queues, coalesce(last.agents, '{}') AS agents, said.recording, coalesce(f.text, false) AS text
FROM (SELECT party_root($1::text::uuid) AS party) AS m
JOIN LATERAL (
    SELECT bool_or(p.vip) AS vip, bool_or(p.medium = 'tty') AS text, bool_and(p.light) AS light,
           (array_agg(p.language ORDER BY (p.id = m.party) DESC, p.id) FILTER (WHERE p.language IS NOT NULL))[1] AS language
    FROM party_family(m.party) AS member JOIN party p ON p.id = member
) AS f ON m.party IS NOT NULL
LEFT JOIN LATERAL (
    SELECT array_agg(s.queue) AS queues, array_agg(s.agent) AS agents FROM (
        SELECT DISTINCT ON (c.queue) c.queue, c.agent
        FROM party_family(m.party) AS member JOIN contact c ON c.party = member
        WHERE c.agent IS NOT NULL AND c.queue IS NOT NULL AND $2::int > 0
          AND c.arrived_at > now() - make_interval(days => $2::int)
        ORDER BY c.queue, c.arrived_at DESC) AS s
) AS last ON true
LEFT JOIN LATERAL (
    SELECT s.given AS recording FROM party_family(m.party) AS member JOIN party_consent s ON s.party = member
    WHERE s.purpose = 'recording' ORDER BY s.at DESC, s.id DESC LIMIT 1
) AS said ON true;

-- name: party_find
-- Whose identity or name it is. $1 hashes tried bytea[]
SELECT party::text FROM match_party($1::bytea[]) AS party ORDER BY party;

-- name: parties_beginning
-- Parties whose id begins so. $1 lowest text (a uuid), $2 highest text, $3 most int
SELECT id::text FROM party WHERE id BETWEEN $1::text::uuid AND $2::text::uuid ORDER BY id LIMIT $3::int;

-- name: party_family_rows
-- A party and all that were merged into it, the one itself first. $1 party text (a uuid)
SELECT p.id::text, p.kind, p.light, p.language, p.medium, p.vip, p.merged_into::text,
       extract(epoch FROM p.made_at)::float8 AS made_at, extract(epoch FROM p.changed_at)::float8 AS changed_at
FROM party_family($1::text::uuid) AS member JOIN party p ON p.id = member ORDER BY (p.id = $1::text::uuid) DESC, p.id;

-- name: party_root
-- Whom it was merged into in the end; null: there is none. $1 party text (a uuid)
SELECT party_root($1::text::uuid)::text;

-- name: party_merging
-- Merges wait for one another, until the transaction ends.
SELECT pg_advisory_xact_lock(1668247414);

-- name: party_lock
-- Hold parties still until the transaction ends, in one order. $1 parties text[] (uuids)
SELECT id::text, merged_into::text FROM party WHERE id = ANY ($1::text[]::uuid[]) ORDER BY id FOR UPDATE;

-- name: party_add
-- A new record. $1 id text (a uuid), $2 kind text, $3 language text, $4 medium text, $5 vip boolean
INSERT INTO party (id, kind, language, medium, vip) VALUES ($1::text::uuid, $2, $3, $4, $5);

-- name: party_set
-- Somebody looked at it: it is light no longer. Null leaves a column as it is, an empty text clears it. $1 id text (a uuid), $2 kind text,
-- $3 language text, $4 medium text, $5 vip boolean
UPDATE party SET light = false, changed_at = now(), kind = coalesce($2, kind),
    language = CASE WHEN $3::text IS NULL THEN language ELSE nullif($3::text, '') END,
    medium = CASE WHEN $4::text IS NULL THEN medium ELSE nullif($4::text, '') END, vip = coalesce($5, vip)
WHERE id = $1::text::uuid RETURNING id;

-- name: party_is_light
-- $1 party text (a uuid)
SELECT light FROM party WHERE id = $1::text::uuid;

-- name: party_merge
-- $1 loser text (a uuid), $2 winner text (a uuid), null: undone
UPDATE party SET merged_into = $2::text::uuid, changed_at = now(), light = false WHERE id = $1::text::uuid RETURNING id;

-- name: party_identify
-- One more identity; one that it has already is left alone. $1 party text (a uuid), $2 kind text, $3 hash bytea, $4 sealed value text
INSERT INTO party_identity (party, kind, lookup, value) VALUES ($1::text::uuid, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: party_forget_identity
-- $1 party text (a uuid), $2 identity's id bigint
DELETE FROM party_identity WHERE party = $1::text::uuid AND id = $2 RETURNING id;

-- name: party_write_field
-- After party_clear_field. $1 party text (a uuid), $2 field text, $3 sealed value text, $4 hash bytea or null, $5 hash of what is
-- alike bytea or null
INSERT INTO party_private (party, field, value, lookup, alike) VALUES ($1::text::uuid, $2, $3, $4, $5);

-- name: party_clear_field
-- $1 party text (a uuid), $2 field text
DELETE FROM party_private WHERE party = $1::text::uuid AND field = $2;

-- name: party_note
-- $1 id text (a uuid), $2 party text (a uuid), $3 who text, $4 contact text (a uuid) or null, $5 sealed body text
INSERT INTO party_note (id, party, who, contact, body) VALUES ($1::text::uuid, $2::text::uuid, $3, $4::text::uuid, $5);

-- name: party_consent
-- $1 party text (a uuid), $2 purpose text, $3 given boolean, $4 how text, $5 who text
INSERT INTO party_consent (party, purpose, given, how, who) VALUES ($1::text::uuid, $2, $3, $4, $5);

-- name: party_consents
-- All of a family, the newest first. $1 parties text[] (uuids)
SELECT party::text, purpose, given, extract(epoch FROM at)::float8 AS at, how, who
FROM party_consent WHERE party = ANY ($1::text[]::uuid[]) ORDER BY at DESC, id DESC;

-- name: timeline
-- What happened with a party on all media, with cases, notes (without words) and consents, the newest first: what every screen
-- asks. A case stands where it was made, with what it is now; a contact has the numbers of the cases that it is about. $1 party
-- text (a uuid), of the one into which others were merged; $2 before float8 (Unix s), $3 most int
SELECT kind, extract(epoch FROM at)::float8 AS at, party::text, ref, contact::text, medium, queue, agent, outcome,
       waited_s, talk_s, verified, who, purpose, given, type, topic, status, phase,
       CASE kind WHEN 'case' THEN ARRAY[number] WHEN 'contact' THEN ARRAY(
           SELECT k.number FROM case_contact l JOIN customer_case k ON k.id = l.case_id WHERE l.contact = entry.contact
           ORDER BY k.number) ELSE '{}' END AS cases
FROM (
    SELECT 'contact' AS kind, c.arrived_at AS at, c.party, c.id::text AS ref, c.id AS contact, c.medium, c.queue, c.agent,
           c.outcome, c.waited_s, c.talk_s, c.verified, NULL AS who, NULL AS purpose, NULL::boolean AS given,
           NULL AS type, NULL AS topic, NULL AS status, NULL AS phase, NULL AS number
    FROM party_family($1::text::uuid) AS member CROSS JOIN LATERAL (
        SELECT * FROM contact k WHERE k.party = member AND k.arrived_at < to_timestamp($2)
        ORDER BY k.arrived_at DESC LIMIT $3::int) AS c
    UNION ALL
    SELECT 'note', n.at, n.party, n.id::text, n.contact, NULL, NULL, NULL, NULL, NULL, NULL, false, n.who, NULL, NULL,
           NULL, NULL, NULL, NULL, NULL
    FROM party_family($1::text::uuid) AS member CROSS JOIN LATERAL (
        SELECT k.id, k.at, k.party, k.contact, k.who FROM party_note k WHERE k.party = member AND k.at < to_timestamp($2)
        ORDER BY k.at DESC LIMIT $3::int) AS n
    UNION ALL
    SELECT 'consent', s.at, s.party, s.how, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, s.who, s.purpose, s.given,
           NULL, NULL, NULL, NULL, NULL
    FROM party_family($1::text::uuid) AS member CROSS JOIN LATERAL (
        SELECT * FROM party_consent k WHERE k.party = member AND k.at < to_timestamp($2)
        ORDER BY k.at DESC LIMIT $3::int) AS s
    UNION ALL
    SELECT 'case', f.made_at, f.party, f.id::text, NULL, NULL, f.queue, f.agent, NULL, NULL, NULL, false, NULL, NULL, NULL,
           f.type, f.topic, f.status, f.phase, f.number
    FROM party_family($1::text::uuid) AS member CROSS JOIN LATERAL (
        SELECT * FROM customer_case k WHERE k.party = member AND k.made_at < to_timestamp($2)
        ORDER BY k.made_at DESC LIMIT $3::int) AS f
    ORDER BY at DESC, kind, ref LIMIT $3::int
) AS entry
ORDER BY at DESC, kind, ref;

-- name: party_contacts
-- Every contact of a family, the newest first. $1 parties text[] (uuids)
SELECT id::text, medium, pbx, call, dnis, queue, agent, extract(epoch FROM arrived_at)::float8 AS arrived_at,
       extract(epoch FROM ended_at)::float8 AS ended_at, outcome, waited_s, talk_s, party::text, verified
FROM contact WHERE party = ANY ($1::text[]::uuid[]) ORDER BY arrived_at DESC;

-- name: audit_party_reads
-- Before a party's values are shown: one row each. $1 who text, $2 uid bigint, $3 via text, $4 parties text[] (uuids)
INSERT INTO audit (who, uid, via, act, party, fields)
SELECT $1, $2, $3, 'read', p.party::uuid, '{customer}' FROM unnest($4::text[]) AS p (party) RETURNING id;

-- name: audit_party_act
-- Somebody did something to a party. $1 who text, $2 uid bigint, $3 via text, $4 act text, $5 party text (a uuid) or null, $6 outcome text
INSERT INTO audit (who, uid, via, act, party, outcome) VALUES ($1, $2, $3, $4, $5::text::uuid, $6) RETURNING id;

-- name: audit_of_parties
-- Who read or changed these. $1 parties text[] (uuids)
SELECT extract(epoch FROM at)::float8 AS at, who, via, act, party::text, outcome
FROM audit WHERE party = ANY ($1::text[]::uuid[]) ORDER BY id DESC;

-- name: reveal_party
-- The values of the reads that were written down, and only of these. $1 ids of audit_party_reads bigint[]
SELECT party::text, source, ref, name, value, extract(epoch FROM at)::float8 AS at FROM reveal_party($1) ORDER BY source, ref;

-- name: likely_duplicates
-- Pairs that share something, are not merged, and of whom nobody said that they are two; the likeliest first. $1 of this party text
-- (a uuid), null: of all, $2 most int
SELECT one::text, other::text, score, why FROM likely_duplicates($1::text::uuid, $2::int);

-- name: keep_apart
-- They are two persons, whatever they share. $1 one text (a uuid), $2 other text, $3 who text
INSERT INTO party_apart (one, other, who)
VALUES (least($1::text::uuid, $2::text::uuid), greatest($1::text::uuid, $2::text::uuid), $3) ON CONFLICT DO NOTHING;

-- name: keep_apart_no_more
-- $1 parties text[] (uuids) of the one, $2 of the other
DELETE FROM party_apart
WHERE (one = ANY ($1::text[]::uuid[]) AND other = ANY ($2::text[]::uuid[]))
   OR (one = ANY ($2::text[]::uuid[]) AND other = ANY ($1::text[]::uuid[])) RETURNING one;

-- name: erase_party
-- $1 id of the audit row 'erase' bigint, $2 party text (a uuid), $3 the ways to write their numbers text[], $4 the hashes that
-- these are found by bytea[]
SELECT parties, private FROM erase_party($1, $2::text::uuid, $3::text[], $4::bytea[]);

-- name: refuses_calls
-- Whether somebody whose number this is, or this party, has said since then that they do not want calls, and nothing else since.
-- $1 hashes tried bytea[], $2 party text (a uuid) or null, $3 since double precision (Unix s)
SELECT EXISTS (
    SELECT FROM (
        SELECT found AS party FROM match_party($1::bytea[]) AS found UNION SELECT party_root($2::text::uuid)
    ) AS whose CROSS JOIN LATERAL (
        SELECT s.given, s.at FROM party_family(whose.party) AS member JOIN party_consent s ON s.party = member
        WHERE s.purpose = 'calls' ORDER BY s.at DESC, s.id DESC LIMIT 1
    ) AS said
    WHERE whose.party IS NOT NULL AND NOT said.given AND said.at > to_timestamp($3::float8)
) AS refused;
