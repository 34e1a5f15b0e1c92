-- Each passage of a segment: an instance enters a state at `began`, and with its next record, at
-- `ended`, the next one (`to` NULL: it leaves the journey). A stay that a merge ended is none.
-- A passage is its customer's who made it: of the record at `ended`, as in flows between states.
SELECT journey, version, state AS "from", next_state AS "to", began, ended, customer_id
FROM (
    SELECT
        journey,
        version,
        "to" AS state,
        reason AS entered_by,
        "time" AS began,
        lead("to") OVER next_one AS next_state,
        lead(reason) OVER next_one AS reason,
        lead("time") OVER next_one AS ended,
        lead(customer_id) OVER next_one AS customer_id
    FROM "transition"
    WHERE reason NOT IN ('goal', 'refused')
    WINDOW next_one AS (PARTITION BY instance_id ORDER BY "time", lane, position)
)
WHERE
    entered_by IN ('entered', 'moved') AND ended IS NOT NULL AND reason <> 'merged'
    AND ($from IS NULL OR ended >= $from) AND ($until IS NULL OR ended < $until)
