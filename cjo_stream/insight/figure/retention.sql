-- Each customer of each cohort, in each period that is over: whether they have an event in it.
-- Periods count from $start; $periods of them are over at the end of the records.
WITH done AS (
    SELECT DISTINCT customer_id, ("time" - $start) // $every AS number, "time" < $start AS early
    FROM "event"
    WHERE
        "type" = $on AND customer_id IS NOT NULL
        AND ($until IS NULL OR "time" < $until)
),
cohorts AS (
    SELECT customer_id, min(number) AS number
    FROM done
    GROUP BY customer_id
    HAVING NOT bool_or(early)
)
SELECT
    $start + c.number * $every AS cohort,
    p.period,
    c.customer_id,
    d.customer_id IS NOT NULL AS retained
FROM cohorts AS c
CROSS JOIN range($periods) AS p (period)
LEFT JOIN done AS d ON d.customer_id = c.customer_id AND d.number = c.number + p.period
WHERE c.number + p.period < $periods
