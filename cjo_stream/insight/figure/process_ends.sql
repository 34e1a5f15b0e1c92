-- The first and the last event of each case.
WITH cases AS (
    SELECT
        customer_id,
        first("type" ORDER BY "time", lane, position) AS first_one,
        last("type" ORDER BY "time", lane, position) AS last_one
    FROM "event"
    WHERE
        customer_id IS NOT NULL
        AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
    GROUP BY customer_id
)
SELECT 'start' AS what, first_one AS activity, customer_id FROM cases
UNION ALL
SELECT 'end', last_one, customer_id FROM cases
