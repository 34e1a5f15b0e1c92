"""The customers in whom an alarm shows, an example path of one, and the value that was lost."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import numpy as np

from cjo_stream.core.program.measure import VALUE_MAX
from cjo_stream.errors import UsageError
from cjo_stream.insight.figure.attribute import AT, names_of
from cjo_stream.insight.friction.hazard import affected
from cjo_stream.insight.friction.series import Departures
from cjo_stream.insight.friction.table import DAY_MS, HOUR_MS, Span
from cjo_stream.insight.friction.watch import Alarm

SURE: Final = 0.65
"""The least probability that somebody who stays would have left, but for the change."""
_STEPS_MAX: Final = 8
_ROWS: Final = {
    "friction_event": "SELECT DISTINCT customer_id FROM friction_event WHERE 'event:' || \"type\" "
    '= $place AND of_type >= $least AND "time" >= $from AND "time" < $until',
    "friction_entry": "SELECT DISTINCT customer_id FROM friction_entry WHERE place = $place "
    'AND ordinal >= $least AND "time" >= $from AND "time" < $until',
    "friction_failed": "SELECT DISTINCT customer_id FROM friction_failed WHERE place = $place "
    'AND failed AND "time" >= $from AND "time" < $until AND $least = 0',
    "friction_skip": "SELECT DISTINCT customer_id FROM friction_skip WHERE place || ' ' || b_type "
    '= $place AND skipped AND "time" >= $from AND "time" < $until',
    "left": "SELECT DISTINCT customer_id FROM friction_unit WHERE list_contains($codes, code) "
    'AND "until" >= $from AND "until" < $until',
    "long": "SELECT DISTINCT customer_id FROM friction_unit WHERE list_contains($codes, code) "
    'AND "until" >= $from AND "until" < $until AND "until" - since >= $least',
}
_WAITING: Final = """
SELECT customer_id, since // $hour_ms AS since, "until" // $hour_ms AS "until",
    coalesce(list_contains($codes, code), false) AS gone
