"""The task: the deterministic state machine of one partition.

A runtime drives it through these steps, in this order and no other (ARCHITECTURE.md, "Frames,
lanes, cursors"):

    process(records)   in memory, over what the store holds; returns the outbox
    -- the runtime produces the outbox's frames and awaits their delivery --
    commit()           one atomic batch: actors, timers, cursors, definitions, the applied offset
    purge()            where `must_purge`: the store forgets, on disk too, what was erased
    -- the runtime acknowledges the records --

A purge takes as long as the disk needs, and may run in a thread. The position says that it must be
done, so after a crash it is done once the store is open again.

A crash anywhere leaves the store behind its outputs, never ahead of them: the records since
`applied` are processed again and give the same items under the same numbers, and the receivers
drop the items they have.

Within one record the clock first moves to the record's time, and fires the timers that come due
on its way. Then the items are handled, each with everything it causes inside this partition before
the next.

If a handler fails on a message, the message has no effect and everything else goes on. No
savepoints are taken for this: the whole step is rolled back to the last commit and run again, this
time with a copy of each actor before each message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import msgspec

from cjo_stream.core import actor
from cjo_stream.core import customer as customers
from cjo_stream.core.answer import CanaryRow, Failed, ModelInForce, SetInForce, Stored, Swept
from cjo_stream.core.bounds import BOUNDS, Bounds
from cjo_stream.core.canary.count import count_failure
from cjo_stream.core.event import Event, native
from cjo_stream.core.journey.instance import LIVE
from cjo_stream.core.journey.rollout import asks, bring_up, concerns
from cjo_stream.core.message import (
    ActivateModel,
    ActivateSet,
    ActorMessage,
    Arrive,
    Count,
    Deliver,
    Find,
    Foresee,
    Message,
    Reached,
    RollOut,
    Show,
    StoreModel,
    StoreSet,
    Sweep,
    Tally,
    Verdict,
    partition_of,
)
from cjo_stream.core.program.program import VERDICTS_MAX, Program
from cjo_stream.core.record import Record, Reply
from cjo_stream.core.state import Customer
from cjo_stream.core.timeline import TimelineEntry, record_entry
from cjo_stream.core.turn import Turn
from cjo_stream.engine import codec
from cjo_stream.engine.cache import Cache, CachedActor
from cjo_stream.engine.decider import PERIOD_MS, added, canary_rows
from cjo_stream.engine.effect import effect_of
from cjo_stream.engine.failure import emit_failure_letter, foreign_letter, log_failure
from cjo_stream.engine.frame import (
    ITEMS_MAX,
    NO_LANE,
    EffectWriter,
    Frame,
    FrameWriter,
    Item,
    decode_frame,
)
from cjo_stream.engine.governor import GOVERNOR, Governor, set_record
from cjo_stream.engine.lane import Cursors, Numbering
from cjo_stream.engine.models import Models
from cjo_stream.engine.port import (
    AcceptedClock,
    Compile,
    Log,
    LogRecord,
    Outbox,
    Participant,
    Store,
)
from cjo_stream.engine.position import events_now, live_now, open_position
from cjo_stream.engine.prospect import Foreseen, people
from cjo_stream.engine.rollout import ROLLOUT_CUSTOMERS_MAX
from cjo_stream.engine.sets import Sets
from cjo_stream.engine.timelines import Timelines
from cjo_stream.engine.timers import WAKES_MAX, Timers
from cjo_stream.errors import CjoError, ClockError, HoleError, InputError

TIMERS_PER_RECORD_MAX = 5_000
CLOCK_AHEAD_MAX_MS = 3_600_000
EFFECTS = (1 << 32) - 1
"""The receiver number of a task's effect partition."""

_APPLIED = ("cjo_items_total", "task", "applied")
_REPEATED = ("cjo_items_total", "task", "repeated")


class _PoisonError(Exception):
    """A handler failed: the step is rolled back and run again message by message."""


