"""How far the definition sets of an installation have reached, seen from its first partition.

A set comes into force in each partition by itself, and each walks over its own sleeping customers
(`rollout`). Every task tells the first partition's when its walk has ended. So one log has what
holds for all of them, in one order, and each governance record is emitted once:

    applied     when the set is in force in the first partition, and its walk begins there; the
                first set, for which there is no walk, with the record behind its activation
    sweeping    with it, where the set may change something for customers who sleep
    swept       when the walk has ended in every partition
    verdict     when a guarded canary is decided (`decider`)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from cjo_stream.core.canary.interval import Sample
from cjo_stream.core.journey.rollout import asks
from cjo_stream.core.learning.number import significant
from cjo_stream.core.message import Tally, Verdict
from cjo_stream.core.program.program import VERDICTS_MAX, Program
from cjo_stream.core.record import Governance, Side
from cjo_stream.engine.decider import Decider, Decision

GOVERNOR: Final = 0
"""The partition whose task keeps this."""


class Sweeps(msgspec.Struct, array_like=True):
    """The sets that have not reached all sleeping customers yet, and how far partitions are.

    `reached`: partition -> the last set that has reached all its customers. `applied`: the last
    set of which there is a record. All are revisions: a set as it is after so many verdicts.
    """

    applied: int = 0
    under_way: list[int] = []
    reached: dict[int, int] = {}

    def end(self, partition: int, revision: int, partitions: int) -> list[int]:
        """Note that a walk has ended; return the sets that have now reached all `partitions`."""
        self.reached[partition] = max(revision, self.reached.get(partition, 0))
        through = min(self.reached.get(one, 0) for one in range(partitions))
        swept = [one for one in self.under_way if one <= through]
        self.under_way = [one for one in self.under_way if one > through]
        return swept

    def copy(self) -> Sweeps:
        """Return a copy."""
        return Sweeps(self.applied, list(self.under_way), dict(self.reached))


class Governor:
    """What the first partition's task does for all: it says what became of sets and canaries."""

    def __init__(self, sweeps: Sweeps, decider: Decider) -> None:
        """Begin from what is stored, which stays as it is."""
        self.sweeps = sweeps.copy()
        self.decider = decider
        self._stored = decider

    def begin(self, programs: Sequence[Program], clock: int) -> Iterator[Governance]:
        """Yield the records of sets that have come into force.

        That is when the walk for them begins, or behind the first set: a set's own activation does
        not compile it. `programs`: those that customers may lack, in order.
        """
        for before, program in zip((None, *programs), programs, strict=False):
            revision = program.revision
            if revision <= self.sweeps.applied:
                continue
            self.sweeps.applied = revision
            if before is None or before.number != program.number:
                yield set_record("applied", revision, program, clock)
            if before is not None and asks(program, before):
                yield set_record("sweeping", revision, program, clock)
                self.sweeps.under_way.append(revision)
            decider = self._changing()
            decider.begin(program, clock)
            decider.plan(program, clock)

    def wait(self, tally: Tally, program: Program, clock: int) -> None:
        """Take counts of a record."""
        decider = self._changing()
        decider.wait(tally)
        decider.plan(program, clock)

    def decide(self, program: Program, clock: int) -> Iterator[tuple[Governance, Verdict]]:
        """Yield what is due of guarded canaries, each as a record and as the message to all."""
        decider = self._changing()
        for found in decider.decide(program, clock):
            one = found.canary
            message = Verdict(one.journey, one.version, one.verdict)
            yield verdict_record(found, program, clock), message
        decider.plan(program, clock)

    def _changing(self) -> Decider:
        if self.decider is self._stored:
            self.decider = self.decider.copy()
        return self.decider


def set_record(
    kind: Literal["applied", "sweeping", "swept"], revision: int, program: Program, clock: int
) -> Governance:
    """Return a record about a set; where it comes into force, with who applied it and the like."""
    is_named = kind == "applied"
    return Governance(
        kind=kind,
        topology=program.topology,
        set=revision // VERDICTS_MAX,
        who=(program.who or msgspec.UNSET) if is_named else msgspec.UNSET,
        why=(program.why or msgspec.UNSET) if is_named else msgspec.UNSET,
        records=(program.recording.switched or msgspec.UNSET) if is_named else msgspec.UNSET,
        time=clock,
    )


def verdict_record(found: Decision, program: Program, clock: int) -> Governance:
    """Return the record of a verdict."""
    interval = found.comparison.interval
    return Governance(
        kind="verdict",
        topology=program.topology,
        set=program.number,
        journey=found.canary.journey,
        version=found.canary.version,
        metric=found.guard.metric,
        inside=_side(found.comparison.inside),
        outside=_side(found.comparison.outside),
        interval=msgspec.UNSET
        if interval is None
        else [significant(interval.low), significant(interval.high)],
        verdict=found.verdict.value,
        time=clock,
    )


def _side(sample: Sample) -> Side:
    mean = sample.mean
    return Side(sample.number, None if mean is None else significant(mean))
