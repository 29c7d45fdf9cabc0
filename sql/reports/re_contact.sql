-- name: fcr_by_contact
-- First-contact resolution: contacts, those of unknown customers or topics, those whose days are not over, and of the rest how many had a
-- further contact; by queue, and of all (queue null, whole true). $1 since float8 (Unix s), $2 until float8 (Unix s), $3 within so
-- many days int, $4 same text (topic or any), $5 handled ones only boolean
WITH found AS (
    SELECT r.*, r.arrived_at + make_interval(days => $3::int) > now() AS early
    FROM re_contacts(to_timestamp($1), to_timestamp($2), make_interval(days => $3::int), $4::text) AS r
    WHERE NOT $5::boolean OR r.outcome = 'handled'
)
SELECT f.queue, grouping(f.queue) = 1 AS whole, count(*) AS contacts, count(*) FILTER (WHERE NOT f.known) AS unknown,
       count(*) FILTER (WHERE f.known AND f.early) AS early, count(*) FILTER (WHERE f.known AND NOT f.early) AS counted,
       count(*) FILTER (WHERE f.known AND NOT f.early AND f.again_at IS NOT NULL) AS again
FROM found f GROUP BY GROUPING SETS ((f.queue), ()) ORDER BY whole, f.queue NULLS LAST;

-- name: fcr_by_case
-- The same by cases that were closed: of those whose days are over, again are those with more than one contact, or that another
-- one follows which was made within the days. By type, and of all. $1 since float8 (Unix s), $2 until float8 (Unix s), $3 within so
-- many days int
WITH found AS (
    SELECT k.type, k.closed_at + make_interval(days => $3::int) > now() AS early,
           (SELECT count(*) FROM case_contact l WHERE l.case_id = k.id) > 1 OR EXISTS (
               SELECT FROM customer_case f WHERE f.follows = k.id
               AND f.made_at <= k.closed_at + make_interval(days => $3::int)) AS again
    FROM customer_case k WHERE k.closed_at >= to_timestamp($1) AND k.closed_at < to_timestamp($2)
)
SELECT f.type AS queue, grouping(f.type) = 1 AS whole, count(*) AS contacts, 0::bigint AS unknown,
       count(*) FILTER (WHERE f.early) AS early, count(*) FILTER (WHERE NOT f.early) AS counted,
       count(*) FILTER (WHERE NOT f.early AND f.again) AS again
FROM found f GROUP BY GROUPING SETS ((f.type), ()) ORDER BY whole, f.type NULLS LAST;

-- name: re_contacts
-- The contacts behind the figure: those that had a further one, the newest first. $1 since float8 (Unix s), $2 until float8 (Unix s),
-- $3 within so many days int, $4 same text (topic or any), $5 handled ones only boolean, $6 most int
SELECT r.contact::text, extract(epoch FROM r.arrived_at)::float8 AS arrived_at, r.queue, r.outcome, r.party::text,
       extract(epoch FROM r.again_at)::float8 AS again_at
FROM re_contacts(to_timestamp($1), to_timestamp($2), make_interval(days => $3::int), $4::text) AS r
WHERE r.again_at IS NOT NULL AND (NOT $5::boolean OR r.outcome = 'handled')
ORDER BY r.arrived_at DESC, r.contact LIMIT $6::int;
