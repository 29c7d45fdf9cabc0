-- runs with: 0001
-- Whoever asks to be erased gives a number and no contact: a search, written down first as a read is.

CREATE FUNCTION find_caller(audited bigint, number text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- The contacts of a number, for a search that was written down and committed, as in reveal().
    SELECT p.contact FROM contact_private p
    WHERE p.ani = number AND EXISTS (
        SELECT FROM audit a WHERE a.id = audited AND a.act = 'search' AND a.login = session_user
        AND a.at < now() AND a.at > now() - interval '1 minute')
    ORDER BY p.contact DESC
$$;
REVOKE ALL ON FUNCTION find_caller(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_caller(bigint, text) TO contactd_daemon;
