"""What is watched: at each place some rates, as counts by hour.

A *tally* is a count over another (repeats over first times, long waits over all). A *departure* is
a count over the number that is expected of those who wait (`hazard`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cjo_stream.insight.friction.hazard import Line, Waits, expecting, hazards, line
from cjo_stream.insight.friction.rate import DAY_HOURS, Numbers, rolled
from cjo_stream.insight.friction.table import HOUR_MS, Span, first_types

ORDINALS: Final = (2, 3, 5, 8, 13, 21)
"""How often within 24 hours: each is a rate of its own."""
LONG_MS: Final = tuple(minutes * 60_000 for minutes in (1, 5, 15, 60, 180, 480))
"""From which on a wait is long: each is a rate of its own."""
TROUBLE: Final = frozenset(
    {
        "error", "errors", "failed", "failure", "declined", "rejected", "refused", "denied",
        "timeout", "crashed", "unavailable", "bounced", "lost", "delayed", "cancelled",
        "returned", "complaint",
    }
)  # fmt: skip
"""Words in the name of an event type that is trouble."""
COMPLAINTS: Final = ("ticket_opened",)
_OPEN: Final = 1 << 40
Usable = NDArray[np.bool_]


class Shown(NamedTuple):
    """In whom a series shows: rows of a table, by its columns; or units of lines."""

    table: str
    place: str = ""
    least: int = 0
    lines: tuple[int, ...] = ()
    codes: tuple[int, ...] = ()


class Tally(NamedTuple):
    """A count over another."""

    counted: Numbers
    of: Numbers

    def exposure(self, window: int, _usable: Usable) -> Callable[[int], Numbers]:
        """Return the exposure of the window that ended so many days before each hour."""
        in_window = rolled(self.of, window)

        def found(days: int) -> Numbers:
            shift = days * DAY_HOURS
            return np.append(np.zeros(shift), in_window)[: len(in_window)]

        return found

    def hourly(self, _hour: int, _usable: Usable) -> Numbers:
        """Return the exposure by hour."""
        return self.of


class Departures(NamedTuple):
    """Departures over those expected, of one line or of several."""

    counted: Numbers
    parts: tuple[tuple[Numbers, Numbers], ...]
    """Of each line, who waits and who leaves, by hour and age."""

    def exposure(self, window: int, usable: Usable) -> Callable[[int], Numbers]:
        """Return the departures expected in the window that ended so many days before."""
        expected = [
            expecting(waiting, hazards(waiting, left, usable), window)
            for waiting, left in self.parts
        ]
        return lambda days: np.sum([one(days) for one in expected], axis=0)

    def hourly(self, hour: int, usable: Usable) -> Numbers:
        """Return the departures expected by hour, with the hazards of one hour."""
        found = np.zeros(len(self.counted))
        for (waiting, _), hazard in zip(self.parts, self.hazard(hour, usable), strict=True):
            found += waiting @ hazard
        return found

    def hazard(self, hour: int, usable: Usable) -> list[Numbers]:
        """Return the hazards by age at one hour, of each line."""
        day = hour // DAY_HOURS
        return [hazards(waiting, left, usable)[day] for waiting, left in self.parts]


class Series(NamedTuple):
    """One watched rate."""

    place: str
    kind: str
    what: str
    """What is counted, for the sentence."""
    rises: bool
    """Whether friction is a rise of the rate, or else a fall."""
    rate: Tally | Departures
    shown: Shown


def all_series(connection: Any, span: Span, complaints: Sequence[str]) -> list[Series]:
    """Return what is watched in the tables of a layer."""
    return [
        *_repeats(connection, span),
        *_troubles(connection, span),
        *_failures(connection, span),
        *_skips(connection, span),
        *_waits(connection, span, complaints),
    ]


def _hourly(span: Span, hour: Any, units: Any) -> Numbers:
    fits = (hour >= 0) & (hour < span.hours)
    return np.bincount(hour[fits], units[fits], span.hours).astype(np.float64)


def _grouped(connection: Any, query: str, span: Span) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the rows of a query as columns, by its first column, which orders them."""
    found = connection.execute(
        query, {"hour_ms": HOUR_MS, "from": span.from_hour} if "$from" in query else {}
    ).fetchnumpy()
    names = list(found)
    keys = np.asarray(found[names[0]])
    if not keys.size:
        return
    edges = [0, *(np.flatnonzero(keys[1:] != keys[:-1]) + 1), keys.size]
    for begin, end in pairwise(edges):
        key = keys[begin]
        yield (
            key.item() if isinstance(key, np.generic) else key,
            {name: found[name][begin:end] for name in names[1:]},
        )


