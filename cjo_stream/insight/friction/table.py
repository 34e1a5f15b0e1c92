"""The rows that friction is sought in, as temporary tables of a connection over a layer.

    friction_event    events, numbered within the last 24 hours: of their type, and of the customer
    friction_entry    entries into states, numbered within the last 24 hours of the instance
    friction_line     lines: stays in a state, or waits from an event for another
    friction_target   where the units of a line leave to
    friction_unit     the units of lines: since when, until when, and for which target
    friction_skip     events, and whether the event that nearly always precedes them is missing
    friction_failed   outcomes of commands
    friction_hour     hours with a record, and the time of the first one

A wait begins with an event before which there was no other of its type and channel for an hour; it
is lost from sight when the next one begins. Which events wait for which others is taken from the
first week, in which nothing can be found yet. So it depends on no record behind a finding.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from cjo_stream.insight.friction.rate import BASE_DAYS_MIN

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_WARM_MS: Final = 7 * DAY_MS
_PREDECESSORS_MAX: Final = 3
_EVENTS: Final = """
CREATE OR REPLACE TEMP TABLE friction_event AS
SELECT customer_id, "type", channel, "time", lane, position,
    count(*) OVER (PARTITION BY customer_id, "type" ORDER BY "time"
        RANGE BETWEEN 86400000 PRECEDING AND CURRENT ROW) AS of_type,
    count(*) OVER (PARTITION BY customer_id ORDER BY "time"
        RANGE BETWEEN 86400000 PRECEDING AND CURRENT ROW) AS of_any
FROM "event"
WHERE customer_id IS NOT NULL AND "type" NOT LIKE 'cjo.%'
"""
_ENTRIES: Final = """
CREATE OR REPLACE TEMP TABLE friction_entry AS
SELECT journey || '.' || "to" AS place, customer_id, "time",
    count(*) OVER (PARTITION BY instance_id, "to" ORDER BY "time"
        RANGE BETWEEN 86400000 PRECEDING AND CURRENT ROW) AS ordinal
FROM "transition"
WHERE reason IN ('entered', 'moved')
"""
_STAYS: Final = """
CREATE OR REPLACE TEMP TABLE friction_stay AS
SELECT journey || '.' || state AS place, customer_id, since, "until",
    CASE
        WHEN reason = 'exited' AND (reached IS NULL OR reached > "until")
            THEN 'exit ' || coalesce(outcome, '')
        WHEN reason = 'exited' THEN 'goal ' || coalesce(outcome, '')
        WHEN reason <> 'merged' THEN left_to
    END AS target
FROM (
    SELECT journey, "to" AS state, customer_id, instance_id, "time" AS since, reason AS entered_by,
        lead("time") OVER next_one AS "until",
        lead(reason) OVER next_one AS reason,
        lead(outcome) OVER next_one AS outcome,
        lead("to") OVER next_one AS left_to
    FROM "transition"
    WHERE reason NOT IN ('goal', 'refused')
    WINDOW next_one AS (PARTITION BY instance_id ORDER BY "time", lane, position)
)
LEFT JOIN (
    SELECT instance_id, min("time") AS reached FROM "transition" WHERE reason = 'goal'
    GROUP BY instance_id
) USING (instance_id)
WHERE entered_by IN ('entered', 'moved')
"""
_PAIRS: Final = f"""
CREATE OR REPLACE TEMP TABLE friction_pair AS
WITH followed AS (
    SELECT "type" AS b_type, channel AS b_channel,
        lag("type") OVER before AS a_type, lag(channel) OVER before AS a_channel
    FROM friction_event
    WHERE "time" < $warm_until
    WINDOW before AS (PARTITION BY customer_id ORDER BY "time", lane, position)
),
counted AS (
    SELECT a_type, a_channel, b_type, b_channel, count(*) AS times
    FROM followed
    WHERE a_type IS NOT NULL AND (a_type, a_channel) <> (b_type, b_channel)
    GROUP BY 1, 2, 3, 4
),
shared AS (
    SELECT *, times / sum(times) OVER (PARTITION BY b_type, b_channel) AS share FROM counted
)
SELECT a_type, a_channel, b_type, b_channel
FROM shared
WHERE share >= 0.1 AND times >= 10
QUALIFY row_number() OVER (
    PARTITION BY b_type, b_channel ORDER BY times DESC, a_type, a_channel
) <= {_PREDECESSORS_MAX}
"""
_WAITS: Final = """
CREATE OR REPLACE TEMP TABLE friction_wait AS
WITH begun AS (
    SELECT *
    FROM friction_event
    QUALIFY coalesce("time" - lag("time") OVER (
        PARTITION BY customer_id, "type", channel ORDER BY "time", lane, position
    ) >= 3600000, true)
),
marked AS (
    SELECT p.*, e.customer_id, e."time", e.lane, e.position, false AS is_b
    FROM begun AS e
    JOIN friction_pair AS p ON e."type" = p.a_type AND e.channel = p.a_channel
    UNION ALL
    SELECT p.*, e.customer_id, e."time", e.lane, e.position, true AS is_b
    FROM friction_event AS e
    JOIN friction_pair AS p ON e."type" = p.b_type AND e.channel = p.b_channel
)
SELECT
    a_type || '/' || a_channel || ' > ' || b_type || '/' || b_channel AS place,
    'event:' || b_type AS to_event, 'channel:' || b_channel AS to_channel, a_type AS step,
    customer_id, "time" AS since, lead("time") OVER after_it AS "until",
    CASE WHEN lead(is_b) OVER after_it THEN b_type END AS target
