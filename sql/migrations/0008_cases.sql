-- runs with: 0001
-- What customers want done: cases, with the contacts that are about them, their answer targets and their history. Words
-- of people are apart, sealed, and read through a door that is written down first, as a party's are.

CREATE TABLE customer_case (
    id         uuid        PRIMARY KEY,
    number     text        NOT NULL UNIQUE CHECK (number ~ '^[0-9]{10}$'),
    type       text        NOT NULL,
    topic      text,
    status     text        NOT NULL,
    phase      text        NOT NULL CHECK (phase IN ('open', 'waiting', 'closed')),
    party      uuid,
    agent      text,
    queue      text        CHECK (num_nonnulls(agent, queue) <= 1),
    follows    uuid        REFERENCES customer_case CHECK (follows <> id),
    made_at    timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    closed_at  timestamptz CHECK ((closed_at IS NULL) = (phase <> 'closed'))
);
COMMENT ON TABLE customer_case IS 'Something that a customer wants done. No personal value is in it: those are in case_word.';
COMMENT ON COLUMN customer_case.number IS 'Nine random digits and a check digit; shown as C-10473-62946.';
COMMENT ON COLUMN customer_case.phase IS 'What the status meant by the configuration when it was set: waiting is for the customer.';
COMMENT ON COLUMN customer_case.party IS 'Whose it is; erasing the person leaves the id, which then names nobody.';
COMMENT ON COLUMN customer_case.agent IS 'Who owns it: an agent, or a queue, or nobody.';
COMMENT ON COLUMN customer_case.follows IS 'The closed case that the customer came back about when it was too late to open it again.';
CREATE INDEX case_made ON customer_case (made_at DESC);
CREATE INDEX case_open ON customer_case (made_at DESC) INCLUDE (type, phase) WHERE phase <> 'closed';
CREATE INDEX case_agent ON customer_case (agent, made_at DESC) WHERE agent IS NOT NULL AND phase <> 'closed';
CREATE INDEX case_queue ON customer_case (queue, made_at DESC) WHERE queue IS NOT NULL AND phase <> 'closed';
CREATE INDEX case_party ON customer_case (party, made_at DESC) WHERE party IS NOT NULL;
CREATE INDEX case_follows ON customer_case (follows) WHERE follows IS NOT NULL;

CREATE TABLE case_contact (
    case_id uuid        NOT NULL REFERENCES customer_case,
    contact uuid        NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, contact)
);
COMMENT ON TABLE case_contact IS 'Which contacts, on any medium, are about a case. case_change has who linked and unlinked them.';
CREATE INDEX case_contact_contact ON case_contact (contact);

CREATE TABLE case_change (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id uuid        NOT NULL REFERENCES customer_case,
    at      timestamptz NOT NULL DEFAULT now(),
    who     text        NOT NULL,
    what    text        NOT NULL,
    was     text,
    now     text
);
COMMENT ON TABLE case_change IS 'Every change of a case but of its words: from what to what. Appended only. No personal value is in it.';
CREATE INDEX case_change_case ON case_change (case_id, id);

CREATE TABLE case_word (
    id      uuid        PRIMARY KEY,
    case_id uuid        NOT NULL REFERENCES customer_case,
    field   text        NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    who     text        NOT NULL,
    contact uuid,
    value   text
);
COMMENT ON TABLE case_word IS 'What people wrote of a case: subject, declared fields, notes. Appended only: the last one of a field counts, every note does.';
COMMENT ON COLUMN case_word.value IS 'As store/vault.py seals it; null: cleared.';
CREATE INDEX case_word_case ON case_word (case_id, at);
CREATE INDEX case_word_contact ON case_word (contact) WHERE contact IS NOT NULL;

CREATE TABLE case_target (
    case_id   uuid             NOT NULL REFERENCES customer_case,
    kind      text             NOT NULL CHECK (kind IN ('first_answer', 'resolution')),
    calendar  text,
    left_s    double precision NOT NULL,
    since     timestamptz,
    warn_at   timestamptz,
    due       timestamptz,
    met_at    timestamptz,
    broken_at timestamptz,
    warned_at timestamptz,
    PRIMARY KEY (case_id, kind)
);
COMMENT ON TABLE case_target IS 'By when a case is to be answered and resolved, in business hours. A target runs (since), is paused, or has ended (met_at).';
COMMENT ON COLUMN case_target.calendar IS 'In whose hours it counts; null: around the clock.';
COMMENT ON COLUMN case_target.left_s IS 'Seconds of business hours that were left at since, when it was paused, or when it ended; less than 0: so much too late.';
COMMENT ON COLUMN case_target.due IS 'What follows from since and left_s by the calendar; null while it does not run, or where the calendar does not open.';
COMMENT ON COLUMN case_target.broken_at IS 'It was due then and not met; stays when it is met later.';
COMMENT ON COLUMN case_target.warned_at IS 'Since when the worker has told that it is about to break.';
CREATE INDEX case_target_due ON case_target (due) WHERE due IS NOT NULL;
CREATE INDEX case_target_warn ON case_target (warn_at) WHERE warn_at IS NOT NULL AND warned_at IS NULL;

