"""Definition sets and verdicts coming into force in one task.

A set is stored, then activated, each by a message in the log. Every customer who is touched after
that is brought up to it first; a walk over the store reaches those who sleep (`rollout`). The task
of the first partition also keeps how far all partitions are, and decides guarded canaries
(`governor`).
"""

from __future__ import annotations

from itertools import pairwise

from cjo_stream.core.answer import CanaryRow, SetInForce, Stored
from cjo_stream.core.journey.rollout import asks
from cjo_stream.core.message import (
    ActivateSet,
    Foresee,
    Reached,
    RollOut,
    StoreSet,
    Tally,
    Verdict,
)
from cjo_stream.core.program.program import VERDICTS_MAX
from cjo_stream.core.state import Customer
from cjo_stream.engine.codec import Meta
from cjo_stream.engine.decider import added, canary_rows
from cjo_stream.engine.governor import GOVERNOR, Governor, set_record
from cjo_stream.engine.outgoing import Outgoing
from cjo_stream.engine.position import live_now
from cjo_stream.engine.prospect import Foreseen, people
from cjo_stream.engine.task_state import TaskState
from cjo_stream.engine.turns import Turns

Governing = StoreSet | ActivateSet | RollOut | Reached | Tally | Verdict | Foresee


class Enforcement:
    """Puts sets and verdicts in force, and says what became of them."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        state: TaskState,
        turns: Turns,
        outgoing: Outgoing,
        walk_max: int,
    ) -> None:
        self._partition = partition
        self._partitions = partitions
        self._sets = state.sets
        self._cache = state.cache
        self._turns = turns
        self._outgoing = outgoing
        self._walk_max = walk_max

    def begin(self, meta: Meta) -> None:
        """Begin a step from what is stored, which stays as it is."""
        self._meta = meta
        self.rollout = meta.rollout.copy()
        self.governor = Governor(meta.sweeps, meta.decider)
        self._sets.needed = self._needed()
        self._keeps_up = False

    @property
    def due(self) -> int | None:
        """When a guarded canary is to be decided next, ms; None for never."""
        return self.governor.decider.due

    def keep_up(self, number: int) -> None:
        """Put the set in force that the sender of a frame had."""
        if self._keeps_up and number <= self._sets.active:
            return
        if self._partition == GOVERNOR and self.rollout.after is None:
            self._announce()
        before = self._sets.revision
        self._sets.keep_up(number)
        self._begin_walk(before)
        # Another set is announced with the next record, whatever shares a commit with it.
        self._keeps_up = self._sets.revision == before

    def handle(self, message: Governing) -> None:
        """Handle a message about sets or verdicts."""
        self._keeps_up = False
        answer = self._outgoing.answer
        match message:
            case StoreSet():
                self._sets.store(message.number, message.content)
                answer(message.command_id, Stored(message.number))
            case ActivateSet():
                before = self._sets.revision
                error = self._sets.activate(message.number)
                self._begin_walk(before)
                answer(message.command_id, self._in_force(error))
            case RollOut():
                self._walk_on(message.most)
            case Reached():
                sweeps, program = self.governor.sweeps, self._sets.program()
                for swept in sweeps.end(message.partition, message.revision, self._partitions):
                    self._outgoing.emit(set_record("swept", swept, program, self._turns.clock))
            case Tally():
                self.governor.wait(message, self._sets.program(), self._turns.clock)
            case Verdict():
                before = self._sets.revision
                self._sets.rule(message)
                self._begin_walk(before)
            case Foresee():
                answer(message.command_id, self._foresee(message))

    def decide(self) -> None:
        """Decide what is due of guarded canaries, and tell every partition."""
        decided = self.governor.decide(self._sets.program(), self._turns.clock)
        for record, verdict in decided:
            self._outgoing.emit(record)
            for partition in range(self._partitions):
                self._outgoing.send(partition, "", verdict)

    def send_tallies(self) -> None:
        """Tell the decider what the guards have counted at a record."""
        tallies, self._turns.tallies = self._turns.tallies, {}
        for period, counts in sorted(tallies.items()):
            self._outgoing.send(GOVERNOR, "", added([Tally(period, counts)]))

    def _begin_walk(self, before: int) -> None:
        revision = self._sets.revision
        if revision != before and self.rollout.begin(before, revision):
            self._outgoing.send(self._partition, "", RollOut(self._walk_max))
        self._sets.needed = self._needed()

    def _needed(self) -> int:
        """Return the number of the earliest set that customers may lack."""
        return min(self.rollout.revisions, default=self._sets.revision) // VERDICTS_MAX

    def _walk_on(self, most: int) -> None:
        """Bring the next customers up to the set in force; ask for more if there are."""
        programs = [self._sets.program_of(one) for one in self.rollout.revisions]
        if self._partition == GOVERNOR:
            self._announce()
        keys: list[str] = []
        if any(asks(after, before) for before, after in pairwise(programs)):
            keys = self._cache.customers_after(self.rollout.after or "", most)
        self._turns.walk(keys)
        if self.rollout.advance(keys, most):
            self._outgoing.send(self._partition, "", RollOut(self._walk_max))
        else:
            self._outgoing.send(GOVERNOR, "", Reached(self._partition, self._sets.revision))

    def _announce(self) -> None:
        """Emit the records of sets that have come into force."""
        if self.governor.sweeps.applied == self._sets.revision:
            return
        programs = [self._sets.program_of(one) for one in self.rollout.revisions]
        for record in self.governor.begin(programs, self._turns.clock):
            self._outgoing.emit(record)

    def _foresee(self, message: Foresee) -> Foreseen:
        program = self._sets.try_out(message.content)
        if isinstance(program, str):
            return Foreseen(error=program)
        keys = self._cache.customers_after(message.after, message.most)
        found = (self._cache.peek(key) for key in keys)
        customers = (one for one in found if isinstance(one, Customer))
        after = keys[-1] if len(keys) == message.most else None
        return Foreseen(people(customers, program, self._turns.clock), after)

    def _in_force(self, error: str | None) -> SetInForce:
        walk = self.rollout
        return SetInForce(
            self._sets.active,
            error,
            live_now(self._meta, self._turns.counts),
            walk.reached if walk.after is not None else None,
            self.canaries(),
            [one.row for one in self._sets.verdicts],
        )

    def canaries(self) -> list[CanaryRow]:
        """Return the canaries in force; only the first partition's task knows their counts."""
        decider = self.governor.decider
        return canary_rows(decider, self._sets.program()) if decider.canaries else []
