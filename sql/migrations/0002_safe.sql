-- runs with: 0001
-- Who read a personal value and who acted; personal values only through a door that is written down first; a role for
-- reports; what is forgotten, and when.

CREATE TABLE audit (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    who     text        NOT NULL,
    uid     bigint,
    via     text        NOT NULL,
    act     text        NOT NULL,
    contact uuid,
    agent   text,
    fields  text[]      NOT NULL DEFAULT '{}',
    outcome text        NOT NULL DEFAULT '',
    login   name        NOT NULL DEFAULT session_user,
    client  inet        DEFAULT inet_client_addr()
);
COMMENT ON TABLE audit IS 'Who read or erased a personal value, and who acted for others. Never a personal value itself. Appended only.';
COMMENT ON COLUMN audit.fields IS 'Which kinds of values were read: ani, name.';
COMMENT ON COLUMN audit.login IS 'The database''s own word, as are at and client: a writer cannot choose them.';
CREATE INDEX audit_contact ON audit (contact, id) WHERE contact IS NOT NULL;

CREATE FUNCTION reveal(audited bigint[]) RETURNS TABLE (contact uuid, ani text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- The personal values of the reads that were written down. Only of committed rows: one of this transaction is not older
-- than it, and one that is visible and older was committed. Only for a minute, and for the login that wrote them.
    SELECT p.contact, CASE WHEN 'ani' = ANY (a.fields) THEN p.ani END, CASE WHEN 'name' = ANY (a.fields) THEN p.name END
    FROM audit a JOIN contact_private p ON p.contact = a.contact
    WHERE a.id = ANY (audited) AND a.act = 'read' AND a.login = session_user
      AND a.at < now() AND a.at > now() - interval '1 minute'
$$;

CREATE FUNCTION forget(keep_private interval, keep_audit interval) RETURNS TABLE (private bigint, audited bigint)
LANGUAGE plpgsql AS $$
-- Remove the personal values of contacts that arrived longer ago than keep_private, and audit rows older than keep_audit.
-- A contact's id begins with the milliseconds of its arrival.
BEGIN
    DELETE FROM contact_private p WHERE p.contact <
        (lpad(to_hex((extract(epoch FROM now() - keep_private) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    GET DIAGNOSTICS private = ROW_COUNT;
    DELETE FROM audit a WHERE a.at < now() - keep_audit;
    GET DIAGNOSTICS audited = ROW_COUNT;
    IF private > 0 OR audited > 0 THEN
        INSERT INTO audit (who, via, act, outcome)
        VALUES ('contactd', 'migrate', 'forget', format('%s contacts'' private values, %s audit rows', private, audited));
    END IF;
    RETURN NEXT;
END $$;

REVOKE ALL ON FUNCTION reveal(bigint[]), forget(interval, interval), cut_journal(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reveal(bigint[]) TO contactd_daemon;
GRANT SELECT, INSERT (who, uid, via, act, contact, agent, fields, outcome) ON audit TO contactd_daemon;
REVOKE SELECT, UPDATE ON contact_private FROM contactd_daemon;
GRANT SELECT (contact) ON contact_private TO contactd_daemon;
REVOKE UPDATE ON floor FROM contactd_daemon;
GRANT UPDATE (epoch, seq, chain) ON floor TO contactd_daemon;
GRANT SELECT ON migration TO contactd_daemon;

-- Reports read history and the journal, never a person and never who looked.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'contactd_reader') THEN
        CREATE ROLE contactd_reader NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was first
END $$;
GRANT SELECT ON contact, agent_span, event, seal, floor, projection, config_version TO contactd_reader;

-- PostgreSQL lets everybody make temporary tables, and before 15 others too. Whoever may not change that is warned and
-- goes on: docs/security.rst has the command for a superuser.
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'The rights of PUBLIC on this database or its schema were left as they were.';
END $$;
