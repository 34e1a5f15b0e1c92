-- A row for each reward record: what became of a command.
CREATE VIEW "outcome" AS
SELECT
    r.decision_id,
    r.action_id,
    coalesce(m.present, p.present, r.customer_id) AS customer_id,
    r."action",
    r.channel,
    r.outcome,
    r."value",
    r.reward,
    r.probability,
    r.issued_at,
    r."time",
    r.lane,
    r.position
FROM part.outcome AS r
LEFT JOIN part."action" AS a ON a.action_id = r.action_id
LEFT JOIN part.moved AS m ON m.instance_id = a.instance_id
LEFT JOIN part.present AS p ON p.customer_id = r.customer_id;
