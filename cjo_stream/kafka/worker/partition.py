"""One partition in this process: its queue, its task, its life.

    OPENING ──▶ SEEKING ──▶ RUNNING          OPENING    its store is being opened or restored
       │         ▲   │       │  ▲            SEEKING    waits for the record after `applied`
       │         │   ▼       ▼  │            RUNNING    takes records as they come
       │        SUSPENDED ◀──┘  │            SUSPENDED  the group rebalances: takes none
       │            │   └───────┘            CLOSED     the store is released
       └──▶ CLOSED ◀┘  (also from SEEKING and RUNNING, by way of SUSPENDED)

A step is that of ARCHITECTURE.md: process, produce, await delivery, write, acknowledge. A full
step that waits is processed while the frames of the one before are on their way. Under load
several steps are written and acknowledged together; as soon as nothing waits, everything is.
Any failure ends the process: the store is then behind what was sent, never ahead of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from cjo_stream.core.answer import CanaryRow
from cjo_stream.engine.port import LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.errors import CjoError, HoleError, LockedError, RetryError
from cjo_stream.kafka.client.producer import Addressed
from cjo_stream.kafka.position import loss
from cjo_stream.kafka.process.watchdog import Standing
from cjo_stream.kafka.worker.state import LogRange, StateFolder
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
NEVER: Final = (-1, False)
LOCKED_RETRY_S: Final = 0.25
LOCKED_SAY_S: Final = 10.0
AWAY_RETRY_S: Final = 5.0
STATE_FROM_BEFORE: Final = (
    "or bring back state from before (delete this partition's state folder, and the checkpoints "
    "that are newer)"
)

_LOG = logging.getLogger(__name__)


class Phase(enum.Enum):
    """The phases of a partition's life; `MOVES` has the allowed moves."""

    OPENING = "opening"
    SEEKING = "seeking"
    RUNNING = "running"
    SUSPENDED = "suspended"
    CLOSED = "closed"


MOVES: Final = {
    Phase.OPENING: {Phase.SUSPENDED, Phase.CLOSED},
    Phase.SEEKING: {Phase.SEEKING, Phase.RUNNING, Phase.SUSPENDED},
    Phase.RUNNING: {Phase.SEEKING, Phase.SUSPENDED},
    Phase.SUSPENDED: {Phase.SEEKING, Phase.SUSPENDED, Phase.CLOSED},
    Phase.CLOSED: set[Phase](),
}


class Arrival(msgspec.Struct):
    """One record from the group's feed; call `ack` once it is in the store."""

    record: LogRecord
    ack: Callable[[], object]


class Report(Protocol):
    """Receives measurements."""

    def step(self, process_s: float) -> None:
        """Record how long one step was processed."""

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


