-- runs with: 0001
-- Who may use the agent desk, and who is at it.

CREATE TABLE desk_user (
    name       text        PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    person     text        NOT NULL DEFAULT '',
    role       text        NOT NULL,
    agent      text,
    queues     text[]      NOT NULL DEFAULT '{}',
    language   text        NOT NULL DEFAULT '',
    password   text,
    token      bytea       UNIQUE,
    totp       text,
    totp_step  bigint      NOT NULL DEFAULT 0,
    locked_at  timestamptz,
    added_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk_user IS 'Who may sign in at the desk, or use its API by a token. A right goes with the row.';
COMMENT ON COLUMN desk_user.person IS 'The name for people.';
COMMENT ON COLUMN desk_user.agent IS 'The [agents.<id>] that the user is; null: none.';
COMMENT ON COLUMN desk_user.queues IS 'What a supervisor, a planner or an integrator sees and acts on; empty: all.';
COMMENT ON COLUMN desk_user.password IS 'argon2id, with its salt and costs; null: signs in by no password.';
COMMENT ON COLUMN desk_user.token IS 'sha256 of an integrator''s token.';
COMMENT ON COLUMN desk_user.totp IS 'The secret of the one-time codes, sealed where there is a key (store/vault.py); null: none are asked for.';
COMMENT ON COLUMN desk_user.totp_step IS 'The step of the last code that was taken: no code counts twice.';

CREATE TABLE desk_session (
    id        bytea       PRIMARY KEY,
    name      text        NOT NULL REFERENCES desk_user ON DELETE CASCADE,
    opened_at timestamptz NOT NULL DEFAULT now(),
    seen_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk_session IS 'Who is signed in at the desk. id is the sha256 of what the browser has, so that a copy of this table opens nothing.';
CREATE INDEX desk_session_name ON desk_session (name);

GRANT SELECT, INSERT, UPDATE, DELETE ON desk_user, desk_session TO contactd_daemon;
