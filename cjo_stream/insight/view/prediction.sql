-- A row for each prediction whose outcome is known. `customer_id` is the present customer.
CREATE VIEW "prediction" AS
SELECT
    r.prediction_id,
    coalesce(p.present, r.customer_id) AS customer_id,
    r.predict,
    r.definition,
    r.probability,
    r.model_version,
    r.outcome,
    r.opened_at,
    r."time",
    r.lane,
    r.position
FROM part.prediction AS r
LEFT JOIN part.present AS p ON p.customer_id = r.customer_id;
