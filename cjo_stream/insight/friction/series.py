"""What is watched: at each place some rates, as counts by hour.

A *tally* is a count over another (repeats over first times, long waits over all). A *departure* is
a count over the number that is expected of those who wait (`hazard`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from cjo_stream.insight.friction.event import HOUR_MS, ORDINALS, Events, Flags
from cjo_stream.insight.friction.hazard import Leaving
from cjo_stream.insight.friction.line import (
    LIMITS_MS,
    Named,
    Pair,
    Units,
    hourly,
    pairs,
    waits,
)
from cjo_stream.insight.friction.rate import DAY_HOURS, Looks, Numbers, look, look_at_share
from cjo_stream.insight.friction.skip import Skip, skips
from cjo_stream.insight.friction.span import WARM_MS, Span, grouped
from cjo_stream.insight.friction.stay import Stays, states

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
Table = Literal["event", "entry", "failed", "skip", "left", "long", "waiting"]


class Shown(NamedTuple):
    """In whom a series shows: in rows of a table at a place, or in units of lines."""

    table: Table
    place: str = ""
    least: int = 0
    """How many times, or ms, at least."""
    lines: tuple[Units, ...] = ()
    targets: frozenset[str] = frozenset()
    skip: Skip | None = None


class Tally(NamedTuple):
    """A count over another."""

    counted: Numbers
    of: Numbers

    def since(self, hour: int) -> Tally:
        """Return the same from an hour on."""
        return Tally(self.counted[hour:], self.of[hour:])

    def look(self, window: int, usable: Flags) -> Looks:
        """Return the looks through a window."""
        return look_at_share(self.counted, self.of, window, usable)

    def hourly(self, _hour: int, _usable: Flags) -> Numbers:
        """Return the exposure by hour."""
        return self.of


class Departures(NamedTuple):
    """Departures over those expected, of one line or of several."""

    counted: Numbers
    parts: tuple[Leaving, ...]
    """Of each line."""

    def since(self, hour: int) -> Departures:
        """Return the same from an hour on."""
        return Departures(self.counted[hour:], tuple(part.since(hour) for part in self.parts))

    def look(self, window: int, usable: Flags) -> Looks:
        """Return the looks through a window."""
        expected = [part.expecting(usable, window) for part in self.parts]
        return look(self.counted, window, usable, np.asarray(np.sum(expected, axis=0)))

    def hourly(self, hour: int, usable: Flags) -> Numbers:
        """Return the departures expected by hour, with the hazards of one hour."""
        found = np.zeros(len(self.counted))
        for part, hazard in zip(self.parts, self.hazard(hour, usable), strict=True):
            found += part.waiting @ hazard
        return found

    def hazard(self, hour: int, usable: Flags) -> list[Numbers]:
        """Return the hazards by age at one hour, of each line."""
        day = hour // DAY_HOURS
        return [part.hazards(usable)[day] for part in self.parts]


class Lengths(NamedTuple):
    """Waits that ended, by how long they were."""

    counted: Numbers
    by_class: Numbers
    """By hour and class of length."""
    limits: tuple[Series, ...]
    """The waits from each limit on, up to hours: in one of these a change shows."""

    def since(self, hour: int) -> Lengths:
        """Return the same from an hour on."""
        limits = tuple(one._replace(rate=one.rate.since(hour)) for one in self.limits)
        return Lengths(self.counted[hour:], self.by_class[hour:], limits)


class Series(NamedTuple):
    """One watched rate."""

    place: str
    kind: str
    what: str
    """What is counted, for the sentence."""
    rises: bool
    """Whether friction is a rise of the rate, or else a fall."""
    rate: Tally | Departures | Lengths
    shown: Shown
    order: tuple[int, str] = (0, "")
    """Where it stands among all: of equal chances the first counts."""


def of_events(
    connection: Any, events: Events, span: Span, complaints: Sequence[str]
) -> Iterator[Series]:
    """Yield what is watched of events, and of commands."""
    found = pairs(events, span.ms(0) + WARM_MS)
    lines = sorted(waits(events, span, found), key=lambda one: one.name)
    yield from _at(0, _repeats(events, span))
    yield from _at(2, _troubles(events, span))
    yield from _at(3, _failures(connection, span))
    yield from _at(4, _skips(events, span, found))
    for one in lines:
        yield from _at(5, _of_line(one, complaints), one.name)
    yield from _at(6, _of_channels(lines, complaints))


def of_states(stays: Stays, span: Span, complaints: Sequence[str]) -> Iterator[Series]:
    """Yield what is watched of stays."""
    for one in states(stays, span):
        yield from _at(1, _loops(one))
        yield from _at(5, _of_line(one, complaints), one.name)


def _at(group: int, found: Iterable[Series], name: str = "") -> Iterator[Series]:
    return (one._replace(order=(group, name)) for one in found)


def _repeats(events: Events, span: Span) -> Iterator[Series]:
    for place, at in _by_type(events):
        times, hour = events.of_type[at], events.hour[at]
        by_ordinal = {
            one: span.hourly(hour[fits]) for one in (1, *ORDINALS) if (fits := times == one).any()
        }
        yield from _by_ordinal(Shown("event", place), "repeats", by_ordinal)


def _loops(of: Named) -> Iterator[Series]:
    return _by_ordinal(Shown("entry", of.place, lines=(of.units,)), "loop", of.entered)


def _by_ordinal(shown: Shown, kind: str, by_ordinal: Mapping[int, Numbers]) -> Iterator[Series]:
    for one in by_ordinal.keys() - {1}:
        if 1 in by_ordinal:
            rate = Tally(by_ordinal[one], by_ordinal[1])
            what = f"{one} times within a day"
            yield Series(shown.place, kind, what, True, rate, shown._replace(least=one))


def _by_type(events: Events) -> list[tuple[str, Any]]:
    return sorted(
        (f"event:{type_}", at) for type_, at in zip(events.types, events.by_type, strict=True)
    )


def _troubles(events: Events, span: Span) -> Iterator[Series]:
    active = span.hourly(events.hour[events.is_first])
    for place, at in _by_type(events):
        type_ = place.removeprefix("event:")
        is_new = events.time[at].min() >= span.ms(0) + WARM_MS
        if is_new or TROUBLE & set(re.split(r"[._]", type_)):
            rate = Tally(span.hourly(events.hour[at[events.of_type[at] == 1]]), active)
            yield Series(place, "error", type_, True, rate, Shown("event", place, 1))


def _failures(connection: Any, span: Span) -> Iterator[Series]:
    query = (
        "SELECT 'channel:' || channel AS place, hour, units, of_all FROM ("
        'SELECT channel, "time" // $hour_ms - $from AS hour, '
        "count(*) FILTER (outcome = 'failed') AS units, count(*) AS of_all "
        "FROM part.outcome WHERE outcome IS NOT NULL GROUP BY ALL) ORDER BY place, hour"
    )
    asked = {"hour_ms": HOUR_MS, "from": span.from_hour}
    found = connection.cursor().execute(query, asked).fetchnumpy()
    for place, rows in grouped(found, "place"):
        counted, of_all = (hourly(span, rows["hour"], rows[one]) for one in ("units", "of_all"))
        rate = Tally(counted, of_all)
        yield Series(place, "failures", "failed", True, rate, Shown("failed", place))


def _skips(events: Events, span: Span, found: Sequence[Pair]) -> Iterator[Series]:
    for one in skips(events, found, span.ms(0) + WARM_MS):
        hour = events.hour[one.at]
        rate = Tally(span.hourly(hour[one.is_skipped]), span.hourly(hour))
        shown = Shown("skip", skip=one)
        yield Series(f"event:{one.before}", "skipped", one.after, True, rate, shown)


def _of_channels(lines: Sequence[Named], complaints: Sequence[str]) -> Iterator[Series]:
    by_channel: dict[str, list[Named]] = {}
    for one in lines:
        if one.channel is not None:
            by_channel.setdefault(one.channel, []).append(one)
    for channel, parts in sorted(by_channel.items()):
        good = [one for one in parts if not set(one.targets) & set(complaints)]
        yield from _of_lines(channel, "slow", good)


def _of_line(one: Named, complaints: Sequence[str]) -> Iterator[Series]:
    is_stay = one.step is None
    if not is_stay and set(one.targets) & set(complaints):
        for target in one.targets:
            yield _departures(f"event:{one.step}", "complaints", target, True, [one], {target})
        return
    yield from _of_lines(one.place, "dwell" if is_stay else "drop", [one])
    if not is_stay:
        return
    for target in one.targets:
        if target.startswith("exit "):
            yield _exits(one, target)
        elif len(one.targets) > 1:
            yield _departures(one.place, "drop", target, False, [one], {target})


def _exits(one: Named, target: str) -> Series:
    """Return the exits of a kind, of all who leave: a new kind of exit has no hazard yet."""
    none = np.zeros(len(one.line.waiting))
    by_code = {code: array.sum(axis=1) for code, array in one.line.left.items()}
    left = by_code.get(one.targets.index(target), none)
    rate = Tally(left, sum(by_code.values(), none))
    shown = Shown("left", one.place, 0, (one.units,), frozenset({target}))
    outcome = target.removeprefix("exit ")
    return Series(one.place, "exits", outcome or "exited", True, rate, shown)


def _of_lines(place: str, kind: str, lines: Sequence[Named]) -> Iterator[Series]:
    """Yield the departures of lines for any target, and their long waits."""
    targets = {target for one in lines for target in one.targets}
    if not targets:
        return
    yield _departures(place, kind, "", False, lines, targets)
    if not any(one.line.left for one in lines):
        return
    lengths = _sum_of([one.lengths for one in lines])
    longer = np.cumsum(lengths.T[::-1], axis=0)[::-1]
    units = tuple(one.units for one in lines)
    slow = "slow" if kind == "slow" else "dwell"
    limits = []
    for number, limit in enumerate(LIMITS_MS, start=1):
        if limit <= LONG_MS[-1]:
            rate = Tally(longer[number], longer[0])
            what = f"{limit // 60_000} minutes or longer"
            shown = Shown("long", place, limit, units, frozenset(targets))
            limits.append(Series(place, slow, what, True, rate, shown))
    yield from (one for one in limits if one.shown.least in LONG_MS and one.rate.counted.any())
    ranked = Lengths(longer[0], lengths, tuple(limits))
    yield Series(place, slow, "", True, ranked, limits[0].shown)


def _departures(
    place: str,
    kind: str,
    what: str,
    rises: bool,
    lines: Sequence[Named],
    targets: Collection[str],
) -> Series:
    parts = []
    for one in lines:
        leaving = [of for code, of in one.line.left.items() if one.targets[code] in targets]
        left = _sum_of(leaving) if leaving else np.zeros_like(one.line.waiting)
        parts.append(Leaving(one.line.waiting, one.line.sums, left))
    count = _sum_of([one.left for one in parts]).sum(axis=1)
    units = tuple(one.units for one in lines)
    table: Table = "left" if rises else "waiting"
    shown = Shown(table, place, 0, units, frozenset(targets))
    return Series(place, kind, what, rises, Departures(count, tuple(parts)), shown)


def _sum_of(some: Sequence[Numbers]) -> Numbers:
    return reduce(np.add, some)
