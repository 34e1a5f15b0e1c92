-- The two groups of each journey's holdout, as in `insight/cohort`: customers from the first choice
-- in it, without those of both groups; and what they gained (the table `gain`) from then on.
WITH instances AS (
    SELECT instance_id, bool_or(holdout) AS held_out, bool_or(NOT holdout) AS treated
    FROM part."transition"
    WHERE instance_id IS NOT NULL
    GROUP BY instance_id
),
choices AS (
    SELECT
        journey,
        customer_id,
        instance_id,
        min("time") AS "at",
        bool_or(suppressed IS NOT DISTINCT FROM 'holdout') AS held_out
    FROM decision
    WHERE
        journey IS NOT NULL AND "action" IS NOT NULL AND suppressed IS DISTINCT FROM 'shadow'
        AND ($until IS NULL OR "time" < $until)
    GROUP BY journey, customer_id, instance_id
),
people AS (
    SELECT
        c.journey,
        c.customer_id,
        min(c."at") AS "at",
        bool_or(c.held_out OR coalesce(i.held_out, false)) AS held_out,
        bool_or(coalesce(i.treated, NOT c.held_out)) AS treated
    FROM choices AS c
    LEFT JOIN instances AS i USING (instance_id)
    GROUP BY c.journey, c.customer_id
),
converted AS (
    SELECT p.journey, p.customer_id, p.held_out, count(g."time") AS number,
        coalesce(fsum(g."value"), 0) AS "value"
    FROM people AS p
    LEFT JOIN gain AS g ON g.customer_id = p.customer_id AND g."time" >= p."at"
    WHERE p.held_out <> p.treated
    GROUP BY p.journey, p.customer_id, p.held_out
)
SELECT
    journey,
    held_out,
    count(*) AS customers,
    count_if(number > 0) AS goals,
    fsum("value") AS "value",
    fsum("value" * "value") AS squares
FROM converted
GROUP BY journey, held_out
ORDER BY journey, held_out
