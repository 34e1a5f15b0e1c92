-- Each pair of events that follow each other directly, with the time between them.
SELECT "from", "to", customer_id, ms
FROM (
    SELECT
        "type" AS "from",
        lead("type") OVER case_ AS "to",
        lead("time") OVER case_ - "time" AS ms,
        customer_id
    FROM "event"
    WHERE
        customer_id IS NOT NULL
        AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
    WINDOW case_ AS (PARTITION BY customer_id ORDER BY "time", lane, position)
)
WHERE "to" IS NOT NULL
