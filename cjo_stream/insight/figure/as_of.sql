-- The list of a figure, each row with what its customer's profile had as of then: whose the instance
-- was at `then_ms`, whom that customer had become by then, and that one's latest version up to then.
WITH
counted AS ({list}),
moves AS (
    SELECT t.instance_id, u."time" AS since, max(u.customer_id) AS customer_id
    FROM "identity" AS u
    JOIN "transition" AS t ON t.recorded_id = u.customer_id
    WHERE u.kind = 'unmerged'
    GROUP BY t.instance_id, u."time"
),
versions AS (
    SELECT
        recorded_id,
        "time",
        arg_max(coalesce(facts ->> $path, traits ->> $path), (lane, position)) AS "value"
    FROM "profile"
    GROUP BY recorded_id, "time"
)
SELECT
    c.*,
    v."value" AS {column},
    v."time" IS NOT NULL AS has_version
FROM counted AS c
ASOF LEFT JOIN moves AS m ON m.instance_id = c.then_instance AND m.since <= c.then_ms
ASOF LEFT JOIN became AS b
    ON b.customer_id = coalesce(m.customer_id, c.then_id) AND b.since <= c.then_ms
ASOF LEFT JOIN versions AS v
    ON v.recorded_id = coalesce(b.became, m.customer_id, c.then_id) AND v."time" <= c.then_ms
