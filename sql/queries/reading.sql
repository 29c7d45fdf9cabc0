-- name: story
-- All that happened to one contact, in order. $1 contact text (a uuid)
SELECT seq, extract(epoch FROM at)::float8 AS at, kind, version, body
FROM event WHERE contact = $1::text::uuid ORDER BY seq;

-- name: contacts_between
-- The first and the last contact of a range of ids, by the journal and by history (which may lag): four index look-ups, however
-- wide the range. One row: the id is unique in it. $1 lowest text, $2 highest text
SELECT id::text FROM (
    (SELECT contact AS id FROM event
     WHERE contact BETWEEN $1::text::uuid AND $2::text::uuid ORDER BY contact LIMIT 1)
    UNION
    (SELECT contact FROM event
     WHERE contact BETWEEN $1::text::uuid AND $2::text::uuid ORDER BY contact DESC LIMIT 1)
    UNION
    (SELECT id FROM contact WHERE id BETWEEN $1::text::uuid AND $2::text::uuid ORDER BY id LIMIT 1)
    UNION
    (SELECT id FROM contact WHERE id BETWEEN $1::text::uuid AND $2::text::uuid ORDER BY id DESC LIMIT 1)
) AS found ORDER BY id;

-- name: contacts_of_call
-- By the caller's channel's Uniqueid, near the time that it names. $1 call text, $2 from float8 (Unix s), $3 to float8
SELECT id::text FROM contact
WHERE call = $1 AND arrived_at BETWEEN to_timestamp($2) AND to_timestamp($3) ORDER BY arrived_at DESC LIMIT 4;

-- name: floor_of_event
-- Whose journal has this event. $1 contact text (a uuid), $2 seq bigint
SELECT floor FROM event WHERE contact = $1::text::uuid AND seq = $2;

-- name: event_at_or_after
-- The first event from a place on, and when it happened: what a search for a moment asks. $1 floor smallint, $2 seq bigint
SELECT seq, extract(epoch FROM at)::float8 AS at FROM event WHERE floor = $1 AND seq >= $2 ORDER BY seq LIMIT 1;

-- name: latest_contacts
-- The newest of history, whether they ended or not. $1 most int
SELECT id::text, medium, pbx, call, dnis, queue, agent,
       extract(epoch FROM arrived_at)::float8 AS arrived_at, extract(epoch FROM queued_at)::float8 AS queued_at,
       extract(epoch FROM connected_at)::float8 AS connected_at, extract(epoch FROM ended_at)::float8 AS ended_at,
       outcome, waited_s, talk_s, offers, seen_late, test, party::text, verified
FROM contact ORDER BY arrived_at DESC LIMIT $1;
