-- Each record of an entry, goal, end, exit, merge or refusal in the period; without an end of the
-- period also each instance that is live.
SELECT
    journey,
    version,
    reason AS what,
    CASE WHEN reason IN ('ended', 'exited') THEN outcome END AS outcome,
    holdout,
    customer_id,
    recorded_id AS then_id,
    instance_id AS then_instance,
    "time" AS then_ms
FROM "transition"
WHERE
    reason <> 'moved'
    AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
UNION ALL
-- That one is live counts at the end of all records.
SELECT
    journey,
    version,
    'live',
    NULL,
    holdout,
    customer_id,
    recorded_id,
    instance_id,
    9223372036854775807
FROM stay
WHERE "until" IS NULL AND $until IS NULL