class Task:
    """One partition of the internal log, with its store."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        log: Log,
        store: Store,
        compile_: Compile,
        *,
        actors_max: int = 40_000,
        wakes_max: int = WAKES_MAX,
        timers_per_record_max: int | None = TIMERS_PER_RECORD_MAX,
        frame_items_max: int = ITEMS_MAX,
        rollout_customers_max: int = ROLLOUT_CUSTOMERS_MAX,
        bounds: Bounds = BOUNDS,
        accepted: Sequence[AcceptedClock] = (),
    ) -> None:
        self.partition = partition
        self._partitions = partitions
        self._log = log
        self._store = store
        self._timers_max = timers_per_record_max
        self._frame_items_max = frame_items_max
        self._rollout_max = rollout_customers_max
        self._bounds = bounds
        self._accepted = accepted
        self._meta = open_position(store, partition, partitions, log)
        self._cache = Cache(store, actors_max)
        self._timelines = Timelines(store, bounds.timeline)
        self._wakes = Timers(store, wakes_max)
        self._sets = Sets(store, compile_, self._meta.active, self._meta.verdicts)
        self._models = Models(store, self._meta.model)
        self._cursors = Cursors.of(store)
        self._numbers = Numbering.of(store)
        self._participants: tuple[Participant, ...] = (
            self._wakes,
            self._cache,
            self._timelines,
            self._sets,
            self._models,
            self._cursors,
            self._numbers,
        )
        """In the order of their writes: an actor may wake again at a time that was dropped."""
        self._committed_counts: dict[tuple[str, ...], int] = {}
        self.examples: dict[tuple[str, ...], tuple[str, int, int]] = {}
        """By count, an event (topic, partition, offset) that it is of."""
        self.delays: list[int] = []
        """Delay of each timer of the last commit: ms from its due time to its firing."""
        self._begin()

    # --- for a runtime to read

    @property
    def applied(self) -> int:
        """Offset of the last internal record in the state; -1 when none."""
        return self._meta.applied

    @property
    def digest(self) -> int:
        """Digest of the last applied record (codec.record_digest); UNKNOWN when unknown."""
        return self._meta.digest

    @property
    def clock(self) -> int:
        """The stream clock, ms."""
        return self._clock

    @property
    def active_number(self) -> int:
        """Number of the active definition set; 0 before the first."""
        return self._sets.active

    @property
    def model_number(self) -> int:
        """Number of the learnt model in force; 0 before the first."""
        return self._models.active

    @property
    def program(self) -> Program | None:
        """The active definition set, compiled; None before the first."""
        return self._sets.program() if self._sets.active else None

    @property
    def next_due(self) -> int | None:
        """Due time in ms of the nearest timer, or of the next decision; None for none."""
        first, due = self._wakes.first(), self._governor.decider.due
        return min(
            (at for at in (first[0] if first else None, due) if at is not None), default=None
        )

    @property
    def verdicts(self) -> list[Verdict]:
        """All verdicts of guards, in order."""
        return self._sets.verdicts

    def take_counts(self) -> dict[tuple[str, ...], int]:
        """Return the counts of what has been committed since the last call."""
        counts, self._committed_counts = self._committed_counts, {}
        return counts

    @property
    def live(self) -> dict[str, dict[int, dict[str, int]]]:
        """How many instances are live, by journey, version and state."""
        return self._meta.live

    @property
    def events(self) -> dict[str, int]:
        """How many events there were since the store began, by result."""
        return self._meta.events

    # --- the steps

    def process(self, records: Sequence[LogRecord]) -> Outbox:
        """Return what these records, in order, send. Nothing is written yet.

        Records at or below `applied` are skipped. Raises a StopError where going on could lose or
        repeat something; the task must then be discarded.
        """
        try:
            return self._step(records, careful=False)
        except _PoisonError:
            self._roll_back()
            return self._step(records, careful=True)

    def commit(self) -> None:
        """Write everything since the last commit in one batch."""
        meta = msgspec.structs.replace(
            self._meta,
            applied=self._offset,
            clock=self._clock,
            active=self._sets.active,
            model=self._models.active,
            clean=False,
            purges=[*self._meta.purges, *self._purges],
            live=live_now(self._meta, self._counts),
            events=events_now(self._meta, self._counts),
            rollout=self._rollout.copy(),
            sweeps=self._governor.sweeps,
            verdicts=list(self._sets.verdicts),
            decider=self._governor.decider,
        )
        if self._last is not None:
            meta.digest = codec.record_digest(self._last.time, self._last.value)
        writes = [write for one in self._participants for write in one.batch()]
        self._store.write([*writes, (codec.META_KEY, codec.encode_meta(meta))])
        self._meta = meta
        for participant in self._participants:
            participant.settle()
        if self._applied:
            self._counts[_APPLIED] = self._applied
        if self._repeated:
            self._counts[_REPEATED] = self._repeated
        for key, by in self._counts.items():
            if key[0] == LIVE:
                continue
            self._committed_counts[key] = self._committed_counts.get(key, 0) + by
        self.delays = self._delays
        self._begin()

    @property
    def must_purge(self) -> bool:
        """Whether something was erased that the store may still hold on disk."""
        return bool(self._meta.purges)

    def purge(self) -> None:
        """Remove from the disk what was erased."""
        meta = self._meta
        prefixes = sorted({prefix for prefix in meta.purges if prefix})
        self._store.purge([r for prefix in prefixes for r in codec.key_ranges(prefix)])
        meta.purges = []
        self._store.write([(codec.META_KEY, codec.encode_meta(meta))])

    def mark_clean(self) -> None:
        """Note that this store was closed cleanly: a release of other behaviour may open it."""
        self._meta.clean = True
        self._store.write([(codec.META_KEY, codec.encode_meta(self._meta))])

    def _begin(self) -> None:
        self._offset = self._meta.applied
        self._last: LogRecord | None = None
        self._clock = self._meta.clock
        self._rollout = self._meta.rollout.copy()
        self._governor = Governor(self._meta.sweeps, self._meta.decider)
        self._tallies: dict[int, list[Count]] = {}
        self._sets.needed = self._needed()
        self._counts: dict[tuple[str, ...], int] = {}
        self._applied = self._repeated = 0
        self._delays: list[int] = []
        self._purges: list[str] = []
        self._frames: dict[int, FrameWriter] = {}
        self._effects = EffectWriter(self._log, self._frame_items_max)
        self._fifo: deque[tuple[str, ActorMessage]] = deque()

    def _roll_back(self) -> None:
        for participant in self._participants:
            participant.reset()
        self._begin()

    # --- one record

    def _step(self, records: Sequence[LogRecord], *, careful: bool) -> Outbox:
        for record in records:
            if record.offset <= self._offset:
                continue
            if record.offset != self._offset + 1:
                raise HoleError(
                    f"partition {self.partition}: record {record.offset} follows "
                    f"{self._offset}: the log has a hole. Bring back what it has lost, from a "
                    "replica or a copy; or a newer checkpoint, whose state has it"
                )
            self._record(record, careful)
            self._send_tallies()
            self._offset, self._last = record.offset, record
        frames = [
            (to, frame)
            for to, writer in self._frames.items()
            for frame in writer.frames(self._clock, self._sets.active)
        ]
        return Outbox(frames, self._effects.frames())

    def _record(self, record: LogRecord, careful: bool) -> None:
        self._numbers.begin(record.offset)
        frame = _frame_of(record)
        if isinstance(frame, InputError):
            self._advance(max(self._clock, record.time), careful)
            self._refuse(record, frame)
            return
        clock = self._checked_clock(frame.clock, record)
        self._advance(max(self._clock, record.time, clock), careful)
        if self.partition == GOVERNOR and self._rollout.after is None:
            self._announce()
        before = self._sets.revision
        self._sets.keep_up(frame.set_number)
        self._begin_rollout(before)
        for item in frame.items:
            if item.lane != NO_LANE:
                lane = frame.lanes[item.lane]
                position = (item.offset, item.index)
                if not self._cursors.accept(
                    lane, position, (item.previous_offset, item.previous_index)
                ):
                    self._repeated += 1
                    continue
                self._applied += 1
            self._item(item, careful)

    def _checked_clock(self, clock: int, record: LogRecord) -> int:
        """Return a sender's clock, cut where an operator has let it pass; raises ClockError."""
        most = record.time + CLOCK_AHEAD_MAX_MS
        if clock <= most:
            return clock
        if any(record.offset >= one.offset and clock <= one.clock for one in self._accepted):
            return most
        raise ClockError(
            f"partition {self.partition}: the frame at offset {record.offset} says {clock} ms, "
            f"more than an hour ahead of its append time {record.time} ms: a broker's clock is "
            "wrong, or was when the sender's partition was written to. Mend the clocks of the "
            f"brokers' hosts; then `cjo-stream clock accept {self.partition} {record.offset}` "
            "lets it pass, at an hour ahead"
        )

    def _item(self, item: Item, careful: bool) -> None:
        message = item.message
        if type(message) is StoreSet:
            self._sets.store(message.number, message.content)
            self._answer(message.command_id, Stored(message.number))
        elif type(message) is ActivateSet:
            before = self._sets.revision
            error = self._sets.activate(message.number)
            self._begin_rollout(before)
            self._answer(message.command_id, self._in_force(error))
        elif type(message) is RollOut:
            self._roll_out(message.most, careful)
        elif type(message) is Reached:
            partition, revision = message.partition, message.revision
            for swept in self._governor.sweeps.end(partition, revision, self._partitions):
                self._emit(set_record("swept", swept, self._sets.program(), self._clock))
        elif type(message) is Tally:
            self._governor.wait(message, self._sets.program())
        elif type(message) is Verdict:
            before = self._sets.revision
            self._sets.rule(message)
            self._begin_rollout(before)
        elif type(message) is Foresee:
            self._answer(message.command_id, self._foresee(message))
        elif type(message) is StoreModel:
            self._models.store(message.number, message.part, message.parts, message.content)
            self._answer(message.command_id, Stored(message.number))
        elif type(message) is ActivateModel:
            error = self._models.activate(message.number)
            self._answer(message.command_id, ModelInForce(self._models.active, error))
        elif type(message) is Sweep:
            self._purges.append("")
            self._answer(message.command_id, Swept())
        else:
            self._handle(item.to, cast(ActorMessage, message), careful)
            if self._fifo:
                self._drain(careful)

    def _drain(self, careful: bool) -> None:
        while self._fifo:
            key, message = self._fifo.popleft()
            self._handle(key, message, careful)

    # --- time

    def _advance(self, to: int, careful: bool) -> None:
        """Move the clock to `to`, stepping to each timer's due time on the way."""
        budget = self._timers_max
        while True:
            first, decides = self._wakes.first(), self._governor.decider.due
            if decides is not None and decides <= to and (first is None or decides < first[0]):
                self._clock = max(self._clock, decides)
                self._decide()
                continue
            if first is None or first[0] > to:
                break
            if budget is not None and budget <= 0:
                break
            self._wakes.pop()
            due, key = first
            entry = self._cache.entry(key)
            if entry.wake is None or entry.wake > due:
                self._wakes.drop(first)  # a release of other behaviour left it in the store
                continue
            self._clock = max(self._clock, due)
            self._delays.append(to - due)
            entry.wake = None
            self._keep_up(key, entry, careful)
            if entry.wake is not None:
                self._wakes.move(key, entry.wake, None)
                entry.wake = None
            fired = self._fire(key, entry, careful)
            if budget is not None:
                budget -= fired
            self._drain(careful)
        self._clock = max(self._clock, to)

    def _fire(self, key: str, entry: CachedActor, careful: bool) -> int:
        """Fire what is due at an actor; return how much of the budget that takes."""
        state = entry.state
        assert state is not None
        saved = codec.encode_actor(state) if careful else b""
        turn = self._turn()
        try:
            actor.fire(state, turn)
        except (MemoryError, RecursionError, CjoError):
            raise
        except Exception as error:
            if not isinstance(state, Customer):
                raise
            if not careful:
                self._cache.touch(key, entry)  # half changed: the roll-back must forget it
                raise _PoisonError from error
            log_failure("a timer failed and was dead-lettered", error)
            failed = turn.firing
            state = codec.decode_actor(key, saved)
            assert isinstance(state, Customer)
            entry.state = state
            turn = self._turn()
            count_failure(state, turn)
            dropped = customers.drop_due(state, failed, turn)
            source = (self._log.topic_id, self.partition, self._offset + 1)
            emit_failure_letter(turn, error, source, {"timers": dropped})
        turn.changed = True  # at least its next due time
        self._close_turn(key, entry, turn, None)
        return max(1, turn.timers)

    # --- a new definition set

    def _begin_rollout(self, before: int) -> None:
        revision = self._sets.revision
        if revision != before and self._rollout.begin(before, revision):
            self._send(self.partition, "", RollOut(self._rollout_max))
        self._sets.needed = self._needed()

    def _needed(self) -> int:
        """Return the number of the earliest set that customers may lack."""
        return min(self._rollout.revisions, default=self._sets.revision) // VERDICTS_MAX

    def _roll_out(self, most: int, careful: bool) -> None:
        """Bring the next customers up to the set in force; ask for more if there are."""
        programs = [self._sets.program_of(one) for one in self._rollout.revisions]
        if self.partition == GOVERNOR:
            self._announce()
        keys: list[str] = []
        if any(asks(after, before) for before, after in pairwise(programs)):
            keys = self._cache.customers_after(self._rollout.after or "", most)
        for key in keys:
            state = self._cache.peek(key)
            if isinstance(state, Customer) and any(
                concerns(state, program) for program in self._since(state.revision)
            ):
                self._keep_up(key, self._cache.entry(key), careful)
                self._drain(careful)
        if self._rollout.advance(keys, most):
            self._send(self.partition, "", RollOut(self._rollout_max))
        else:
            self._send(GOVERNOR, "", Reached(self.partition, self._sets.revision))

    def _announce(self) -> None:
        """Emit the records of sets that have come into force."""
        if self._governor.sweeps.applied == self._sets.revision:
            return
        programs = [self._sets.program_of(one) for one in self._rollout.revisions]
        for record in self._governor.begin(programs, self._clock):
            self._emit(record)

    def _decide(self) -> None:
        """Decide what is due of guarded canaries, and tell every partition."""
        for record, verdict in self._governor.decide(self._sets.program(), self._clock):
            self._emit(record)
            for partition in range(self._partitions):
                self._send(partition, "", verdict)

    def _send_tallies(self) -> None:
        """Tell the decider what the guards have counted at a record."""
        if not self._tallies:
            return
        tallies, self._tallies = self._tallies, {}
        for period, counts in sorted(tallies.items()):
            self._send(GOVERNOR, "", added([Tally(period, counts)]))

    def _keep_up(self, key: str, entry: CachedActor, careful: bool) -> None:
        """Bring a customer up to the set in force, through each set that it lacks."""
        state = entry.state
        if type(state) is not Customer or state.revision >= self._sets.revision:
            return
        if state.redirect or state.erased_at is not None:
            return
        for program in self._since(state.revision):
            assert isinstance(entry.state, Customer)
            if concerns(entry.state, program):
                self._bring_up(key, entry, program, careful)
        assert isinstance(entry.state, Customer)
        entry.state.revision = self._sets.revision

    def _since(self, revision: int) -> list[Program]:
        """Return the sets that a customer of this revision lacks, in order."""
        return [self._sets.program_of(one) for one in self._rollout.lacking(revision)]

    def _bring_up(self, key: str, entry: CachedActor, program: Program, careful: bool) -> None:
        state = entry.state
        assert isinstance(state, Customer)
        saved = codec.encode_actor(state) if careful else b""
        turn = self._turn(program=program)
        try:
            bring_up(state, turn)
        except (MemoryError, RecursionError, CjoError):
            raise
        except Exception as error:
            if not careful:
                self._cache.touch(key, entry)  # half changed: the roll-back must forget it
                raise _PoisonError from error
            log_failure("a definition set failed at a customer and changed nothing there", error)
            restored = entry.state = codec.decode_actor(key, saved)
            assert isinstance(restored, Customer)
            turn = self._turn()
            count_failure(restored, turn)
            source = (self._log.topic_id, self.partition, self._offset + 1)
            about = {"customer_id": state.id, "set": program.number}
            emit_failure_letter(turn, error, source, about)
        self._close_turn(key, entry, turn, None)

    def _foresee(self, message: Foresee) -> Foreseen:
        program = self._sets.try_out(message.content)
        if isinstance(program, str):
            return Foreseen(error=program)
        keys = self._cache.customers_after(message.after, message.most)
        found = (self._cache.peek(key) for key in keys)
        customers = (one for one in found if isinstance(one, Customer))
        after = keys[-1] if len(keys) == message.most else None
        return Foreseen(people(customers, program, self._clock), after)

    def _in_force(self, error: str | None) -> SetInForce:
        walk = self._rollout
        reached = walk.reached if walk.after is not None else None
        return SetInForce(
            self._sets.active,
            error,
            live_now(self._meta, self._counts),
            reached,
            self._canaries(),
            [one.row for one in self._sets.verdicts],
        )

    def _canaries(self) -> list[CanaryRow]:
        """Return the canaries in force; only the first partition's task knows their counts."""
        decider = self._governor.decider
        return canary_rows(decider, self._sets.program()) if decider.canaries else []

    # --- one message to one actor

    def _handle(self, key: str, message: ActorMessage, careful: bool) -> None:
        entry = self._cache.entry(key)
        self._keep_up(key, entry, careful)
        saved = codec.encode_actor(entry.state) if careful and entry.state is not None else None
        event = None
        if type(message) is Deliver or type(message) is Arrive:
            event = message.event
        turn = self._turn(event.received_at if event is not None else 0)
        try:
            is_new = entry.state is None
            entry.state = actor.receive(key, entry.state, message, turn)
            if is_new and type(entry.state) is Customer:
                entry.state.revision = self._sets.revision
        except (MemoryError, RecursionError, CjoError):
            raise
        except Exception as error:
            if not isinstance(message, Deliver | Find | Show):
                raise  # one actor cannot undo its half of a protocol between actors
            if not careful:
                self._cache.touch(key, entry)  # half changed: the roll-back must forget it
                raise _PoisonError from error
            entry.state = codec.decode_actor(key, saved) if saved is not None else None
            turn = self._turn()
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
        self._close_turn(key, entry, turn, event)

    def _turn(self, received_at: int = 0, program: Program | None = None) -> Turn:
        model = self._models.in_force()
        return Turn(
            program or self._sets.program(),
            self._clock,
            received_at,
            self._timelines,
            model,
            self._bounds,
            self._since,
        )

    def _close_turn(self, key: str, entry: CachedActor, turn: Turn, event: Event | None) -> None:
        for to, message in turn.messages:
            receiver = partition_of(to, self._partitions)
            if receiver == self.partition:
                self._fifo.append((to, message))
            else:
                self._send(receiver, to, message)
        if turn.records or turn.entries:
            self._emit_turn(key, entry, turn)
        if turn.changed:
            if not entry.dirty:
                self._cache.touch(key, entry)
            self._wake(key, entry)
        self._purges += turn.purges
        if turn.tallies:
            self._tallies.setdefault(turn.clock // PERIOD_MS, []).extend(turn.tallies)
        counts = self._counts
        for count, by in turn.counts.items():
            if count in counts:
                counts[count] += by
                continue
            counts[count] = by
            if event is not None and count not in self.examples:
                self.examples[count] = event.topic, event.partition, event.offset

    def _emit_turn(self, key: str, entry: CachedActor, turn: Turn) -> None:
        """Send the turn's records; note those of a customer in the timeline, too."""
        customer = entry.state
        notes = customer if turn.changed and type(customer) is Customer else None
        if notes is not None:
            for noted in turn.entries:
                self._note(key, notes, noted)
        for record, anchor in zip(turn.records, turn.anchors, strict=True):
            effect = effect_of(record, turn.received_at, self._sets.active)
            self._effects.add(*self._numbers.number(EFFECTS), effect)
            if notes is not None and notes.erased_at is None:
                noted_record = record_entry(
                    self._clock, anchor, record, effect.value, notes.members
                )
                if noted_record is not None:
                    self._note(key, notes, noted_record)

    def _note(self, key: str, customer: Customer, entry: TimelineEntry) -> None:
        self._timelines.append(key, customer.noted, entry)
        customer.noted += 1

    def _wake(self, key: str, entry: CachedActor) -> None:
        """Index the actor's next due time if it has changed."""
        due = actor.wake_ms(entry.state)
        # Timers that this cascade may not fire wait for the clock's next move.
        entry.is_put_off = due is not None and due <= self._clock
        wake = self._clock + 1 if entry.is_put_off else due
        if wake != entry.wake:
            self._wakes.move(key, entry.wake, wake)
            entry.wake = wake

    # --- what leaves

    def _refuse(self, record: LogRecord, error: InputError) -> None:
        """Emit and count the dead letter of a record that no process of ours wrote."""
        key = ("cjo_dead_letters_total", error.reason)
        self._counts[key] = self._counts.get(key, 0) + 1
        self._emit(foreign_letter(self._log, record, error))

    def _send(self, receiver: int, to: str, message: Message) -> None:
        writer = self._frames.get(receiver)
        if writer is None:
            writer = self._frames[receiver] = FrameWriter(self._frame_items_max)
        writer.add(self._log, *self._numbers.number(receiver), to, message)

    def _emit(self, record: Record) -> None:
        self._effects.add(*self._numbers.number(EFFECTS), effect_of(record))

    def _answer(self, command_id: str, body: msgspec.Struct) -> None:
        if command_id:
            self._emit(Reply(command_id=command_id, partition=self.partition, body=body))


def _frame_of(record: LogRecord) -> Frame | InputError:
    try:
        return decode_frame(record.value)
    except InputError as error:
        return error
