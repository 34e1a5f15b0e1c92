-- A row for each version of a customer's profile that was published: `facts` and `traits` as JSON,
-- as they were from `time` on. Versions of a customer who was absorbed are the present one's.
CREATE VIEW "profile" AS
SELECT
    coalesce(p.present, r.customer_id) AS customer_id,
    r.customer_id AS recorded_id,
    r."time",
    r.facts,
    r.traits,
    r.lane,
    r.position
FROM part."profile" AS r
LEFT JOIN part.present AS p ON p.customer_id = r.customer_id;