ALTER TABLE audit ADD COLUMN case_id uuid;
CREATE INDEX audit_case ON audit (case_id, id) WHERE case_id IS NOT NULL;

CREATE FUNCTION reveal_case(audited bigint[])
RETURNS TABLE (id uuid, case_id uuid, field text, at timestamptz, who text, contact uuid, value text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- The words of the cases whose reading was written down and committed, as in reveal(); sealed, where they are.
    SELECT w.id, w.case_id, w.field, w.at, w.who, w.contact, w.value FROM case_word w WHERE w.case_id IN (
        SELECT a.case_id FROM audit a
        WHERE a.id = ANY (audited) AND a.act = 'read' AND 'case' = ANY (a.fields) AND a.login = session_user
          AND a.at < now() AND a.at > now() - interval '1 minute')
$$;

CREATE FUNCTION erase_cases(audited bigint, one uuid, contacts uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- All words of a person's cases, and of cases of nobody that one of their contacts is about; and in other people's cases what
-- was noted of their contacts. contacts: such as are theirs by the number alone. To be called before erase_party(), for the
-- same row of the audit. Returns how many cases lost words.
DECLARE
    family uuid[];
    erased bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM audit a WHERE a.id = audited AND a.act = 'erase' AND a.party = one
                   AND a.login = session_user AND a.at > now() - interval '1 minute') THEN
        RAISE EXCEPTION 'erase_cases: write it down first';
    END IF;
    family := ARRAY(SELECT party_family(party_root(one)));
    WITH theirs AS (
        SELECT c.id FROM contact c WHERE c.party = ANY (family)
        UNION SELECT c.id FROM contact c WHERE c.id = ANY (contacts) AND c.party IS NULL),
    about AS (
        SELECT k.id FROM customer_case k WHERE k.party = ANY (family)
        UNION SELECT k.id FROM theirs JOIN case_contact l ON l.contact = theirs.id
                               JOIN customer_case k ON k.id = l.case_id WHERE k.party IS NULL),
    gone AS (
        DELETE FROM case_word w WHERE w.case_id IN (SELECT id FROM about) OR w.contact IN (SELECT id FROM theirs)
        RETURNING w.case_id)
    SELECT count(DISTINCT gone.case_id) INTO erased FROM gone;
    RETURN erased;
END $$;

GRANT SELECT, INSERT, UPDATE (type, topic, status, phase, party, agent, queue, changed_at, closed_at)
    ON customer_case TO contactd_daemon;
GRANT SELECT, INSERT (case_id, contact), DELETE ON case_contact TO contactd_daemon;
GRANT SELECT, INSERT (case_id, who, what, was, now) ON case_change TO contactd_daemon;
GRANT SELECT (id, case_id, field, at, who, contact), INSERT (id, case_id, field, who, contact, value)
    ON case_word TO contactd_daemon;
GRANT SELECT, INSERT, UPDATE ON case_target TO contactd_daemon;
GRANT INSERT (case_id) ON audit TO contactd_daemon;
REVOKE ALL ON FUNCTION reveal_case(bigint[]), erase_cases(bigint, uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reveal_case(bigint[]), erase_cases(bigint, uuid, uuid[]) TO contactd_daemon;
-- Reports: what became of cases, and who was merged into whom; no word of anybody.
GRANT SELECT ON customer_case, case_contact, case_target TO contactd_reader;
GRANT SELECT (id, merged_into) ON party TO contactd_reader;
-- The worker moves and marks targets; of a case it knows what is no word.
GRANT SELECT ON customer_case, case_target TO contactd_worker;
GRANT UPDATE (warn_at, due, broken_at, warned_at) ON case_target TO contactd_worker;
GRANT INSERT (case_id, who, what, was, now) ON case_change TO contactd_worker;
