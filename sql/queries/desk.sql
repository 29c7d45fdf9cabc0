-- name: desk_users
-- All, by name; or the one of that name. $1 name text or null
SELECT name, person, role, agent, queues, language, password, token, totp, totp_step,
       extract(epoch FROM locked_at)::float8 AS locked_at, extract(epoch FROM added_at)::float8 AS added_at,
       (SELECT count(*) FROM desk_session s WHERE s.name = u.name) AS sessions
FROM desk_user u WHERE $1::text IS NULL OR name = $1 ORDER BY name;

-- name: desk_user_by_token
-- The integrator whose token it is. $1 sha256 bytea
SELECT name FROM desk_user WHERE token = $1 AND locked_at IS NULL;

-- name: desk_user_add
-- Nothing where the name is taken. $1 name text, $2 person text, $3 role text, $4 agent text or null, $5 queues text[],
-- $6 language text, $7 password text or null, $8 token bytea or null
INSERT INTO desk_user (name, person, role, agent, queues, language, password, token)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING RETURNING name;

-- name: desk_user_password
-- Another password, or another token of an integrator. $1 name text, $2 password text or null, $3 token bytea or null
UPDATE desk_user SET password = $2, token = $3 WHERE name = $1 RETURNING name;

-- name: desk_user_rehash
-- The same password by today's costs, unless it was changed meanwhile. $1 name text, $2 the hash of before text, $3 hash text
UPDATE desk_user SET password = $3 WHERE name = $1 AND password = $2;

-- name: desk_user_totp
-- Another secret of one-time codes, or none. $1 name text, $2 sealed secret text or null
UPDATE desk_user SET totp = $2, totp_step = 0 WHERE name = $1 RETURNING name;

-- name: desk_user_code
-- Take a code, once: nothing where one of this step or a later one was taken. $1 name text, $2 step bigint
UPDATE desk_user SET totp_step = $2 WHERE name = $1 AND totp_step < $2 RETURNING name;

-- name: desk_user_lock
-- Nobody signs in as this user any more; or may again. $1 name text, $2 locked boolean
UPDATE desk_user SET locked_at = CASE WHEN $2 THEN now() END WHERE name = $1 RETURNING name;

-- name: desk_user_remove
-- The user, with all sessions. $1 name text
DELETE FROM desk_user WHERE name = $1 RETURNING name;

-- name: desk_session_add
-- Somebody has signed in. $1 id bytea, $2 name text
INSERT INTO desk_session (id, name) SELECT $1, name FROM desk_user WHERE name = $2 AND locked_at IS NULL RETURNING name;

-- name: desk_session_end
-- Signed out. $1 id bytea
DELETE FROM desk_session WHERE id = $1;

-- name: desk_sessions_end
-- All of a user. $1 name text
DELETE FROM desk_session WHERE name = $1;

-- name: desk_sessions_old
-- Those that are over: not used for $1 seconds, or opened $2 seconds ago. $1 float8, $2 float8
DELETE FROM desk_session
WHERE seen_at < now() - make_interval(secs => $1) OR opened_at < now() - make_interval(secs => $2);

-- name: desk_sessions_seen
-- These were used since they were told last. $1 ids bytea[], $2 seconds ago float8[]
UPDATE desk_session s SET seen_at = greatest(s.seen_at, now() - make_interval(secs => u.ago))
FROM unnest($1::bytea[], $2::float8[]) AS u (id, ago) WHERE s.id = u.id;

-- name: desk_sessions
-- Everybody who is signed in, with the rights of now.
SELECT s.id, u.name, u.person, u.role, u.agent, u.queues, u.language,
       extract(epoch FROM now() - s.opened_at)::float8 AS open_s, extract(epoch FROM now() - s.seen_at)::float8 AS idle_s
FROM desk_session s JOIN desk_user u USING (name) WHERE u.locked_at IS NULL;
