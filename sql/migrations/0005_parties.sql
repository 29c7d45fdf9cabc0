-- runs with: 0001
-- Who is calling: parties, what names them, what is noted of them and what they agreed to. Personal values are apart from
-- ids, and are read through a door that is written down first, as those of a contact are.

CREATE TABLE party (
    id          uuid        PRIMARY KEY,
    kind        text        NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'organisation')),
    light       boolean     NOT NULL DEFAULT false,
    language    text,
    medium      text,
    vip         boolean     NOT NULL DEFAULT false,
    merged_into uuid        REFERENCES party CHECK (merged_into <> id),
    made_at     timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE party IS 'A person or an organisation: an id, and what routing reads. Whatever names them is in party_identity and party_private.';
COMMENT ON COLUMN party.light IS 'Made when an unknown number called; nobody has looked at it yet.';
COMMENT ON COLUMN party.merged_into IS 'The same person as that one. Nothing of it moves, so a merge can be undone.';
CREATE INDEX party_merged ON party (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE party_identity (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party    uuid        NOT NULL REFERENCES party ON DELETE CASCADE,
    kind     text        NOT NULL CHECK (kind IN ('phone', 'mail', 'chat', 'external')),
    lookup   bytea       NOT NULL,
    value    text        NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (party, kind, lookup)
);
COMMENT ON TABLE party_identity IS 'Numbers, addresses, handles and ids in other systems. A number may be several parties''.';
COMMENT ON COLUMN party_identity.lookup IS 'Keyed hash of kind and value: how one is found without being read.';
COMMENT ON COLUMN party_identity.value IS 'As store/vault.py seals it.';
CREATE INDEX party_identity_lookup ON party_identity (lookup);

CREATE TABLE party_private (
    party  uuid  NOT NULL REFERENCES party ON DELETE CASCADE,
    field  text  NOT NULL,
    value  text  NOT NULL,
    lookup bytea,
    PRIMARY KEY (party, field)
);
COMMENT ON TABLE party_private IS 'The name, and the fields that the configuration declares, each sealed.';
CREATE INDEX party_private_lookup ON party_private (lookup) WHERE lookup IS NOT NULL;

CREATE TABLE party_note (
    id      uuid        PRIMARY KEY,
    party   uuid        NOT NULL REFERENCES party ON DELETE CASCADE,
    at      timestamptz NOT NULL DEFAULT now(),
    who     text        NOT NULL,
    contact uuid,
    body    text        NOT NULL
);
COMMENT ON TABLE party_note IS 'What people wrote down. body is sealed.';
CREATE INDEX party_note_party ON party_note (party, at DESC);

CREATE TABLE party_consent (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party   uuid        NOT NULL REFERENCES party ON DELETE CASCADE,
    purpose text        NOT NULL CHECK (purpose IN ('recording', 'marketing', 'calls')),
    given   boolean     NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    how     text        NOT NULL,
    who     text        NOT NULL
);
COMMENT ON TABLE party_consent IS 'Consents and refusals with their history: appended, never changed; the last one of a purpose counts.';
CREATE INDEX party_consent_party ON party_consent (party, at DESC);

ALTER TABLE contact ADD COLUMN party uuid;
ALTER TABLE contact ADD COLUMN verified boolean NOT NULL DEFAULT false;
CREATE INDEX contact_party ON contact (party, arrived_at DESC) WHERE party IS NOT NULL;

ALTER TABLE audit ADD COLUMN party uuid;
CREATE INDEX audit_party ON audit (party, id) WHERE party IS NOT NULL;

-- Whoever searches or erases by number has it; without this each reads all callers of 90 days.
CREATE INDEX contact_private_ani ON contact_private (ani) WHERE ani IS NOT NULL;

CREATE FUNCTION party_root(one uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
-- Whom a party was merged into in the end; itself when into nobody.
    WITH RECURSIVE up AS (
        SELECT p.id, p.merged_into FROM party p WHERE p.id = one
        UNION SELECT p.id, p.merged_into FROM party p JOIN up ON p.id = up.merged_into
    ) SELECT id FROM up WHERE merged_into IS NULL
$$;

CREATE FUNCTION party_family(one uuid) RETURNS SETOF uuid LANGUAGE sql STABLE ROWS 2 AS $$
-- A party and all that were merged into it.
    WITH RECURSIVE down AS (
        SELECT one AS id UNION SELECT p.id FROM party p JOIN down ON p.merged_into = down.id
    ) SELECT id FROM down
$$;

CREATE FUNCTION match_party(tried bytea[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 2 AS $$
-- Whose identity or name has one of these hashes. It tells ids only, and only to who knows the value (and the key).
    SELECT DISTINCT party_root(f.party) FROM (
        SELECT i.party FROM party_identity i WHERE i.lookup = ANY (tried)
        UNION ALL SELECT p.party FROM party_private p WHERE p.lookup = ANY (tried)) AS f
    LIMIT 100
$$;

CREATE FUNCTION meet_party(fresh uuid, tried bytea[], of_kind text, made bytea, sealed text) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp ROWS 2 AS $$
-- As match_party; an identity of nobody becomes that of a light record with the id fresh (null: of none). Two calls at
-- once make one: the second waits, looks again, and finds the first one's.
BEGIN
    RETURN QUERY SELECT match_party(tried);
    IF FOUND OR fresh IS NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(1668247413, hashtext(encode(made, 'hex')));
    RETURN QUERY SELECT match_party(tried);
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO party (id, light) VALUES (fresh, true);
    INSERT INTO party_identity (party, kind, lookup, value) VALUES (fresh, of_kind, made, sealed);
    RETURN NEXT fresh;
END $$;

CREATE FUNCTION reveal_party(audited bigint[])
RETURNS TABLE (party uuid, source text, ref text, name text, value text, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What is kept of the parties whose reading was written down and committed, as in reveal(); sealed, where it is.
    WITH allowed AS (
        SELECT DISTINCT a.party FROM audit a
        WHERE a.id = ANY (audited) AND a.act = 'read' AND 'customer' = ANY (a.fields) AND a.login = session_user
          AND a.at < now() AND a.at > now() - interval '1 minute')
    SELECT i.party, 'identity', i.id::text, i.kind, i.value, i.added_at FROM party_identity i JOIN allowed USING (party)
    UNION ALL SELECT p.party, 'field', p.field, p.field, p.value, NULL FROM party_private p JOIN allowed USING (party)
    UNION ALL SELECT n.party, 'note', n.id::text, n.who, n.body, n.at FROM party_note n JOIN allowed USING (party)
$$;

CREATE FUNCTION duplicate_parties(most integer) RETURNS TABLE (one uuid, other uuid, why text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Parties that share a number, an address, a handle, an id or a name, and are not merged yet: ids, no value.
    WITH twice AS (
        SELECT i.party AS one, j.party AS other, i.kind AS why
        FROM party_identity i JOIN party_identity j ON j.lookup = i.lookup AND j.party > i.party
        UNION ALL
        SELECT p.party, q.party, p.field
        FROM party_private p JOIN party_private q ON q.lookup = p.lookup AND q.party > p.party
        WHERE p.lookup IS NOT NULL)
    SELECT r.one, r.other, string_agg(DISTINCT r.why, ', ') FROM (
        SELECT least(party_root(t.one), party_root(t.other)) AS one, greatest(party_root(t.one), party_root(t.other)) AS other,
               t.why FROM twice t) AS r
    WHERE r.one <> r.other GROUP BY r.one, r.other ORDER BY 1, 2 LIMIT most
$$;

CREATE FUNCTION erase_party(audited bigint, one uuid, numbers text[])
RETURNS TABLE (parties bigint, private bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- All that is kept of a person: the party, whatever was merged into it, number and name of their contacts, and of contacts
-- that came from their numbers and are nobody else's. Written down before, in the same transaction or earlier.
DECLARE
    family uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM audit a WHERE a.id = audited AND a.act = 'erase' AND a.party = one
                   AND a.login = session_user AND a.at > now() - interval '1 minute') THEN
        RAISE EXCEPTION 'erase_party: write it down first';
    END IF;
    family := ARRAY(SELECT party_family(party_root(one)));
    -- The audit says whose values were removed; it keeps no value.
    WITH theirs AS (
        SELECT c.id FROM contact c WHERE c.party = ANY (family)
        UNION
        SELECT p.contact FROM contact_private p LEFT JOIN contact c ON c.id = p.contact
        WHERE p.ani = ANY (numbers) AND (c.party IS NULL OR c.party = ANY (family)))
    DELETE FROM contact_private p USING theirs WHERE p.contact = theirs.id;
    GET DIAGNOSTICS private = ROW_COUNT;
    DELETE FROM party p WHERE p.id = ANY (family);
    GET DIAGNOSTICS parties = ROW_COUNT;
    RETURN NEXT;
END $$;

CREATE FUNCTION forget_light_parties(keep interval) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Remove light records that nobody looked at and that have not called for so long: their numbers are forgotten as those of
-- contacts are. Run by the owner, beside forget().
DECLARE
    removed bigint;
BEGIN
    DELETE FROM party p
    WHERE p.light AND p.merged_into IS NULL AND p.made_at < now() - keep
      AND NOT EXISTS (SELECT FROM contact c WHERE c.party = p.id AND c.arrived_at > now() - keep)
      AND NOT EXISTS (SELECT FROM party q WHERE q.merged_into = p.id);
    GET DIAGNOSTICS removed = ROW_COUNT;
    IF removed > 0 THEN
        INSERT INTO audit (who, via, act, outcome)
        VALUES ('contactd', 'migrate', 'forget', format('%s light records', removed));
    END IF;
    RETURN removed;
END $$;

GRANT SELECT, INSERT, UPDATE (kind, light, language, medium, vip, merged_into, changed_at) ON party TO contactd_daemon;
GRANT SELECT (id, party, kind, added_at), INSERT (party, kind, lookup, value), DELETE ON party_identity TO contactd_daemon;
GRANT SELECT (party, field), INSERT, DELETE ON party_private TO contactd_daemon;
GRANT SELECT (id, party, at, who, contact), INSERT ON party_note TO contactd_daemon;
GRANT SELECT, INSERT (party, purpose, given, how, who) ON party_consent TO contactd_daemon;
GRANT INSERT (party) ON audit TO contactd_daemon;
REVOKE ALL ON FUNCTION party_root(uuid), party_family(uuid), match_party(bytea[]),
    meet_party(uuid, bytea[], text, bytea, text), reveal_party(bigint[]), duplicate_parties(integer),
    erase_party(bigint, uuid, text[]), forget_light_parties(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION party_root(uuid), party_family(uuid), match_party(bytea[]),
    meet_party(uuid, bytea[], text, bytea, text), reveal_party(bigint[]), duplicate_parties(integer),
    erase_party(bigint, uuid, text[]) TO contactd_daemon;

-- contactctl explain --at looks back by them.
COMMENT ON TABLE snapshot IS 'The floor as msgpack after event seq, so that a start reads minutes and not months. The newest three are kept, and the last one of each hour for 35 days.';
