-- runs with: 0001
-- A caller's number and name are sealed as customers' values are, where a key is configured; what a number is found by is
-- kept beside it, and is that of the customer's identity where it may be one. Rows of before have none until the night.

ALTER TABLE contact_private ADD COLUMN lookup bytea;
COMMENT ON COLUMN contact_private.lookup IS 'Keyed hash of the number, as party_identity.lookup; null in rows of a version that knew none.';
COMMENT ON COLUMN contact_private.ani IS 'As the PBX showed it, or sealed (store/callers.py). So is name.';
CREATE INDEX contact_private_lookup ON contact_private (lookup) WHERE lookup IS NOT NULL;
DROP INDEX contact_private_ani;
CREATE INDEX contact_private_ani ON contact_private (ani) WHERE ani IS NOT NULL AND lookup IS NULL;

CREATE FUNCTION find_callers(audited bigint, numbers text[], tried bytea[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- The contacts of a number, by its hashes or (rows that have none) its spellings, for a search that was written down and
-- committed, as in reveal(). Of more than 10,000 the newest.
    SELECT f.contact FROM (
        SELECT p.contact FROM contact_private p WHERE p.lookup = ANY (tried)
        UNION ALL SELECT p.contact FROM contact_private p WHERE p.lookup IS NULL AND p.ani = ANY (numbers)) AS f
    WHERE EXISTS (
        SELECT FROM audit a WHERE a.id = audited AND a.act = 'search' AND a.login = session_user
        AND a.at < now() AND a.at > now() - interval '1 minute')
    ORDER BY f.contact DESC LIMIT 10000
$$;

CREATE FUNCTION erase_party(audited bigint, one uuid, numbers text[], tried bytea[])
RETURNS TABLE (parties bigint, private bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- All that is kept of a person: the party, whatever was merged into it, number and name of their contacts, and of contacts
-- that came from their numbers (hashes, or spellings of rows that have none) and are nobody else's. Written down before, in
-- the same transaction or earlier.
DECLARE
    family uuid[];
    theirs uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM audit a WHERE a.id = audited AND a.act = 'erase' AND a.party = one
                   AND a.login = session_user AND a.at > now() - interval '1 minute') THEN
        RAISE EXCEPTION 'erase_party: write it down first';
    END IF;
    family := ARRAY(SELECT party_family(party_root(one)));
    -- The audit says whose values were removed; it keeps no value. Ids first: joined, all callers of 90 days could be read.
    theirs := ARRAY(
        SELECT c.id FROM contact c WHERE c.party = ANY (family)
        UNION
        SELECT f.contact FROM (
            SELECT p.contact FROM contact_private p WHERE p.lookup = ANY (tried)
            UNION ALL SELECT p.contact FROM contact_private p WHERE p.lookup IS NULL AND p.ani = ANY (numbers)) AS f
        LEFT JOIN contact c ON c.id = f.contact
        WHERE c.party IS NULL OR c.party = ANY (family));
    DELETE FROM contact_private p WHERE p.contact = ANY (theirs);
    GET DIAGNOSTICS private = ROW_COUNT;
    DELETE FROM party p WHERE p.id = ANY (family);
    GET DIAGNOSTICS parties = ROW_COUNT;
    RETURN NEXT;
END $$;

REVOKE ALL ON FUNCTION find_callers(bigint, text[], bytea[]), erase_party(bigint, uuid, text[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_callers(bigint, text[], bytea[]), erase_party(bigint, uuid, text[], bytea[]) TO contactd_daemon;
