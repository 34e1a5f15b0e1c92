-- Each instance that was entered in the period, and whether it has reached its goal since.
SELECT
    e.journey,
    e.version,
    e.holdout,
    e.instance_id,
    g.instance_id IS NOT NULL AS reached,
    e.customer_id,
    e.recorded_id AS then_id,
    e.instance_id AS then_instance,
    e."time" AS then_ms
FROM "transition" AS e
LEFT JOIN (SELECT DISTINCT instance_id FROM "transition" WHERE reason = 'goal') AS g
    ON g.instance_id = e.instance_id
WHERE
    e.reason = 'entered'
    AND ($from IS NULL OR e."time" >= $from) AND ($until IS NULL OR e."time" < $until)
