-- Each number that was found, in each journey in which its customer was at that time: entered at or
-- before it and left after it. Of a journey without such an instance: the state that was left last,
-- if it was left at most `within` before, and not by a merge.
WITH near AS (
    SELECT
        f.rowid AS "row",
        s.journey,
        s.state,
        s."until",
        s.since,
        s.reason,
        s.instance_id,
        s."until" IS NULL OR s."until" > f."time" AS live
    FROM found AS f
    JOIN stay AS s
        ON s.customer_id = f.customer_id AND s.since <= f."time"
        AND (
            s."until" IS NULL
            OR s."until" > f."time"
            OR (f."time" - s."until" <= $within AND s.reason <> 'merged')
        )
    WHERE f.value IS NOT NULL
),
chosen AS (
    SELECT DISTINCT "row", {keys}
    FROM (
        SELECT
            *,
            bool_or(live) OVER (PARTITION BY "row", journey) AS any_live,
            row_number() OVER (
                PARTITION BY "row", journey
                ORDER BY "until" DESC, since DESC, reason = 'moved', instance_id
            ) AS rank
        FROM near
    )
    WHERE live OR (NOT any_live AND rank = 1)
)
SELECT {named}, f.customer_id, f."time", f.id, f.value
FROM found AS f
LEFT JOIN chosen AS c ON c."row" = f.rowid
WHERE f.value IS NOT NULL
