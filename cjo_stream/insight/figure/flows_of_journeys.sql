-- Each end of an instance, with the customer's next entry within the time, of whatever journey.
WITH ordered AS (
    SELECT *, row_number() OVER (ORDER BY "time", lane, position) AS place
    FROM "transition"
    WHERE
        reason IN ('entered', 'ended', 'exited')
        AND ($from IS NULL OR "time" >= $from)
        AND ($until IS NULL OR "time" - $within < $until)
),
entries AS (
    SELECT customer_id, place, journey, "time" FROM ordered WHERE reason = 'entered'
),
ends AS (
    SELECT * FROM ordered
    WHERE
        reason IN ('ended', 'exited')
        AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
)
SELECT
    e.journey,
    e.outcome,
    CASE WHEN n."time" - e."time" <= $within THEN n.journey END AS next_journey,
    e.customer_id,
    e.recorded_id AS then_id,
    e.instance_id AS then_instance,
    e."time" AS then_ms
FROM ends AS e
ASOF LEFT JOIN entries AS n ON n.customer_id = e.customer_id AND n.place > e.place
