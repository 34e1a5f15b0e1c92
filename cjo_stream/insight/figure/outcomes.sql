-- Each record of an entry, goal, end, exit, merge or refusal in the period; without an end of the
-- period also each instance that is live.
SELECT
    journey,
    version,
    reason AS what,
    CASE WHEN reason IN ('ended', 'exited') THEN outcome END AS outcome,
    holdout,
    customer_id
FROM "transition"
WHERE
    reason <> 'moved'
    AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
UNION ALL
SELECT journey, version, 'live', NULL, holdout, customer_id
FROM stay
WHERE "until" IS NULL AND $until IS NULL
