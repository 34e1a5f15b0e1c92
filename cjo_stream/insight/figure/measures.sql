-- Each measure record of the period. `begin` is the start of its part of time, if $every is given.
SELECT
    "time" - ("time" % $every::BIGINT) AS "begin",
    measure,
    journey,
    "version",
    state,
    instance_id,
    event_id,
    trigger_type AS "type",
    "time",
    "value",
    customer_id
FROM "measure"
WHERE ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
