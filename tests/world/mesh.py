"""Real tasks over logs in memory, with the lanes between them: from one seed, in any interleaving.

Definition sets follow each other while all goes on, each stored in every partition before it is
activated in any.

A frame sent lies in the lane (source, partition) until it is delivered: in order within a lane, at
random between lanes. At any boundary of a process, a produce or a commit a task may die; what a
dead one sent survives up to an independent cut in each lane. Zombies go on with what they hold,
older copies of a store come back, partitions move.

Every delivery has its place in one order, `delivered`. A record comes after all that caused it, so
a fresh task each, fed in that order, tells how the run went, step by step: `Retold`.
"""

from __future__ import annotations

import functools
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

from cjo_stream.core import catalogue
from cjo_stream.core.event import Event
from cjo_stream.core.message import ActivateSet, ActorMessage, StoreSet, partition_of
from cjo_stream.core.program.program import Program
from cjo_stream.definition import compile_stored
from cjo_stream.engine.frame import (
    Effect,
    control_frame,
    decode_effect_frame,
    single_frame,
    tick_frame,
)
from cjo_stream.engine.intake import address
from cjo_stream.engine.lane import Numbering
from cjo_stream.engine.outgoing import Outbox
from cjo_stream.engine.port import Log, LogRecord, Store
from cjo_stream.engine.task import Task
from cjo_stream.errors import InputError
from cjo_stream.store.memory import MemoryStore
from tests.world.poison import poisoned
from tests.world.situation import Witness, fault, governed, meta_of, walks
from tests.world.small import draw_memory
from tests.world.stored import copy_of

START_MS = 1_772_323_200_000
"""2026-03-01T00:00:00Z"""
RAW_LANES = 2
RESTORES_MAX = 5
"""Each sends all again that was ever sent: unbounded, the logs would grow faster than is read."""
STEPS_MAX = 100_000
"""What goes on beyond never comes to rest."""


@functools.cache
def compile_once(number: int, content: bytes) -> Program:
    """Return a set's program; it fails where there is poison."""
    program = compile_stored.__wrapped__(content)  # of its own: others stay as they are
    return poisoned(msgspec.structs.replace(program, number=number))


class CrashError(Exception):
    """The process dies here."""


@dataclass
class Partition:
    """One partition of the internal topic with its task, its store, and copies of the store."""

    log: list[LogRecord] = field(default_factory=list)
    store: MemoryStore = field(default_factory=MemoryStore)
    copies: list[MemoryStore] = field(default_factory=list)
    zombies: list[Task] = field(default_factory=list)


