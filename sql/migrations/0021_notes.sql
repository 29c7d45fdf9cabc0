-- runs with: 0001
-- A note that an agent writes about a contact is kept as what was written in it is.

ALTER TABLE transcript DROP CONSTRAINT transcript_author_check;
ALTER TABLE transcript ADD CONSTRAINT transcript_author_check CHECK (author IN ('caller', 'agent', 'system', 'note'));
