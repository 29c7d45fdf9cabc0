-- runs with: 0001
-- What is written in contacts whose words are text.

CREATE TABLE transcript (
    contact uuid        NOT NULL,
    message text        NOT NULL,
    at      timestamptz NOT NULL,
    author  text        NOT NULL CHECK (author IN ('caller', 'agent', 'system')),
    body    text        NOT NULL,
    PRIMARY KEY (contact, message)
);
COMMENT ON TABLE transcript IS 'What was written in a contact. It is erased, forgotten and held with the contact''s row of contact_private.';
COMMENT ON COLUMN transcript.message IS 'As the journal''s MessageAdded names it; in the order of time.';
COMMENT ON COLUMN transcript.body IS 'JSON of the words, sealed where there is a key (store/transcripts.py).';

CREATE FUNCTION forget_transcript() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Whatever removes who called removes what they wrote. No foreign key: words that come in the moment of an erasure must not
-- refuse the facts beside them.
BEGIN
    DELETE FROM transcript t USING gone g WHERE t.contact = g.contact;
    RETURN NULL;
END $$;
CREATE TRIGGER contact_private_gone AFTER DELETE ON contact_private
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forget_transcript();

CREATE FUNCTION reveal_transcript(audited bigint) RETURNS TABLE (message text, at timestamptz, author text, body text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What was written in a contact, for a read that was written down and committed, as in reveal(); sealed, where it is.
    SELECT t.message, t.at, t.author, t.body FROM transcript t WHERE t.contact IN (
        SELECT a.contact FROM audit a
        WHERE a.id = audited AND a.act = 'read' AND 'transcript' = ANY (a.fields) AND a.login = session_user
          AND a.at < now() AND a.at > now() - interval '1 minute')
$$;

-- ON CONFLICT reads the key.
GRANT SELECT (contact, message), INSERT ON transcript TO contactd_daemon;
REVOKE ALL ON FUNCTION forget_transcript(), reveal_transcript(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reveal_transcript(bigint) TO contactd_daemon;
