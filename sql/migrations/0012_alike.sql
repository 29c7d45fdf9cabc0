-- runs with: 0001
-- Who may be one person: scored by what they share, without the pairs of whom somebody said that they are two.

ALTER TABLE party_private ADD COLUMN alike bytea;
COMMENT ON COLUMN party_private.alike IS 'Of names: keyed hash of what is left without titles, accents and the order of words; null until the night where a version or an import knew none.';
CREATE INDEX party_private_alike ON party_private ((coalesce(alike, lookup))) WHERE lookup IS NOT NULL;

CREATE TABLE party_apart (
    one   uuid        NOT NULL REFERENCES party ON DELETE CASCADE,
    other uuid        NOT NULL REFERENCES party ON DELETE CASCADE CHECK (other > one),
    who   text        NOT NULL,
    at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (one, other)
);
COMMENT ON TABLE party_apart IS 'Pairs of whom somebody said that they are two persons, though they share something.';
CREATE INDEX party_apart_other ON party_apart (other);

CREATE FUNCTION likely_duplicates(asked uuid, most integer)
RETURNS TABLE (one uuid, other uuid, score integer, why text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET work_mem = '64MB' AS $$
-- Pairs that share something, the likeliest first: of one party (null: of all). What many share (a switchboard, a common name)
-- tells less of each, and of more than 20 nothing. Ids and kinds, no value.
DECLARE
    family uuid[];
    hashes bytea[];
BEGIN
    IF asked IS NULL THEN
        hashes := ARRAY(SELECT i.lookup FROM party_identity i GROUP BY i.lookup HAVING count(*) BETWEEN 2 AND 40)
               || ARRAY(SELECT coalesce(p.alike, p.lookup) FROM party_private p WHERE p.lookup IS NOT NULL
                        GROUP BY coalesce(p.alike, p.lookup) HAVING count(*) BETWEEN 2 AND 40);
    ELSE
        family := ARRAY(SELECT party_family(party_root(asked)));
        hashes := ARRAY(SELECT i.lookup FROM party_identity i WHERE i.party = ANY (family))
               || ARRAY(SELECT coalesce(p.alike, p.lookup) FROM party_private p WHERE p.party = ANY (family) AND p.lookup IS NOT NULL);
    END IF;
    RETURN QUERY
    WITH member AS (
        SELECT DISTINCT f.hash, f.kind, f.exact, CASE WHEN p.merged_into IS NULL THEN p.id ELSE party_root(p.id) END AS id
        FROM (
            SELECT u.hash, i.kind, NULL::bytea AS exact, i.party FROM unnest(hashes) AS u (hash) CROSS JOIN LATERAL (
                SELECT j.kind, j.party FROM party_identity j WHERE j.lookup = u.hash LIMIT 41) AS i
            UNION ALL
            SELECT u.hash, 'name', n.lookup, n.party FROM unnest(hashes) AS u (hash) CROSS JOIN LATERAL (
                SELECT m.lookup, m.party FROM party_private m
                WHERE coalesce(m.alike, m.lookup) = u.hash AND m.lookup IS NOT NULL LIMIT 41) AS n
        ) AS f JOIN party p ON p.id = f.party),
    counted AS (SELECT m.*, count(*) OVER (PARTITION BY m.hash) AS sharers FROM member m),
    shared AS (
        SELECT a.id AS a, b.id AS b,
               CASE WHEN a.kind <> 'name' THEN a.kind WHEN a.exact = b.exact THEN 'name' ELSE 'similar name' END AS what,
               CASE a.kind WHEN 'external' THEN 80 WHEN 'name' THEN CASE WHEN a.exact = b.exact THEN 40 ELSE 30 END
                           WHEN 'phone' THEN 50 ELSE 60 END / (a.sharers - 1)::numeric AS weight
        FROM counted a JOIN counted b ON b.hash = a.hash AND b.kind = a.kind AND b.id > a.id
        WHERE a.sharers BETWEEN 2 AND 20),
    apart AS (
        SELECT least(party_root(x.one), party_root(x.other)) AS a, greatest(party_root(x.one), party_root(x.other)) AS b
        FROM party_apart x)
    SELECT s.a, s.b, least(100, ceil(sum(s.weight)))::integer, string_agg(DISTINCT s.what, ', ')
    FROM shared s
    WHERE (asked IS NULL OR s.a = ANY (family) OR s.b = ANY (family))
      AND NOT EXISTS (SELECT FROM apart x WHERE x.a = s.a AND x.b = s.b)
    GROUP BY s.a, s.b ORDER BY 3 DESC, 1, 2 LIMIT most;
END $$;

GRANT INSERT (alike) ON party_private TO contactd_daemon;
GRANT SELECT, INSERT (one, other, who), DELETE ON party_apart TO contactd_daemon;
REVOKE ALL ON FUNCTION likely_duplicates(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION likely_duplicates(uuid, integer) TO contactd_daemon;
