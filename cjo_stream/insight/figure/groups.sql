-- The two groups of each journey's holdout, as in `insight/cohort`: customers from the first choice
-- in it, and what they gained (the table `gain`) from then on. Who is of both groups (`mixed`) is counted
-- by the group of the first choice.
WITH choices AS (
    SELECT
        journey,
        customer_id,
        instance_id,
        min("time") AS "at",
        bool_or(suppressed IS NOT DISTINCT FROM 'holdout') AS held_out,
        arg_min(
            suppressed IS NOT DISTINCT FROM 'holdout',
            ("time", suppressed IS DISTINCT FROM 'holdout')
        ) AS began
    FROM decision
    WHERE
        journey IS NOT NULL AND "action" IS NOT NULL AND suppressed IS DISTINCT FROM 'shadow'
        AND ($until IS NULL OR "time" < $until)
    GROUP BY journey, customer_id, instance_id
),
-- Of the other instances no record is held out, and all who chose in them were treated.
doubtful AS (
    SELECT instance_id FROM choices WHERE held_out
    UNION
    SELECT instance_id FROM part."transition" WHERE holdout
),
instances AS (
    SELECT r.instance_id, bool_or(r.holdout) AS held_out, bool_or(NOT r.holdout) AS treated
    FROM part."transition" AS r
    SEMI JOIN doubtful AS d ON d.instance_id = r.instance_id
    GROUP BY r.instance_id
),
entries AS (
    SELECT
        c.journey,
        c.customer_id,
        c."at",
        c.held_out OR coalesce(i.held_out, false) AS held_out,
        coalesce(i.treated, NOT c.held_out) AS treated,
        c.began
    FROM choices AS c
    LEFT JOIN instances AS i USING (instance_id)
),
people AS (
    SELECT
        journey,
        customer_id,
        min("at") AS "at",
        bool_and(held_out) AS held_out,
        bool_or(held_out) AND bool_or(treated) AS mixed,
        arg_min(
            CASE WHEN held_out AND treated THEN began ELSE held_out END,
            ("at", NOT CASE WHEN held_out AND treated THEN began ELSE held_out END)
        ) AS began
    FROM entries
    GROUP BY journey, customer_id
),
converted AS (
    SELECT
        p.journey,
        p.customer_id,
        p.mixed,
        CASE WHEN p.mixed THEN p.began ELSE p.held_out END AS held_out,
        count(g."time") AS number,
        coalesce(fsum(g."value"), 0) AS "value"
    FROM people AS p
    LEFT JOIN gain AS g ON g.customer_id = p.customer_id AND g."time" >= p."at"
    GROUP BY p.journey, p.customer_id, p.mixed, p.held_out, p.began
)
SELECT
    journey,
    mixed,
    held_out,
    count(*) AS customers,
    count_if(number > 0) AS goals,
    fsum("value") AS "value",
    fsum("value" * "value") AS squares
FROM converted
GROUP BY journey, mixed, held_out
ORDER BY journey, mixed, held_out
