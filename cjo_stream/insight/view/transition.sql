-- A row for each transition record. `customer_id` is the present customer, `recorded_id` the one of the record.
CREATE VIEW "transition" AS
SELECT
    r."transition_id",
    coalesce(m.present, p.present, r.customer_id) AS customer_id,
    r.customer_id AS recorded_id,
    r."journey",
    r."version",
    r."instance_id",
    r."key",
    r."from",
    r."to",
    r."reason",
    r."outcome",
    r."time",
    r."trigger_kind",
    r."trigger_type",
    r."holdout",
    r.lane,
    r.position
FROM part."transition" AS r
LEFT JOIN part.moved AS m ON m.instance_id = r.instance_id
LEFT JOIN part.present AS p ON p.customer_id = r.customer_id;
