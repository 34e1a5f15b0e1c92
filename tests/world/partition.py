"""One partition by hand for tests of the engine: its log, its store, its task, what went out."""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import ActivateSet, Arrive, Message, StoreSet, identifier_key
from cjo_stream.definition import compile_content, load
from cjo_stream.engine.frame import (
    EffectItem,
    control_frame,
    decode_effect_frame,
    single_frame,
    tick_frame,
)
from cjo_stream.engine.lane import Numbering
from cjo_stream.engine.outgoing import Outbox
from cjo_stream.engine.port import Log, LogRecord, Store
from cjo_stream.engine.task import Task
from cjo_stream.store.memory import MemoryStore
from tests.world import TOPOLOGY

LOADED = load(TOPOLOGY)
LOG = Log("internal", 0)
RAW = Log("raw", 0)
START_MS = 1_772_323_200_000
"""2026-03-01T00:00:00Z"""


def hash_of(number: int) -> str:
    """Return an identifier's hash that lies in partition `number` modulo how many there are."""
    return f"{number:012x}{'0' * 20}"


def event(user: int, at: int = 0, type_: str = "cart", **attributes: Any) -> Event:
    """Return an event of a user, `at` ms after the start."""
    name = f"secret-user-{user}"
    return Event(
        type_,
        START_MS + at,
        {"cart": "c", "total": 1, **attributes},
        f"e{user}-{at}",
        "web",
        [Identifier("user", name, hash_of(user))],
        own_id=True,
        received=START_MS + at,
        topic="cjo.event.web.v1",
        partition=7,
        offset=at,
    )


class Partition:
    """A log that is appended to by hand, and the task that reads it."""

    def __init__(
        self, store: Store | None = None, *, partitions: int = 1, sets: bool = True, **more: Any
    ) -> None:
        """Open an empty one in which, with `sets`, definition set 1 governs."""
        self.log: list[LogRecord] = []
        self.store = store if store is not None else MemoryStore()
        self.partitions = partitions
        self.more = more
        self.out: list[EffectItem] = []
        self.frames: list[tuple[int, bytes]] = []
        self._numbers = Numbering()
        self._raw = -1
        self.open()
        if sets:
            self.control(StoreSet(1, LOADED.content), ActivateSet(1))
            self.step()

    def open(self) -> Task:
        """Start a task over the store, as after a crash."""
        self.task = Task(0, self.partitions, LOG, self.store, compile_content, **self.more)
        return self.task

    def append(self, frame: bytes, at: int = 0) -> None:
        """Append a frame, `at` ms after the start."""
        self.log.append(LogRecord(len(self.log), START_MS + at, frame))

    def control(self, *messages: Message, at: int = 0, to: str = "") -> None:
        """Append an operator's items."""
        self.append(control_frame([(to, message) for message in messages]), at)

    def tick(self, at: int) -> None:
        """Append a record that only carries time."""
        self.append(tick_frame(), at)

    def event(self, one: Event, at: int | None = None) -> None:
        """Append an event in the lane RAW, at its own time or another."""
        self._raw += 1
        self._numbers.begin(self._raw)
        to = identifier_key(one.identifiers[0].hash)
        frame = single_frame(RAW, *self._numbers.number(0), to, Arrive(one))
        self.append(frame, one.time - START_MS if at is None else at)

    def process(self, most: int | None = None) -> Outbox:
        """Process up to `most` records beyond the last one, and keep what they send.

        What the task sends to itself is appended, with the time of the last record.
        """
        begin = self.task.processed + 1
        outbox = self.task.process(self.log[begin : None if most is None else begin + most])
        self.frames += [(to, frame) for to, frame in outbox.frames if to != 0]
        for to, frame in outbox.frames:
            if to == 0:
                self.append(frame, self.log[-1].time - START_MS)
        self.out += [i for frame in outbox.effects for i in decode_effect_frame(frame).items]
        return outbox

    def step(self, most: int | None = None) -> None:
        """Process and commit."""
        self.process(most)
        self.task.commit()
        if self.task.must_purge:
            self.task.purge()

    def run(self, most: int | None = None) -> None:
        """Step until the log is read."""
        while self.task.applied + 1 < len(self.log):
            self.step(most)

    def sent(self, kind: str) -> list[Any]:
        """Return the records of one kind that went out."""
        return [
            msgspec.json.decode(item.effect.value) for item in self.out if item.effect.kind == kind
        ]

    def changes(self) -> list[tuple[str, list[int]]]:
        """Return the kind of each identity change that went out, and the users that it names."""
        return [
            (row["kind"], [int(one["value"].rpartition("-")[2]) for one in row["identifiers"]])
            for row in self.sent("identity")
        ]

    def letters(self) -> list[dict[str, Any]]:
        """Return the dead letters: their headers and, under `value`, what they carry."""
        return [
            {
                **{name: value.decode() for name, value in item.effect.headers},
                "value": msgspec.json.decode(item.effect.value),
            }
            for item in self.out
            if item.effect.kind == "dead_letter"
        ]