class Partition:
    """One partition that the group has given to this process."""

    def __init__(self, number: int, folder: StateFolder, services: Services) -> None:
        self.number = number
        self.phase = Phase.OPENING
        self._folder = folder
        folder.on_progress = self._restored_a_file
        self._services = services
        self._store: RocksStore | None = None
        self._task: Task | None = None
        self._queue: deque[Arrival] = deque()
        self._queued_bytes = 0
        self._expected = 0
        self._wake = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._stopping = False
        self._upload: asyncio.Task[None] | None = None
        self._stop_upload = threading.Event()
        self._copied = NEVER
        """Applied offset of the newest copy, and whether the store was marked clean in it."""
        self._checkpoint_due_s = 0.0
        self._opened_s = 0.0
        self._frames_max = STEP_FRAMES_FIRST
        self._sending: asyncio.Future[None] | None = None
        """The delivery of the last step's frames."""
        self._unwritten: list[Arrival] = []
        """The records of the steps since the last commit, none of them acknowledged."""
        self._steps = 0
        self._stepping_s = 0.0
        self._arrived_s = time.monotonic()
        self.moves = 0

    # --- for its process -----------------------------------------------------------------------

    @property
    def next_offset(self) -> int:
        """Return the offset of the record after the last one in the state; -1 while opening."""
        return -1 if self._task is None else self._task.applied + 1

    @property
    def standing(self) -> Standing:
        """Return its position, for the watchdog."""
        return Standing(max(self.next_offset, 0), self.moves)

    @property
    def idle_s(self) -> float:
        """Return for how long no record has come; 0 if one is waiting, or none can come."""
        if self._queue or self.phase not in (Phase.SEEKING, Phase.RUNNING):
            return 0.0
        return time.monotonic() - self._arrived_s

    @property
    def checkpoint_age_s(self) -> float | None:
        """Return the age of the newest checkpoint, or for how long there should be one.

        None where none is asked for, and while the store is being opened.
        """
        if self._services.checkpoint_interval_s is None or self._task is None:
            return None
        saved = self._folder.saved
        if saved is None:
            return time.monotonic() - self._opened_s
        return time.time() - saved.created_ms / 1000

    @property
    def live(self) -> dict[str, dict[int, dict[str, int]]]:
        """Return how many instances are live, by journey, version and state."""
        return {} if self._task is None else self._task.live

    @property
    def canaries(self) -> list[CanaryRow]:
        """Return the guarded canaries in force, of the first partition.

        None where the set does not run here: its next record says why, and ends the process.
        """
        with contextlib.suppress(CjoError):
            return [] if self._task is None else self._task.canaries
        return []

    @property
    def state_bytes(self) -> int:
        """Return about how many bytes its store takes."""
        return 0 if self._store is None else self._store.size_bytes()

    def is_due(self, offset: int) -> bool:
        """Return whether the record at `offset` is still needed, and can come."""
        return self.phase in (Phase.SEEKING, Phase.RUNNING) and offset >= self.next_offset

    # --- its life ------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open or restore the store, waiting as long as another process holds it; then SUSPENDED.

        Raises RefusalError where the log does not go on from any existing state.
        """
        said_s = time.monotonic()
        await self._services.hold(self.number)
        while self.phase is Phase.OPENING:
            try:
                await asyncio.to_thread(self._open)
                break
            except RetryError as error:
                pause_s = LOCKED_RETRY_S if isinstance(error, LockedError) else AWAY_RETRY_S
                reason = str(error)
            if time.monotonic() - said_s >= LOCKED_SAY_S:
                said_s = time.monotonic()
                _LOG.warning("partition %d waits: %s", self.number, reason)
            await asyncio.sleep(pause_s)
        if self.phase is not Phase.OPENING:
            self._release()
            return
        self._move(Phase.SUSPENDED)
        if self._folder.restore_s is not None:
            self._services.report.restored(self._folder.restore_s)

    def seek(self) -> int:
        """Return the offset of the next record; others are ignored until that one comes."""
        self._move(Phase.SEEKING)
        self._drop_queue()
        self._expected = self.next_offset
        self._arrived_s = time.monotonic()
        if self._runner is None:
            self._stopping = False
            self._runner = asyncio.create_task(self._run(), name=f"partition-{self.number}")
        return self._expected

    def put(self, arrival: Arrival) -> int:
        """Queue one record; return the bytes that it adds. Raises HoleError at a gap.

        While SEEKING, a record other than the one sought is neither acknowledged nor processed;
        without an open store, no record is.
        """
        if self.phase not in (Phase.SEEKING, Phase.RUNNING):
            return 0
        offset = arrival.record.offset
        if offset < self._expected:
            if offset < self.next_offset:
                arrival.ack()
            return 0
        if offset > self._expected:
            if self.phase is Phase.SEEKING:
                return 0
            raise HoleError(
                f"partition {self.number}: record {offset} came where {self._expected} was due. "
                f"The next start reads the log from {self._expected} on, or says what it has lost"
            )
        if self.phase is Phase.SEEKING:
            self._move(Phase.RUNNING)
        self._expected += 1
        self._arrived_s = time.monotonic()
        self._queue.append(arrival)
        size = len(arrival.record.value)
        self._queued_bytes += size
        self._wake.set()
        return size

    async def suspend(self) -> None:
        """Finish the step in hand and take no more: queued records come again."""
        if self.phase in (Phase.OPENING, Phase.CLOSED, Phase.SUSPENDED):
            return
        self._move(Phase.SUSPENDED)
        self._drop_queue()
        self._stopping = True
        self._wake.set()
        if self._runner is not None:
            await self._runner
            self._runner = None
        self._drop_queue()
        if self._task is not None:
            self._task.mark_clean()

    async def checkpoint(self, within_s: float) -> None:
        """Store a checkpoint of a suspended partition, unless the newest one is the same."""
        if self.phase is not Phase.SUSPENDED or self._services.checkpoint_interval_s is None:
            return
        if self._task is not None and self._task.must_purge:
            return
        if self._copied != (self.next_offset - 1, True):
            await self._finish_upload(within_s)
            await self._begin_checkpoint()
        await self._finish_upload(within_s)

    async def leave(self) -> None:
        """Release the store of a partition that another worker has now; delete it if it is spare.

        It is spare if a checkpoint holds all of it. Otherwise it may be the only copy, and stays
        until the new owner is beyond it.
        """
        is_spare = self._is_in_checkpoint
        await self.close()
        if is_spare and self._store is None and self.phase is Phase.CLOSED:
            await asyncio.to_thread(self._folder.remove)

    async def close(self) -> None:
        """Release the store."""
        await self.suspend()
        if self.phase is Phase.OPENING:
            # The opening coroutine sees the phase, and releases what it has opened.
            self._move(Phase.CLOSED)
            return
        if self.phase is Phase.SUSPENDED:
            await self._finish_upload(0.0)
            self._move(Phase.CLOSED)
            self._release()

    @property
    def _is_in_checkpoint(self) -> bool:
        """Return whether the newest checkpoint holds the whole state, marked clean."""
        saved, applied = self._folder.saved, self.next_offset - 1
        return (
            self.phase is Phase.SUSPENDED
            and self._copied == (applied, True)
            and (self._upload is None or self._upload.done())
            and saved is not None
            and saved.applied == applied
        )

    def _open(self) -> None:
        """Runs in a thread."""
        log = self._services.log_range(self.number)
        self._store = self._folder.open(log)
        try:
            # First the task: it refuses a log that was created anew, and names that reason.
            self._task = self._services.build(self.number, self._store)
            applied = self._task.applied
            self._folder.check(applied, log)
            place = (self._services.internal_topic, self.number)
            last = loss.Taken(place, applied, self._task.digest)
            loss.check([last], self._services.look, STATE_FROM_BEFORE)
        except BaseException:
            self._release()
            raise
        self._opened_s = time.monotonic()
        interval_s = self._services.checkpoint_interval_s or 0.0
        # So that partitions opened at the same time are not copied at the same time.
        spread_s = interval_s * ((self.number % 8) / 8)
        self._checkpoint_due_s = self._opened_s + interval_s - spread_s / 2

    def _release(self) -> None:
        store, self._store, self._task = self._store, None, None
        if store is not None:
            store.close()

    def _move(self, to: Phase) -> None:
        assert to in MOVES[self.phase], f"partition {self.number}: {self.phase} -> {to}"
        self.phase = to

    def _drop_queue(self) -> None:
        self._services.taken(self._queued_bytes)
        self._queued_bytes = 0
        self._queue.clear()

    def _restored_a_file(self) -> None:
        self.moves += 1

    # --- its steps -----------------------------------------------------------------------------

    async def _run(self) -> None:
        assert self._task is not None
        try:
            await self._purge(self._task)  # one that a crash has delayed
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
                if time.monotonic() >= self._checkpoint_due_s:
                    await self._commit()
                    await self._checkpoint_by_time()
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
        task = self._task
        assert task is not None
        began_s = time.perf_counter()
        outbox = task.process([arrival.record for arrival in arrivals])
        took_s = time.perf_counter() - began_s
        self._frames_max = frames_next(self._frames_max, len(arrivals), took_s)
        self._services.report.step(took_s)
        self._unwritten += arrivals
        self._steps += 1
        self._stepping_s += took_s
        await self._delivered()
        internal, effect = self._services.internal_topic, self._services.effect_topic
        frames = [(internal, to, frame) for to, frame in outbox.frames]
        frames += [(effect, self.number, frame) for frame in outbox.effects]
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
        task = self._task
        assert task is not None
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
        await self._purge(task)

    async def _purge(self, task: Task) -> None:
        """Remove erased state from the disk, if any; then make a checkpoint without it."""
        if not task.must_purge:
            return
        # A running upload still has the erased state; its copy lies beside the store.
        await self._finish_upload(0.0)
        until_s = time.monotonic() + PURGE_WITHIN_S
        purging = asyncio.create_task(asyncio.to_thread(task.purge))
        while not (await asyncio.wait([purging], timeout=PURGE_SAY_S))[0]:
            if time.monotonic() < until_s:
                self.moves += 1
        await purging
        self._checkpoint_due_s = min(self._checkpoint_due_s, time.monotonic())

    # --- checkpoints ---------------------------------------------------------------------------

    async def _checkpoint_by_time(self) -> None:
        interval_s = self._services.checkpoint_interval_s
        if interval_s is None:
            self._checkpoint_due_s = float("inf")
            return
        self._checkpoint_due_s = time.monotonic() + interval_s
        if self._upload is None or self._upload.done():
            await self._begin_checkpoint()

    async def _begin_checkpoint(self) -> None:
        """Copy the store between two steps; upload the copy while steps go on."""
        store, task = self._store, self._task
        assert store is not None
        assert task is not None
        applied = task.applied
        try:
            copy = await asyncio.to_thread(self._folder.take_copy, store)
        except RetryError as error:
            # A disk without room for a copy may have room for the next step.
            _LOG.warning("partition %d has no new checkpoint: %s", self.number, error)
            return
        self._copied = (applied, self.phase is Phase.SUSPENDED)
        self._stop_upload.clear()

        async def upload() -> None:
            try:
                await asyncio.to_thread(self._folder.save, copy, applied, self._stop_upload)
            except RetryError as error:
                self._copied = NEVER
                _LOG.warning("partition %d has no new checkpoint: %s", self.number, error)

        self._upload = asyncio.create_task(upload(), name=f"checkpoint-{self.number}")

    async def _finish_upload(self, within_s: float) -> None:
        if self._upload is None:
            return
        done, _ = await asyncio.wait([self._upload], timeout=within_s)
        if not done:
            self._stop_upload.set()
            await self._upload
        self._upload = None


def frames_next(frames_max: int, frames: int, took_s: float) -> int:
    """Return how many frames the next step may take, after one of `frames` that took `took_s`."""
    if took_s > STEP_S:
        return max(1, int(frames * STEP_S / took_s))
    if took_s < STEP_S / 2:
        return min(2 * frames_max, STEP_FRAMES_MAX)
    return frames_max
