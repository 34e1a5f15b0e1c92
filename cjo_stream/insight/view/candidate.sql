-- A row for each candidate of a decision, with the gate that stopped it.
CREATE VIEW "candidate" AS
SELECT
    r."decision_id",
    coalesce(m.present, p.present, r.customer_id) AS customer_id,
    r."time",
    r."journey",
    r."action",
    r."channel",
    r."gate",
    r."rule",
    r."P",
    r."C",
    r."V",
    r."L",
    r."priority",
    r.lane,
    r.position
FROM part."candidate" AS r
LEFT JOIN part.moved AS m ON m.instance_id = r.instance_id
LEFT JOIN part.present AS p ON p.customer_id = r.customer_id;
