-- The stays of records: from the record that entered a state to the instance's next record that is
-- no `goal` (`until` NULL: it is still there). `records` names a table of transitions.
CREATE MACRO part.stays_of(records) AS TABLE
SELECT journey, version, instance_id, customer_id, "key", state, since, "until", reason, holdout
FROM (
    SELECT
        journey,
        version,
        instance_id,
        customer_id,
        "key",
        "to" AS state,
        "time" AS since,
        lead("time") OVER next_one AS "until",
        lead(reason) OVER next_one AS reason,
        holdout,
        reason AS entered_by
    FROM query_table(records)
    WHERE reason NOT IN ('goal', 'refused')
    WINDOW next_one AS (PARTITION BY instance_id ORDER BY "time", lane, position)
)
WHERE entered_by IN ('entered', 'moved');

-- The instances with a record since stays were kept, and all records of theirs.
CREATE VIEW part.newer AS
SELECT r.* FROM part."transition" AS r
SEMI JOIN part.unkept AS u ON u.instance_id = r.instance_id;

-- A row for each stay of an instance in a state: those that are kept (most, in a large layer), and
-- those of instances with a newer record. `customer_id` is the present customer.
CREATE VIEW "stay" AS
SELECT
    s.journey,
    s.version,
    s.instance_id,
    coalesce(m.present, p.present, s.customer_id) AS customer_id,
    s.customer_id AS recorded_id,
    s."key",
    s.state,
    s.since,
    s."until",
    s.reason,
    s.holdout
FROM (
    SELECT k.* FROM part.stayed AS k
    ANTI JOIN part.unkept AS u ON u.instance_id = k.instance_id
    UNION ALL
    SELECT * FROM part.stays_of('part.newer')
) AS s
LEFT JOIN part.moved AS m ON m.instance_id = s.instance_id
LEFT JOIN part.present AS p ON p.customer_id = s.customer_id;
