"""The promises about guarded canaries: one verdict each, at its time, the same in each partition.

They are read from records and from where tasks stand, step by step. Who is inside is drawn anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cjo_stream.core.draw import share
from cjo_stream.core.message import Verdict
from cjo_stream.core.program.journey import Journey
from cjo_stream.core.program.program import VERDICTS_MAX
from cjo_stream.definition import compile_stored
from cjo_stream.engine import codec
from tests.simulation.change import FOR_MS, GUARDED_JOURNEY

MINUTE_MS = 60_000
SHARES = {"promote": 1.0, "back": 0.0}

Row = dict[str, Any]
Told = tuple[int, int, str]
"""A verdict: its time, the version, what it is."""


class Step(NamedTuple):
    """One record of a partition's log: where its task stood, where it stands, what went out."""

    before: codec.Meta
    after: codec.Meta
    effects: list[tuple[str, str, bytes]]

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
    found = [(one["time"], one["version"], one["verdict"]) for one in told]
    if is_punctual:
        due = list(_due(partitions[0], sets, found))
        assert found == due, f"verdicts fell at {found}, and were due at {due}"


def _due(steps: Sequence[Step], sets: Sequence[bytes], found: Sequence[Told]) -> Iterator[Told]:
    """Yield when each canary is decided, and how: at the first full minute after its time.

    If a set is in force at that minute whose walk has not begun, the verdict may be later: then it
    is due at that minute if it was `found` there, else at the next one.
    """
    since: dict[int, int] = {}
    ran: dict[int, int] = {}
    later: dict[int, int] = {}
    decided: set[int] = set()
    for step in steps:
        for version in sorted(since):
            end = since[version] + FOR_MS - ran.get(version, 0)
            due = max(-(-end // MINUTE_MS), since[version] // MINUTE_MS + 1) * MINUTE_MS
            due = max(due, later.get(version, 0))
            if version in decided or due > step.after.clock:
                continue
            then = _guarded(sets, step.before.active).get(version)
            is_begun = step.before.sweeps.applied // VERDICTS_MAX >= step.before.active
            if then is not None and (is_begun or (due, version, then) in found):
                decided.add(version)
                yield due, version, then
            else:
                later[version] = (step.after.clock // MINUTE_MS + 1) * MINUTE_MS
        for row in step.governance():
            guarded = _guarded(sets, row["set"]) if row["kind"] == "applied" else since
            for version in since.keys() - guarded.keys():
                ran[version] = ran.get(version, 0) + row["time"] - since.pop(version)
            since |= dict.fromkeys(guarded.keys() - since.keys(), row["time"])


def _guarded(sets: Sequence[bytes], number: int) -> dict[int, str]:
    """Return the version that a set guards, if any, with its `then`."""
    journey = _journey(sets, number)
    if journey.guards is None or journey.status not in ("live", "shadow"):
        return {}
    return {journey.version: str(journey.guards.then)}


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
