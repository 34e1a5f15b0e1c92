"""The records of one open partition: queued, then taken step by step.

A step is that of ARCHITECTURE.md: process, produce, await delivery, write, acknowledge. A full
step that waits is processed while the frames of the one before are on their way. Under load
several steps are written and acknowledged together; as soon as nothing waits, everything is.
Any failure ends the process: the store is then behind what was sent, never ahead of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from cjo_stream.engine.port import LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.kafka.client.producer import Addressed
from cjo_stream.kafka.position import loss
from cjo_stream.kafka.worker.copies import Copies
from cjo_stream.kafka.worker.state import LogRange
from cjo_stream.store.rocks import RocksStore

STEP_FRAMES_MAX: Final = 64
STEP_BYTES_MAX: Final = 256 * 1024
"""About a thousand items: a step keeps the event loop for about a tenth of a second."""
STEP_FRAMES_FIRST: Final = 8
PURGE_SAY_S: Final = 5.0
"""A running purge counts as progress: it is reported to the watchdog this often, for at most
PURGE_WITHIN_S."""
PURGE_WITHIN_S: Final = 1_800.0
STEP_S: Final = 0.1
"""The time for a step: a frame without items can fire thousands of timers, so frames and bytes
alone do not bound it. The number of frames follows from the time of the last steps."""
GATHER_S: Final = 0.010
COMMIT_STEPS_MAX: Final = 20
COMMIT_S: Final = 1.0
"""The steps that share a commit, and the time to process them. After a crash they are processed
again; if a handler fails, too, and nothing else goes on in the meantime."""


class Arrival(msgspec.Struct):
    """One record from the group's feed; call `ack` once it is in the store."""

    record: LogRecord
    ack: Callable[[], object]


class Report(Protocol):
    """Receives measurements."""

    def step(self, process_s: float, partition: int, frames: int, traces: Sequence[str]) -> None:
        """Record how long one step of a partition was processed, of so many frames.

        `traces` are the trace contexts of its events.
        """

    def commit(
        self, counts: Mapping[tuple[str, ...], float], delays: Sequence[int], commit_s: float
    ) -> None:
        """Record one commit: the task's counts, its timers' delays in ms, and how long it took.

        That is from the wait for the last frames' delivery on.
        """

    def restored(self, seconds: float) -> None:
        """Record the duration of one restore."""


async def _no_record(number: int) -> None:
    """Record nothing, for a worker whose folders need no record."""


class Services(msgspec.Struct, frozen=True):
    """The functions that a partition needs from its process."""

    internal_topic: str
    effect_topic: str
    send: Callable[[Sequence[Addressed]], Awaitable[None]]
    build: Callable[[int, RocksStore], Task]
    """Makes the task over an open store."""
    log_range: Callable[[int], LogRange]
    """Asks the broker for the range of the log; may raise RetryError. Called in a thread."""
    look: loss.Look
    """Reads records of the log; likewise."""
    report: Report
    fail: Callable[[BaseException], None]
    """Ends the process."""
    taken: Callable[[int], None]
    """Called with the number of queued bytes that have been taken."""
    checkpoint_interval_s: float | None
    hold: Callable[[int], Awaitable[None]] = _no_record
    """Called with a partition whose folder is about to be opened."""


