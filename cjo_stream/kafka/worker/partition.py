"""One partition in this process, and its life.

OPENING ──▶ SEEKING ──▶ RUNNING          OPENING    its store is being opened or restored
│         ▲   │       │  ▲            SEEKING    waits for the record after `applied`
│         │   ▼       ▼  │            RUNNING    takes records as they come
│        SUSPENDED ◀──┘  │            SUSPENDED  the group rebalances: takes none
│            │   └───────┘            CLOSED     the store is released
└──▶ CLOSED ◀┘  (also from SEEKING and RUNNING, by way of SUSPENDED)
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import time
from typing import Final

from cjo_stream.core.answer import CanaryRow
from cjo_stream.engine.task import Task
from cjo_stream.errors import CjoError, HoleError, LockedError, RetryError
from cjo_stream.kafka.position import loss
from cjo_stream.kafka.process.watchdog import Standing
from cjo_stream.kafka.worker.copies import Copies
from cjo_stream.kafka.worker.state import StateFolder
from cjo_stream.kafka.worker.steps import Arrival, Services, Steps
from cjo_stream.store.rocks import RocksStore

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


class Partition:
    """One partition that the group has given to this process."""

    def __init__(self, number: int, folder: StateFolder, services: Services) -> None:
        self.number = number
        self.phase = Phase.OPENING
        self._folder = folder
        folder.on_progress = self._restored_a_file
        self._services = services
        self._store: RocksStore | None = None
        self._steps: Steps | None = None
        self._expected = 0
        self._arrived_s = time.monotonic()
        self._opened_s = 0.0
        self._moves = 0

    # --- for its process -----------------------------------------------------------------------

    @property
    def next_offset(self) -> int:
        """Return the offset of the record after the last one in the state; -1 while opening."""
        return -1 if self._steps is None else self._steps.task.applied + 1

    @property
    def standing(self) -> Standing:
        """Return its position, for the watchdog."""
        purging = 0 if self._steps is None else self._steps.moves
        return Standing(max(self.next_offset, 0), self._moves + purging)

    @property
    def idle_s(self) -> float:
        """Return for how long no record has come; 0 if one is waiting, or none can come."""
        if self.phase not in (Phase.SEEKING, Phase.RUNNING):
            return 0.0
        if self._steps is not None and self._steps.has_waiting:
            return 0.0
        return time.monotonic() - self._arrived_s

    @property
    def checkpoint_age_s(self) -> float | None:
        """Return the age of the newest checkpoint, or for how long there should be one.

        None where none is asked for, and while the store is being opened.
        """
        if self._services.checkpoint_interval_s is None or self._steps is None:
            return None
        saved = self._folder.saved
        if saved is None:
            return time.monotonic() - self._opened_s
        return time.time() - saved.created_ms / 1000

    @property
    def live(self) -> dict[str, dict[int, dict[str, int]]]:
        """Return how many instances are live, by journey, version and state."""
        return {} if self._steps is None else self._steps.task.live

    @property
    def canaries(self) -> list[CanaryRow]:
        """Return the guarded canaries in force, of the first partition.

        None where the set does not run here: its next record says why, and ends the process.
        """
        with contextlib.suppress(CjoError):
            return [] if self._steps is None else self._steps.task.canaries
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
                store, task = await asyncio.to_thread(self._open)
                break
            except RetryError as error:
                pause_s = LOCKED_RETRY_S if isinstance(error, LockedError) else AWAY_RETRY_S
                reason = str(error)
            if time.monotonic() - said_s >= LOCKED_SAY_S:
                said_s = time.monotonic()
                _LOG.warning("partition %d waits: %s", self.number, reason)
            await asyncio.sleep(pause_s)
        else:
            return
        self._store = store
        self._opened_s = time.monotonic()
        interval_s = self._services.checkpoint_interval_s
        copies = Copies(self.number, self._folder, store, interval_s)
        self._steps = Steps(self.number, task, copies, self._services)
        if self.phase is not Phase.OPENING:
            self._release()
            return
        self._move(Phase.SUSPENDED)
        if self._folder.restore_s is not None:
            self._services.report.restored(self._folder.restore_s)

    def seek(self) -> int:
        """Return the offset of the next record; others are ignored until that one comes."""
        steps = self._steps
        assert steps is not None
        self._move(Phase.SEEKING)
        steps.drop_queue()
        self._expected = self.next_offset
        self._arrived_s = time.monotonic()
        steps.start()
        return self._expected

    def put(self, arrival: Arrival) -> int:
        """Queue one record; return the bytes that it adds. Raises HoleError at a gap.

        While SEEKING, a record other than the one sought is neither acknowledged nor processed;
        without an open store, no record is.
        """
        if self._steps is None or self.phase not in (Phase.SEEKING, Phase.RUNNING):
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
        return self._steps.put(arrival)

    async def suspend(self) -> None:
        """Finish the step in hand and take no more: queued records come again."""
        if self.phase in (Phase.OPENING, Phase.CLOSED, Phase.SUSPENDED):
            return
        self._move(Phase.SUSPENDED)
        assert self._steps is not None
        await self._steps.stop()
        self._steps.task.mark_clean()

    async def checkpoint(self, within_s: float) -> None:
        """Store a checkpoint of a suspended partition, unless the newest one is the same."""
        steps = self._steps
        if self.phase is Phase.SUSPENDED and steps is not None and not steps.task.must_purge:
            await steps.copies.when_suspended(steps.task.applied, within_s)

    async def leave(self) -> None:
        """Release the store of a partition that another worker has now; delete it if it is spare.

        It is spare if a checkpoint holds all of it. Otherwise it may be the only copy, and stays
        until the new owner is beyond it.
        """
        is_spare = (
            self.phase is Phase.SUSPENDED
            and self._steps is not None
            and self._steps.copies.holds(self.next_offset - 1)
        )
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
            if self._steps is not None:
                await self._steps.copies.finish(0.0)
            self._move(Phase.CLOSED)
            self._release()

    def _open(self) -> tuple[RocksStore, Task]:
        """Runs in a thread."""
        log = self._services.log_range(self.number)
        store = self._folder.open(log)
        try:
            # First the task: it refuses a log that was created anew, and names that reason.
            task = self._services.build(self.number, store)
            self._folder.check(task.applied, log)
            place = (self._services.internal_topic, self.number)
            last = loss.Taken(place, task.applied, task.digest)
            loss.check([last], self._services.look, STATE_FROM_BEFORE)
        except BaseException:
            store.close()
            raise
        return store, task

    def _release(self) -> None:
        if self._steps is not None:
            self._steps.task.release()
        store, self._store, self._steps = self._store, None, None
        if store is not None:
            store.close()

    def _move(self, to: Phase) -> None:
        assert to in MOVES[self.phase], f"partition {self.number}: {self.phase} -> {to}"
        self.phase = to

    def _restored_a_file(self) -> None:
        self._moves += 1
