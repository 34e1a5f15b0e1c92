"""The embedded runtime: every partition's task in one process, over the in-process log.

It keeps the order of steps that a task prescribes: process, append what the task sends (durably,
if the log is durable), commit. In memory many steps share a commit. A durable state is written at
each step, because operators may look at it after a kill. The append time is the highest event
time. Before it moves on, the timers of every partition that come due on the way fire, in order of
due time, each with all that it causes.

At full hours of stream time the learner learns from the rewards so far, and publishes
(`learning`).

    offer(lane, offset, event)    sends a record's events; repeats of a lane are dropped
    advance(to_ms)                moves time on without events
    flush()                       returns when all that was offered has had its effect
    order(items)                  the same, after one item a partition of an operator or a task
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Self

import msgspec

from cjo_stream.core.answer import CustomerRow
from cjo_stream.core.event import Event
from cjo_stream.core.message import ActivateSet, Message, StoreSet, partition_of
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import DeadLetter
from cjo_stream.core.state import Customer
from cjo_stream.embedded.effects import READ_RECORDS_MAX, Effects, Output
from cjo_stream.embedded.learning import LEARNS_AT, learns, next_time
from cjo_stream.embedded.log import EFFECT, INTERNAL, TOPIC_ID, Append, EmbeddedLog
from cjo_stream.embedded.rows import Waiting, customers, line_of, rows
from cjo_stream.engine import codec, port
from cjo_stream.engine.cache import ActorMemory
from cjo_stream.engine.decider import PERIOD_MS
from cjo_stream.engine.frame import (
    Frame,
    Position,
    control_frame,
    held_frame,
    single_frame,
    tick_frame,
)
from cjo_stream.engine.governor import GOVERNOR
from cjo_stream.engine.intake import Router, address
from cjo_stream.engine.port import Compile, Store
from cjo_stream.engine.rollout import add_live
from cjo_stream.engine.task import Task
from cjo_stream.engine.window import CommitWindow
from cjo_stream.errors import InputError, InvariantError

BATCH_RECORDS_MAX = 1_000
_SOURCES = "sources"


class _LanePosition(msgspec.Struct):
    """The last offset read of one lane, and the last number it sent to each partition."""

    offset: int = -1
    last: dict[int, Position] = {}


class _Read(msgspec.Struct):
    """What has been read of the sources; noted with every append of events."""

    high: int = 0
    lanes: dict[str, _LanePosition] = {}


def has_events(log: EmbeddedLog) -> bool:
    """Return whether a log has ever taken events."""
    return log.note(_SOURCES) is not None


def read_elsewhere(log: EmbeddedLog) -> dict[str, bytes]:
    """Return the note of what has been read, for a log in which no lane has sent anything."""
    noted = log.note(_SOURCES)
    if noted is None:
        return {}
    read = msgspec.msgpack.decode(noted, type=_Read)
    lanes = {name: _LanePosition(lane.offset) for name, lane in read.lanes.items()}
    return {_SOURCES: msgspec.msgpack.encode(_Read(read.high, lanes))}


class Runtime:
    """Tasks over a log, between a source of events and an output."""

    def __init__(
        self,
        *,
        log: EmbeddedLog,
        stores: Sequence[Store],
        compile_: Compile,
        output: Output,
    ) -> None:
        self._log = log
        self._stores = stores
        self._output = output
        self._partitions = len(stores)
        memory = ActorMemory()
        self.tasks = [
            Task(
                partition,
                self._partitions,
                port.Log(TOPIC_ID, partition),
                store,
                compile_,
                memory=memory,
                timers_per_record_max=None,
                is_kept=log.is_durable,
            )
            for partition, store in enumerate(stores)
        ]
        self._effects = Effects(log, output, self._partitions)
        self._learning = self._effects.learning
        noted = log.note(_SOURCES)
        self._read = msgspec.msgpack.decode(noted, type=_Read) if noted else _Read()
        self._router = Router(self._partitions)
        self._pending: list[Append] = []
        self._window = CommitWindow()
        """Of all partitions together, and only in memory."""
        self._unnoted = False
        # Time that moved on without events is only in the tasks.
        self._now = max(self._read.high, *(task.clock for task in self.tasks))
        self._learning_set = 0
        self._is_learning = False
        self._watched: Program | None = None
        self._has_guards = False
        self._pump()
        for task in self.tasks:
            self._effects.write(task.partition, self._now)
        self._commit()
        # It may have been killed between the tick of a learning time and the learning.
        if at := log.note(LEARNS_AT):
            self._learn(int(at))

    # --- input

    @property
    def high(self) -> int:
        """The highest event time so far, ms."""
        return self._read.high

    @property
    def clock(self) -> int:
        """Where the stream clock stands, ms; 0 before the first event."""
        return self._now

    def last_offset(self, lane: str) -> int:
        """Return the last offset of `lane` that was offered and kept; -1 before the first."""
        at = self._read.lanes.get(lane)
        return at.offset if at else -1

    def apply(self, number: int, content: bytes) -> None:
        """Store a definition set in every partition, then activate it in every partition."""
        for message in (StoreSet(number, content), ActivateSet(number)):
            self.order(dict.fromkeys(range(self._partitions), ("", message)))
        behind = [task.partition for task in self.tasks if task.active_number < number]
        if behind:
            raise InvariantError(f"partitions {behind} did not activate definition set {number}")

    def order(self, items: Mapping[int, tuple[str, Message]]) -> None:
        """Process one item a partition: (actor key, message); an empty key is the task itself."""
        self.flush()
        self._log.append(
            [(INTERNAL, p, self._now, control_frame([item])) for p, item in items.items()]
        )
        self._pump()
        self._commit()

    def has_room(self, number: int, content: bytes) -> bool:
        """Return whether no partition has another definition set under this number."""
        key = codec.set_key(number)
        held = (store.get(key) for store in self._stores)
        return all(value is None or codec.decode_set(value) == content for value in held)

    @property
    def governing(self) -> bytes | None:
        """The content of the definition set in force; None before the first."""
        value = self._stores[0].get(codec.set_key(self.active_number))
        return codec.decode_set(value) if value is not None else None

    @property
    def program(self) -> Program | None:
        """The definition set in force, compiled; None before the first."""
        return self.tasks[0].program

    @property
    def active_number(self) -> int:
        """The definition set in force; 0 before the first."""
        return min(task.active_number for task in self.tasks)

    def offer(
        self, lane: str, offset: int, event: Event | list[Event], size_bytes: int = 0
    ) -> InputError | None:
        """Route the events of a record of that size; return the reason if one has no receiver.

        Offsets of a lane ascend. A record counts as read with its last event: where a process is
        killed between two, all are offered again, and the lane drops those that it has.
        """
        at = self._read.lanes.get(lane)
        if at is None:
            at = self._read.lanes[lane] = _LanePosition()
        if offset <= at.offset:
            return None
        if self._log.is_durable:
            return self._offer_kept(lane, at, offset, event)
        events = event if isinstance(event, list) else (event,)
        addressed = []
        for one in events:
            to = address(one)
            if isinstance(to, InputError):
                return to
            addressed.append(to)
        at.offset = offset
        self._window.add_bytes(size_bytes)
        for one, (key, message) in zip(events, addressed, strict=True):
            self._move_on(one.time)
            receiver = partition_of(key, self._partitions) if self._partitions > 1 else 0
            self._send(receiver, held_frame(key, message))
        return None

    def _offer_kept(
        self, lane: str, at: _LanePosition, offset: int, event: Event | list[Event]
    ) -> InputError | None:
        """Do what `offer` does, with numbers by which the log drops what it has already."""
        log = port.Log(lane, 0)
        if not self._router.knows(log):
            self._router.resume(log, at.last)
        routes = self._router.route(log, offset, event)
        if isinstance(routes, InputError):
            return routes
        events = event if isinstance(event, list) else (event,)
        for one, routed in zip(events, routes, strict=True):
            receiver, position, previous, key, message = routed
            self._move_on(one.time)
            if routed is routes[-1]:
                at.offset = offset
            at.last[receiver] = position
            self._send(receiver, single_frame(log, position, previous, key, message))
        return None

    def _move_on(self, time: int) -> None:
        """Move time on to that of an event, with what must come before the event."""
        high = max(self._read.high, time)
        if high > self._now and high >= next_time(self._now) and self._learns():
            self._push()
            self._learn_through(high)
        if self._partitions > 1 or (
            high // PERIOD_MS > self._now // PERIOD_MS and self._is_guarded()
        ):
            self._push()
            self._fire_through(high)
        self._read.high = high
        self._now = max(self._now, high)

    def _send(self, receiver: int, frame: bytes | Frame) -> None:
        """Send the frame of an event on its way."""
        self._pending.append((INTERNAL, receiver, self._now, frame))
        if self._partitions > 1 or len(self._pending) >= BATCH_RECORDS_MAX:
            self._push()

    def refuse(self, lane: str, offset: int, letter: DeadLetter) -> None:
        """Write the dead letter of a record that is no event; no clock moves."""
        at = self._read.lanes.setdefault(lane, _LanePosition())
        if offset > at.offset:
            self._push()
            self._output.refuse(letter)
            at.offset = offset
            self._unnoted = True

    def advance(self, to_ms: int) -> None:
        """Move time on to `to_ms`, firing the timers that come due on the way."""
        self._push()
        if self._learns():
            self._learn_through(to_ms)
        self._fire_through(to_ms)
        self._now = max(self._now, to_ms)
        self._tick(range(self._partitions))
        self._commit()

    def flush(self) -> None:
        """Return when all that was offered has had its whole effect, and is in the stores."""
        self._push()
        self._commit()

    def _push(self) -> None:
        """Return when all that was offered has had its whole effect."""
        if self._pending or self._unnoted:
            pending, self._pending, self._unnoted = self._pending, [], False
            notes = {**self._output.notes(), _SOURCES: msgspec.msgpack.encode(self._read)}
            self._log.append(pending, notes)
            self._pump()

    def heed(self, notes: dict[str, bytes]) -> None:
        """Note what an operator holds now; write the commands that wait no longer."""
        self.flush()
        self._effects.heed(notes)
        for task in self.tasks:
            self._effects.write(task.partition, self._now)

    # --- results

    @property
    def events(self) -> dict[str, int]:
        """The number of events since the state began, by result."""
        total: dict[str, int] = {}
        for task in self.tasks:
            for result, number in task.events.items():
                total[result] = total.get(result, 0) + number
        return total

    @property
    def verdicts(self) -> list[tuple[str, int, str]]:
        """All verdicts of guards: (journey, version, verdict)."""
        return [one.row for one in self.tasks[GOVERNOR].verdicts]

    @property
    def live(self) -> dict[str, dict[int, dict[str, int]]]:
        """How many instances are live, by journey, version and state."""
        return add_live(task.live for task in self.tasks)

    def take_counts(self) -> dict[tuple[str, ...], float]:
        """Return the counts of all partitions since the last call."""
        total: dict[tuple[str, ...], float] = {}
        for task in self.tasks:
            for key, by in task.take_counts().items():
                total[key] = total.get(key, 0) + by
        return total

    def examples(self) -> dict[tuple[str, ...], tuple[str, int, int]]:
        """Return, by count, where an event came from that it is of."""
        return {key: at for task in reversed(self.tasks) for key, at in task.examples.items()}

    def customers(self) -> Iterator[Customer]:
        """Yield each customer that had an event, or absorbed one that had, by customer id."""
        self.flush()
        return customers(self._stores)

    def rows(self, look: Callable[[Customer], None] = lambda _: None) -> Iterator[CustomerRow]:
        """Yield the rows of customers.jsonl, by customer id; `look` gets each customer's state."""
        self.flush()
        return rows(self._stores, self.program, self._now, look) if self.program else iter(())

    def customer_lines(self, waiting: Waiting) -> Iterator[bytes]:
        """Yield the lines of customers.jsonl, by customer id; count what customers wait for."""
        return map(line_of, self.rows(waiting.add))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Flush and close cleanly; after an exception only close, as if the process was killed.

        Ctrl-C or a full disk may come between any two lines, when memory is ahead of the stores
        or behind them. So nothing in memory is written any more; a start goes on from the stores.
        """
        try:
            if kind is None:
                self.flush()
                for task in self.tasks:
                    task.mark_clean()
        finally:
            for store in self._stores:
                store.close()
            self._log.close()

    # --- inside

    def _fire_through(self, to_ms: int) -> None:
        """Fire the timers of all partitions up to `to_ms`, nearest first."""
        while True:
            dues = ((task.next_due, task.partition) for task in self.tasks)
            nearest = min(((due, p) for due, p in dues if due is not None), default=None)
            if nearest is None or nearest[0] > to_ms:
                return
            self._now = max(self._now, nearest[0])
            self._tick([nearest[1]])

    def _learns(self) -> bool:
        """Return whether the set in force has anything to learn."""
        if self._learning_set != self.active_number:
            self._learning_set = self.active_number
            self._is_learning = self.program is not None and learns(self.program)
        return self._is_learning

    def _is_guarded(self) -> bool:
        """Return whether a canary is guarded now: what is decided must not wait for a batch."""
        program = self.tasks[GOVERNOR].program
        if program is not self._watched:
            self._watched = program
            self._has_guards = program is not None and any(
                one.guards is not None for one in program.journeys.values()
            )
        return self._has_guards

    def _learn_through(self, to_ms: int) -> None:
        """Advance to each learning time up to `to_ms` that has unlearned rewards or due timers."""
        while True:
            times = [task.next_due for task in self.tasks]
            times.append(self._learning.first)
            nearest = min((at for at in times if at is not None), default=None)
            at = next_time(max(nearest, self._now)) if nearest is not None else None
            if at is None or at > to_ms:
                return
            if self._partitions > 1 or self._is_guarded():
                self._fire_through(at)
            self._now = max(self._now, at)
            self._tick(range(self._partitions), {LEARNS_AT: str(at).encode()})
            self._learn(at)

    def _learn(self, at_ms: int) -> None:
        published = self._learning.learn(at_ms)
        if published is None:
            return
        frames = [control_frame([("", message)]) for message in published.messages()]
        partitions = range(self._partitions)
        appends = [(INTERNAL, p, self._now, frame) for frame in frames for p in partitions]
        self._log.append(appends, self._learning.note())
        self._pump()

    def _tick(
        self, partitions: Sequence[int] | range, notes: dict[str, bytes] | None = None
    ) -> None:
        self._log.append([(INTERNAL, p, self._now, tick_frame()) for p in partitions], notes)
        self._pump()

    def _pump(self) -> None:
        """Run every task until its log is empty, and write its effects."""
        busy = True
        while busy:
            busy = False
            for task in self.tasks:
                while records := self._log.read(
                    INTERNAL, task.partition, task.processed, READ_RECORDS_MAX
                ):
                    busy = True
                    # After a kill, the records show how far time had moved.
                    self._now = max(self._now, records[-1].time)
                    outbox = task.process(records)
                    appends: list[Append] = [
                        (INTERNAL, to, self._now, frame) for to, frame in outbox.frames
                    ]
                    if self._log.is_durable:
                        effects = outbox.effects
                        appends += [(EFFECT, task.partition, self._now, one) for one in effects]
                        self._log.append(appends)
                        self._effects.write(task.partition, self._now)
                    else:
                        self._log.append(appends)
                        self._effects.pass_on(task.partition, outbox.emitted, self._now)
                    if self._window.is_over(len(records), task) or self._log.is_durable:
                        self._commit()

    def _commit(self) -> None:
        """Write what the tasks have processed to the stores."""
        for task in self.tasks:
            if task.processed > task.applied:
                task.commit()
                self._log.trim(INTERNAL, task.partition, task.applied)
        self._window.begin()
        self._purge()

    def _purge(self) -> None:
        """Remove from the disk what was erased: first from the log, then from the tasks' stores.

        After its purge a task forgets that it was needed. The learner notes the rewards for which
        effects were kept, so that those can be trimmed.
        """
        must = [task for task in self.tasks if task.must_purge]
        if not must:
            return
        self._log.append([], self._learning.note())
        for task in self.tasks:
            self._log.trim(EFFECT, task.partition, self._learning.needed_after(task.partition))
        self._log.purge()
        for task in must:
            task.purge()
