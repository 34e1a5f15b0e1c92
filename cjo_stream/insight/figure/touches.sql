-- Each command that is a touch, with its place in its path. A path ends with a conversion (a `goal`
-- record of the journey) or, with `conversion` NULL, with the last record of all. Its touches are
-- the commands since the customer's conversion before, within the lookback. At the end each
-- conversion without a touch, as one of `(none)`.
WITH conversions AS (
    SELECT
        transition_id,
        customer_id,
        "time",
        lag("time") OVER (PARTITION BY customer_id ORDER BY "time", lane, position) AS before
    FROM "transition"
    WHERE journey = $goal AND reason = 'goal' AND ($until IS NULL OR "time" < $until)
),
-- The time of the last record of all.
ends AS (
    SELECT max("time") AS "time" FROM part."transition" WHERE $until IS NULL OR "time" < $until
    UNION ALL
    SELECT max(issued_at) FROM part."action" WHERE $until IS NULL OR issued_at < $until
    UNION ALL
    SELECT max("time") FROM part.decision WHERE $until IS NULL OR "time" < $until
    UNION ALL
    SELECT max("time") FROM part.outcome WHERE $until IS NULL OR "time" < $until
    UNION ALL
    SELECT max("time") FROM part."identity" WHERE $until IS NULL OR "time" < $until
),
-- Of conversions at the same time, the first has the touches.
touches AS (
    SELECT
        a.customer_id,
        c.transition_id AS conversion,
        c."time" AS converted_at,
        a.action_id,
        a.issued_at,
        a.{by} AS touch,
        a.lane,
        a.position
    FROM "action" AS a
    ASOF LEFT JOIN (SELECT * FROM conversions WHERE "time" IS DISTINCT FROM before) AS c
        ON c.customer_id = a.customer_id AND c."time" > a.issued_at
    WHERE
        ($until IS NULL OR a.issued_at < $until)
        AND a.issued_at >= -$lookback + coalesce(c."time", (SELECT max("time") FROM ends))
),
counted AS (
    SELECT
        *,
        count(*) OVER of_touch AS repeats,
        row_number() OVER of_touch = 1 AS is_first
    FROM touches
    WHERE converted_at IS NULL OR $from IS NULL OR converted_at >= $from
    WINDOW of_touch AS (PARTITION BY customer_id, converted_at, touch)
)
SELECT
    customer_id,
    conversion,
    converted_at,
    action_id,
    issued_at,
    touch,
    row_number() OVER in_order AS place,
    count(*) OVER path AS size,
    lead(touch) OVER in_order AS next_touch,
    max(issued_at) OVER path AS last_at,
    count_if(is_first) OVER path AS different,
    repeats
FROM counted
WINDOW
    path AS (PARTITION BY customer_id, converted_at),
    in_order AS (PARTITION BY customer_id, converted_at ORDER BY issued_at, lane, position)
UNION ALL BY NAME
SELECT customer_id, transition_id AS conversion, "time" AS converted_at, '(none)' AS touch
FROM conversions
WHERE
    ($from IS NULL OR "time" >= $from)
    AND transition_id NOT IN (SELECT conversion FROM touches WHERE conversion IS NOT NULL)
