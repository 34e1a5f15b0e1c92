"""Lines: stays in a state, and waits from an event for another one.

A wait begins with an event before which there was no other of its type and channel for an hour; it
is lost from sight when the next one begins. Which events wait for which others is taken from the
first week, in which nothing can be found yet. So it depends on no record behind a finding.

Stays are counted by DuckDB, and opened when a finding shows in them; waits are arrays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from cjo_stream.insight.friction.event import HOUR_MS, Events, Flags, Integers, coded, places_of
from cjo_stream.insight.friction.hazard import Line, Waits, line
from cjo_stream.insight.friction.rate import Numbers
from cjo_stream.insight.friction.span import Span, grouped

LIMITS_MS: Final = tuple(
    minutes * 60_000
    for minutes in (
        1, 2, 3, 5, 8, 15, 30, 60, 120, 180, 300, 480, 720, 1_440, 2_880, 4_320, 7_200, 10_080,
        20_160,
    )
)  # fmt: skip
"""Where classes of lengths of waits begin, but the first: each half as long again, or more."""
ORDINALS: Final = (2, 3, 5, 8, 13, 21)
"""How often within 24 hours: each is a rate of its own."""
OPEN: Final = 1 << 40
"""The hour in which those leave who still wait."""
_OPEN_MS: Final = OPEN * HOUR_MS
_PREDECESSORS_MAX: Final = 3
_TARGET: Final = """
CASE
    WHEN reason = 'exited' THEN
        CASE WHEN is_reached THEN 'goal ' ELSE 'exit ' END || coalesce(outcome, '')
    WHEN reason <> 'merged' THEN "next"
END
"""
_CLASS: Final = " ".join(
    f'WHEN "until" - since < {limit} THEN {number}' for number, limit in enumerate(LIMITS_MS)
)
_STAYS: Final = f"""
SELECT journey || '.' || state AS place, {_TARGET} AS target, since, "until", "class", times, units
FROM (
    SELECT journey, state, reason, outcome, "next", reached <= "until" AS is_reached,
        since // {HOUR_MS} AS since, coalesce("until" // {HOUR_MS}, {OPEN}) AS "until",
        CASE {_CLASS} ELSE {len(LIMITS_MS)} END AS "class", times, count(*) AS units
    FROM part.stays
    GROUP BY ALL
)
ORDER BY ALL
"""
_OPENED: Final = f"""
SELECT journey || '.' || state AS place, coalesce(moved, present, customer_id) AS customer_id,
    since, coalesce("until", {_OPEN_MS}) AS "until", {_TARGET} AS target, times
