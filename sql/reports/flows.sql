-- name: flow_journeys
-- What the journal has of a flow, caller by caller in order: of the contacts that arrived in a time, but no test calls.
-- $1 since float8 (Unix s), $2 until float8 (Unix s), $3 flow text
SELECT c.id::text AS contact, extract(epoch FROM e.at)::float8 AS at, e.body, c.queued_at IS NOT NULL AS waited,
       extract(epoch FROM c.ended_at)::float8 AS ended_at
FROM contact c JOIN event e ON e.contact = c.id
WHERE c.arrived_at >= to_timestamp($1) AND c.arrived_at < to_timestamp($2) AND NOT c.test
  AND e.kind = 'FlowWent' AND e.body::json ->> 'flow' = $3
ORDER BY e.contact, e.seq;
