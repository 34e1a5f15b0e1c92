-- The time from the first event of each case to its last.
SELECT customer_id, max("time") - min("time") AS ms
FROM "event"
WHERE
    customer_id IS NOT NULL
    AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
GROUP BY customer_id
