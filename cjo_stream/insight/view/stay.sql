-- The stays of records: from the record that entered a state to the instance's next record that is
-- no `goal` (`until` NULL: it is still there). `records` names a table of transitions. `before` is
-- the state before; of the next record stand its `next` state, its `outcome`, and `left_id`, its
-- customer if that is another. `reached` is when the instance first reached its goal.
CREATE MACRO part.stays_of(records) AS TABLE
SELECT
    journey,
    version,
    instance_id,
    customer_id,
    "key",
    state,
    since,
    "until",
    reason,
    holdout,
    before,
    next,
    outcome,
    nullif(next_id, customer_id) AS left_id,
    reached
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
        lag("to") OVER next_one AS before,
        lead("to") OVER next_one AS next,
        lead(outcome) OVER next_one AS outcome,
        lead(customer_id) OVER next_one AS next_id,
        reason AS entered_by
    FROM query_table(records)
    WHERE reason NOT IN ('goal', 'refused')
    WINDOW next_one AS (PARTITION BY instance_id ORDER BY "time", lane, position)
)
LEFT JOIN (
    SELECT instance_id, min("time") AS reached
    FROM query_table(records)
    WHERE reason = 'goal'
    GROUP BY instance_id
) USING (instance_id)
WHERE entered_by IN ('entered', 'moved');

-- Stays, and how often (`times`) the instance entered the state within 24 hours.
CREATE MACRO part.counted(stays) AS TABLE
SELECT
    *,
    count(*) OVER (
        PARTITION BY instance_id, state ORDER BY since
        RANGE BETWEEN 86400000 PRECEDING AND CURRENT ROW
    ) AS times
FROM query_table(stays);

-- The instances with a record since stays were kept, and all records of theirs.
CREATE VIEW part.newer AS
SELECT r.* FROM part."transition" AS r
SEMI JOIN part.unkept AS u ON u.instance_id = r.instance_id;
CREATE VIEW part.newly AS SELECT * FROM part.stays_of('part.newer');

-- The stays that are kept (most, in a large layer), but those of instances with a newer record.
CREATE VIEW part.still AS
SELECT k.* FROM part.stayed AS k
ANTI JOIN part.unkept AS u ON u.instance_id = k.instance_id;

-- All stays. `moved` is to whom an unmerge moved the instance.
CREATE VIEW part.stays AS
SELECT s.*, m.present AS moved
FROM (
    SELECT * FROM part.still
    UNION ALL
    SELECT * FROM part.counted('part.newly')
) AS s
LEFT JOIN part.moved AS m ON m.instance_id = s.instance_id;

-- A row for each stay of an instance in a state. `customer_id` is the present customer.
CREATE VIEW "stay" AS
SELECT
    s.journey,
    s.version,
    s.instance_id,
    coalesce(s.moved, p.present, s.customer_id) AS customer_id,
    s.customer_id AS recorded_id,
    s."key",
    s.state,
    s.since,
    s."until",
    s.reason,
    s.holdout
FROM part.stays AS s
LEFT JOIN part.present AS p ON p.customer_id = s.customer_id;