class Mesh:
    """Partitions and lanes.

    `sets` are applied one after the other; `faults` is the chance of a crash at each boundary;
    `bounds` are those of the tasks.
    """

    def __init__(
        self,
        rng: random.Random,
        sets: Sequence[bytes],
        partitions: int = 3,
        faults: float = 0.02,
        bounds: dict[str, Any] | None = None,
    ) -> None:
        self.random = rng
        self.bounds = bounds or {}
        self.applied = 0
        self._begun = 0
        self._writes = rng.choice((1.0, 0.4, 0.1))
        """The chance of a commit after a step."""
        self._sets = sets
        self.faults = faults
        self.clock = START_MS
        self.crashes = 0
        self.met: set[str] = set()
        """The situations in which faults came."""
        self._restores = 0
        self.partitions = [Partition() for _ in range(partitions)]
        self.delivered: list[tuple[int, LogRecord]] = []
        self.effects: list[bytes] = []
        """The effect frames, as often as they were produced."""
        self._lanes: dict[tuple[str, int], deque[bytes]] = {}
        self._raw = [Numbering() for _ in range(RAW_LANES)]
        self._offsets = [-1] * RAW_LANES
        self.apply(cut=0.0)
        self.tasks = [self._open(number, p.store) for number, p in enumerate(self.partitions)]

    # --- what goes in

    def feed(self, event: Event) -> None:
        """Let an event set out, in one of the raw lanes."""
        routed = address(event)
        assert not isinstance(routed, InputError)
        to, message = routed
        raw = self.random.randrange(RAW_LANES)
        self._offsets[raw] += 1
        self._raw[raw].begin(self._offsets[raw])
        receiver = partition_of(to, len(self.partitions))
        numbers = self._raw[raw].number(receiver)
        self._send(f"raw{raw}", receiver, single_frame(Log("raw", raw), *numbers, to, message))

    def order(self, to: str, message: ActorMessage) -> None:
        """Append an operator's order to an actor."""
        self._append(
            partition_of(to, len(self.partitions)), control_frame([(to, message)]), self.clock
        )

    # --- what may happen next

    def step(self) -> None:
        """Let one thing happen."""
        drawn = self.random.random()
        if drawn < 0.5:
            self._deliver_one()
        elif drawn < 0.94 or not self.faults:
            self._work()
        elif drawn < 0.97:
            self._tick()
        elif drawn < 0.98:
            self._move()
        elif drawn < 0.988:
            self._copy_or_restore()
        elif drawn < 0.998:
            self._wake_zombie()
        else:
            self.apply(cut=0.3)

    def apply(self, cut: float) -> None:
        """Apply the next set, or go on with an `apply` that broke off; this one may, by `cut`.

        At times one that broke off is left as it is, and the next takes its place.
        """
        if self._begun == self.applied or self.random.random() < 0.2:
            if self._begun == len(self._sets):
                return
            if self._begun != self.applied:
                self.met.add("an apply follows one that broke off")
            self._begun += 1
        for message in (
            StoreSet(self._begun, self._sets[self._begun - 1]),
            ActivateSet(self._begun),
        ):
            numbers = list(range(len(self.partitions)))
            dies = self.random.random() < cut
            for number in numbers:
                if not dies or self.random.random() < 0.5:
                    self._append(number, control_frame([("", message)]), self.clock)
            if dies:
                self.crashes += 1
                self.met.add(f"an apply breaks off at {type(message).__name__}")
                return
        self.applied = self._begun

    def pause(self, ms: int) -> None:
        """Let the clock run on; nobody is told yet."""
        self.clock += ms

    def rest(self) -> None:
        """Go on, crashes included, until all that was sent has had its effect."""
        for _ in range(STEPS_MAX):
            if not self._busy():
                return
            self.step()
        raise AssertionError("frames go round for ever")

    def run_out(self) -> None:
        """Without further faults, let time run on until nothing waits for it."""
        self.faults = 0.0
        for _ in range(STEPS_MAX):
            self.rest()
            dues = [task.next_due for task in self.tasks]
            due = min((due for due in dues if due is not None), default=None)
            if due is None:
                return
            self.clock = max(self.clock, due)
            self._tick()
        raise AssertionError("timers go on for ever")

    def restore(self, number: int, checkpoint: MemoryStore) -> None:
        """The host of a partition is lost; it goes on from a checkpoint."""
        self.crashes += 1
        self.partitions[number].store = copy_of(checkpoint)
        self.tasks[number] = self._open(number, self.partitions[number].store)
        self._note("an older checkpoint comes back", number)

    # --- the machinery

    def _open(self, number: int, store: Store) -> Task:
        memory = draw_memory(self.random) if self.bounds else {}
        return open_task(number, len(self.partitions), store, **self.bounds, **memory)

    def _send(self, source: str, receiver: int, frame: bytes) -> None:
        self._lanes.setdefault((source, receiver), deque()).append(frame)

    def _append(self, number: int, frame: bytes, time: int = START_MS) -> None:
        log = self.partitions[number].log
        record = LogRecord(len(log), time, frame)
        log.append(record)
        self.delivered.append((number, record))

    def _busy(self) -> bool:
        return bool(self._lanes) or any(
            task.applied + 1 < len(partition.log)
            for task, partition in zip(self.tasks, self.partitions, strict=True)
        )

    def _deliver_one(self) -> None:
        if not self._lanes:
            return
        lane = self.random.choice(list(self._lanes))
        frames = self._lanes[lane]
        self._append(lane[1], frames.popleft(), self.clock)
        if not frames:
            del self._lanes[lane]

    def _work(self) -> None:
        number = self.random.randrange(len(self.partitions))
        try:
            self._drive(number, self.tasks[number])
        except CrashError:
            self.tasks[number] = self._open(number, self.partitions[number].store)

    def _drive(self, number: int, task: Task) -> None:
        first = task.processed + 1
        records = self.partitions[number].log[first : first + self.random.randint(1, 4)]
        if not records:
            if task.processed > task.applied:
                task.commit()
            return
        outbox = task.process(records)
        self._may_crash(number, "a task dies before it sends")
        self._produce(number, outbox)
        self._may_crash(number, "a task dies between sending and commit")
        if not (task.must_commit or self.random.random() < self._writes):
            self._may_crash(number, "a task dies between two steps of a commit")
            return
        task.commit()
        self._may_crash(number, "a task dies after its commit")

    def _produce(self, number: int, outbox: Outbox) -> None:
        self.effects += outbox.effects
        dies = self.random.random() < self.faults
        lost: set[int] = set()
        for to, frame in outbox.frames:
            if dies and (to in lost or self.random.random() < 0.5):
                lost.add(to)
            else:
                self._send(f"task{number}", to, frame)
        if dies:
            self._crash(number, "a task dies with half of it sent")

    def _may_crash(self, number: int, how: str) -> None:
        if self.random.random() < self.faults:
            self._crash(number, how)

    def _crash(self, number: int, how: str) -> NoReturn:
        self.crashes += 1
        self._note(how, number)
        raise CrashError

    def _note(self, what: str, number: int) -> None:
        self.met |= fault(what, self.partitions[number].store, self.clock)

    def _tick(self) -> None:
        for number in range(len(self.partitions)):
            self._append(number, tick_frame(), self.clock)

    def _move(self) -> None:
        """Another worker has the partition, with a copy of its store; the old one lives on."""
        number = self.random.randrange(len(self.partitions))
        partition = self.partitions[number]
        partition.zombies.append(self.tasks[number])
        partition.store = copy_of(partition.store)
        self.tasks[number] = self._open(number, partition.store)
        self._note("a partition moves", number)

    def _copy_or_restore(self) -> None:
        """Keep a checkpoint; or the host is lost, and an older one, or nothing, comes back."""
        number = self.random.randrange(len(self.partitions))
        partition = self.partitions[number]
        if self.random.random() < 0.5:
            partition.copies.append(copy_of(partition.store))
            return
        if self._restores == RESTORES_MAX:
            return
        self._restores += 1
        self.restore(number, self.random.choice([*partition.copies, MemoryStore()]))

    def _wake_zombie(self) -> None:
        number = self.random.randrange(len(self.partitions))
        zombies = self.partitions[number].zombies
        if zombies:
            zombie = self.random.choice(zombies)
            self._note("a zombie goes on", number)
            try:
                self._drive(number, zombie)
            except CrashError:
                zombies.remove(zombie)