FROM marked
WINDOW after_it AS (
    PARTITION BY a_type, a_channel, b_type, b_channel, customer_id
    ORDER BY "time", lane, position
)
QUALIFY NOT is_b
"""
_UNITS: Final = """
CREATE OR REPLACE TEMP TABLE friction_line AS
SELECT row_number() OVER (ORDER BY place) - 1 AS line, *
FROM (
    SELECT DISTINCT place, place AS to_event, NULL AS to_channel, NULL AS step
    FROM friction_stay
    UNION ALL
    SELECT DISTINCT place, to_event, to_channel, step FROM friction_wait
);
CREATE OR REPLACE TEMP TABLE friction_target AS
SELECT row_number() OVER (ORDER BY line, target) - 1 AS code, line, target
FROM (
    SELECT DISTINCT l.line, u.target
    FROM (
        SELECT place, target FROM friction_stay UNION ALL SELECT place, target FROM friction_wait
    ) AS u
    JOIN friction_line AS l USING (place)
    WHERE u.target IS NOT NULL
);
CREATE OR REPLACE TEMP TABLE friction_unit AS
SELECT l.line, u.customer_id, u.since, u."until", t.code
FROM (
    SELECT place, customer_id, since, "until", target FROM friction_stay
    UNION ALL
    SELECT place, customer_id, since, "until", target FROM friction_wait
) AS u
JOIN friction_line AS l USING (place)
LEFT JOIN friction_target AS t ON t.line = l.line AND t.target = u.target
"""
_SKIPS: Final = """
CREATE OR REPLACE TEMP TABLE friction_skip AS
WITH preceded AS (
    SELECT p.a_type, p.b_type, b.customer_id, b."time",
        a."time" IS NULL OR b."time" - a."time" > 259200000 AS skipped
    FROM (SELECT DISTINCT a_type, b_type FROM friction_pair WHERE a_type <> b_type) AS p
    JOIN friction_event AS b ON b."type" = p.b_type
    ASOF LEFT JOIN friction_event AS a
        ON a."type" = p.a_type AND a.customer_id = b.customer_id AND a."time" <= b."time"
)
SELECT 'event:' || a_type AS place, b_type, customer_id, "time", skipped
FROM preceded
WHERE (a_type, b_type) IN (
    SELECT (a_type, b_type)
    FROM preceded
    WHERE "time" BETWEEN $warm_until - 345600000 AND $warm_until
    GROUP BY a_type, b_type
    HAVING avg(skipped::INTEGER) <= 0.1
)
"""
_FAILED: Final = """
CREATE OR REPLACE TEMP TABLE friction_failed AS
SELECT 'channel:' || channel AS place, customer_id, "time", outcome = 'failed' AS failed
FROM outcome
WHERE outcome IS NOT NULL
"""
_HOURS: Final = """
CREATE OR REPLACE TEMP TABLE friction_hour AS
SELECT "time" // $hour_ms AS hour, min("time") AS first_at
FROM (SELECT "time" FROM friction_event UNION ALL SELECT "time" FROM "transition")
GROUP BY 1
"""


class Span(NamedTuple):
    """The hours of a layer: from a midnight (UTC) on, whole hours of stream time."""

    from_hour: int
    hours: int

    def ms(self, hour: int) -> int:
        """Return when an hour begins."""
        return (self.from_hour + hour) * HOUR_MS


def open_tables(connection: Any) -> Span | None:
    """Make the tables; return their hours, or None where the layer holds nothing."""
    connection.execute(_EVENTS)
    connection.execute(_ENTRIES)
    connection.execute(_HOURS, {"hour_ms": HOUR_MS})
    begin, end = connection.execute("SELECT min(hour), max(hour) FROM friction_hour").fetchone()
    if begin is None:
        return None
    first_hour = begin // 24 * 24
    connection.execute(_STAYS)
    warm = {"warm_until": first_hour * HOUR_MS + _WARM_MS}
    connection.execute(_PAIRS, warm)
    connection.execute(_SKIPS, warm)
    for query in (_WAITS, *_UNITS.split(";"), _FAILED):
        connection.execute(query)
    return Span(first_hour, end - first_hour)


def first_look(connection: Any) -> int | None:
    """Return when the first look is possible, ms: after a day of warming up, and a baseline."""
    (begin,) = connection.execute("SELECT min(first_at) FROM friction_hour").fetchone()
    return None if begin is None else begin // DAY_MS * DAY_MS + (2 + BASE_DAYS_MIN) * DAY_MS


def first_at(connection: Any, span: Span, hour: int) -> int:
    """Return the time of the first record in an hour or later: then the stream has come so far."""
    (found,) = connection.execute(
        "SELECT min(first_at) FROM friction_hour WHERE hour >= $hour",
        {"hour": span.from_hour + hour},
    ).fetchone()
    return int(found)


def first_types(connection: Any, span: Span) -> set[str]:
    """Return the event types that the first week has."""
    rows = connection.execute(
        'SELECT DISTINCT "type" FROM friction_event WHERE "time" < $warm_until',
        {"warm_until": span.ms(0) + _WARM_MS},
    ).fetchall()
    return {type_ for (type_,) in rows}
