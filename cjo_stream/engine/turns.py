"""The turns of one partition's actors: a message, a due timer or a new set at one of them.

A turn changes one actor, and sends messages to others. Those of this partition are handled in the
same step, first in, first out; those of others leave as items.

If a handler fails on a message, the message has no effect and everything else goes on. No
savepoints are taken for this: `PoisonError` rolls everything back to the last commit, and the task
runs the steps since then again `careful`, with a copy of each actor before each turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from cjo_stream.core import actor
from cjo_stream.core import customer as customers
from cjo_stream.core.answer import Failed
from cjo_stream.core.bounds import Bounds
from cjo_stream.core.canary.count import count_failure
from cjo_stream.core.event import Event, native
from cjo_stream.core.identifier import arrival
from cjo_stream.core.journey.rollout import bring_up, concerns
from cjo_stream.core.message import (
    ActorMessage,
    Arrive,
    Count,
    Deliver,
    Find,
    Show,
    customer_key,
    partition_of,
)
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Reply
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.timeline import record_entry
from cjo_stream.core.turn import Turn
from cjo_stream.engine import codec
from cjo_stream.engine.cache import CachedActor
from cjo_stream.engine.decider import PERIOD_MS
from cjo_stream.engine.effect import effect_of
from cjo_stream.engine.failure import emit_failure_letter, log_failure
from cjo_stream.engine.outgoing import Outgoing
from cjo_stream.engine.port import Log
from cjo_stream.engine.rollout import Rollout
from cjo_stream.engine.task_state import TaskState
from cjo_stream.errors import CjoError

_PASSED_ON = (MemoryError, RecursionError, CjoError)
"""Failures that are not a message's own."""


_OF_EVENTS = (Deliver, Arrive)


class PoisonError(Exception):
    """A handler failed: the step is rolled back and run again message by message."""


