-- Who was where at each of some times: in a state entered at or before the time and left after it.
SELECT
    "at",
    s.journey,
    s.version,
    s.state,
    s.customer_id,
    s.recorded_id AS then_id,
    s.instance_id AS then_instance,
    "at" AS then_ms
FROM unnest($at) AS times ("at"), stay AS s
WHERE
    s.since <= "at" AND (s."until" IS NULL OR s."until" > "at")
    -- The same for all times together, by which files are read.
    AND s.since <= list_max($at) AND (s."until" IS NULL OR s."until" > list_min($at))
