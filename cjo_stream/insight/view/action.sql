-- A row for each command. `journey` and `state` are those of the instance that asked.
CREATE VIEW "action" AS
SELECT
    r."action_id",
    r."topology",
    coalesce(m.present, p.present, r.customer_id) AS customer_id,
    r."channel",
    r."action",
    r."issue",
    r."group",
    r."class",
    r."template",
    r."payload",
    r."issued_at",
    r."expires_at",
    r."decision_id",
    r."journey",
    r."version",
    r."instance_id",
    r."state",
    r.lane,
    r.position
FROM part."action" AS r
LEFT JOIN part.moved AS m ON m.instance_id = r.instance_id
LEFT JOIN part.present AS p ON p.customer_id = r.customer_id;