_HOUR: Final = '"time" // $hour_ms - $from AS hour'


def _repeats(connection: Any, span: Span) -> Iterator[Series]:
    tables = (
        ("friction_event", "'event:' || \"type\"", "of_type", "repeats"),
        ("friction_entry", "place", "ordinal", "loop"),
    )
    for table, place, ordinal, kind in tables:
        query = (
            f"SELECT {place} AS place, {_HOUR}, {ordinal} AS ordinal, count(*) AS units "
            f"FROM {table} GROUP BY ALL ORDER BY ALL"
        )
        for name, rows in _grouped(connection, query, span):
            by_ordinal = {
                one: _hourly(span, rows["hour"][fits], rows["units"][fits])
                for one in (1, *ORDINALS)
                if (fits := rows["ordinal"] == one).any()
            }
            for one in by_ordinal.keys() - {1}:
                if 1 in by_ordinal:
                    rate = Tally(by_ordinal[one], by_ordinal[1])
                    what = f"{one} times within a day"
                    shown = Shown(table, name, one)
                    yield Series(name, kind, what, True, rate, shown)


def _troubles(connection: Any, span: Span) -> Iterator[Series]:
    warm = first_types(connection, span)
    query = (
        f"SELECT 0 AS one, {_HOUR}, count(*) AS units FROM friction_event WHERE of_any = 1 "
        "GROUP BY ALL ORDER BY ALL"
    )
    active = np.zeros(span.hours)
    for _, rows in _grouped(connection, query, span):
        active = _hourly(span, rows["hour"], rows["units"])
    query = (
        f'SELECT "type", {_HOUR}, count(*) AS units FROM friction_event WHERE of_type = 1 '
        "GROUP BY ALL ORDER BY ALL"
    )
    for type_, rows in _grouped(connection, query, span):
        new = type_ not in warm
        if new or TROUBLE & set(re.split(r"[._]", type_)):
            rate = Tally(_hourly(span, rows["hour"], rows["units"]), active)
            shown = Shown("friction_event", f"event:{type_}", 1)
            yield Series(f"event:{type_}", "error", type_, True, rate, shown)


def _failures(connection: Any, span: Span) -> Iterator[Series]:
    query = (
        f"SELECT place, {_HOUR}, count(*) FILTER (failed) AS units, count(*) AS of_all "
        "FROM friction_failed GROUP BY ALL ORDER BY ALL"
    )
    for place, rows in _grouped(connection, query, span):
        hour = rows["hour"]
        rate = Tally(_hourly(span, hour, rows["units"]), _hourly(span, hour, rows["of_all"]))
        yield Series(place, "failures", "failed", True, rate, Shown("friction_failed", place))


def _skips(connection: Any, span: Span) -> Iterator[Series]:
    query = (
        f"SELECT place || ' ' || b_type AS both, {_HOUR}, "
        "count(*) FILTER (skipped) AS units, count(*) AS of_all "
        "FROM friction_skip GROUP BY ALL ORDER BY ALL"
    )
    for both, rows in _grouped(connection, query, span):
        hour = rows["hour"]
        rate = Tally(_hourly(span, hour, rows["units"]), _hourly(span, hour, rows["of_all"]))
        place, what = both.split(" ", 1)
        yield Series(place, "skipped", what, True, rate, Shown("friction_skip", both))


class _Named(NamedTuple):
    """A line by its names, its units, and its arrays."""

    number: int
    place: str
    channel: str | None
    step: str | None
    targets: dict[int, str]
    long: dict[int, Numbers]
    line: Line


def _waits(connection: Any, span: Span, complaints: Sequence[str]) -> Iterator[Series]:
    lines = list(_lines(connection, span))
    by_channel: dict[str, list[_Named]] = {}
    for one in lines:
        yield from _of_line(one, complaints)
        if one.channel is not None:
            by_channel.setdefault(one.channel, []).append(one)
    for channel, parts in sorted(by_channel.items()):
        good = [one for one in parts if not set(one.targets.values()) & set(complaints)]
        yield from _of_lines(channel, "slow", good)


