-- Pieces of work by hand: a customer's events and commands on some channels, in order, until nothing
-- follows for a time. `after` is the customer's last event elsewhere, within that time before.
WITH steps AS (
    SELECT customer_id, "time", "type" AS step, 0 AS kind, lane, position
    FROM "event"
    WHERE list_contains($channels, channel) AND customer_id IS NOT NULL
    UNION ALL
    SELECT customer_id, issued_at, 'action:' || "action", 1, lane, position
    FROM "action"
    WHERE list_contains($channels, channel)
),
begun AS (
    SELECT
        *,
        coalesce("time" - lag("time") OVER in_order > $apart, true) AS begins
    FROM steps
    WINDOW in_order AS (PARTITION BY customer_id ORDER BY "time", kind, lane, position)
),
numbered AS (
    SELECT *, sum(begins::INTEGER) OVER in_order AS piece
    FROM begun
    WINDOW in_order AS (
        PARTITION BY customer_id ORDER BY "time", kind, lane, position
        ROWS UNBOUNDED PRECEDING
    )
),
work AS (
    SELECT
        customer_id,
        min("time") AS began,
        max("time") - min("time") AS ms,
        string_agg(step, ' > ' ORDER BY "time", kind, lane, position) AS steps
    FROM numbered
    GROUP BY customer_id, piece
),
elsewhere AS (
    SELECT customer_id, "time", arg_max("type", (lane, position)) AS "type"
    FROM "event"
    WHERE
        NOT list_contains($channels, channel)
        AND customer_id IN (SELECT customer_id FROM work)
    GROUP BY customer_id, "time"
)
SELECT
    CASE WHEN w.began - e."time" <= $apart THEN e."type" END AS "after",
    w.steps,
    w.customer_id,
    w.began,
    w.ms
FROM work AS w
ASOF LEFT JOIN elsewhere AS e ON e.customer_id = w.customer_id AND e."time" <= w.began
WHERE ($from IS NULL OR w.began >= $from) AND ($until IS NULL OR w.began < $until)
