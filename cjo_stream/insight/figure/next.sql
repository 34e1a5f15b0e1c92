-- A row for each live instance at `$at` and each state that it may go to within `$within` (`next`
-- NULL: it is still there): how likely that is, and the median time to it.
--
-- The model counts what instances did that were in a state at some earlier time (a grid of `$steps`
-- times, each at least `$within` before `$at`): so nothing is known of the time after `$at`, and
-- instances that stay long are not left out. It is a Markov chain with back-off: journey, version,
-- state, the state before and how long it has been there (a class); with fewer than `$least` cases
-- without the state before; then without the class; then without the version.
WITH
moves AS (
    SELECT
        instance_id, customer_id, journey, version, "time", reason,
        "to" AS state,
        lag("to") OVER one AS entered_from,
        lead("time") OVER one AS "until",
        lead(CASE WHEN reason = 'exited' THEN '(' || coalesce(outcome, 'exited') || ')'
             ELSE coalesce("to", '(' || reason || ')') END) OVER one AS next,
        lead(reason) OVER one AS next_reason
    FROM "transition"
    WHERE reason NOT IN ('goal', 'refused')
    WINDOW one AS (PARTITION BY instance_id ORDER BY "time", lane, position)
),
grid AS (
    SELECT $at - step * $within / 4 AS "at", step = 0 AS is_now
    FROM unnest(range(0, 4 + $steps)) AS s (step)
    WHERE step = 0 OR step >= 4
),
here AS (
    SELECT
        g.is_now, m.instance_id, m.customer_id, m.journey, m.version, m.state,
        coalesce(m.entered_from, '') AS entered_from, m."time" AS since,
        (log2(1 + (g."at" - m."time") / 3600000.0))::INTEGER AS dwell,
        CASE WHEN m."until" <= g."at" + $within THEN m.next END AS next,
        CASE WHEN m."until" <= g."at" + $within THEN m."until" - g."at" END AS ms
    FROM moves AS m
    JOIN grid AS g ON m."time" <= g."at" AND (m."until" IS NULL OR m."until" > g."at")
    WHERE m.reason IN ('entered', 'moved')
        AND (g.is_now OR m.next_reason IS DISTINCT FROM 'merged' OR m."until" > g."at" + $within)
),
cases AS (
    SELECT
        level,
        CASE WHEN level < 4 THEN version END AS version,
        journey, state, next,
        CASE WHEN level = 1 THEN entered_from END AS entered_from,
        CASE WHEN level < 3 THEN dwell END AS dwell,
        count(*) AS n,
        median(ms)::BIGINT AS median_ms
    FROM here, unnest([1, 2, 3, 4]) AS l (level)
    WHERE NOT is_now
    GROUP BY ALL
),
contexts AS (
    SELECT level, version, journey, state, entered_from, dwell, sum(n) AS cases
    FROM cases GROUP BY ALL
),
chosen AS (
    SELECT h.*, c.level, c.cases
    FROM here AS h
    JOIN contexts AS c ON c.journey = h.journey AND c.state = h.state
        AND c.version IS NOT DISTINCT FROM CASE WHEN c.level < 4 THEN h.version END
        AND c.entered_from IS NOT DISTINCT FROM CASE WHEN c.level = 1 THEN h.entered_from END
        AND c.dwell IS NOT DISTINCT FROM CASE WHEN c.level < 3 THEN h.dwell END
    WHERE h.is_now
    QUALIFY row_number() OVER (
        PARTITION BY h.instance_id ORDER BY c.cases >= $least DESC,
            CASE WHEN c.cases >= $least THEN c.level ELSE -c.level END
    ) = 1
)
SELECT
    h.instance_id, h.customer_id, h.journey, h.version, h.state, h.since, c.next,
    c.n / h.cases AS probability, c.median_ms, h.level, h.cases,
    h.next IS NOT DISTINCT FROM c.next AS came_true
FROM chosen AS h
JOIN cases AS c ON c.level = h.level AND c.journey = h.journey AND c.state = h.state
    AND c.version IS NOT DISTINCT FROM CASE WHEN h.level < 4 THEN h.version END
    AND c.entered_from IS NOT DISTINCT FROM CASE WHEN h.level = 1 THEN h.entered_from END
    AND c.dwell IS NOT DISTINCT FROM CASE WHEN h.level < 3 THEN h.dwell END
