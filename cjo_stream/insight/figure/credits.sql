-- The touches with their credit by each model: 1 a conversion. NULL is no credit. Markov's credit
-- is of a channel as a whole; each of its touches has the same part.
SELECT
    t.touch,
    t.customer_id,
    t.conversion,
    t.converted_at,
    t.action_id,
    t.issued_at,
    CASE WHEN t.conversion IS NOT NULL AND coalesce(t.place, 1) = 1 THEN 1.0::DOUBLE END AS "first",
    CASE WHEN t.conversion IS NOT NULL AND t.place IS NOT DISTINCT FROM t.size THEN 1.0::DOUBLE END AS "last",
    CASE WHEN t.conversion IS NOT NULL THEN 1.0::DOUBLE / coalesce(t.size, 1) END AS linear,
    CASE
        WHEN t.place IS NULL THEN 1.0::DOUBLE
        WHEN t.conversion IS NOT NULL THEN t.weight / sum(t.weight) OVER path
    END AS time_decay,
    CASE
        WHEN t.conversion IS NULL THEN NULL
        WHEN coalesce(t.size, 1) = 1 THEN 1.0::DOUBLE
        WHEN t.size = 2 THEN 0.5::DOUBLE
        WHEN t.place IN (1, t.size) THEN 0.4::DOUBLE
        ELSE 0.2::DOUBLE / (t.size - 2)
    END AS "position",
    m.credit AS markov,
    CASE
        WHEN t.place IS NULL THEN 1.0::DOUBLE
        WHEN t.conversion IS NOT NULL THEN 1.0::DOUBLE / (t.different * t.repeats)
    END AS shapley
FROM (
    -- Ages count from the last touch: the weights are scaled anyway, and none becomes 0 for all.
    SELECT *, pow(2.0, (issued_at - last_at) / $half_life) AS weight FROM touch
) AS t
LEFT JOIN markov AS m ON t.place IS NOT NULL AND m.touch IS NOT DISTINCT FROM t.touch
WINDOW path AS (PARTITION BY t.customer_id, t.converted_at)
