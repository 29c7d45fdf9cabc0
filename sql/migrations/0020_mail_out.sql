-- runs with: 0001
-- Mail that is sent, through the outbox.

CREATE TABLE mail_out (
    message    uuid        PRIMARY KEY,
    mail       uuid        NOT NULL REFERENCES mail ON DELETE CASCADE,
    mailbox    text        NOT NULL,
    thread     uuid        NOT NULL,
    message_id text        NOT NULL UNIQUE,
    people     bytea[]     NOT NULL,
    done       integer[]   NOT NULL DEFAULT '{}',
    body       text        NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE mail_out IS 'A message that is sent, whole as at its first attempt; outbox.message has its state. It goes with the one that it answers.';
COMMENT ON COLUMN mail_out.mail IS 'What it answers.';
COMMENT ON COLUMN mail_out.thread IS 'The conversation, named by its first message; a signed token in Message-ID and Reply-To says the same.';
COMMENT ON COLUMN mail_out.people IS 'Keyed hash of each recipient.';
COMMENT ON COLUMN mail_out.done IS 'Places of the recipients whose mail server has taken it, where not all have.';
COMMENT ON COLUMN mail_out.body IS 'Envelope and bytes, sealed where there is a key.';
CREATE INDEX mail_out_mail ON mail_out (mail);
CREATE INDEX mail_out_thread ON mail_out (thread);

CREATE FUNCTION forget_mail_out() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What is not there any more is not sent.
BEGIN
    DELETE FROM outbox o WHERE o.kind = 'mail' AND o.message = OLD.message;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_mail_out AFTER DELETE ON mail_out FOR EACH ROW EXECUTE FUNCTION forget_mail_out();

-- contactctl, by the daemon's role, writes mail and cannot read it again; a worker sends it.
GRANT SELECT (message, mail, mailbox, thread, message_id, people, made_at), INSERT (message, mail, mailbox, thread, message_id, people, body)
    ON mail_out TO contactd_daemon;
GRANT INSERT (message) ON outbox TO contactd_daemon;
GRANT SELECT, UPDATE (done) ON mail_out TO contactd_worker;
REVOKE ALL ON FUNCTION forget_mail_out() FROM PUBLIC;
GRANT SELECT (message, mail, mailbox, thread, message_id, made_at) ON mail_out TO contactd_reader;