FROM friction_unit
WHERE line = $line AND since < $until AND ("until" IS NULL OR "until" >= $from)
ORDER BY customer_id, since
"""
_PATHS: Final = """
WITH asked AS (
    SELECT unnest($customers::VARCHAR[]) AS customer_id, unnest($from::BIGINT[]) AS "from",
        unnest($until::BIGINT[]) AS "until", generate_subscripts($customers, 1) - 1 AS number
)
SELECT number, "time", step FROM (
    SELECT customer_id, "time", "type" AS step, 0 AS kind, lane, position FROM friction_event
    UNION ALL
    SELECT customer_id, "time", journey || ': ' || coalesce("to", outcome, reason), 1, lane,
        position
    FROM "transition"
)
JOIN asked USING (customer_id)
WHERE "time" >= "from" AND "time" < "until"
ORDER BY number, "time", kind, lane, position
"""
_LOST: Final = f"""
WITH worth AS (
    SELECT customer_id, "time", ({AT})::DOUBLE AS worth FROM "event"
    WHERE "type" = $on AND json_type({AT}) IN ('BIGINT', 'UBIGINT', 'DOUBLE')
        AND abs(try_cast({AT} AS DOUBLE)) <= {VALUE_MAX!r}
),
before AS (
    SELECT count(DISTINCT (customer_id, "time" // $day_ms)) AS days FROM friction_event
    WHERE "time" >= $base AND "time" < $from
),
here AS (
    SELECT count(DISTINCT (customer_id, "time" // $day_ms)) AS days FROM friction_event
    WHERE "time" >= $from AND "time" < $until AND list_contains($customers, customer_id)
)
SELECT
    (SELECT coalesce(sum(worth), 0) FROM worth WHERE "time" >= $base AND "time" < $from)
        / greatest(1, before.days) * here.days
    - (SELECT coalesce(sum(worth), 0) FROM worth
        WHERE "time" >= $from AND "time" < $until AND list_contains($customers, customer_id))
FROM before, here
"""


class Value(NamedTuple):
    """What is of value: an event type, and its attribute with the number."""

    on: str
    attribute: str


def read_value(connection: Any, text: str, option: str = "--value") -> Value:
    """Return what an option's TYPE.ATTRIBUTE names.

    Raises UsageError where no event has a number there.
    """
    types = [
        one
        for (one,) in connection.execute(
            'SELECT DISTINCT "type" FROM "event" ORDER BY "type"'
        ).fetchall()
    ]
    named = [one for one in types if text.startswith(one + ".")]
    if not named:
        near = difflib.get_close_matches(text.split(".")[0], types, 1)
        hint = f"did you mean {near[0]}.ATTRIBUTE? " if near else ""
        raise UsageError(
            f"{option} {text}: no event of the layer has a type with which that begins; {hint}"
            f"write TYPE.ATTRIBUTE, with one of {', '.join(types) or 'no types: add --events'}"
        )
    on = max(named, key=len)
    attribute = text[len(on) + 1 :]
    (numbers,) = connection.execute(
        'SELECT count(*) FROM "event" WHERE "type" = $on AND '
        f"json_type({AT}) IN ('BIGINT', 'UBIGINT', 'DOUBLE')",
        {"on": on, **names_of(attribute)},
    ).fetchone()
    if not numbers:
        raise UsageError(
            f"{option} {text}: no event `{on}` has a number at `{attribute}`; name an "
            "attribute with a number"
        )
    return Value(on, attribute)


def customers_of(connection: Any, span: Span, alarm: Alarm, until: int) -> list[str]:
    """Return the customers in whom an alarm shows, from its beginning until an hour."""
    shown = alarm.series.shown
    if shown.table == "waiting":
        return _waiting(connection, span, alarm, until)
    query = _ROWS[shown.table]
    values = {
        "place": shown.place,
        "least": shown.least,
        "codes": list(shown.codes),
        "from": span.ms(alarm.began),
        "until": span.ms(until),
    }
    used = {name: value for name, value in values.items() if f"${name}" in query}
    return sorted(one for (one,) in connection.execute(query, used).fetchall() if one)


def _waiting(connection: Any, span: Span, alarm: Alarm, until: int) -> list[str]:
    """Return those who more likely than not would have left, but for the change."""
    rate = alarm.series.rate
    assert isinstance(rate, Departures)
    stays: dict[str, float] = {}
    hazards = rate.hazard(alarm.hour, alarm.usable)
    parts = zip(alarm.series.shown.lines, rate.parts, hazards, strict=True)
    span_of = slice(alarm.began, until)
    for number, (waiting, left), hazard in parts:
        departures = left[span_of].sum() / max((waiting[span_of] @ hazard).sum(), 1e-9)
        lost = min(max(1.0 - departures, 0.0), 0.99)
        found = connection.execute(
            _WAITING,
            {
                "hour_ms": HOUR_MS,
                "codes": list(alarm.series.shown.codes),
                "line": number,
                "from": span.ms(alarm.began),
                "until": span.ms(until),
            },
        ).fetchall()
        if not found:
            continue
        since = np.array([one[1] for one in found]) - span.from_hour
        ends = [
            until if one[2] is None else one[2] - span.from_hour + (not one[3]) for one in found
        ]
        end = np.minimum(np.array(ends), until)
        from_age = np.maximum(alarm.began - since, 0)
        to_age = np.maximum(end - since, from_age)
        chances = affected(hazard, from_age, to_age, lost)
        for (customer, *_), chance in zip(found, chances.tolist(), strict=True):
            stays[customer] = stays.get(customer, 1.0) * (1.0 - chance)
    return sorted(one for one, chance in stays.items() if 1.0 - chance >= SURE)


class Asked(NamedTuple):
    """Whose path, and in which time."""

    customer_id: str
    from_ms: int
    until_ms: int


Path = list[tuple[int, str]]


def paths_of(connection: Any, asked: Sequence[Asked]) -> list[Path]:
    """Return for each the first steps in its time: events, and entries of states.

    One query, since it reads all records.
    """
    found: list[Path] = [[] for _ in asked]
    if not asked:
        return found
    customers, begins, ends = (list(column) for column in zip(*asked, strict=True))
    rows = connection.execute(
        _PATHS, {"customers": customers, "from": begins, "until": ends}
    ).fetchall()
    for (number, step), same in groupby(rows, key=lambda row: (row[0], row[2])):
        times = [at for _, at, _ in same]
        found[number].append((times[0], step if len(times) == 1 else f"{step} {len(times)} times"))
    return [path[:_STEPS_MAX] for path in found]


def lost_value(
    connection: Any, value: Value, customers: list[str], from_ms: int, until_ms: int
) -> float:
    """Return what customers would have brought, less what they brought; at least 0.

    On each day on which one is active, that is what all brought a day in the 14 days before.
    """
    (lost,) = connection.execute(
        _LOST,
        {
            "on": value.on,
            **names_of(value.attribute),
            "day_ms": DAY_MS,
            "base": from_ms - 14 * DAY_MS,
            "from": from_ms,
            "until": until_ms,
            "customers": customers,
        },
    ).fetchone()
    return round(max(0.0, float(lost)), 2)
