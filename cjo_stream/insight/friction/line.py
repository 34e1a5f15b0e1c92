"""Lines: what waits at a place, and the waits from an event for another one.

A wait begins with an event before which there was no other of its type and channel for an hour; it
is lost from sight when the next one begins. Which events wait for which others is taken from the
first week, in which nothing can be found yet. So it depends on no record behind a finding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from cjo_stream.insight.friction.event import HOUR_MS, Codes, Events, Flags, Integers, Names
from cjo_stream.insight.friction.hazard import Line, Waits, line
from cjo_stream.insight.friction.rate import Numbers
from cjo_stream.insight.friction.span import Span

LIMITS_MS: Final = tuple(
    minutes * 60_000
    for minutes in (
        1, 2, 3, 5, 8, 15, 30, 60, 120, 180, 300, 480, 720, 1_440, 2_880, 4_320, 7_200, 10_080,
        20_160,
    )
)  # fmt: skip
"""Where classes of lengths of waits begin, but the first: each half as long again, or more."""
OPEN: Final = 1 << 40
"""The hour in which those leave who still wait."""
OPEN_MS: Final = OPEN * HOUR_MS
_PREDECESSORS_MAX: Final = 3


class Opened(NamedTuple):
    """Units of a line."""

    who: Codes
    customers: Names
    """Of the numbers of `who`."""
    since: Integers
    until: Integers
    target: Codes
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
        return self.customers.named(np.unique(self.who[at]))

    def at(self, rows: Integers) -> Opened:
        """Return some of the units."""
        since, until = self.since[rows], self.until[rows]
        target = self.target[rows]
        return Opened(self.who[rows], self.customers, since, until, target, self.targets)


class Units(Protocol):
    """What opens a line."""

    def ask(self) -> None:
        """Let its units be there soon."""

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


class _Waits(NamedTuple):
    all: Opened

    def ask(self) -> None:
        """They are here."""


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
    return (_line_of(events, span, one) for one in of)


def _line_of(events: Events, span: Span, pair: Pair) -> Named:
    a, b = events.kinds[pair.before], events.kinds[pair.after]
    begun = _begun(events, events.by_kind[pair.before])
    ends = events.by_kind[pair.after]
    at = np.append(begun, ends)
    order = np.argsort(at, kind="stable")
    at = at[order]
    begins = order < len(begun)
    who, time = events.who[at], events.time[at]
    same = np.append(who[1:] == who[:-1], False)
    until = np.where(same, np.append(time[1:], 0), OPEN_MS)[begins]
    target = np.where(same & np.append(~begins[1:], False), np.int32(0), np.int32(-1))[begins]
    targets = [b.type] if (target == 0).any() else []
    every = Opened(who[begins], events.customers, time[begins], until, target, targets)
    return Named(
        f"{a.type}/{a.channel} > {b.type}/{b.channel}",
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
    return lengths_by_hour(span, hour, length, np.ones(len(hour)))


def hourly(span: Span, hour: Integers, units: Numbers) -> Numbers:
    """Return how many units are in each hour."""
    fits = (hour >= 0) & (hour < span.hours)
    return np.bincount(hour[fits], units[fits], span.hours).astype(np.float64)


def lengths_by_hour(span: Span, hour: Integers, length: Any, units: Numbers) -> Numbers:
    """Return waits that ended by hour and class of length."""
    classes = len(LIMITS_MS) + 1
    fits = (hour >= 0) & (hour < span.hours)
    at = hour[fits] * classes + length[fits]
    found = np.bincount(at, units[fits], span.hours * classes)
    return found.reshape(span.hours, classes).astype(np.float64)
