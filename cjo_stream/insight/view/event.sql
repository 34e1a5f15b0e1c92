-- A row for each event of the files. Its customer is the present one of its first identifier that
-- anybody has; if nobody has any, the first identifier itself, as type:value.
-- Few events have more than three identifiers, so `later` reads few files.
CREATE VIEW "event" AS
WITH tails AS (
    SELECT DISTINCT identifiers[4:] AS tail FROM part.event WHERE identifiers_number > 3
),
named AS (
    SELECT tail, unnest(tail) AS identifier, generate_subscripts(tail, 1) AS place FROM tails
),
later AS (
    SELECT n.tail, arg_min(h.present, n.place) AS present
    FROM named AS n
    JOIN part.holder AS h ON h.identifier = n.identifier
    GROUP BY n.tail
)
SELECT
    r.id,
    coalesce(a.present, b.present, c.present, l.present, r.identifiers[1]) AS customer_id,
    r."type",
    r.channel,
    r."time",
    r.attributes,
    r.lane,
    r.position
FROM part.event AS r
LEFT JOIN part.holder AS a ON a.identifier = r.identifiers[1]
-- A NULL is looked for nowhere, so a customer who is found is not looked for again.
LEFT JOIN part.holder AS b
    ON b.identifier = CASE WHEN a.present IS NULL THEN r.identifiers[2] END
LEFT JOIN part.holder AS c
    ON c.identifier = CASE WHEN a.present IS NULL AND b.present IS NULL THEN r.identifiers[3] END
LEFT JOIN later AS l
    ON l.tail = CASE WHEN r.identifiers_number > 3 THEN r.identifiers[4:] END;