def _of_line(one: _Named, complaints: Sequence[str]) -> Iterator[Series]:
    is_stay = one.step is None
    if not is_stay and set(one.targets.values()) & set(complaints):
        for code, target in one.targets.items():
            yield _departures(f"event:{one.step}", "complaints", target, True, [one], (code,))
        return
    yield from _of_lines(one.place, "dwell" if is_stay else "drop", [one])
    if not is_stay:
        return
    for code, target in one.targets.items():
        if target.startswith("exit "):
            yield _exits(one, code, target.removeprefix("exit "))
        elif len(one.targets) > 1:
            yield _departures(one.place, "drop", target, False, [one], (code,))


def _exits(one: _Named, code: int, outcome: str) -> Series:
    """Return the exits of a kind, of all who leave: a new kind of exit has no hazard yet."""
    none = np.zeros(len(one.line.waiting))
    by_code = {code: array.sum(axis=1) for code, array in one.line.left.items()}
    rate = Tally(by_code.get(code, none), sum(by_code.values(), none))
    shown = Shown("left", one.place, 0, (one.number,), (code,))
    return Series(one.place, "exits", outcome or "exited", True, rate, shown)


def _of_lines(place: str, kind: str, lines: Sequence[_Named]) -> Iterator[Series]:
    """Yield the departures of lines for any target, and their long waits."""
    codes = tuple(code for one in lines for code in one.targets)
    if not codes:
        return
    yield _departures(place, kind, "", False, lines, codes)
    leaving = [array.sum(axis=1) for one in lines for array in one.line.left.values()]
    if not leaving:
        return
    left = np.sum(leaving, axis=0)
    numbers = tuple(one.number for one in lines)
    for least_ms in LONG_MS:
        count = np.sum([one.long[least_ms] for one in lines], axis=0)
        if count.any():
            what = f"{least_ms // 60_000} minutes or longer"
            shown = Shown("long", place, least_ms, numbers, codes)
            slow = "slow" if kind == "slow" else "dwell"
            yield Series(place, slow, what, True, Tally(count, left), shown)


def _departures(
    place: str,
    kind: str,
    what: str,
    rises: bool,
    lines: Sequence[_Named],
    codes: tuple[int, ...],
) -> Series:
    parts = []
    for one in lines:
        leaving = [array for code, array in one.line.left.items() if code in codes]
        parts.append((one.line.waiting, np.sum(leaving, axis=0) + 0.0 * one.line.waiting))
    count = np.sum([left for _, left in parts], axis=0).sum(axis=1)
    numbers = tuple(one.number for one in lines)
    shown = Shown("left" if rises else "waiting", place, 0, numbers, codes)
    return Series(place, kind, what, rises, Departures(count, tuple(parts)), shown)


def _lines(connection: Any, span: Span) -> Iterator[_Named]:
    names = {
        number: rest
        for number, *rest in connection.execute(
            "SELECT line, to_event, to_channel, step FROM friction_line"
        ).fetchall()
    }
    targets: dict[int, dict[int, str]] = {}
    query = "SELECT line, code, target FROM friction_target ORDER BY code"
    for number, code, target in connection.execute(query).fetchall():
        targets.setdefault(number, {})[code] = target
    longs = ", ".join(
        f'count(*) FILTER (code IS NOT NULL AND "until" - since >= {ms}) AS long_{ms}'
        for ms in LONG_MS
    )
    query = (
        f"SELECT line, since // $hour_ms - $from AS since, "
        f'coalesce("until" // $hour_ms - $from, {_OPEN}) AS "until", coalesce(code, -1) AS code, '
        f"count(*) AS units, {longs} FROM friction_unit GROUP BY 1, 2, 3, 4 ORDER BY ALL"
    )
    for number, rows in _grouped(connection, query, span):
        place, channel, step = names[number]
        waits = Waits(rows["since"], rows["until"], rows["code"], rows["units"].astype(np.float64))
        long = {ms: _hourly(span, rows["until"], rows[f"long_{ms}"]) for ms in LONG_MS}
        of = targets.get(number, {})
        yield _Named(number, place, channel, step, of, long, line(waits, span.hours))
