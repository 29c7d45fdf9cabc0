-- runs with: 0001
-- What the tokens in outgoing mail are signed with.

CREATE TABLE mail_secret (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key     bytea       NOT NULL DEFAULT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
    made_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE mail_secret IS 'Signs the thread into Message-ID and Reply-To of what is sent; the newest signs, all verify. An INSERT of DEFAULT VALUES changes it.';
INSERT INTO mail_secret DEFAULT VALUES;
GRANT SELECT ON mail_secret TO contactd_daemon, contactd_worker;
