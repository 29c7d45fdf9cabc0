-- name: floor_row
-- The floor's epoch, seq and chain. $1 floor smallint
SELECT epoch, seq, chain FROM floor WHERE id = $1;

-- name: next_epoch
-- Take the pen: whoever wrote before is fenced from here on. $1 floor smallint, $2 an epoch that was used already bigint
UPDATE floor SET epoch = greatest(epoch, $2) + 1 WHERE id = $1 RETURNING epoch, seq, chain;

-- name: try_floor_lock
-- Session-level; one holder a floor. A comfort for standbys, no fence. $1 floor smallint
SELECT pg_try_advisory_lock(1668247412, $1::int) AS got;