def open_task(number: int, partitions: int, store: Store, **bounds: Any) -> Task:
    """Return a task of the simulated installation over its store."""
    return Task(number, partitions, Log("internal", number), store, compile_once, **bounds)


class Retold:
    """A run told again: fresh tasks, each record its own commit, in the order of delivery."""

    def __init__(self, mesh: Mesh) -> None:
        self._delivered = mesh.delivered
        self.stores = [MemoryStore() for _ in mesh.partitions]
        self.tasks = [
            open_task(number, len(self.stores), store, **mesh.bounds)
            for number, store in enumerate(self.stores)
        ]
        self.effects: list[Effect] = []

    def records(self, witness: Witness) -> Iterator[int]:
        """Process and commit record by record; yield the partition of each.

        `witness` is told what is under way there.
        """
        for number, record in self._delivered:
            before = meta_of(self.stores[number])
            witness.around = walks(before)
            outbox = self.tasks[number].process([record])
            self.tasks[number].commit()
            witness.met.update(governed(before, meta_of(self.stores[number])))
            for frame in outbox.effects:
                self.effects += [item.effect for item in decode_effect_frame(frame).items]
            yield number

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of one kind that went out, in order."""
        assert kind in {one.name for one in catalogue.RECORDS}
        return [msgspec.json.decode(e.value) for e in self.effects if e.kind == kind and e.value]
