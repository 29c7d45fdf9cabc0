-- runs with: 0001
-- Who is calling, at a million parties: functions that keep their plans for the session. One in SQL that is not inlined (and
-- none with the owner's rights is) was planned anew at every call, which cost a caller more than the looking up.

CREATE OR REPLACE FUNCTION party_root(one uuid) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
-- Whom a party was merged into in the end; itself when into nobody. In plpgsql, which keeps its plans for the session.
DECLARE
    here uuid := one;
    up   uuid;
BEGIN
    -- Bounded: a ring, which merges do not make, ends as nobody.
    FOR step IN 1..1000 LOOP
        SELECT p.merged_into INTO up FROM party p WHERE p.id = here;
        IF NOT FOUND THEN
            RETURN NULL;
        ELSIF up IS NULL THEN
            RETURN here;
        END IF;
        here := up;
    END LOOP;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION match_party(tried bytea[]) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 2 AS $$
-- Whose identity or name has one of these hashes. It tells ids only, and only to who knows the value (and the key).
BEGIN
    RETURN QUERY SELECT DISTINCT party_root(f.party) FROM (
        SELECT i.party FROM party_identity i WHERE i.lookup = ANY (tried)
        UNION ALL SELECT p.party FROM party_private p WHERE p.lookup = ANY (tried) LIMIT 1000) AS f
    LIMIT 100;
END $$;

CREATE OR REPLACE FUNCTION meet_party(fresh uuid, tried bytea[], of_kind text, made bytea, sealed text) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp ROWS 2 AS $$
-- Whose identity has one of these hashes; one of nobody becomes that of a light record with the id fresh (null: of none). Two
-- calls at once make one: the second waits, looks again, and finds the first one's.
BEGIN
    FOR look IN 1..2 LOOP
        RETURN QUERY SELECT DISTINCT party_root(f.party) FROM (
            SELECT i.party FROM party_identity i WHERE i.lookup = ANY (tried) LIMIT 1000) AS f LIMIT 100;
        IF FOUND OR fresh IS NULL THEN
            RETURN;
        END IF;
        IF look = 1 THEN
            PERFORM pg_advisory_xact_lock(1668247413, hashtext(encode(made, 'hex')));
        END IF;
    END LOOP;
    INSERT INTO party (id, light) VALUES (fresh, true);
    INSERT INTO party_identity (party, kind, lookup, value) VALUES (fresh, of_kind, made, sealed);
    RETURN NEXT fresh;
END $$;

CREATE OR REPLACE FUNCTION erase_party(audited bigint, one uuid, numbers text[])
RETURNS TABLE (parties bigint, private bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- All that is kept of a person: the party, whatever was merged into it, number and name of their contacts, and of contacts
-- that came from their numbers and are nobody else's. Written down before, in the same transaction or earlier.
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
        SELECT p.contact FROM contact_private p LEFT JOIN contact c ON c.id = p.contact
        WHERE p.ani = ANY (numbers) AND (c.party IS NULL OR c.party = ANY (family)));
    DELETE FROM contact_private p WHERE p.contact = ANY (theirs);
    GET DIAGNOSTICS private = ROW_COUNT;
    DELETE FROM party p WHERE p.id = ANY (family);
    GET DIAGNOSTICS parties = ROW_COUNT;
    RETURN NEXT;
END $$;
