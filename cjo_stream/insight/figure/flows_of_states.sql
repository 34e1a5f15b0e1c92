-- Each passage from one state to another, entries and ends included.
SELECT
    journey,
    version,
    "from",
    "to",
    reason,
    customer_id,
    recorded_id AS then_id,
    instance_id AS then_instance,
    "time" AS then_ms
FROM "transition"
WHERE
    reason NOT IN ('goal', 'refused')
    AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
