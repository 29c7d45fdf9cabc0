-- cut_journal() took the floor's row before the tables; an append takes the tables before the row. Now both begin with
-- the tables, in the same order: input, then event. And a month without an event is not cut: its range would be empty.

CREATE OR REPLACE FUNCTION cut_journal(keep_input interval) RETURNS integer
LANGUAGE plpgsql AS $$
-- Close the newest partition and open the next when a calendar month has begun since it was opened and something
-- happened in it; drop the partitions of input that are older than keep_input. Returns the newest partition's number.
DECLARE
    newest journal_part;
    cut    bigint;
    old    journal_part;
BEGIN
    SELECT * INTO newest FROM journal_part ORDER BY part DESC LIMIT 1;
    SELECT max(seq) + 1 INTO cut FROM floor;
    IF date_trunc('month', now() AT TIME ZONE 'UTC') > date_trunc('month', newest.since AT TIME ZONE 'UTC')
       AND cut > newest.first_seq THEN
        -- Appends wait here meanwhile, before they touch anything; the spool carries the daemon through.
        LOCK TABLE input, event IN ACCESS EXCLUSIVE MODE;
        SELECT max(seq) + 1 INTO cut FROM floor;
        EXECUTE format('ALTER TABLE event DETACH PARTITION event_%s', newest.part);
        EXECUTE format('ALTER TABLE input DETACH PARTITION input_%s', newest.part);
        EXECUTE format('ALTER TABLE event ATTACH PARTITION event_%s FOR VALUES FROM (%s) TO (%s)', newest.part,
                       CASE newest.part WHEN 1 THEN 'MINVALUE' ELSE newest.first_seq::text END, cut);
        EXECUTE format('ALTER TABLE input ATTACH PARTITION input_%s FOR VALUES FROM (%s) TO (%s)', newest.part,
                       CASE newest.part WHEN 1 THEN 'MINVALUE' ELSE newest.first_seq::text END, cut);
        INSERT INTO journal_part (part, first_seq) VALUES (newest.part + 1, cut) RETURNING * INTO newest;
        EXECUTE format('CREATE TABLE event_%s PARTITION OF event FOR VALUES FROM (%s) TO (MAXVALUE)', newest.part, cut);
        EXECUTE format('CREATE TABLE input_%s PARTITION OF input FOR VALUES FROM (%s) TO (MAXVALUE)', newest.part, cut);
    END IF;
    -- A part ends when the next begins, so it is old when its successor is.
    FOR old IN
        SELECT p.* FROM journal_part p JOIN journal_part n ON n.part = p.part + 1
        WHERE p.input_kept AND n.since < now() - keep_input
    LOOP
        EXECUTE format('DROP TABLE input_%s', old.part);
        UPDATE journal_part SET input_kept = false WHERE part = old.part;
    END LOOP;
    RETURN newest.part;
END $$;
