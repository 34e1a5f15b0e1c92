"""The promises about guarded canaries: one verdict each, at its time, the same in each partition.

They are read from records, from the first partition's log, and from where tasks stand, step by
step. Who is inside is drawn anew, and what guards have counted is added up anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cjo_stream.core.canary.interval import Sample
from cjo_stream.core.canary.verdict import compare
from cjo_stream.core.draw import share
from cjo_stream.core.message import Tally, Verdict
from cjo_stream.core.program.journey import Guards, Journey
from cjo_stream.core.program.program import VERDICTS_MAX
from cjo_stream.definition import compile_stored
from cjo_stream.engine import codec
from cjo_stream.engine.frame import decode_frame
from cjo_stream.engine.port import LogRecord
from cjo_stream.errors import InputError
from tests.simulation.change import GUARDED_JOURNEY

MINUTE_MS = 60_000
SHARES = {"promote": 1.0, "back": 0.0}

Row = dict[str, Any]


class Told(NamedTuple):
    """A verdict: its time, the version, what it is; the guard, and how many it compared."""

    time: int
    version: int
    verdict: str
    metric: str
    inside: int
    outside: int


class Step(NamedTuple):
    """One record of a partition's log: where its task stood, where it stands, what went out."""

    before: codec.Meta
    after: codec.Meta
    effects: list[tuple[str, str, bytes]]
    tallies: list[Tally]
    """The counts that the record brought, and no earlier one."""

    def governance(self) -> Iterator[Row]:
        """Yield the records about sets and canaries."""
        yield from (json.loads(value) for kind, _, value in self.effects if kind == "governance")

    def entered(self) -> Iterator[Row]:
        """Yield the records of entries into the journey that is guarded at times."""
        for kind, _, value in self.effects:
            if kind == "transition":
                row = json.loads(value)
                if row["reason"] == "entered" and row["journey"] == GUARDED_JOURNEY:
                    yield row


def tallies_of(record: LogRecord, seen: set[tuple[Any, ...]]) -> list[Tally]:
    """Return the counts of guards that a record brings; `seen` are those that came before."""
    try:
        frame = decode_frame(record.value)
    except InputError:
        return []
    tallies = []
    for item in frame.items:
        if isinstance(item.message, Tally):
            place = frame.lanes[item.lane], item.offset, item.index
            if place not in seen:
                seen.add(place)
                tallies.append(item.message)
    return tallies


def check_members(steps: Sequence[Step], sets: Sequence[bytes]) -> None:
    """Assert that who enters the new version is who was drawn, by what then is in force."""
    for step in steps:
        before, after = step.before, step.after
        if (before.active, before.verdicts) != (after.active, after.verdicts) or not after.active:
            continue  # some enter before the change, some after it
        journey = _journey(sets, after.active)
        for row in step.entered():
            inside = share(row["customer_id"], GUARDED_JOURNEY, "canary") < _share(
                journey, after.verdicts
            )
            is_new = row["version"] == journey.version
            assert is_new == inside, f"{row} entered the wrong version"


def check_verdicts(
    partitions: Sequence[Sequence[Step]], sets: Sequence[bytes], *, is_punctual: bool
) -> None:
    """Assert that each canary whose time was over has one verdict, known in every partition.

    The first partition decides. `is_punctual`: it never has more timers due than it may fire.
    """
    records = [row for steps in partitions for step in steps for row in step.governance()]
    told = [one for one in records if one["kind"] == "verdict"]
    names = [(one["journey"], one["version"]) for one in told]
    assert len(set(names)) == len(names), f"a canary was decided twice: {told}"
    for steps in partitions:
        rows = [one.row for one in steps[-1].after.verdicts]
        assert rows == [(one["journey"], one["version"], one["verdict"]) for one in told], rows
    found = [
        Told(
            one["time"],
            one["version"],
            one["verdict"],
            one["metric"],
            one["inside"]["customers"],
            one["outside"]["customers"],
        )
        for one in told
    ]
    if is_punctual:
        due = list(_due(partitions[0], sets, found))
        assert found == due, f"verdicts were {found}, and due {due}"


def trips(steps: Sequence[Step]) -> bool:
    """Return whether a guard has stopped a canary; lower values are the worse ones of all here."""
    told = [row for step in steps for row in step.governance() if row["kind"] == "verdict"]
    return any(one["verdict"] == "back" and one.get("interval", [0])[-1] < 0 for one in told)


