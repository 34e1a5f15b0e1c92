-- A row for each decision. `action` and `channel` are those of the choice.
CREATE VIEW "decision" AS
SELECT
    r."decision_id",
    coalesce(m.present, p.present, r.customer_id) AS customer_id,
    r."time",
    r."trigger_kind",
    r."journey",
    r."version",
    r."instance_id",
    r."state",
    r."action",
    r."channel",
    r."suppressed",
    r."probability",
    r."deferred_until",
    r."model_version",
    r.lane,
    r.position
FROM part."decision" AS r
LEFT JOIN part.moved AS m ON m.instance_id = r.instance_id
LEFT JOIN part.present AS p ON p.customer_id = r.customer_id;
