"""The decider of guarded canaries: it sees the counts of all partitions, and decides once.

    count at a customer ──▶ Tally ──▶ the first partition's task ──▶ Verdict ──▶ every task
    (core/canary/count)     in its log      (Decider)                in its log   (sets.Sets)

Only the first partition's task has one. It decides at full minutes of the stream clock, from the
counts of the minutes before. Counts of one minute are added up, so their order, and with it the
number of partitions, does not matter. A verdict is in the log of each partition, and comes into
force there as a set does: by a walk.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from cjo_stream.core.answer import CanaryRow, GuardRow
from cjo_stream.core.canary.interval import Sample
from cjo_stream.core.canary.verdict import Comparison, compare
from cjo_stream.core.message import Count, Tally
from cjo_stream.core.program.journey import Guard, Guards, Journey
from cjo_stream.core.program.program import Program
from cjo_stream.core.word import CanaryEnd, Status

PERIOD_MS: Final = 60_000


class Canary(msgspec.Struct, array_like=True):
    """A guarded canary: since when it runs, what its guards have counted, what was decided.

    `since` is None while it does not run: its set is not in force, or its journey is neither live
    nor in shadow. `ran_ms`: how long it had run before. `inside` and `outside`: metric -> the
    values. `verdict` is empty before there is one.
    """

    journey: str
    version: int
    since: int | None = None
    ran_ms: int = 0
    inside: dict[str, Sample] = {}
    outside: dict[str, Sample] = {}
    verdict: str = ""


class Decision(msgspec.Struct, frozen=True):
    """A verdict, and the guard that it is by; at the end of `for`, the first guard."""

    canary: Canary
    guard: Guard
    comparison: Comparison
    verdict: CanaryEnd


class Decider(msgspec.Struct, array_like=True):
    """All guarded canaries there ever were, in the order in which they began.

    `waiting`: the counts of minutes that are not over yet, one tally each. `due`: when it decides
    next: at the end of a minute with counts, or of a `for`.
    """

    canaries: list[Canary] = []
    waiting: list[Tally] = []
    due: int | None = None

    def begin(self, program: Program, clock: int) -> None:
        """Note the guarded canaries of a set that comes into force; those before it go on.

        One that does not run under this set stops, and one that had stopped goes on.
        """
        known = {(one.journey, one.version) for one in self.canaries}
        for journey in program.journeys.values():
            if journey.guards is not None and (journey.name, journey.version) not in known:
                self.canaries.append(Canary(journey.name, journey.version))
        self.canaries = [_begun(one, program, clock) for one in self.canaries]

    def wait(self, tally: Tally) -> None:
        """Keep counts until their minute is over."""
        rest = [one for one in self.waiting if one.period != tally.period]
        same = [one for one in self.waiting if one.period == tally.period]
        self.waiting = [*rest, added([*same, tally])]

    def plan(self, program: Program, clock: int) -> None:
        """Note when it decides next under a set: at a full minute, and none that is over.

        Counts may come when their minute is long over: they wait for the end of this one.
        """
        minutes = [
            -(-_end_of(canary, journey.guards) // PERIOD_MS)
            for canary, journey in self._running(program)
            if journey.guards is not None
        ]
        if not minutes:
            self.due = None
            self._add_over(clock)  # else they would pile up until a canary runs again
            return
        minutes += [one.period + 1 for one in self.waiting]
        self.due = max(min(minutes), clock // PERIOD_MS + 1) * PERIOD_MS

    def decide(self, program: Program, clock: int) -> Iterator[Decision]:
        """Yield what is decided at this time."""
        self._add_over(clock)
        for canary, journey in self._running(program):
            found = _decided(canary, journey, clock)
            if found is not None:
                canary.verdict = str(found.verdict)
                yield found

    def copy(self) -> Decider:
        """Return a copy that may be changed by these methods."""
        return Decider(list(self.canaries), self.waiting, self.due)

    def _running(self, program: Program) -> list[tuple[Canary, Journey]]:
        """Return the undecided canaries that run, each with its journey."""
        return [
            (one, program.journeys[one.journey])
            for one in self.canaries
            if one.since is not None and _runs(one, program)
        ]

    def _add_over(self, clock: int) -> None:
        """Add the counts of minutes that are over to their canaries, once these have begun."""
        self.canaries = copy.deepcopy(self.canaries)
        canaries = {(one.journey, one.version): one for one in self.canaries}
        waiting: list[Tally] = []
        for tally in self.waiting:
            has_begun = all((one.journey, one.version) in canaries for one in tally.counts)
            if tally.period >= clock // PERIOD_MS or not has_begun:
                waiting.append(tally)
                continue
            for count in tally.counts:
                canary = canaries[count.journey, count.version]
                side = canary.inside if count.is_inside else canary.outside
                sample = side.setdefault(count.metric, Sample())
                sample.add(count.number, count.total, count.squares)
        self.waiting = waiting


def _runs(canary: Canary, program: Program) -> bool:
    """Return whether a canary is undecided, and its version entered, under a set."""
    journey = program.journeys.get(canary.journey)
    return (
        journey is not None
        and journey.guards is not None
        and journey.version == canary.version
        and journey.status in (Status.LIVE, Status.SHADOW)
        and not canary.verdict
    )


def _begun(canary: Canary, program: Program, clock: int) -> Canary:
    """Return a canary as it is once a set is in force."""
    if _runs(canary, program):
        since = clock if canary.since is None else canary.since
        return msgspec.structs.replace(canary, since=since)
    if canary.since is None:
        return canary
    ran_ms = canary.ran_ms + clock - canary.since
    return msgspec.structs.replace(canary, since=None, ran_ms=ran_ms)


def _end_of(canary: Canary, guards: Guards) -> int:
    """Return when the `for` of a canary that runs is over, ms."""
    assert canary.since is not None
    return canary.since + guards.for_ms - canary.ran_ms


def added(tallies: Sequence[Tally]) -> Tally:
    """Return tallies of one period as one."""
    total: dict[tuple[str, int, bool, str], Count] = {}
    for one in (count for tally in tallies for count in tally.counts):
        key = (one.journey, one.version, one.is_inside, one.metric)
        known = total.get(key)
        if known is None:
            total[key] = one
            continue
        total[key] = Count(
            *key,
            known.number + one.number,
            known.total + one.total,
            known.squares + one.squares,
        )
    return Tally(tallies[0].period, [total[key] for key in sorted(total)])


def compared(canary: Canary, journey: Journey) -> list[tuple[Guard, Comparison]]:
    """Return each guard of a canary with its two groups."""
    if journey.guards is None:
        return []
    return [
        (
            guard,
            compare(
                canary.inside.get(guard.metric, Sample()),
                canary.outside.get(guard.metric, Sample()),
                guards=len(journey.guards.each),
                worse_than=guard.worse_than,
                is_lower_worse=guard.is_lower_worse,
            ),
        )
        for guard in journey.guards.each
    ]


def canary_rows(decider: Decider, program: Program) -> list[CanaryRow]:
    """Return the guarded canaries of a set with their shares, and what guards have counted.

    One that was decided is of a set as long as its journey has that version and guards.
    """
    rows = []
    for canary in decider.canaries:
        journey = program.journeys.get(canary.journey)
        if journey is None or journey.version != canary.version or not journey.is_guarded:
            continue
        nothing = Sample()
        guards = []
        for metric in sorted({*canary.inside, *canary.outside}):
            inside = canary.inside.get(metric, nothing)
            outside = canary.outside.get(metric, nothing)
            guards.append(
                GuardRow(metric, inside.number, inside.mean, outside.number, outside.mean)
            )
        verdict = canary.verdict or None
        rows.append(CanaryRow(journey.name, journey.version, journey.canary, verdict, guards))
    return rows


def _decided(canary: Canary, journey: Journey, clock: int) -> Decision | None:
    guards = journey.guards
    assert guards is not None
    found = compared(canary, journey)
    for guard, comparison in found:
        if comparison.is_worse:
            return Decision(canary, guard, comparison, CanaryEnd.BACK)
    if clock >= _end_of(canary, guards):
        guard, comparison = found[0]
        return Decision(canary, guard, comparison, guards.then)
    return None