class Turns:
    """Runs turns. `clock` is the stream clock, ms; `place` the offset of the record under way."""

    def __init__(
        self, log: Log, partitions: int, state: TaskState, outgoing: Outgoing, bounds: Bounds
    ) -> None:
        self._log = log
        self._partitions = partitions
        self._cache = state.cache
        self._timelines = state.timelines
        self._wakes = state.wakes
        self._sets = state.sets
        self._models = state.models
        self._outgoing = outgoing
        self._bounds = bounds
        self._lacking = self.lacking
        self.examples: dict[tuple[str, ...], tuple[str, int, int]] = {}
        """By count, an event (topic, partition, offset) that it is of."""

    def begin(self, clock: int, rollout: Rollout) -> None:
        """Begin a step. `rollout` knows which sets a customer may lack."""
        self.clock = clock
        self.rollout = rollout
        self.careful = False
        self.place = 0
        self.counts: dict[tuple[str, ...], int | float] = {}
        self.purges: list[str] = []
        self.tallies: dict[int, list[Count]] = {}
        """By period of `PERIOD_MS`."""
        self._fifo: deque[tuple[str, ActorMessage]] = deque()

    def keep_examples(self, first: int) -> None:
        """Keep only the first so many examples: what came later is done again."""
        while len(self.examples) > first:
            self.examples.popitem()

    def handle(self, key: str, message: ActorMessage) -> None:
        """Let the actor at `key` handle a message, with all that this causes in this partition."""
        self._handle(key, message)
        if self._fifo:
            self.drain()

    def drain(self) -> None:
        """Handle the messages that turns have sent to actors of this partition."""
        while self._fifo:
            key, message = self._fifo.popleft()
            self._handle(key, message)

    def fire(self, key: str, entry: CachedActor) -> int:
        """Fire what is due at an actor; return how much of a record's budget that takes."""
        state = entry.state
        assert state is not None
        saved = codec.encode_actor(state) if self.careful else b""
        turn = self._turn()
        try:
            actor.fire(state, turn)
        except _PASSED_ON:
            raise
        except Exception as error:
            if not isinstance(state, Customer):
                raise
            self._poison(key, entry, error)
            log_failure("a timer failed and was dead-lettered", error)
            failed = turn.firing
            restored = self._restore(key, entry, saved)
            turn = self._turn()
            count_failure(restored, turn)
            dropped = customers.drop_due(restored, failed, turn)
            emit_failure_letter(turn, error, self._here(), {"timers": dropped})
        turn.changed = True  # at least its next due time
        self._close(key, entry, turn, None)
        return max(1, turn.timers)

    def keep_up(self, key: str, entry: CachedActor) -> None:
        """Bring a customer up to the set in force, through each set that it lacks."""
        state = entry.state
        if type(state) is not Customer or state.revision >= self._sets.revision:
            return
        if state.redirect or state.erased_at is not None:
            return
        for program in self.lacking(state.revision):
            assert isinstance(entry.state, Customer)
            if concerns(entry.state, program):
                self._bring_up(key, entry, program)
        assert isinstance(entry.state, Customer)
        entry.state.revision = self._sets.revision

    def let_sleep(self, key: str, entry: CachedActor) -> None:
        """Take back when an actor is due next: it has its turn now."""
        if entry.wake is not None:
            self._wakes.move(key, entry.wake, None)
            entry.wake = None

    def walk(self, keys: Sequence[str]) -> None:
        """Bring customers up to the set in force, if a set that they lack concerns them."""
        for key in keys:
            state = self._cache.peek(key)
            if isinstance(state, Customer) and any(
                concerns(state, program) for program in self.lacking(state.revision)
            ):
                self.keep_up(key, self._cache.entry(key))
                self.drain()

    def lacking(self, revision: int) -> list[Program]:
        """Return the sets that a customer of this revision lacks, in order."""
        return [self._sets.program_of(one) for one in self.rollout.lacking(revision)]

    def _handle(self, key: str, message: ActorMessage) -> None:
        entry = self._cache.entry(key)
        state = entry.state
        if (
            type(message) is Arrive
            and type(state) is Identifier
            and arrival.passes_on(state, message.event, self._sets.program(), self._bounds)
        ):
            key, message = customer_key(state.pointer), Deliver(message.event, state.epoch)
            if self._fifo or not self._is_here(key):
                self._send(key, message)
                return
            entry = self._cache.entry(key)  # in one go: nothing was sent before it
        self.keep_up(key, entry)
        saved = (
            codec.encode_actor(entry.state) if self.careful and entry.state is not None else None
        )
        event = message.event if isinstance(message, _OF_EVENTS) else None
        received = event.received if event is not None else 0
        if isinstance(received, int):
            turn = self._turn(received)
        else:
            turn = self._turn(received.at)
            turn.traced = received
            self._outgoing.traces[received.traceparent] = None
        try:
            is_new = entry.state is None
            entry.state = actor.receive(key, entry.state, message, turn)
            if is_new and type(entry.state) is Customer:
                entry.state.revision = self._sets.revision
        except _PASSED_ON:
            raise
        except Exception as error:
            if not isinstance(message, Deliver | Find | Show):
                raise  # one actor cannot undo its half of a protocol between actors
            self._poison(key, entry, error)
            entry.state = codec.decode_actor(key, saved) if saved is not None else None
            turn = self._turn()
            self._refuse(entry, message, error, turn)
        self._close(key, entry, turn, event)

    def _refuse(
        self, entry: CachedActor, message: Deliver | Find | Show, error: Exception, turn: Turn
    ) -> None:
        """Say what has failed at an actor, which is as it was before."""
        if isinstance(message, Deliver):
            if isinstance(entry.state, Customer):
                count_failure(entry.state, turn)
            log_failure("an event failed and was dead-lettered", error)
            failed = message.event
            source = (failed.topic, failed.partition, failed.offset)
            emit_failure_letter(turn, error, source, native(failed))
        else:
            log_failure("an operator's command failed and changed nothing", error)
            order = message.order if isinstance(message, Find) else message
            turn.emit(Reply(command_id=order.command_id, body=Failed(type(error).__name__)))

    def _bring_up(self, key: str, entry: CachedActor, program: Program) -> None:
        state = entry.state
        assert isinstance(state, Customer)
        saved = codec.encode_actor(state) if self.careful else b""
        turn = self._turn(program=program)
        try:
            bring_up(state, turn)
        except _PASSED_ON:
            raise
        except Exception as error:
            self._poison(key, entry, error)
            log_failure("a definition set failed at a customer and changed nothing there", error)
            restored = self._restore(key, entry, saved)
            turn = self._turn()
            count_failure(restored, turn)
            about = {"customer_id": state.id, "set": program.number}
            emit_failure_letter(turn, error, self._here(), about)
        self._close(key, entry, turn, None)

    def _poison(self, key: str, entry: CachedActor, error: Exception) -> None:
        """Have the step rolled back, unless this is the careful run."""
        if not self.careful:
            self._cache.touch(key, entry)  # half changed: the roll-back must forget it
            raise PoisonError from error

    def _restore(self, key: str, entry: CachedActor, saved: bytes) -> Customer:
        state = entry.state = codec.decode_actor(key, saved)
        assert isinstance(state, Customer)
        return state

    def _here(self) -> tuple[str, int, int]:
        return self._log.topic_id, self._log.partition, self.place

    def _turn(self, received_at: int = 0, program: Program | None = None) -> Turn:
        return Turn(
            program or self._sets.program(),
            self.clock,
            received_at,
            self._timelines,
            self._models.in_force(),
            self._bounds,
            self._lacking,
        )

    def _is_here(self, key: str) -> bool:
        """Return whether an actor is of this partition."""
        partitions = self._partitions
        return partitions == 1 or partition_of(key, partitions) == self._log.partition

    def _send(self, to: str, message: ActorMessage) -> None:
        """Send a message to an actor of this partition, or of another."""
        if self._is_here(to):
            self._fifo.append((to, message))
        else:
            self._outgoing.send(partition_of(to, self._partitions), to, message)

    def _close(self, key: str, entry: CachedActor, turn: Turn, event: Event | None) -> None:
        for to, message in turn.messages:
            self._send(to, message)
        if turn.records or turn.entries:
            self._emit(key, entry, turn)
        if turn.changed:
            if not entry.dirty or entry.stored_bytes:
                self._cache.touch(key, entry)
            self._wake(key, entry)
        if turn.purges:
            self.purges += turn.purges
        if turn.tallies:
            self.tallies.setdefault(turn.clock // PERIOD_MS, []).extend(turn.tallies)
        counts, examples = self.counts, self.examples
        for count, by in turn.counted:
            counts[count] = counts.get(count, 0) + by
            if event is not None and count not in examples:
                examples[count] = event.topic, event.partition, event.offset

    def _emit(self, key: str, entry: CachedActor, turn: Turn) -> None:
        """Send the turn's records; note those of a customer in the timeline, too."""
        customer = entry.state
        notes = customer if turn.changed and type(customer) is Customer else None
        entries = turn.entries
        for record, anchor in zip(turn.records, turn.anchors, strict=True):
            effect = effect_of(record, turn.received_at, self._sets.active, turn.traced)
            self._outgoing.add(effect)
            if notes is not None and notes.erased_at is None:
                noted = record_entry(self.clock, anchor, record, effect.value, notes.members)
                if noted is not None:
                    entries.append(noted)
        if notes is not None and entries:
            notes.noted += self._timelines.note(key, notes.noted, entries)

    def _wake(self, key: str, entry: CachedActor) -> None:
        """Index the actor's next due time if it has changed."""
        due = actor.wake_ms(entry.state)
        # Timers that this cascade may not fire wait for the clock's next move.
        entry.is_put_off = due is not None and due <= self.clock
        wake = self.clock + 1 if entry.is_put_off else due
        if wake != entry.wake:
            self._wakes.move(key, entry.wake, wake)
            entry.wake = wake
