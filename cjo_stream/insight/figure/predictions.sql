-- A row for each prediction of the period: what was predicted, and what two plain guesses would have
-- predicted then, from outcomes that were known at that moment: the base rate, and the rate behind
-- the customer's last state. `bin`: its tenth by probability, among those of the same prediction.
WITH
-- When the customer's last state began; then which one it is, of those of one time the last.
moments AS (
    SELECT p.*, t."time" AS since
    FROM "prediction" AS p
    ASOF LEFT JOIN "transition" AS t ON t.customer_id = p.customer_id AND t."time" <= p.opened_at
),
states AS (
    SELECT
        customer_id,
        "time",
        arg_max(journey || '.' || coalesce("to", reason), (lane, position)) AS state
    FROM "transition"
    SEMI JOIN (SELECT customer_id, since AS "time" FROM moments) USING (customer_id, "time")
    GROUP BY customer_id, "time"
),
told AS (
    SELECT m.*, s.state
    FROM moments AS m
    LEFT JOIN states AS s ON s.customer_id = m.customer_id AND s."time" = m.since
),
known AS (
    SELECT DISTINCT
        predict, definition, "time", sum(outcome) OVER before AS came, count(*) OVER before AS n
    FROM told
    WINDOW before AS (PARTITION BY predict, definition ORDER BY "time")
),
known_of_state AS (
    SELECT DISTINCT
        predict, definition, state, "time",
        sum(outcome) OVER before AS came, count(*) OVER before AS n
    FROM told
    WINDOW before AS (PARTITION BY predict, definition, state ORDER BY "time")
),
guessed AS (
    SELECT
        t.prediction_id, t.customer_id, t.predict, t.definition, t.probability, t.model_version,
        t.outcome, t.opened_at, t."time", t.state,
        (coalesce(k.came, 0) + 1) / (coalesce(k.n, 0) + 2) AS base_rate,
        coalesce(s.came, 0) AS came_of_state,
        coalesce(s.n, 0) AS n_of_state
    FROM told AS t
    ASOF LEFT JOIN known AS k
        ON k.predict = t.predict AND k.definition = t.definition AND k."time" < t.opened_at
    ASOF LEFT JOIN known_of_state AS s
        ON s.predict = t.predict AND s.definition = t.definition
        AND coalesce(s.state, '') = coalesce(t.state, '') AND s."time" < t.opened_at
)
SELECT
    predict,
    definition,
    ntile(10) OVER (PARTITION BY predict, definition ORDER BY probability, prediction_id) AS bin,
    prediction_id,
    customer_id,
    opened_at,
    "time",
    probability,
    model_version,
    outcome,
    state,
    base_rate,
    (came_of_state + 2 * base_rate) / (n_of_state + 2) AS state_rate
FROM guessed
WHERE ($from IS NULL OR opened_at >= $from) AND ($until IS NULL OR opened_at < $until)
