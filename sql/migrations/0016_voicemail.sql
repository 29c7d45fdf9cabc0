-- runs with: 0001
-- Messages that callers left: which recording each is, for whose people, and who has dealt with it.

CREATE TABLE voicemail (
    blob    uuid             PRIMARY KEY REFERENCES blob ON DELETE CASCADE,
    contact uuid             NOT NULL,
    queue   text             NOT NULL,
    left_at timestamptz      NOT NULL,
    seconds double precision NOT NULL,
    done_at timestamptz,
    done_by text,
    CHECK ((done_at IS NULL) = (done_by IS NULL))
);
COMMENT ON TABLE voicemail IS 'A message that a caller left for the people of a queue. It goes with its recording: by its time, and with who called.';
COMMENT ON COLUMN voicemail.done_by IS 'Who says that it was dealt with; null: it waits.';
CREATE INDEX voicemail_waits ON voicemail (queue, left_at) WHERE done_at IS NULL;

GRANT SELECT, INSERT ON voicemail TO contactd_worker;
GRANT SELECT, UPDATE (done_at, done_by) ON voicemail TO contactd_daemon;
GRANT SELECT ON voicemail TO contactd_reader;
