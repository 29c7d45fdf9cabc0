-- runs with: 0001
-- Mail that waits for an agent: which messages have become contacts. Those of before stay as they are.

ALTER TABLE mail ADD routed boolean NOT NULL DEFAULT true;
ALTER TABLE mail ALTER routed SET DEFAULT false;
COMMENT ON COLUMN mail.routed IS 'Whether its contact, which has its id, is in the journal.';
CREATE INDEX mail_unrouted ON mail (mailbox, kept_at) WHERE NOT routed;

GRANT SELECT (routed), UPDATE (routed) ON mail TO contactd_daemon;
