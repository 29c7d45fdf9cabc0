-- name: lock_projection
-- How far a follower has come; others of the same name wait until this one is done. $1 name text
SELECT seq FROM projection WHERE name = $1 FOR UPDATE;

-- name: advance_projection
-- Move a follower's place, if it is where it was read. $1 name text, $2 seq before bigint, $3 seq after bigint
UPDATE projection SET seq = $3 WHERE name = $1 AND seq = $2;

-- name: history_contacts
-- The rows that a batch of events continues. $1 contacts uuid[]
SELECT id::text, medium, pbx, call, dnis, queue, agent,
       extract(epoch FROM arrived_at)::float8 AS arrived_at, extract(epoch FROM queued_at)::float8 AS queued_at,
       extract(epoch FROM connected_at)::float8 AS connected_at, extract(epoch FROM ended_at)::float8 AS ended_at,
       outcome, waited_s, talk_s, offers, seen_late, test, party::text, verified
FROM contact WHERE id = ANY ($1::uuid[]);

-- name: history_known_agents
-- Everybody who has a span now: a new configuration ends those of agents who left.
SELECT agent FROM agent_span WHERE until IS NULL;

-- name: history_open_spans
-- What these agents are, as far as the follower has come. $1 agents text[]
SELECT agent, extract(epoch FROM since)::float8 AS since, status, state, reason, contact::text, seq
FROM agent_span WHERE until IS NULL AND agent = ANY ($1::text[]);

-- name: history_keep_contacts
-- Whole rows, new or continued. $1 floor smallint, then columns of equal length: $2 id uuid[], $3 medium text[], $4 pbx text[], $5 call text[],
-- $6 dnis text[], $7 queue text[], $8 agent text[], $9 arrived_at float8[] (Unix s), $10 queued_at float8[], $11 connected_at float8[],
-- $12 ended_at float8[], $13 outcome text[], $14 waited_s float8[], $15 talk_s float8[], $16 offers int[], $17 seen_late boolean[], $18 test
-- boolean[], $19 party uuid[], $20 verified boolean[]
INSERT INTO contact (floor, id, medium, pbx, call, dnis, queue, agent, arrived_at, queued_at, connected_at, ended_at,
                     outcome, waited_s, talk_s, offers, seen_late, test, party, verified)
SELECT $1, c.id, c.medium, c.pbx, c.call, c.dnis, c.queue, c.agent, to_timestamp(c.arrived_at),
       to_timestamp(c.queued_at), to_timestamp(c.connected_at), to_timestamp(c.ended_at),
       c.outcome, c.waited_s, c.talk_s, c.offers, c.seen_late, c.test, c.party, c.verified
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[],
            $10::float8[], $11::float8[], $12::float8[], $13::text[], $14::float8[], $15::float8[], $16::int[],
            $17::boolean[], $18::boolean[], $19::uuid[], $20::boolean[])
    AS c (id, medium, pbx, call, dnis, queue, agent, arrived_at, queued_at, connected_at, ended_at, outcome,
          waited_s, talk_s, offers, seen_late, test, party, verified)
ON CONFLICT (id) DO UPDATE SET
    queue = excluded.queue, agent = excluded.agent, queued_at = excluded.queued_at,
    connected_at = excluded.connected_at, ended_at = excluded.ended_at, outcome = excluded.outcome,
    waited_s = excluded.waited_s, talk_s = excluded.talk_s, offers = excluded.offers, seen_late = excluded.seen_late,
    party = excluded.party, verified = excluded.verified;

-- name: history_change_spans
-- The open spans that a batch closed, or changed within the instant in which they began. Columns: $1 agent text[], $2 seq bigint[],
-- $3 until float8[] (Unix s; null: still open), $4 status text[], $5 state text[], $6 reason text[], $7 contact uuid[]
UPDATE agent_span s
SET until = to_timestamp(c.until), status = c.status, state = c.state, reason = c.reason, contact = c.contact
FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::text[], $5::text[], $6::text[], $7::uuid[])
    AS c (agent, seq, until, status, state, reason, contact)
WHERE s.agent = c.agent AND s.seq = c.seq;

-- name: history_add_spans
-- Spans that began in a batch. Columns: $1 agent text[], $2 seq bigint[], $3 since float8[] (Unix s), $4 until float8[] (null: open),
-- $5 status text[], $6 state text[], $7 reason text[], $8 contact uuid[]
INSERT INTO agent_span (agent, seq, since, until, status, state, reason, contact)
SELECT n.agent, n.seq, to_timestamp(n.since), to_timestamp(n.until), n.status, n.state, n.reason, n.contact
FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::float8[], $5::text[], $6::text[], $7::text[], $8::uuid[])
    AS n (agent, seq, since, until, status, state, reason, contact);
