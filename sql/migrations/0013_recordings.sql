-- runs with: 0001
-- Recordings of talks: where each lies, by what key it can be read, how long it is kept, and whose contact it is of.

CREATE TABLE blob (
    id      uuid        PRIMARY KEY,
    hash    bytea       NOT NULL,
    bytes   bigint      NOT NULL,
    path    text        NOT NULL UNIQUE,
    key_id  text        NOT NULL,
    key     bytea       NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL,
    hold    boolean     NOT NULL DEFAULT false
);
COMMENT ON TABLE blob IS 'A file that is kept encrypted, below store of [recording]. Deleting the row forgets its key, and with it every copy.';
COMMENT ON COLUMN blob.hash IS 'SHA-256 of what was encrypted: what an export gives.';
COMMENT ON COLUMN blob.key IS 'The key of this file, wrapped by the configured one that key_id names.';
COMMENT ON COLUMN blob.hold IS 'Kept beyond expires, and erased with nobody, until somebody lifts it.';
CREATE INDEX blob_expires ON blob (expires) WHERE NOT hold;

CREATE TABLE recording (
    blob     uuid             NOT NULL REFERENCES blob ON DELETE CASCADE,
    contact  uuid             NOT NULL,
    offer    text             NOT NULL,
    agent    text,
    queue    text,
    began_at timestamptz      NOT NULL,
    seconds  double precision NOT NULL,
    whole    boolean          NOT NULL,
    PRIMARY KEY (blob, contact)
);
COMMENT ON TABLE recording IS 'Which contacts'' talk a recording is of: one, or two when a caller was put through into it.';
COMMENT ON COLUMN recording.whole IS 'False: the PBX died over it, or wrote less than the talk was long.';
CREATE INDEX recording_contact ON recording (contact);
CREATE INDEX recording_began ON recording (began_at DESC);

CREATE FUNCTION reveal_blob(audited bigint) RETURNS TABLE (path text, hash bytea, key_id text, key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- By what a recording can be read, for a read that was written down and committed, as in reveal().
    SELECT b.path, b.hash, b.key_id, b.key FROM audit a JOIN blob b ON b.id::text = a.outcome
    WHERE a.id = audited AND a.act = 'read' AND 'recording' = ANY (a.fields) AND a.login = session_user
      AND a.at < now() AND a.at > now() - interval '1 minute'
$$;

CREATE FUNCTION held_blobs(asked uuid[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Which of these recordings are held: themselves, or by a contact or a customer that is.
    SELECT b.id FROM blob b WHERE b.id = ANY (asked) AND b.hold
    UNION
    SELECT r.blob FROM recording r
    WHERE r.blob = ANY (asked)
      AND r.contact IN (SELECT held_contacts(ARRAY(SELECT f.contact FROM recording f WHERE f.blob = ANY (asked))))
$$;

CREATE FUNCTION erase_recordings(audited bigint, contacts uuid[]) RETURNS TABLE (removed bigint, held bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Forget the keys of the recordings of these contacts. Written down before, in the same transaction or earlier. What is
-- held stays.
DECLARE
    theirs uuid[];
    stay uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM audit a WHERE a.id = audited AND a.act = 'erase' AND a.login = session_user
                   AND a.at > now() - interval '1 minute') THEN
        RAISE EXCEPTION 'erase_recordings: write it down first';
    END IF;
    theirs := ARRAY(SELECT DISTINCT r.blob FROM recording r WHERE r.contact = ANY (contacts));
    stay := ARRAY(SELECT held_blobs(theirs));
    held := cardinality(stay);
    DELETE FROM blob b WHERE b.id = ANY (theirs) AND b.id <> ALL (stay);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN NEXT;
END $$;

-- The worker keeps them; the daemon's role sees that there are, and holds them, and reads one through the audit.
GRANT SELECT, INSERT, DELETE, UPDATE (key_id, key) ON blob TO contactd_worker;
GRANT SELECT, INSERT, DELETE ON recording TO contactd_worker;
GRANT SELECT (id, hash, bytes, path, key_id, kept_at, expires, hold), UPDATE (hold) ON blob TO contactd_daemon;
GRANT SELECT ON recording TO contactd_daemon;
REVOKE ALL ON FUNCTION reveal_blob(bigint), held_blobs(uuid[]), erase_recordings(bigint, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION held_blobs(uuid[]) TO contactd_worker;
GRANT EXECUTE ON FUNCTION reveal_blob(bigint), erase_recordings(bigint, uuid[]) TO contactd_daemon;
GRANT SELECT ON recording TO contactd_reader;
