-- runs with: 0001
-- Whether customers had to come again: what first-contact resolution is counted from.

CREATE FUNCTION re_contacts(since timestamptz, until timestamptz, within interval, same text)
RETURNS TABLE (contact uuid, arrived_at timestamptz, queue text, outcome text, party uuid, known boolean, again_at timestamptz)
LANGUAGE sql STABLE AS $$
-- Contacts that arrived from since (included) to until, without test calls and agents' own calls that were merged, each with
-- the arrival of the next contact of the same customer about the same within so long; null: there was none. same: 'any': whatever
-- it was about; 'topic': about the same case, or a topic that both have by their cases, or, where one of the two has none, in
-- the same queue. Parties that were merged are one customer. known is false where nobody knows who it was, or, by topic,
-- what it was about. One sort: a switchboard with ten thousand contacts costs what ten thousand customers do.
    WITH RECURSIVE way AS (
        SELECT p.id, p.merged_into AS up FROM party p WHERE p.merged_into IS NOT NULL
        UNION SELECT w.id, p.merged_into FROM way w JOIN party p ON p.id = w.up WHERE p.merged_into IS NOT NULL),
    root AS (SELECT w.id, w.up FROM way w JOIN party p ON p.id = w.up WHERE p.merged_into IS NULL),
    told AS MATERIALIZED (
        SELECT c.id, c.arrived_at, c.queue, c.outcome, coalesce(r.up, c.party) AS who
        FROM contact c LEFT JOIN root r ON r.id = c.party
        WHERE c.arrived_at >= since AND c.arrived_at < until + within AND NOT c.test
          AND c.outcome IS DISTINCT FROM 'merged'),
    about AS MATERIALIZED (
        SELECT t.id, l.case_id, k.topic FROM told t JOIN case_contact l ON l.contact = t.id
        JOIN customer_case k ON k.id = l.case_id WHERE same = 'topic'),
    topical AS MATERIALIZED (SELECT DISTINCT a.id FROM about a WHERE a.topic IS NOT NULL),
    -- alone: it matches every other one of its key; else only those that are alone.
    keyed AS (
        SELECT t.id, t.who, t.arrived_at, 'any' AS key, true AS alone FROM told t WHERE same = 'any'
        UNION ALL
        SELECT t.id, t.who, t.arrived_at, 'queue ' || t.queue, s.id IS NULL
        FROM told t LEFT JOIN topical s ON s.id = t.id WHERE same = 'topic' AND t.queue IS NOT NULL
        UNION ALL
        SELECT DISTINCT t.id, t.who, t.arrived_at, 'topic ' || a.topic, true
        FROM told t JOIN about a ON a.id = t.id WHERE a.topic IS NOT NULL
        UNION ALL
        SELECT t.id, t.who, t.arrived_at, 'case ' || a.case_id, true FROM told t JOIN about a ON a.id = t.id),
    nexts AS (
        SELECT k.id, CASE WHEN k.alone THEN min(k.arrived_at) OVER later
                          ELSE min(k.arrived_at) FILTER (WHERE k.alone) OVER later END AS next_at
        FROM keyed k WHERE k.who IS NOT NULL
        WINDOW later AS (PARTITION BY k.who, k.key ORDER BY k.arrived_at DESC, k.id DESC
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
    next AS (SELECT n.id, min(n.next_at) AS next_at FROM nexts n GROUP BY n.id)
    SELECT t.id, t.arrived_at, t.queue, t.outcome, t.who, n.id IS NOT NULL,
           CASE WHEN n.next_at <= t.arrived_at + within THEN n.next_at END
    FROM told t LEFT JOIN next n ON n.id = t.id
    WHERE t.arrived_at < until
$$;
REVOKE ALL ON FUNCTION re_contacts(timestamptz, timestamptz, interval, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION re_contacts(timestamptz, timestamptz, interval, text) TO contactd_daemon, contactd_reader;
