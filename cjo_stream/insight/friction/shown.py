"""The customers in whom an alarm shows, an example path of one, and the value that was lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np

from cjo_stream.core.likeness import nearest
from cjo_stream.core.program.measure import VALUE_MAX
from cjo_stream.errors import UsageError
from cjo_stream.insight.figure.attribute import AT, names_of
from cjo_stream.insight.friction.event import (
    DAY_MS,
    HOUR_MS,
    Codes,
    Events,
    Flags,
    Integers,
    coded,
)
from cjo_stream.insight.friction.hazard import Leaving, affected
from cjo_stream.insight.friction.line import Opened
from cjo_stream.insight.friction.rate import Numbers
from cjo_stream.insight.friction.series import Departures, Shown
from cjo_stream.insight.friction.span import Span
from cjo_stream.insight.friction.watch import Alarm

SURE: Final = 0.65
"""The least probability that somebody who stays would have left, but for the change."""
_STEPS_MAX: Final = 8
_FAILED: Final = """
SELECT DISTINCT customer_id FROM outcome
WHERE 'channel:' || channel = $place AND outcome = 'failed' AND "time" >= $from AND "time" < $until
"""
_MOVES: Final = """
WITH recorded AS (
    SELECT unnest($customers::VARCHAR[]) AS customer_id
    UNION
    SELECT customer_id FROM part.present WHERE list_contains($customers, present)
),
moved AS (SELECT instance_id FROM part.moved WHERE list_contains($customers, present)),
-- Of these alone the other columns are read.
found AS (
    SELECT * FROM part."transition" SEMI JOIN recorded USING (customer_id)
    UNION ALL
    SELECT * FROM part."transition" SEMI JOIN moved USING (instance_id)
    ANTI JOIN recorded USING (customer_id)
)
SELECT coalesce(m.present, p.present, r.customer_id) AS customer_id, r."time",
    r.journey || ': ' || coalesce(r."to", r.outcome, r.reason) AS step
FROM found AS r
LEFT JOIN part.moved AS m ON m.instance_id = r.instance_id
LEFT JOIN part.present AS p ON p.customer_id = r.customer_id
WHERE r."time" >= $from AND r."time" < $until
ORDER BY r."time", r.lane, r.position
"""
_WORTH: Final = f"""
SELECT customer_id, "time", ({AT})::DOUBLE AS worth FROM "event"
WHERE "type" = $on AND json_type({AT}) IN ('BIGINT', 'UBIGINT', 'DOUBLE')
    AND abs(try_cast({AT} AS DOUBLE)) <= {VALUE_MAX!r}
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
        near = nearest(text.split(".")[0], types)
        hint = f"did you mean {near}.ATTRIBUTE? " if near else ""
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


def customers_of(
    connection: Any, events: Events, span: Span, alarm: Alarm, until: int
) -> list[str]:
    """Return the customers in whom an alarm shows, from its beginning until an hour."""
    shown, from_ms, until_ms = alarm.series.shown, span.ms(alarm.began), span.ms(until)
    if shown.table == "waiting":
        return _waiting(span, alarm, until)
    if shown.table == "failed":
        asked = {"place": shown.place, "from": from_ms, "until": until_ms}
        return sorted(one for (one,) in connection.execute(_FAILED, asked).fetchall() if one)
    if shown.lines:
        found = (_of_units(shown, units.all, from_ms, until_ms) for units in shown.lines)
        return sorted({one for some in found for one in some})
    if shown.skip is not None:
        at = shown.skip.at[shown.skip.is_skipped]
    else:
        at = events.by_type[events.types.index(shown.place.removeprefix("event:"))]
        at = at[events.of_type[at] >= shown.least]
    return events.named(at[_within(events.time[at], from_ms, until_ms)])


def _of_units(shown: Shown, units: Opened, from_ms: int, until_ms: int) -> list[str]:
    if shown.table == "entry":
        assert units.times is not None
        entered = _within(units.since, from_ms, until_ms)
        return units.named(entered & (units.times >= shown.least))
    left = _within(units.until, from_ms, until_ms) & units.leaves_for(shown.targets)
    return units.named(left & (units.until - units.since >= shown.least))


