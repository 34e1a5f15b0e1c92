-- A row for each identity change, under the id of the record: the changes say who became whom.
CREATE VIEW "identity" AS
SELECT kind, customer_id, absorbed, identifiers, event_id, reason, "time", lane, position
FROM part."identity";
