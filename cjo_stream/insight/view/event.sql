-- A row for each event of the files. Its customer is the present one of its first identifier that
-- anybody has; if nobody has any, the first identifier itself, as type:value.
CREATE VIEW "event" AS
WITH named AS (
    SELECT lane, position, id, identifier, place
    FROM part.event, unnest(identifiers) WITH ORDINALITY AS names (identifier, place)
),
held AS (
    SELECT n.lane, n.position, n.id, arg_min(h.present, n.place) AS present
    FROM named AS n
    JOIN part.holder AS h ON h.identifier = n.identifier
    GROUP BY n.lane, n.position, n.id
)
SELECT
    r.id,
    coalesce(h.present, r.identifiers[1]) AS customer_id,
    r."type",
    r.channel,
    r."time",
    r.attributes,
    r.lane,
    r.position
FROM part.event AS r
LEFT JOIN held AS h
    ON h.lane = r.lane AND h.position = r.position AND h.id IS NOT DISTINCT FROM r.id;
