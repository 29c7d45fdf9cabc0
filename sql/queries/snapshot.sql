-- name: newest_snapshot
-- The newest that this program can read and that the journal has reached. $1 floor smallint, $2 oldest version smallint, $3 newest version smallint
SELECT s.seq, s.version, s.body FROM snapshot s JOIN floor f ON f.id = s.floor
WHERE s.floor = $1 AND s.version BETWEEN $2 AND $3 AND s.seq <= f.seq ORDER BY s.seq DESC LIMIT 1;

-- name: keep_snapshot
-- One more; refused unless the journal holds all that it rests on. $1 floor smallint, $2 seq bigint, $3 version smallint, $4 body bytea
INSERT INTO snapshot (floor, seq, version, body)
SELECT $1, $2, $3, $4 FROM floor WHERE id = $1 AND seq >= $2
ON CONFLICT (floor, seq) DO NOTHING;

-- name: drop_old_snapshots
-- Keep the newest three and, for explain --at, the last one of each hour for 35 days. $1 floor smallint
DELETE FROM snapshot s WHERE s.floor = $1 AND s.seq < (
    SELECT min(seq) FROM (SELECT seq FROM snapshot WHERE floor = $1 ORDER BY seq DESC LIMIT 3) AS kept
) AND (
    s.taken < now() - interval '35 days' OR EXISTS (
        SELECT FROM snapshot later WHERE later.floor = $1 AND later.seq > s.seq
        AND date_trunc('hour', later.taken) = date_trunc('hour', s.taken)
    )
);

-- name: snapshot_before
-- The newest that this program can read of those taken at an event or before it. $1 floor smallint, $2 seq bigint,
-- $3 oldest version smallint, $4 newest version smallint
SELECT seq, body FROM snapshot
WHERE floor = $1 AND seq <= $2 AND version BETWEEN $3 AND $4 ORDER BY seq DESC LIMIT 1;
