-- name: append
-- One batch of the journal, fenced: no row when the epoch or the seq is not ours, and then nothing is inserted.
-- $1 floor smallint, $2 epoch bigint, $3 seq before bigint, $4 seq after bigint, $5 chain after bytea,
-- inputs: $6 seq bigint[], $7 at double precision[] (Unix s), $8 kind text[], $9 version smallint[], $10 config bytea[], $11 body text[],
-- events: $12 seq bigint[], $13 at double precision[], $14 kind text[], $15 version smallint[], $16 contact uuid[], $17 agent text[], $18 body text[],
-- private: $19 contact uuid[], $20 salt bytea[], $21 ani text[], $22 name text[],
-- seal: $23 month date (null: none), $24 chain before bytea, and of private: $25 what the number is found by bytea[],
-- words: $26 contact uuid[], $27 message text[], $28 at double precision[] (Unix s), $29 author text[], $30 body text[]
WITH fence AS (
    UPDATE floor SET seq = $4, chain = $5 WHERE id = $1 AND epoch = $2 AND seq = $3 RETURNING id
), kept_input AS (
    INSERT INTO input (floor, seq, at, kind, version, config, body)
    SELECT f.id, i.seq, to_timestamp(i.at), i.kind, i.version, i.config, i.body
    FROM fence f, unnest($6::bigint[], $7::float8[], $8::text[], $9::smallint[], $10::bytea[], $11::text[])
        AS i (seq, at, kind, version, config, body)
), kept_event AS (
    INSERT INTO event (floor, seq, at, kind, version, contact, agent, body)
    SELECT f.id, e.seq, to_timestamp(e.at), e.kind, e.version, e.contact, e.agent, e.body
    FROM fence f, unnest($12::bigint[], $13::float8[], $14::text[], $15::smallint[], $16::uuid[], $17::text[], $18::text[])
        AS e (seq, at, kind, version, contact, agent, body)
), kept_private AS (
    INSERT INTO contact_private (contact, salt, ani, name, lookup)
    SELECT p.contact, p.salt, p.ani, p.name, p.lookup
    FROM fence f, unnest($19::uuid[], $20::bytea[], $21::text[], $22::text[], $25::bytea[])
        AS p (contact, salt, ani, name, lookup)
    ON CONFLICT (contact) DO NOTHING
), kept_words AS (
    -- Not of who was erased meanwhile.
    INSERT INTO transcript (contact, message, at, author, body)
    SELECT w.contact, w.message, to_timestamp(w.at), w.author, w.body
    FROM fence f, unnest($26::uuid[], $27::text[], $28::float8[], $29::text[], $30::text[])
        AS w (contact, message, at, author, body)
    WHERE w.contact = ANY ($19::uuid[]) OR EXISTS (SELECT FROM contact_private p WHERE p.contact = w.contact)
    ON CONFLICT (contact, message) DO NOTHING
), sealed AS (
    INSERT INTO seal (floor, month, last_seq, hash)
    SELECT f.id, $23::date, $3, $24::bytea FROM fence f WHERE $23::date IS NOT NULL
    ON CONFLICT (floor, month) DO NOTHING
)
SELECT count(*) AS appended FROM fence;

-- name: events_after
-- The journal from a place on, in order. $1 floor smallint, $2 seq bigint (not included), $3 most int
SELECT seq, extract(epoch FROM at)::float8 AS at, kind, version, body
FROM event WHERE floor = $1 AND seq > $2 ORDER BY seq LIMIT $3;

-- name: inputs_after
-- The inputs from a place on, for a replay. $1 floor smallint, $2 seq bigint (not included), $3 most int
SELECT seq, extract(epoch FROM at)::float8 AS at, kind, version, body
FROM input WHERE floor = $1 AND seq > $2 ORDER BY seq LIMIT $3;

-- name: last_event_at
-- When the last event happened, to know whether a month ended. $1 floor smallint
SELECT extract(epoch FROM at)::float8 AS at FROM event WHERE floor = $1 ORDER BY seq DESC LIMIT 1;

-- name: keep_config
-- The configuration in force, whole. $1 sha256 bytea, $2 files jsonb
INSERT INTO config_version (sha256, files) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING;

-- name: floors
-- How far each journal goes, and its chain there.
SELECT id, seq, chain FROM floor ORDER BY id;

-- name: seals
-- The chain at the end of each month. $1 floor smallint
SELECT month, last_seq, hash FROM seal WHERE floor = $1 ORDER BY last_seq;

-- name: bodies
-- What the chain is made of, in order. $1 floor smallint, $2 seq bigint (not included), $3 last seq bigint, $4 most int
SELECT seq, body FROM event WHERE floor = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4;
