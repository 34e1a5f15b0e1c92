-- The path of each case: its event types in order.
SELECT string_agg("type", ' > ' ORDER BY "time", lane, position) AS variant, customer_id
FROM "event"
WHERE
    customer_id IS NOT NULL
    AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
GROUP BY customer_id