class Steps:
    """The queue of a partition, and its steps, from `start` to `stop`."""

    def __init__(self, number: int, task: Task, copies: Copies, services: Services) -> None:
        self.task = task
        self.moves = 0
        """Grows while a purge goes on."""
        self._number = number
        self.copies = copies
        self._services = services
        self._queue: deque[Arrival] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._stopping = False
        self._frames_max = STEP_FRAMES_FIRST
        self._sending: asyncio.Future[None] | None = None
        """The delivery of the last step's frames."""
        self._unwritten: list[Arrival] = []
        """The records of the steps since the last commit, none of them acknowledged."""
        self._steps = 0
        self._stepping_s = 0.0

    @property
    def has_waiting(self) -> bool:
        """Return whether a record waits."""
        return bool(self._queue)

    def put(self, arrival: Arrival) -> int:
        """Queue the next record; return its bytes."""
        self._queue.append(arrival)
        size = len(arrival.record.value)
        self._queued_bytes += size
        self._wake.set()
        return size

    def drop_queue(self) -> None:
        """Forget the records that wait."""
        self._services.taken(self._queued_bytes)
        self._queued_bytes = 0
        self._queue.clear()

    def start(self) -> None:
        """Take steps until `stop`; an error ends the process."""
        if self._runner is None:
            self._stopping = False
            self._runner = asyncio.create_task(self._run(), name=f"partition-{self._number}")

    async def stop(self) -> None:
        """Finish the step in hand, and write it; drop what waits."""
        self.drop_queue()
        self._stopping = True
        self._wake.set()
        if self._runner is not None:
            await self._runner
            self._runner = None
        self.drop_queue()

    async def _run(self) -> None:
        try:
            await self._purge()  # one that a crash has delayed
            ready_s = 0.0
            while not self._stopping:
                if not self._queue and self._unwritten:
                    await self._commit()
                    continue
                if not self._queue:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                if not self._has_full_step:
                    # Under load, gather frames for a moment: fewer, larger steps.
                    if self._sending is not None:
                        await self._delivered()
                        continue
                    pause_s = ready_s - time.monotonic()
                    if pause_s > 0:
                        await asyncio.sleep(pause_s)
                        continue
                await self._step(self._next_step())
                ready_s = time.monotonic() + GATHER_S
                if self.copies.is_due:
                    await self._commit()
                    await self.copies.between_steps(self.task.applied)
            await self._commit()
        except Exception as error:
            self._services.fail(error)
            raise

    @property
    def _has_full_step(self) -> bool:
        return len(self._queue) >= self._frames_max or self._queued_bytes >= STEP_BYTES_MAX

    def _next_step(self) -> list[Arrival]:
        taken: list[Arrival] = []
        size = 0
        while self._queue and len(taken) < self._frames_max:
            more = len(self._queue[0].record.value)
            if taken and size + more > STEP_BYTES_MAX:
                break
            size += more
            taken.append(self._queue.popleft())
        self._queued_bytes -= size
        self._services.taken(size)
        return taken

    async def _step(self, arrivals: list[Arrival]) -> None:
        """Process records, while the frames of the step before are on their way."""
        task = self.task
        began_s = time.perf_counter()
        outbox = task.process([arrival.record for arrival in arrivals])
        took_s = time.perf_counter() - began_s
        self._frames_max = frames_next(self._frames_max, len(arrivals), took_s)
        self._services.report.step(took_s, self._number, len(arrivals), task.traces)
        self._unwritten += arrivals
        self._steps += 1
        self._stepping_s += took_s
        await self._delivered()
        internal, effect = self._services.internal_topic, self._services.effect_topic
        frames = [(internal, to, frame) for to, frame in outbox.frames]
        frames += [(effect, self._number, frame) for frame in outbox.effects]
        self._sending = asyncio.ensure_future(self._services.send(frames))
        await asyncio.sleep(0)  # so they are on their way before the next step keeps the loop
        is_due = self._steps >= COMMIT_STEPS_MAX or self._stepping_s >= COMMIT_S
        if is_due or task.must_commit:
            await self._commit()

    async def _delivered(self) -> None:
        """Return when the last step's frames are delivered."""
        sending, self._sending = self._sending, None
        if sending is not None:
            await sending

    async def _commit(self) -> None:
        """Write and acknowledge the steps since the last commit, once all frames are delivered."""
        task = self.task
        if not self._unwritten:
            return
        began_s = time.perf_counter()
        await self._delivered()
        task.commit()
        for arrival in self._unwritten:
            arrival.ack()
        self._unwritten = []
        self._steps, self._stepping_s = 0, 0.0
        took_s = time.perf_counter() - began_s
        self._services.report.commit(task.take_counts(), task.delays, took_s)
        await self._purge()

    async def _purge(self) -> None:
        """Remove erased state from the disk, if any; then make a checkpoint without it."""
        if not self.task.must_purge:
            return
        # A running upload still has the erased state; its copy lies beside the store.
        await self.copies.finish(0.0)
        until_s = time.monotonic() + PURGE_WITHIN_S
        purging = asyncio.create_task(asyncio.to_thread(self.task.purge))
        while not (await asyncio.wait([purging], timeout=PURGE_SAY_S))[0]:
            if time.monotonic() < until_s:
                self.moves += 1
        await purging
        self.copies.hurry()


def frames_next(frames_max: int, frames: int, took_s: float) -> int:
    """Return how many frames the next step may take, after one of `frames` that took `took_s`."""
    if took_s > STEP_S:
        return max(1, int(frames * STEP_S / took_s))
    if took_s < STEP_S / 2:
        return min(2 * frames_max, STEP_FRAMES_MAX)
    return frames_max
