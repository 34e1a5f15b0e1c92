-- A row for each live instance at `$at` and each state that it may go to within `$within` (`next`
-- NULL: it is still there): how likely that is, and the median time to it.
--
-- The model counts what instances did that were in a state at some earlier time (a grid of `$steps`
-- times, each at least `$within` before `$at`): so nothing is known of the time after `$at`, and
-- instances that stay long are not left out. It is a Markov chain with back-off: journey, version,
-- state, the state before and how long it has been there (a class); with fewer than `$least` cases
-- without the state before; then without the class; then without the version.
WITH
stays AS NOT MATERIALIZED (
    SELECT
        instance_id, customer_id, moved, journey, version, state, coalesce(before, '') AS before,
        since, "until", reason,
        CASE WHEN reason = 'exited' THEN '(' || coalesce(outcome, 'exited') || ')'
             ELSE coalesce(next, '(' || reason || ')') END AS next
    FROM part.stays
    WHERE since <= $at
),
now AS (
    SELECT *, (log2(1 + ($at - since) / 3600000.0))::INTEGER AS dwell
    FROM stays
    WHERE "until" IS NULL OR "until" > $at
),
-- The times of the grid at which a stay lasted.
times AS NOT MATERIALIZED (
    SELECT *, $at - step * $within / 4 AS "at"
    FROM (
        SELECT *, unnest(range(
            greatest(4, coalesce(4 * ($at - "until") // $within + 1, 4)),
            least(3 + $steps, 4 * ($at - since) // $within) + 1
        )) AS step
        FROM stays
    )
),
past AS MATERIALIZED (
    SELECT
        journey, version, state, before,
        (log2(1 + ("at" - since) / 3600000.0))::INTEGER AS dwell,
        CASE WHEN "until" <= "at" + $within THEN next END AS next,
        CASE WHEN "until" <= "at" + $within THEN "until" - "at" END AS ms
    FROM times
    WHERE reason IS DISTINCT FROM 'merged' OR "until" > "at" + $within
),
counted AS (
    SELECT journey, version, state, before, dwell, next, count(*) AS n
    FROM past
    GROUP BY ALL
),
cases AS (
    SELECT
        level,
        CASE WHEN level < 4 THEN version END AS version,
        journey, state, next,
        CASE WHEN level = 1 THEN before END AS before,
        CASE WHEN level < 3 THEN dwell END AS dwell,
        sum(n)::BIGINT AS n
    FROM counted, unnest([1, 2, 3, 4]) AS l (level)
    GROUP BY ALL
),
contexts AS (
    SELECT level, version, journey, state, before, dwell, sum(n) AS cases
    FROM cases GROUP BY ALL
),
-- The level by which each context of now is told.
chosen AS (
    SELECT h.*, c.level, c.cases
    FROM (SELECT DISTINCT journey, version, state, before, dwell FROM now) AS h
    JOIN contexts AS c ON c.journey = h.journey AND c.state = h.state
        AND c.version IS NOT DISTINCT FROM CASE WHEN c.level < 4 THEN h.version END
        AND c.before IS NOT DISTINCT FROM CASE WHEN c.level = 1 THEN h.before END
        AND c.dwell IS NOT DISTINCT FROM CASE WHEN c.level < 3 THEN h.dwell END
    QUALIFY row_number() OVER (
        PARTITION BY h.journey, h.version, h.state, h.before, h.dwell
        ORDER BY c.cases >= $least DESC, CASE WHEN c.cases >= $least THEN c.level ELSE -c.level END
    ) = 1
),
waits AS (
    SELECT
        level,
        CASE WHEN level < 4 THEN version END AS version,
        journey, state, next,
        CASE WHEN level = 1 THEN before END AS before,
        CASE WHEN level < 3 THEN dwell END AS dwell,
        median(ms)::BIGINT AS median_ms
    FROM past, (SELECT DISTINCT level FROM chosen) AS l
    WHERE next IS NOT NULL
    GROUP BY ALL
),
expected AS (
    SELECT h.*, c.next, c.n / h.cases AS probability, w.median_ms
    FROM chosen AS h
    JOIN cases AS c ON c.level = h.level AND c.journey = h.journey AND c.state = h.state
        AND c.version IS NOT DISTINCT FROM CASE WHEN h.level < 4 THEN h.version END
        AND c.before IS NOT DISTINCT FROM CASE WHEN h.level = 1 THEN h.before END
        AND c.dwell IS NOT DISTINCT FROM CASE WHEN h.level < 3 THEN h.dwell END
    LEFT JOIN waits AS w ON w.level = c.level AND w.journey = c.journey AND w.state = c.state
        AND w.version IS NOT DISTINCT FROM c.version AND w.before IS NOT DISTINCT FROM c.before
        AND w.dwell IS NOT DISTINCT FROM c.dwell AND w.next = c.next
)
SELECT
    h.instance_id, coalesce(h.moved, p.present, h.customer_id) AS customer_id,
    h.journey, h.version, h.state, h.since, e.next, e.probability, e.median_ms, e.level, e.cases,
    CASE WHEN h."until" <= $at + $within THEN h.next END IS NOT DISTINCT FROM e.next AS came_true
FROM now AS h
LEFT JOIN part.present AS p ON p.customer_id = h.customer_id
JOIN expected AS e ON e.journey = h.journey AND e.version IS NOT DISTINCT FROM h.version
    AND e.state = h.state AND e.before = h.before AND e.dwell = h.dwell