def _due(steps: Sequence[Step], sets: Sequence[bytes], found: Sequence[Told]) -> Iterator[Told]:
    """Yield when each canary is decided, and how.

    Its guards are looked at after each minute that brought counts, and at the first full minute
    after `for`. A look may come, or not, where nothing asks for it: what was counted while the
    canary did not run, or a set whose walk has not begun. Then it must have come if it is `found`.
    """
    since: dict[int, int] = {}
    ran: dict[int, int] = {}
    decided: set[int] = set()
    counted = Counted()
    for step in steps:
        running = _guarded(sets, step.before.active)
        is_begun = step.before.sweeps.applied // VERDICTS_MAX >= step.before.active
        first, last = (meta.clock // MINUTE_MS + 1 for meta in (step.before, step.after))
        for minute in range(first, last) if since else ():
            asks = counted.add_up(minute)
            for version in sorted((since.keys() & running.keys()) - decided):
                if minute <= since[version] // MINUTE_MS:
                    continue
                guards = running[version]
                time, end = minute * MINUTE_MS, since[version] + guards.for_ms
                is_over = time >= end - ran.get(version, 0)
                one = counted.verdict(time, version, guards, is_over=is_over)
                if one is not None and ((is_begun and (asks or is_over)) or one in found):
                    decided.add(version)
                    yield one
        for row in step.governance():
            if row["kind"] != "applied":
                continue
            guarded = _guarded(sets, row["set"])
            counted.begun |= _guarded(sets, row["set"], of_all=True).keys()
            for version in since.keys() - guarded.keys():
                ran[version] = ran.get(version, 0) + row["time"] - since.pop(version)
            since |= dict.fromkeys(guarded.keys() - since.keys(), row["time"])
        runs = (since.keys() & running.keys()) - decided
        counted.waiting += [(one, bool(runs)) for one in step.tallies]


class Counted:
    """What guards have counted, by version and metric: inside and outside."""

    def __init__(self) -> None:
        self.begun: set[int] = set()
        """The versions that have ever been guarded."""
        self.waiting: list[tuple[Tally, bool]] = []
        """Counts that are not added up, and whether a canary ran when they came."""
        self._samples: dict[tuple[int, str], tuple[Sample, Sample]] = {}

    def add_up(self, minute: int) -> bool:
        """Add the counts of the minutes before; return whether some ask for a look.

        Those of a minute wait until all canaries have begun that it has counts of.
        """
        early = {
            tally.period
            for tally, _ in self.waiting
            if any(one.version not in self.begun for one in tally.counts)
        }
        asks, rest = False, []
        for tally, runs in self.waiting:
            if tally.period >= minute or tally.period in early:
                rest.append((tally, runs))
                continue
            asks |= runs
            for one in tally.counts:
                self.of(one.version, one.metric)[not one.is_inside].add(
                    one.number, one.total, one.squares
                )
        self.waiting = rest
        return asks

    def of(self, version: int, metric: str) -> tuple[Sample, Sample]:
        """Return the values inside and outside."""
        return self._samples.setdefault((version, metric), (Sample(), Sample()))

    def verdict(self, time: int, version: int, guards: Guards, *, is_over: bool) -> Told | None:
        """Return what is decided of a canary by a look at this time."""
        for guard in guards.each:
            inside, outside = self.of(version, guard.metric)
            if compare(
                inside,
                outside,
                guards=len(guards.each),
                worse_than=guard.worse_than,
                is_lower_worse=guard.is_lower_worse,
            ).is_worse:
                return Told(time, version, "back", guard.metric, inside.number, outside.number)
        if not is_over:
            return None
        metric = guards.each[0].metric
        inside, outside = self.of(version, metric)
        return Told(time, version, str(guards.then), metric, inside.number, outside.number)


def _guarded(sets: Sequence[bytes], number: int, *, of_all: bool = False) -> dict[int, Guards]:
    """Return the version that a set guards, if any, with its guards; `of_all`: if paused, too."""
    if not number:
        return {}
    journey = _journey(sets, number)
    if journey.guards is None or not (of_all or journey.status in ("live", "shadow")):
        return {}
    return {journey.version: journey.guards}


def _journey(sets: Sequence[bytes], number: int) -> Journey:
    return compile_stored(sets[number - 1]).journeys[GUARDED_JOURNEY]


def _share(journey: Journey, verdicts: Sequence[Verdict]) -> float:
    """Return the share of customers who enter the version of a set."""
    low, high = journey.entrants
    assert low == 0.0
    if journey.guards is not None:
        for one in verdicts:
            if (one.journey, one.version) == (journey.name, journey.version):
                return SHARES.get(one.verdict, high)
    return high