FROM (
    SELECT s.*, s.reached <= s."until" AS is_reached, p.present
    FROM part.stays AS s
    LEFT JOIN part.present AS p ON p.customer_id = s.customer_id
)
"""


class Opened(NamedTuple):
    """Units of a line."""

    who: Integers
    customers: Sequence[str]
    """By the numbers of `who`."""
    since: Integers
    until: Integers
    target: Integers
    targets: Sequence[str | None]
    """By the numbers of `target`; other numbers, and None, are of those who leave for none."""
    times: Integers | None = None
    """Of stays, how many-th entry of the instance within 24 hours."""

    def leaves_for(self, targets: Collection[str]) -> Flags:
        """Return which units leave for one of some targets."""
        codes = [code for code, target in enumerate(self.targets) if target in targets]
        return np.isin(self.target, codes)

    def named(self, at: Flags) -> list[str]:
        """Return whose some units are."""
        return [one for who in np.unique(self.who[at]).tolist() if (one := self.customers[who])]

    def at(self, rows: Integers) -> Opened:
        """Return some of the units."""
        since, until, target = (one[rows] for one in (self.since, self.until, self.target))
        return Opened(self.who[rows], self.customers, since, until, target, self.targets)


class Units(Protocol):
    """What opens a line."""

    @property
    def all(self) -> Opened:
        """Its units."""


class Named(NamedTuple):
    """A line by its names, with its counts."""

    name: str
    """By which lines have an order."""
    place: str
    channel: str | None
    step: str | None
    """The event type that waits; None for a state."""
    targets: list[str]
    line: Line
    lengths: Numbers
    """Of the waits that ended, by hour and class."""
    units: Units
    entered: Mapping[int, Numbers] = MappingProxyType({})
    """Entries of a state by hour: of instances for the first time within 24 hours, the second …"""


class Stays:
    """All stays. DuckDB counts them, and opens them, while events are looked at."""

    def __init__(self, connection: Any) -> None:
        threads = ThreadPoolExecutor(1)
        self.counted: Future[Any] = threads.submit(_read, connection.cursor(), _STAYS)
        self.by_place: Future[dict[str, Opened]] = threads.submit(_opened, connection.cursor())
        threads.shutdown(wait=False)


def _opened(connection: Any) -> dict[str, Opened]:
    """Return the stays of each place."""
    found = _read(connection, _OPENED)
    who, customers = coded(found["customer_id"])
    target, targets = coded(found["target"])
    names = ("since", "until", "times")
    since, until, times = (found[name].to_numpy() for name in names)
    place, places = coded(found["place"])
    return {
        one: Opened(who[at], customers, since[at], until[at], target[at], targets, times[at])
        for one, at in zip(places, places_of(place, len(places)), strict=True)
    }


def _read(connection: Any, query: str) -> Any:
    return connection.sql(query).to_arrow_table()


class _State(NamedTuple):
    stays: Stays
    place: str

    @property
    def all(self) -> Opened:
        return self.stays.by_place.result()[self.place]


def states(stays: Stays, span: Span) -> Iterator[Named]:
    """Yield the line of each state."""
    table = stays.counted.result()
    columns = ("since", "until", "class", "times", "units")
    found = {name: table[name].to_numpy() for name in columns}
    found["since"], found["until"] = (found[one] - span.from_hour for one in ("since", "until"))
    found["target"], names = coded(table["target"])
    found["place"], places = coded(table["place"])
    for place, rows in grouped(found, "place"):
        named = (names[one] for one in np.unique(rows["target"]).tolist())
        targets = sorted(one for one in named if one is not None)
        codes = np.array([targets.index(one) if one in targets else -1 for one in names])
        target = codes[rows["target"]]
        units = rows["units"].astype(np.float64)
        waits = Waits(rows["since"], rows["until"], target, units)
        ended = target >= 0
        lengths = _lengths(span, rows["until"][ended], rows["class"][ended], units[ended])
        entered = {
            one: hourly(span, rows["since"][fits], units[fits])
            for one in (1, *ORDINALS)
            if (fits := rows["times"] == one).any()
        }
        name, opened = places[place], _State(stays, places[place])
        counted = line(waits, span.hours)
        yield Named(name, name, None, None, targets, counted, lengths, opened, entered)


class _Waits(NamedTuple):
    all: Opened


class Pair(NamedTuple):
    """An event that often comes before another; by their places in `Events.kinds`."""

    before: int
    after: int


def pairs(events: Events, warm_until: int) -> list[Pair]:
    """Return which events waited for which others in the first week."""
    warm = np.flatnonzero(events.time < warm_until)
    follows = events.who[warm][1:] == events.who[warm][:-1]
    kinds = events.kind[warm]
    number = len(events.kinds)
    both, times = np.unique(
        (kinds[:-1] * number + kinds[1:])[follows & (kinds[1:] != kinds[:-1])], return_counts=True
    )
    before, after = both // number, both % number
    share = times / np.bincount(after, times, number)[after]
    found: dict[int, list[tuple[int, Any, Pair]]] = {}
    for at in np.flatnonzero((share >= 0.1) & (times >= 10)).tolist():
        one = Pair(int(before[at]), int(after[at]))
        ranked = (-int(times[at]), events.kinds[one.before], one)
        found.setdefault(one.after, []).append(ranked)
    return [one for of in found.values() for _, _, one in sorted(of)[:_PREDECESSORS_MAX]]


def waits(events: Events, span: Span, of: Sequence[Pair]) -> Iterator[Named]:
    """Yield the line of each pair of events."""
    for pair in of:
        a, b = events.kinds[pair.before], events.kinds[pair.after]
        begun = _begun(events, events.by_kind[pair.before])
        ends = events.by_kind[pair.after]
        at = np.append(begun, ends)
        order = np.argsort(at, kind="stable")
        at = at[order]
        begins = order < len(begun)
        who, time = events.who[at], events.time[at]
        same = np.append(who[1:] == who[:-1], False)
        until = np.where(same, np.append(time[1:], 0), _OPEN_MS)[begins]
        target = np.where(same & np.append(~begins[1:], False), 0, -1)[begins]
        targets = [b.type] if (target == 0).any() else []
        every = Opened(who[begins], events.customers, time[begins], until, target, targets)
        name = f"{a.type}/{a.channel} > {b.type}/{b.channel}"
        yield Named(
            name,
            f"event:{b.type}",
            f"channel:{b.channel}",
            a.type,
            targets,
            _counted(every, span),
            _lengths_of(every, span),
            _Waits(every),
        )


def _begun(events: Events, at: Integers) -> Integers:
    """Return those events of a kind before which there was none of it for an hour."""
    who, time = events.who[at], events.time[at]
    goes_on = (who[1:] == who[:-1]) & (time[1:] - time[:-1] < HOUR_MS)
    return at[~np.append(False, goes_on)] if at.size else at


def _counted(units: Opened, span: Span) -> Line:
    """Return the counts of units by hour, those of equal hours and target together."""
    since = units.since // HOUR_MS - span.from_hour
    until = np.minimum(units.until // HOUR_MS - span.from_hour, span.hours)
    codes = (since * (span.hours + 1) + until) * 2 + units.target + 1
    same, number = np.unique(codes, return_counts=True)
    since, until = np.divmod(same // 2, span.hours + 1)
    return line(Waits(since, until, same % 2 - 1, number.astype(np.float64)), span.hours)


def _lengths_of(units: Opened, span: Span) -> Numbers:
    ended = units.target >= 0
    hour = units.until[ended] // HOUR_MS - span.from_hour
    length = np.searchsorted(LIMITS_MS, (units.until - units.since)[ended], side="right")
    return _lengths(span, hour, length, np.ones(len(hour)))


def hourly(span: Span, hour: Integers, units: Numbers) -> Numbers:
    """Return how many units are in each hour."""
    fits = (hour >= 0) & (hour < span.hours)
    return np.bincount(hour[fits], units[fits], span.hours).astype(np.float64)


def _lengths(span: Span, hour: Integers, length: Any, units: Numbers) -> Numbers:
    """Return waits that ended by hour and class of length."""
    classes = len(LIMITS_MS) + 1
    fits = (hour >= 0) & (hour < span.hours)
    at = hour[fits] * classes + length[fits]
    found = np.bincount(at, units[fits], span.hours * classes)
    return found.reshape(span.hours, classes).astype(np.float64)
