-- A row for each measure record. `journey`, `version` and `instance_id` are null for a measure per customer.
CREATE VIEW "measure" AS
SELECT
    coalesce(m.present, p.present, r.customer_id) AS customer_id,
    r.measure,
    r."value",
    r."time",
    r.event_id,
    r.trigger_kind,
    r.trigger_type,
    r.journey,
    r."version",
    r.instance_id,
    r.state,
    r.lane,
    r.position
FROM part.measure AS r
LEFT JOIN part.moved AS m ON m.instance_id = r.instance_id
LEFT JOIN part.present AS p ON p.customer_id = r.customer_id;
