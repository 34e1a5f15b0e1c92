"""A worker's partitions without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from cjo_stream.core.program.program import Program
from cjo_stream.engine.frame import tick_frame
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.producer import Addressed
from cjo_stream.kafka.worker.assignment import Assignment
from cjo_stream.kafka.worker.partition import Partition
from cjo_stream.kafka.worker.state import LogRange, StateFolder
from cjo_stream.kafka.worker.steps import Arrival, Services
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.rocks import RocksStore

PARTITIONS = 4
WITHIN_S = 10.0


def compile_nothing(number: int, content: bytes) -> Program:
    raise AssertionError("no definition set is applied here")


class Host:
    """A worker's partitions without a broker: the test is the feed, the producer and the log."""

    def __init__(self, folder: Path, checkpoints: Path | None = None) -> None:
        self.folder = folder
        self.checkpoints = checkpoints
        self.failed: list[BaseException] = []
        self.acked: list[int] = []
        self.restores = 0
        self.steps = 0
        self.commits: list[int] = []
        """The number of steps at each commit."""
        self.resumed: list[dict[int, int]] = []
        self.range = LogRange(0, 1_000_000)
        self.replaced = 1_000_000
        self.delivered = asyncio.Event()
        self.delivered.set()
        self.sending = asyncio.Event()
        self.assignment = Assignment(self._partition)
        self.assignment.feed = self
        self.assignment.fail = self.failed.append  # type: ignore[method-assign] # it would end us

    async def resume(self, positions: Mapping[int, int]) -> None:
        self.resumed.append(dict(positions))

    def step(self, process_s: float, partition: int, frames: int, traces: Sequence[str]) -> None:
        self.steps += 1

    def commit(
        self, counts: Mapping[tuple[str, ...], float], delays: Sequence[int], commit_s: float
    ) -> None:
        self.commits.append(self.steps)

    def restored(self, seconds: float) -> None:
        self.restores += 1

    def record(self, offset: int) -> LogRecord:
        """Return what the log has at an offset; from `replaced` on it is not what was there."""
        return LogRecord(offset, 1_000 + offset, tick_frame(int(offset >= self.replaced)))

    def _look(self, offsets: Mapping[Place, int]) -> dict[Place, LogRecord | None]:
        first = self.range.first
        return {place: self.record(at) for place, at in offsets.items() if at >= first}

    async def put(self, number: int, *offsets: int) -> None:
        for offset in offsets:
            record = self.record(offset)
            ack = lambda offset=offset: self.acked.append(offset)  # noqa: E731 - one line says it
            await self.assignment.put(number, Arrival(record, ack))

    def partition(self, number: int) -> Partition:
        return next(p for p in self.assignment.partitions if p.number == number)

    async def applied(self, number: int, offset: int) -> None:
        while self.partition(number).next_offset <= offset:
            await asyncio.sleep(0)

    async def _send(self, frames: Sequence[Addressed]) -> None:
        self.sending.set()
        await self.delivered.wait()

    def _build(self, number: int, store: RocksStore) -> Task:
        return Task(number, PARTITIONS, Log("log", number), store, compile_nothing)

    def _partition(self, number: int) -> Partition:
        checkpoints = None
        if self.checkpoints is not None:
            checkpoints = Checkpoints(str(self.checkpoints), str(number))
        folder = StateFolder(self.folder / str(number), number, checkpoints)
        services = Services(
            internal_topic="internal",
            effect_topic="effect",
            send=self._send,
            build=self._build,
            log_range=lambda _: self.range,
            look=self._look,
            report=self,
            fail=self.assignment.fail,
            taken=self.assignment.taken,
            checkpoint_interval_s=None if self.checkpoints is None else 3600.0,
        )
        return Partition(number, folder, services)
