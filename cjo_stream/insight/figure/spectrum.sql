-- Each passage of a segment: an instance enters a state at `began`, and with its next record, at
-- `ended`, the next one (`to` NULL: it leaves the journey). A stay that a merge ended is none.
-- A passage is its customer's who made it: of the record at `ended`, as in flows between states.
SELECT
    s.journey,
    s.version,
    s.state AS "from",
    s.next AS "to",
    s.since AS began,
    s."until" AS ended,
    coalesce(s.moved, p.present, s.left_id, s.customer_id) AS customer_id
FROM part.stays AS s
LEFT JOIN part.present AS p ON p.customer_id = coalesce(s.left_id, s.customer_id)
WHERE
    s."until" IS NOT NULL AND s.reason <> 'merged'
    AND ($from IS NULL OR s."until" >= $from) AND ($until IS NULL OR s."until" < $until)
