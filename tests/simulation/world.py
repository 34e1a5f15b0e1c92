"""The whole chain in one process, from one seed: intake, tasks and dispatch over simulated logs.

At any boundary of a write, a produce or a commit a process may die; a dead one's outputs survive
up to an independent cut per partition. Zombies go on with what they hold, older checkpoints come
back, partitions move. Afterwards an oracle that shares no code with the engine's steps asks: did
every event count once, did every command leave once and in order, and does a clean replay of the
log give the same effects byte for byte?
"""

from __future__ import annotations

import contextlib
import functools
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.identity.field import beyond_bounds
from cjo_stream.core.learning.feature import BIAS
from cjo_stream.core.learning.posterior import Model, learn
from cjo_stream.core.learning.weight import publish
from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.core.program.program import Program
from cjo_stream.core.snapshot import snapshot
from cjo_stream.core.state import Customer
from cjo_stream.definition import compile_stored, succeed
from cjo_stream.engine import codec
from cjo_stream.engine.dispatch import Dispatch
from cjo_stream.engine.frame import Effect, control_frame, decode_effect_frame, tick_frame
from cjo_stream.engine.governor import GOVERNOR
from cjo_stream.engine.intake import (
    Intake,
    IntakeStep,
    new_metadata,
    read_metadata,
    renumbered,
)
from cjo_stream.engine.learner import Publication
from cjo_stream.engine.port import Log, LogRecord, RawRecord
from cjo_stream.engine.task import Task
from cjo_stream.ingest import Decoder, decoder
from cjo_stream.store.memory import MemoryStore
from tests.simulation.canary import Step, check_members, check_verdicts, tallies_of, trips
from tests.simulation.change import SETS, history, published
from tests.world.mesh import CrashError, open_task
from tests.world.situation import Witness, fault, governed, meta_of, walks
from tests.world.small import draw_bounds, draw_memory, hasty_guards
from tests.world.stored import actors, copy_of

TOPOLOGIES = ("topology", "deciding")
"""Journeys of all kinds, and decisions of all kinds: each seed has one of them."""
HISTORIES = 12
"""Of definition sets for each topology in a thousand seeds; the next thousand has others."""
STEPS = range(500)
START_MS = 1_700_000_000_000
MINUTE_MS = 60_000
NEWS_MS = 5_000
"""For so long after a full minute verdicts are on their way, and many events fail beside them."""


@functools.cache
def decoder_of(content: bytes) -> Decoder:
    """Return what decodes raw records by a definition set."""
    return decoder(compile_stored(content), b"key")


@dataclass
class Partition:
    """One partition of the internal topic with its task, its store, and copies of the store."""

    log: list[LogRecord] = field(default_factory=list)
    store: MemoryStore = field(default_factory=MemoryStore)
    task: Task | None = None
    copies: list[MemoryStore] = field(default_factory=list)
    effects: list[bytes] = field(default_factory=list)


class Reader:
    """An intake: each raw lane is read by the definition set that its position names."""

    def __init__(self, sets: list[bytes], partitions: int) -> None:
        self._sets = sets
        self._partitions = partitions
        self._engines: dict[int, Intake] = {}
        self.numbers: dict[int, int] = {}
        """By lane, the set."""
        self.at: dict[int, int] = {}
        """By lane, the offset of the next record."""

    def resume(self, lane: int, offset: int, metadata: str) -> None:
        """Read a lane from its committed position on."""
        number = read_metadata(metadata).set_number
        self.numbers[lane], self.at[lane] = number, offset
        self._engines[lane] = Intake(decoder_of(self._sets[number - 1]), self._partitions, number)
        self._engines[lane].resume(Log("raw", lane), offset, metadata)

    def take(self, lane: int, records: list[RawRecord]) -> IntakeStep:
        """Route the next records of a lane."""
        self.at[lane] = records[-1].offset + 1
        return self._engines[lane].process(records)


