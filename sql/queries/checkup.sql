-- name: checkup_about
-- What this server and this session are.
SELECT current_setting('server_version_num')::int AS version,
    (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS superuser,
    to_regclass('migration') IS NOT NULL AND to_regclass('event') IS NOT NULL AS migrated,
    pg_database_size(current_database()) AS size_bytes,
    inet_client_addr() IS NULL OR inet_client_addr() = inet_server_addr() AS local,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls;

-- name: checkup_settings
-- Settings that decide whether a commit is kept; data_directory is told to pg_read_all_settings only.
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'data_directory', 'data_checksums', 'TimeZone');

-- name: checkup_rights
-- What the daemon's role must be able to do, and what it must not.
SELECT has_table_privilege('event', 'INSERT') AND has_table_privilege('input', 'INSERT')
        AND has_column_privilege('floor', 'seq', 'UPDATE') AS append,
    has_table_privilege('event', 'SELECT') AS read,
    has_table_privilege('contact', 'UPDATE') AND has_table_privilege('projection', 'UPDATE') AS follow,
    has_table_privilege('event', 'UPDATE') OR has_table_privilege('event', 'DELETE')
        OR has_table_privilege('event', 'TRUNCATE') AS rewrite;

-- name: checkup_migrations
-- Which ones were run.
SELECT number FROM migration;

-- name: checkup_clock
-- The server's own time, in Unix seconds.
SELECT extract(epoch FROM clock_timestamp())::float8;

-- name: checkup_commit
-- Something to commit that leaves no row: a message in the write-ahead log, which nobody reads.
SELECT pg_logical_emit_message(true, 'contactd', 'doctor');
