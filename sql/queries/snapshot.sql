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
-- Keep three. $1 floor smallint
DELETE FROM snapshot WHERE floor = $1 AND seq < (
    SELECT min(seq) FROM (SELECT seq FROM snapshot WHERE floor = $1 ORDER BY seq DESC LIMIT 3) AS kept
);
