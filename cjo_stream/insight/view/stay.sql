-- A row for each stay of an instance in a state: from the record that entered it to the
-- instance's next record that is no `goal` (`until` NULL: it is still there).
CREATE VIEW "stay" AS
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
    FROM "transition"
    WHERE reason NOT IN ('goal', 'refused')
    WINDOW next_one AS (PARTITION BY instance_id ORDER BY "time", lane, position)
)
WHERE entered_by IN ('entered', 'moved');
