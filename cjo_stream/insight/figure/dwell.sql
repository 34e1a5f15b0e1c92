-- Each stay that ended in the period, save those ended by a merge; and, without a state, each
-- whole instance, from its entry to its end.
SELECT
    journey,
    version,
    state,
    customer_id,
    "until" - since AS ms,
    recorded_id AS then_id,
    instance_id AS then_instance,
    since AS then_ms
FROM stay
WHERE
    "until" IS NOT NULL AND reason <> 'merged'
    AND ($from IS NULL OR "until" >= $from) AND ($until IS NULL OR "until" < $until)
UNION ALL
SELECT
    e.journey,
    e.version,
    NULL,
    e.customer_id,
    e."time" - b."time",
    b.recorded_id,
    b.instance_id,
    b."time"
FROM "transition" AS e
JOIN "transition" AS b ON b.instance_id = e.instance_id AND b.reason = 'entered'
WHERE
    e.reason IN ('ended', 'exited')
    AND ($from IS NULL OR e."time" >= $from) AND ($until IS NULL OR e."time" < $until)
