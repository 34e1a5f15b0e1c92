"""The task: the deterministic state machine of one partition.

A runtime drives it through these steps, in this order and no other (ARCHITECTURE.md, "Frames,
lanes, cursors"):

    process(records)   in memory, over what the store holds; returns the outbox
    -- the runtime produces the outbox's frames and awaits their delivery --
    commit()           one atomic batch: actors, timers, cursors, definitions, the applied offset
    purge()            where `must_purge`: the store forgets, on disk too, what was erased
    -- the runtime acknowledges the records --

Several steps may share a commit: `process` again, once the frames of the step before are on their
way, and commit when the frames of all of them are delivered. An actor is then written once for all
of them. `must_commit` says that a commit should not wait.

A purge takes as long as the disk needs, and may run in a thread. The position says that it must be
done, so after a crash it is done once the store is open again.

A crash anywhere leaves the store behind its outputs, never ahead of them: the records since
`applied` are processed again and give the same items under the same numbers, and the receivers
drop the items they have.

Within one record the clock first moves to the record's time, and fires the timers that come due
on its way. Then the items are handled, each with everything it causes inside this partition before
the next.

`turns` runs the actors, `enforcement` puts definition sets in force, `outgoing` collects what
leaves, and `task_state` is what a commit writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

import msgspec

from cjo_stream.core.answer import CanaryRow, ModelInForce, Stored, Swept
from cjo_stream.core.bounds import BOUNDS, Bounds
from cjo_stream.core.journey.instance import LIVE
from cjo_stream.core.message import (
    ActivateModel,
    ActorMessage,
    Message,
    StoreModel,
    Sweep,
    Verdict,
)
from cjo_stream.core.program.program import Program
from cjo_stream.engine import codec
from cjo_stream.engine.cache import ActorMemory
from cjo_stream.engine.enforcement import Enforcement, Governing
from cjo_stream.engine.failure import foreign_letter
from cjo_stream.engine.frame import ITEMS_MAX, NO_LANE, bytes_of, frame_of
from cjo_stream.engine.outgoing import Outbox, Outgoing
from cjo_stream.engine.port import AcceptedClock, Cascade, Compile, Log, LogRecord, Store
from cjo_stream.engine.position import events_now, live_now, open_position
from cjo_stream.engine.rollout import ROLLOUT_CUSTOMERS_MAX
from cjo_stream.engine.task_state import TaskState
from cjo_stream.engine.timers import WAKES_MAX
from cjo_stream.engine.turns import PoisonError, Turns
from cjo_stream.errors import ClockError, HoleError, InputError

TIMERS_PER_RECORD_MAX = 5_000
CLOCK_AHEAD_MAX_MS = 3_600_000
_APPLIED = ("cjo_items_total", "task", "applied")
_REPEATED = ("cjo_items_total", "task", "repeated")
_GOVERNING = frozenset(get_args(Governing))
_OWN = _GOVERNING | {StoreModel, ActivateModel, Sweep}
"""The messages to the task itself; all others are to actors."""


class Task:
    """One partition of the internal log, with its store.

    `memory` is for its actors, and may be shared by all tasks of a thread.
    """

    def __init__(
        self,
        partition: int,
        partitions: int,
        log: Log,
        store: Store,
        compile_: Compile,
        *,
        memory: ActorMemory | None = None,
        wakes_max: int = WAKES_MAX,
        timers_per_record_max: int | None = TIMERS_PER_RECORD_MAX,
        frame_items_max: int = ITEMS_MAX,
        rollout_customers_max: int = ROLLOUT_CUSTOMERS_MAX,
        bounds: Bounds = BOUNDS,
        accepted: Sequence[AcceptedClock] = (),
        is_kept: bool = True,
    ) -> None:
        """`is_kept`: the store may be opened again, by another task."""
        self.partition = partition
        self._log = log
        self._store = store
        self._timers_max = timers_per_record_max
        self._accepted = accepted
        self._meta = open_position(store, partition, partitions, log)
        state = self._state = TaskState(
            store,
            self._meta,
            compile_,
            memory=memory,
            wakes_max=wakes_max,
            bounds=bounds,
            is_kept=is_kept,
        )
        self._outgoing = Outgoing(log, state.numbers, frame_items_max)
        self._turns = Turns(log, partitions, state, self._outgoing, bounds)
        self._enforcement = Enforcement(
            partition, partitions, state, self._turns, self._outgoing, rollout_customers_max
        )
        self._committed_counts: dict[tuple[str, ...], int | float] = {}
        self._unwritten: list[LogRecord] = []
        """The records of the steps since the last commit."""
        self.delays: list[int] = []
        """Delay of each timer of the last commit: ms from its due time to its firing."""
        self._begin()

    # --- for a runtime to read

    @property
    def applied(self) -> int:
        """Offset of the last internal record in the state; -1 when none."""
        return self._meta.applied

    @property
    def processed(self) -> int:
        """Offset of the last record processed; what lies beyond `applied` is not written yet."""
        return self._offset

    @property
    def has_failed(self) -> bool:
        """Whether a handler has failed since the last commit."""
        return self._has_failed

    @property
    def must_commit(self) -> bool:
        """Whether the next commit should not wait for further steps.

        Something was erased; or a handler failed, and each further failure would run again all
        steps since the last commit; or the actors in memory have reached their bound.
        """
        return self._has_failed or bool(self._turns.purges) or self._state.cache.must_settle

    @property
    def digest(self) -> int:
        """Digest of the last applied record (codec.record_digest); UNKNOWN when unknown."""
        return self._meta.digest

    @property
    def clock(self) -> int:
        """The stream clock, ms."""
        return self._turns.clock

    @property
    def active_number(self) -> int:
        """Number of the active definition set; 0 before the first."""
        return self._state.sets.active

    @property
    def model_number(self) -> int:
        """Number of the learnt model in force; 0 before the first."""
        return self._state.models.active

    @property
    def program(self) -> Program | None:
        """The active definition set, compiled; None before the first."""
        return self._state.sets.program() if self._state.sets.active else None

    @property
    def next_due(self) -> int | None:
        """Due time in ms of the nearest timer, or of the next decision; None for none."""
        first, due = self._state.wakes.first(), self._enforcement.due
        return min(
            (at for at in (first[0] if first else None, due) if at is not None), default=None
        )

    @property
    def verdicts(self) -> list[Verdict]:
        """All verdicts of guards, in order."""
        return self._state.sets.verdicts

    @property
    def examples(self) -> dict[tuple[str, ...], tuple[str, int, int]]:
        """By count, an event (topic, partition, offset) that it is of."""
        return self._turns.examples

    @property
    def cascades(self) -> Sequence[Cascade]:
        """Where each cascade of the last step begins among its effects."""
        return self._outgoing.cascades

    @property
    def traces(self) -> Sequence[str]:
        """The trace contexts (traceparent) of the events of the last step, each once."""
        return list(self._outgoing.traces)

    def take_counts(self) -> dict[tuple[str, ...], int | float]:
        """Return the counts of what has been committed since the last call."""
        counts, self._committed_counts = self._committed_counts, {}
        return counts

    @property
    def live(self) -> dict[str, dict[int, dict[str, int]]]:
        """How many instances are live, by journey, version and state."""
        return self._meta.live

    @property
    def canaries(self) -> list[CanaryRow]:
        """The guarded canaries in force; only the first partition's task knows them."""
        return self._enforcement.canaries()

    @property
    def events(self) -> dict[str, int]:
        """How many events there were since the store began, by result."""
        return self._meta.events

    # --- the steps

    def process(self, records: Sequence[LogRecord]) -> Outbox:
        """Return what these records, in order, send. Nothing is written yet.

        Records at or below `processed` are skipped. Raises a StopError where going on could lose
        or repeat something; the task must then be discarded.
        """
        examples = len(self._turns.examples)
        try:
            outbox = self._step(records, careful=False)
        except PoisonError:
            self._turns.keep_examples(examples)
            self._roll_back()
            self._step(self._unwritten, careful=True)  # it sends what it has sent before
            outbox = self._step(records, careful=True)
            self._has_failed = True
        self._unwritten += records
        return outbox

    def commit(self) -> None:
        """Write everything since the last commit in one batch."""
        turns, enforcement, sets = self._turns, self._enforcement, self._state.sets
        meta = msgspec.structs.replace(
            self._meta,
            applied=self._offset,
            clock=turns.clock,
            active=sets.active,
            model=self._state.models.active,
            clean=False,
            purges=[*self._meta.purges, *turns.purges],
            live=live_now(self._meta, turns.counts),
            events=events_now(self._meta, turns.counts),
            rollout=enforcement.rollout,
            sweeps=enforcement.governor.sweeps,
            verdicts=list(sets.verdicts),
            decider=enforcement.governor.decider,
        )
        if self._last is not None:
            meta.digest = codec.record_digest(self._last.time, bytes_of(self._last))
        self._store.write([*self._state.batch(), (codec.META_KEY, codec.encode_meta(meta))])
        self._meta = meta
        self._state.settle()
        if self._applied:
            turns.counts[_APPLIED] = self._applied
        if self._repeated:
            turns.counts[_REPEATED] = self._repeated
        for key, by in turns.counts.items():
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

    def release(self) -> None:
        """Give its memory back: it takes no more steps."""
        self._state.cache.release()

    def mark_clean(self) -> None:
        """Note that this store was closed cleanly: a release of other behaviour may open it."""
        self._meta.clean = True
        self._store.write([(codec.META_KEY, codec.encode_meta(self._meta))])

    def _begin(self) -> None:
        self._unwritten = []
        self._has_failed = False
        self._restart()

    def _restart(self) -> None:
        self._offset = self._meta.applied
        self._last: LogRecord | None = None
        self._applied = self._repeated = 0
        self._delays: list[int] = []
        self._enforcement.begin(self._meta)
        self._turns.begin(self._meta.clock, self._enforcement.rollout)

    def _roll_back(self) -> None:
        self._state.reset()
        self._restart()

    # --- one record

    def _step(self, records: Sequence[LogRecord], *, careful: bool) -> Outbox:
        self._turns.careful = careful
        self._outgoing.begin()
        for record in records:
            if record.offset <= self._offset:
                continue
            if record.offset != self._offset + 1:
                raise HoleError(
                    f"partition {self.partition}: record {record.offset} follows "
                    f"{self._offset}: the log has a hole. Bring back what it has lost, from a "
                    "replica or a copy; or a newer checkpoint, whose state has it"
                )
            self._record(record)
            if self._turns.tallies:
                self._enforcement.send_tallies()
            self._offset, self._last = record.offset, record
        return self._outgoing.outbox(self._turns.clock, self._state.sets.active)

    def _record(self, record: LogRecord) -> None:
        turns = self._turns
        turns.place = record.offset
        self._outgoing.begin_record(record.offset)
        try:
            frame = frame_of(record)
        except InputError as error:
            self._advance(max(turns.clock, record.time))
            self._outgoing.begin_cascade(turns.clock, "", len(turns.examples))
            self._refuse(record, error)
            return
        clock = frame.clock
        if clock > record.time:
            clock = self._checked_clock(clock, record)
        self._advance(max(turns.clock, record.time, clock))
        self._outgoing.begin_cascade(turns.clock, "", len(turns.examples))
        self._enforcement.keep_up(frame.set_number)
        accept, lanes = self._state.cursors.accept, frame.lanes
        for item in frame.items:
            if item.lane != NO_LANE:
                position = (item.offset, item.index)
                previous = (item.previous_offset, item.previous_index)
                if not accept(lanes[item.lane], position, previous):
                    self._repeated += 1
                    continue
                self._applied += 1
            message = item.message
            if type(message) in _OWN:
                self._own(message)
            else:
                turns.handle(item.to, cast("ActorMessage", message))

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

    def _own(self, message: Message) -> None:
        """Handle a message to the task itself."""
        if type(message) in _GOVERNING:
            self._enforcement.handle(cast(Governing, message))
        elif type(message) is StoreModel:
            self._state.models.store(message.number, message.part, message.parts, message.content)
            self._outgoing.answer(message.command_id, Stored(message.number))
        elif type(message) is ActivateModel:
            error = self._state.models.activate(message.number)
            in_force = ModelInForce(self._state.models.active, error)
            self._outgoing.answer(message.command_id, in_force)
        elif type(message) is Sweep:
            self._turns.purges.append("")
            self._outgoing.answer(message.command_id, Swept())

    # --- time

    def _advance(self, to: int) -> None:
        """Move the clock to `to`, stepping to each timer's due time on the way."""
        budget = self._timers_max
        turns, wakes = self._turns, self._state.wakes
        while True:
            first, decides = wakes.first(), self._enforcement.due
            if decides is not None and decides <= to and (first is None or decides < first[0]):
                turns.clock = max(turns.clock, decides)
                self._enforcement.decide()
                continue
            if first is None or first[0] > to:
                break
            if budget is not None and budget <= 0:
                break
            wakes.pop()
            due, key = first
            entry = self._state.cache.entry(key)
            if entry.wake is None or entry.wake > due:
                wakes.drop(first)  # a release of other behaviour left it in the store
                continue
            turns.clock = max(turns.clock, due)
            self._delays.append(to - due)
            entry.wake = None
            self._outgoing.begin_cascade(turns.clock, key, len(turns.examples))
            turns.keep_up(key, entry)
            turns.let_sleep(key, entry)
            fired = turns.fire(key, entry)
            if budget is not None:
                budget -= fired
            turns.drain()
        turns.clock = max(turns.clock, to)

    # --- what leaves

    def _refuse(self, record: LogRecord, error: InputError) -> None:
        """Emit and count the dead letter of a record that no process of ours wrote."""
        key = ("cjo_dead_letters_total", error.reason)
        counts = self._turns.counts
        counts[key] = counts.get(key, 0) + 1
        self._outgoing.emit(foreign_letter(self._log, record, error))
