-- runs with: 0001
-- Customers from a file: how far each import came, in the same transaction as its rows.

CREATE TABLE party_import (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256     bytea       NOT NULL,
    options    bytea       NOT NULL,
    who        text        NOT NULL,
    began_at   timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    position   bigint      NOT NULL DEFAULT 0,
    made       bigint      NOT NULL DEFAULT 0,
    completed  bigint      NOT NULL DEFAULT 0,
    updated    bigint      NOT NULL DEFAULT 0,
    skipped    bigint      NOT NULL DEFAULT 0,
    refused    bigint      NOT NULL DEFAULT 0
);
COMMENT ON TABLE party_import IS 'Files of customers that were imported, by the hash of each: how far, and what became of the rows. No value of a row.';
COMMENT ON COLUMN party_import.options IS 'Hash of how the file was to be understood: a broken import goes on in the same way or not at all.';
COMMENT ON COLUMN party_import.position IS 'Rows that are dealt with. Two who import one file at once would both change it: only one may.';
COMMENT ON COLUMN party_import.completed IS 'Light records that a row made whole.';
CREATE INDEX party_import_file ON party_import (sha256, id DESC);

ALTER TABLE party ADD COLUMN source text;
COMMENT ON COLUMN party.source IS 'Where the record came from, such as import 12; null: a call, or somebody by hand.';

CREATE FUNCTION match_identities(tried bytea[]) RETURNS TABLE (lookup bytea, party uuid, light boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Whose identities have these hashes; as match_party, for thousands at once.
    SELECT DISTINCT i.lookup, r.root, p.light FROM unnest(tried) AS t (hash)
    JOIN party_identity i ON i.lookup = t.hash
    CROSS JOIN LATERAL (SELECT party_root(i.party) AS root) AS r
    JOIN party p ON p.id = r.root
$$;
REVOKE ALL ON FUNCTION match_identities(bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION match_identities(bytea[]) TO contactd_daemon;

GRANT SELECT, INSERT (sha256, options, who),
    UPDATE (changed_at, ended_at, position, made, completed, updated, skipped, refused) ON party_import TO contactd_daemon;
GRANT UPDATE (source) ON party TO contactd_daemon;
-- A consent was given when it was given, not when its file was read.
GRANT INSERT (at) ON party_consent TO contactd_daemon;