class World:
    """One run. Everything is drawn from `seed`."""

    def __init__(self, seed: int, events: int = 60, users: int = 5, partitions: int = 3) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.told: dict[int, str] = {}
        """What happened at each step."""
        number = seed // 2 % HISTORIES + HISTORIES * (seed // 1_000)
        self.history = TOPOLOGIES[seed % 2], number
        self.sets = [succeed(history(*self.history)[0], None)]
        """What was published, by number."""
        self.begun = self.applied = 0
        """Numbers of the newest set that an `apply` has begun with, and of the one in force."""
        self.bounds = draw_bounds(self.random)
        self.is_idle_at_times = seed // 8 % 4 == 0
        """Whether nothing comes for minutes, at times: then more than one is over at once."""
        self.writes = (1.0, 0.4, 0.1)[seed // 4 % 3]
        """The chance of a commit after a step."""
        self.clock = START_MS
        self.raw: list[list[RawRecord]] = [[], []]
        self.committed = [(0, new_metadata(Log("raw", lane), 1)) for lane in range(len(self.raw))]
        self.partitions = [Partition() for _ in range(partitions)]
        self.dispatched: list[tuple[int, str | None]] = [(0, None) for _ in range(partitions)]
        self.out: list[list[Effect]] = [[] for _ in range(partitions)]
        self.intakes: list[Reader] = []
        self.zombies: list[tuple[int, Task]] = []
        self.model = Model()
        self.publications: list[Publication] = []
        self.sent: Counter[str] = Counter()
        self.events_left = events
        self.users = users
        self.crashes = 0
        self.met: set[str] = set()
        """The situations that came about."""
        for number, partition in enumerate(self.partitions):
            self.start_task(number, partition)
        self.random, drawing = _Calm(), self.random
        self.apply_set()
        self.random = drawing
        self.start_intake()

    # --- the machinery of a broker

    def append(self, partition: int, frame: bytes) -> None:
        log = self.partitions[partition].log
        log.append(LogRecord(len(log), self.clock, frame))

    def crash_point(self, how: str, number: int | None = None) -> None:
        """Die with a small chance; `number`: of the partition whose task it is."""
        if self.random.random() < 0.03:
            self.crash(how, number)

    def crash(self, how: str, number: int | None) -> NoReturn:
        self.crashes += 1
        self.note(how, number)
        raise CrashError

    def note(self, what: str, number: int | None) -> None:
        """Note what happens, and in the middle of what of a partition."""
        if number is None:
            self.met.add(what)
        else:
            self.met |= fault(what, self.partitions[number].store, self.clock)

    # --- what may happen next

    def step(self, number: int) -> None:
        """Let one thing happen, drawn from the seed and this number, whatever came before."""
        self.random = random.Random((self.seed << 16) + number)
        before = self.clock
        if self.random.random() < 0.3:
            self.clock += self.random.choice([1, 50, 400, 1500])
        if self.clock // MINUTE_MS > before // MINUTE_MS and self.random.random() < 0.3:
            self.apply_set()  # while verdicts fall
        moves = [
            (self.feed, 3),
            (self.run_intake, 4),
            (self.run_task, 6),
            (self.run_dispatch, 3),
            (self.tick, 1),
            (self.write_foreign, 0.2),
            (self.publish_model, 0.5),
            (self.apply_set, 0.15),
            (self.run_zombie, 1),
            (self.zombie_intake, 0.2),
            (self.copy_store, 0.3),
            (self.restore_copy, 0.15),
            (self.move_partition, 0.2),
        ]
        move = self.random.choices([m for m, _ in moves], [w for _, w in moves])[0]
        self.told[number] = move.__name__.replace("_", " ")
        move()
        if self.is_idle_at_times and self.random.random() < 0.006:
            self.clock += self.random.choice([1, 2, 3]) * MINUTE_MS

    def feed(self) -> None:
        if not self.events_left:
            return
        self.events_left -= 1
        user = f"u{self.random.randrange(self.users)}"
        lane = sum(map(ord, user)) % len(self.raw)
        kind = self.random.choice(["cart", "cart", "cart", "order", "other"])
        event: dict[str, Any] = {
            "type": kind,
            "time": self.clock - self.random.choice([0, 0, 0, 700, 5000]),
            "identifiers": {"user": user},
            "attributes": {
                "cart": f"c{self.random.randrange(2)}",
                "total": self.random.randrange(4),
            },
        }
        is_news = self.clock % MINUTE_MS < NEWS_MS
        if self.random.random() < (0.25 if is_news else 0.02):
            event["attributes"]["poison"] = True
        raw = json.dumps(event).encode()
        if self.random.random() < 0.05:
            raw = raw[:-3]
        else:
            self.sent[user] += 1
        self.raw[lane].append(
            RawRecord(
                "cjo.event.web.v1",
                "raw",
                lane,
                len(self.raw[lane]),
                self.clock,
                raw,
                channel="web",
            )
        )

    def start_intake(self) -> None:
        reader = Reader(self.sets, len(self.partitions))
        for lane, (offset, metadata) in enumerate(self.committed):
            reader.resume(lane, offset, metadata)
        self.intakes.append(reader)

    def run_intake(self) -> None:
        reader = (
            self.intakes[0] if self.random.random() < 0.8 else self.random.choice(self.intakes)
        )
        current = reader is self.intakes[0]
        try:
            lane = self.random.randrange(len(self.raw))
            if current and reader.numbers[lane] != self.applied and self.random.random() < 0.5:
                offset, metadata = self.committed[lane]
                if offset == reader.at[lane]:
                    self.committed[lane] = (offset, renumbered(metadata, self.applied))
                    self.met.add("intake goes over to another set")
                    self.crash_point("intake dies as it goes over to another set")
                    reader.resume(lane, *self.committed[lane])
            records = self.raw[lane][reader.at[lane] :][: self.random.randint(1, 6)]
            if not records:
                return
            step = reader.take(lane, records)
            self.produce(step.frames, "intake")
            for log, position in step.positions.items():
                self.crash_point("intake dies between sending and commit")
                if current:
                    self.committed[log.partition] = position
            self.crash_point("intake dies after its commit")
        except CrashError:
            self.intakes.remove(reader)
            if current or not self.intakes:
                self.start_intake()
                self.intakes.insert(0, self.intakes.pop())

    def zombie_intake(self) -> None:
        """A second process over the same records takes over; the first goes on for a while."""
        self.start_intake()
        self.intakes.insert(0, self.intakes.pop())
        del self.intakes[2:]

    def apply_set(self) -> None:
        """Somebody applies the next set, or goes on with an `apply` that broke off.

        A set is stored in every partition before it is activated in any. At times one that broke
        off is left as it is, and the next takes its place.
        """
        if self.begun == self.applied or self.random.random() < 0.2:
            if self.begun == SETS:
                return
            if self.begun != self.applied:
                self.met.add("an apply follows one that broke off")
            self.begun += 1
            self.publish_set()
        content = self.sets[self.begun - 1]
        with contextlib.suppress(CrashError):
            for message in (StoreSet(self.begun, content), ActivateSet(self.begun)):
                frame = control_frame([("", message)])
                who = f"an apply at {type(message).__name__}"
                self.produce([(to, frame) for to in range(len(self.partitions))], who)
            self.applied = self.begun

    def publish_set(self) -> None:
        """Make the next set, after the one before it and the verdicts that are known by now."""
        governor = self.partitions[GOVERNOR].task
        assert governor is not None
        if self.begun > 1:
            verdicts = tuple(one.row for one in governor.verdicts)
            self.sets.append(published(*self.history, self.begun - 1, self.sets[-1], verdicts))

    def produce(
        self, frames: list[tuple[int, bytes]], who: str, number: int | None = None
    ) -> None:
        """Deliver frames; dying on the way leaves an independent prefix in each partition."""
        lanes: dict[int, list[bytes]] = defaultdict(list)
        for to, frame in frames:
            lanes[to].append(frame)
        dies = self.random.random() < 0.06
        for to in sorted(lanes):
            cut = self.random.randint(0, len(lanes[to])) if dies else len(lanes[to])
            for frame in lanes[to][:cut]:
                self.append(to, frame)
        if dies:
            self.crash(f"{who} dies with half of it sent", number)

    def start_task(self, number: int, partition: Partition) -> None:
        memory = draw_memory(self.random)
        partition.task = open_task(
            number, len(self.partitions), partition.store, **self.bounds, **memory
        )

    def run_task(self) -> None:
        number = self.random.randrange(len(self.partitions))
        partition = self.partitions[number]
        assert partition.task is not None
        try:
            self.drive(number, partition.task, partition.effects)
        except CrashError:
            self.start_task(number, partition)

    def drive(self, number: int, task: Task, effects: list[bytes]) -> None:
        log = self.partitions[number].log
        records = log[task.processed + 1 :][: self.random.randint(1, 5)]
        is_alone = task.processed == task.applied
        if not records:
            if not is_alone:
                task.commit()
            return
        outbox = task.process(records)
        if not is_alone and any(map(has_failed, outbox.effects)):
            self.met.add("a handler fails behind steps that are not written")
        self.crash_point("a task dies before it sends", number)
        cut = self.random.randint(0, len(outbox.effects))
        effects.extend(outbox.effects[:cut])
        self.crash_point("a task dies with half of its effects sent", number)
        effects.extend(outbox.effects[cut:])
        self.produce(outbox.frames, "a task", number)
        self.crash_point("a task dies between sending and commit", number)
        if not (task.must_commit or self.random.random() < self.writes):
            self.crash_point("a task dies between two steps of a commit", number)
            return
        task.commit()
        if ("cjo_items_total", "task", "repeated") in task.take_counts():
            self.met.add("a task drops what it has already")
        self.crash_point("a task dies after its commit", number)

    def move_partition(self) -> None:
        """Another worker has the partition, with a copy of its store; the old one lives on."""
        number = self.random.randrange(len(self.partitions))
        partition = self.partitions[number]
        assert partition.task is not None
        self.zombies.append((number, partition.task))
        partition.store = copy_of(partition.store)
        self.start_task(number, partition)
        self.note("a partition moves", number)

    def run_zombie(self) -> None:
        if self.zombies:
            index = self.random.randrange(len(self.zombies))
            number, task = self.zombies[index]
            self.note("a zombie goes on", number)
            try:
                self.drive(number, task, self.partitions[number].effects)
            except CrashError:
                del self.zombies[index]

    def publish_model(self) -> None:
        """The learner publishes what it has learnt, or, after a crash, the last model again."""
        if not self.publications or self.random.random() < 0.7:
            for _ in range(self.random.randint(1, 9)):
                learn(self.model, "nudge/push", [BIAS], positive=self.random.random() < 0.5)
            number = len(self.publications) + 1
            self.publications.append(Publication(number, publish(self.model)))
        else:
            self.met.add("the learner publishes its last model again")
        messages = self.publications[-1].messages()
        numbers = range(len(self.partitions))
        frames = [(to, control_frame([("", message)])) for message in messages for to in numbers]
        with contextlib.suppress(CrashError):
            self.produce(frames, "a learner")

    def copy_store(self) -> None:
        partition = self.random.choice(self.partitions)
        partition.copies.append(copy_of(partition.store))

    def restore_copy(self) -> None:
        """The host is lost; an older checkpoint, or nothing at all, comes back."""
        number = self.random.randrange(len(self.partitions))
        partition = self.partitions[number]
        copies = [*partition.copies, MemoryStore()]
        partition.store = copy_of(self.random.choice(copies))
        self.start_task(number, partition)
        self.note("an older checkpoint comes back", number)

    def tick(self) -> None:
        for number in range(len(self.partitions)):
            self.append(number, tick_frame())

    def write_foreign(self) -> None:
        """Somebody writes what is no frame to a private topic."""
        number = self.random.randrange(len(self.partitions))
        if self.random.random() < 0.5:
            self.append(number, b"{}")
        else:
            self.partitions[number].effects.append(b"{}")

    def run_dispatch(self) -> None:
        number = self.random.randrange(len(self.partitions))
        offset, metadata = self.dispatched[number]
        dispatch = Dispatch("effect")
        dispatch.resume(number, metadata)
        frames = self.partitions[number].effects[offset:][: self.random.randint(1, 4)]
        if not frames:
            return
        records = [LogRecord(offset + i, self.clock, frame) for i, frame in enumerate(frames)]
        step = dispatch.process(number, records)
        if self.random.random() < 0.1:
            self.crashes += 1
            self.met.add("dispatch's transaction is aborted")
            return  # neither records nor offsets
        self.out[number] += step.effects
        self.dispatched[number] = step.position

    # --- the end, and the oracle

    def settle(self) -> None:
        """No more faults; time runs on until nothing is left."""
        self.random = _Calm()
        for _ in range(40):
            self.clock += 1000
            self.tick()
            for lane in range(len(self.raw)):
                reader = self.intakes[0]
                records = self.raw[lane][reader.at[lane] :]
                if records:
                    self.produce(reader.take(lane, records).frames, "intake")
            for number, partition in enumerate(self.partitions):
                assert partition.task is not None
                self.drive_all(number, partition)
        while any(self.drive_all(number, one) for number, one in enumerate(self.partitions)):
            pass
        for number, partition in enumerate(self.partitions):
            dispatch = Dispatch("effect")
            offset, metadata = self.dispatched[number]
            dispatch.resume(number, metadata)
            frames = partition.effects[offset:]
            if frames:
                records = [LogRecord(offset + i, 0, frame) for i, frame in enumerate(frames)]
                self.out[number] += dispatch.process(number, records).effects

    def drive_all(self, number: int, partition: Partition) -> bool:
        """Let a task take all that is there; return whether there was something."""
        task = partition.task
        assert task is not None
        first = task.applied
        while partition.log[task.applied + 1 :]:
            outbox = task.process(partition.log[task.applied + 1 :])
            partition.effects += outbox.effects
            self.produce(outbox.frames, "a task")
            task.commit()
        return task.applied > first

    def check(self) -> None:
        """Raise AssertionError where a promise is broken."""
        counted: Counter[str] = Counter()
        witness = Witness()
        partitions: list[list[Step]] = []
        for number, partition in enumerate(self.partitions):
            steps: list[Step] = []
            partitions.append(steps)
            with witness.watching():
                replayed, store = replay(
                    number, len(self.partitions), partition.log, self.bounds, witness, steps
                )
            check_members(steps, self.sets)
            letters = [e for e in self.out[number] if ("topic", b"effect") in e.headers]
            counted += failed_of(self.out[number])
            assert len(letters) == partition.effects.count(b"{}"), "not a letter for each"
            got = [(e.kind, e.key, e.value) for e in self.out[number] if e not in letters]
            assert got == replayed, f"partition {number}: effects differ from a clean replay"
            ids = [json.loads(v)["action_id"] for kind, _, v in got if kind == "action"]
            assert len(ids) == len(set(ids)), "a command left twice"
            assert partition.task is not None
            assert actors(store) == actors(partition.store), "state differs from a clean replay"
            stands, stood = (
                msgspec.structs.replace(meta_of(one), clean=False, purges=[])
                for one in (partition.store, store)
            )
            assert stands == stood, "a task stands elsewhere than after a clean replay"
            counted += events_of(partition.store, compile_stored(self.sets[0]))
            for customer in customers_of(partition.store):
                broken = beyond_bounds(customer, self.bounds.get("bounds", BOUNDS))
                assert not broken, f"{customer.id} has more than it may: {broken}"
        self.met |= witness.met
        if trips(partitions[GOVERNOR]):
            self.met.add("a guard trips")
        check_verdicts(partitions, self.sets, is_punctual=not self.bounds)
        assert counted == self.sent, f"events counted {counted}, sent {self.sent}"


def has_failed(frame: bytes) -> bool:
    """Return whether an effect frame says that a handler failed."""
    effects = (item.effect for item in decode_effect_frame(frame).items)
    return any(("reason", b"failed") in effect.headers for effect in effects)


def failed_of(effects: list[Effect]) -> Counter[str]:
    """Return how many events of each user failed, and were dead-lettered."""
    failed = [
        json.loads(effect.value)["identifiers"]["user"][0]
        for effect in effects
        if effect.kind == "dead_letter"
        and {("reason", b"failed"), ("topic", b"cjo.event.web.v1")} <= set(effect.headers)
    ]
    return Counter(failed)


def customers_of(store: MemoryStore) -> Iterator[Customer]:
    """Yield all customers of a task."""
    for key, value in store.scan(*codec.CUSTOMERS):
        customer = codec.decode_actor(key[1:].decode(), value)
        assert isinstance(customer, Customer)
        yield customer


def events_of(store: MemoryStore, program: Program) -> Counter[str]:
    """Return how many events each user's customer has counted."""
    counted: Counter[str] = Counter()
    for customer in customers_of(store):
        row = msgspec.to_builtins(snapshot(customer, program, 0))
        counted[row["identifiers"]["user"][0]] += row["events"]
    return counted


class _Calm(random.Random):
    """Draws that never let anything die."""

    def random(self) -> float:
        return 0.999


def replay(
    number: int,
    partitions: int,
    log: list[LogRecord],
    bounds: dict[str, Any],
    witness: Witness | None = None,
    steps: list[Step] | None = None,
) -> tuple[list[Any], MemoryStore]:
    """Return the effects of a log through a fresh store, one record at a time.

    `witness` is told what is under way at each record; `steps` gets what each record led to.
    """
    store = MemoryStore()
    task = open_task(number, partitions, store, **bounds)
    effects: list[Any] = []
    after = meta_of(store)
    seen: set[tuple[Any, ...]] = set()
    for record in log:
        before, known = after, len(effects)
        if witness is not None:
            witness.around = walks(before)
        for frame in task.process([record]).effects:
            effects += [
                (item.effect.kind, item.effect.key, item.effect.value)
                for item in decode_effect_frame(frame).items
            ]
        task.commit()
        after = meta_of(store)
        if witness is not None:
            witness.met.update(governed(before, after))
        if steps is not None:
            steps.append(Step(before, after, effects[known:], tallies_of(record, seen)))
    return effects, store


def run(seed: int, steps: Iterable[int] = STEPS, **shape: int) -> World:
    """Run one seed to its end and check it; `steps`: those that happen."""
    with hasty_guards():
        world = World(seed, **shape)
        for number in steps:
            world.step(number)
        world.settle()
        world.check()
    return world