def _waiting(span: Span, alarm: Alarm, until: int) -> list[str]:
    """Return those who more likely than not would have left, but for the change."""
    shown, rate = alarm.series.shown, alarm.series.rate
    assert isinstance(rate, Departures)
    customers = shown.lines[0].all.customers  # of all lines: of several, all are waits for events
    remain = np.ones(len(customers))
    hazards = rate.hazard(alarm.hour, alarm.usable)
    for units, part, hazard in zip(shown.lines, rate.parts, hazards, strict=True):
        every = units.all
        waits = (every.since < span.ms(until)) & (every.until >= span.ms(alarm.began))
        opened = every.at(np.flatnonzero(waits))
        chances = _prevented(span, alarm, until, opened, part, hazard)
        np.multiply.at(remain, opened.who, 1.0 - chances)
    return customers.named(np.flatnonzero(1.0 - remain >= SURE).astype(np.int32))


def _prevented(
    span: Span,
    alarm: Alarm,
    until: int,
    opened: Opened,
    part: Leaving,
    hazard: Numbers,
) -> Numbers:
    """Return of each unit the chance that it would have left, but for the change."""
    waiting, left = (one[alarm.began : until] for one in (part.waiting, part.left))
    departures = left.sum() / max((waiting @ hazard).sum(), 1e-9)
    lost = min(max(1.0 - departures, 0.0), 0.99)
    since = opened.since // HOUR_MS - span.from_hour
    # Who is lost from sight in an hour has waited for it; who leaves in it has not.
    is_gone = opened.leaves_for(alarm.series.shown.targets)
    end = np.minimum(opened.until // HOUR_MS - span.from_hour + ~is_gone, until)
    from_age = np.maximum(alarm.began - since, 0)
    return affected(hazard, from_age, np.maximum(end - since, from_age), lost)


class Asked(NamedTuple):
    """Whose path, and in which time."""

    customer_id: str
    from_ms: int
    until_ms: int


Path = list[tuple[int, str]]


def paths_of(connection: Any, events: Events, asked: Sequence[Asked]) -> list[Path]:
    """Return for each the first steps in its time: events, and entries of states."""
    if not asked:
        return []
    moves: dict[str, Path] = {}
    reach = {
        "customers": [one.customer_id for one in asked],
        "from": min(one.from_ms for one in asked),
        "until": max(one.until_ms for one in asked),
    }
    for customer, at, step in connection.execute(_MOVES, reach).fetchall():
        moves.setdefault(customer, []).append((at, step))
    return [_path(events, one, moves.get(one.customer_id, [])) for one in asked]


def _path(events: Events, asked: Asked, moves: Path) -> Path:
    of = events.of(asked.customer_id)
    types = [events.types[one] for one in events.type[of].tolist()]
    steps = [*zip(events.time[of].tolist(), types, strict=True), *moves]
    within = [one for one in steps if asked.from_ms <= one[0] < asked.until_ms]
    found: Path = []
    # Of one time, events come first.
    for step, same in groupby(sorted(within, key=itemgetter(0)), key=itemgetter(1)):
        times = [at for at, _ in same]
        found.append((times[0], step if len(times) == 1 else f"{step} {len(times)} times"))
    return found[:_STEPS_MAX]


class Worth:
    """What customers brought, and on which days they were active."""

    def __init__(self, connection: Any, events: Events, value: Value) -> None:
        names = {"on": value.on, **names_of(value.attribute)}
        found = connection.cursor().sql(_WORTH, params=names).to_arrow_table()
        who, customers = coded(found["customer_id"])
        self._who = events.customers.numbers(customers)[who]
        self._time, self._worth = found["time"].to_numpy(), found["worth"].to_numpy()
        self._events = events

    def lost(self, customers: Sequence[str], from_ms: int, until_ms: int) -> float:
        """Return what customers would have brought, less what they brought; at least 0.

        On each day on which one is active, that is what all brought a day in the 14 days before.
        """
        base_ms = from_ms - 14 * DAY_MS
        listed = self._events.customers.numbers(customers)
        listed = listed[listed >= 0]
        who, day = self._events.who, self._events.time // DAY_MS
        before = _within(self._events.time, base_ms, from_ms)
        here = _within(self._events.time, from_ms, until_ms) & np.isin(who, listed)
        usual = float(self._worth[_within(self._time, base_ms, from_ms)].sum())
        brought = _within(self._time, from_ms, until_ms) & np.isin(self._who, listed)
        a_day = usual / max(1, _runs(who[before], day[before]))
        lost = a_day * _runs(who[here], day[here]) - float(self._worth[brought].sum())
        return round(max(0.0, float(lost)), 2)


def _within(time: Integers, from_ms: int, until_ms: int) -> Flags:
    return (time >= from_ms) & (time < until_ms)


def _runs(*columns: Integers | Codes) -> int:
    """Return how many runs of equal rows there are."""
    if not columns[0].size:
        return 0
    return 1 + int(np.any([one[1:] != one[:-1] for one in columns], axis=0).sum())
