"""The partitions of this process, and how the group assigns and revokes them.

A rebalance takes all partitions away and gives some back. So a revoke only suspends partitions,
and stores checkpoints for possible next owners; the store of a partition that stays is never
closed. A store that cannot be opened at once (another process is still closing it, or it is being
restored) is opened in the background, and delays no other. A folder that is being deleted delays
only its own partition, if that comes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, Protocol

from cjo_stream.errors import CjoError, StopError
from cjo_stream.kafka.process.ending import exit_code
from cjo_stream.kafka.process.watchdog import Standing, end_process
from cjo_stream.kafka.worker.partition import Partition, Phase
from cjo_stream.kafka.worker.steps import Arrival

QUEUED_BYTES_MAX: Final = 32 << 20
"""Of all partitions together: records that are queued for the next steps."""
OPEN_AT_ONCE_S: Final = 2.0
"""Most stores open in a few ms: waiting for them is quicker than resuming them later."""
CHECKPOINT_WITHIN_S: Final = 5.0
"""For checkpoints at a rebalance or a stop; if it is too short, there is no new checkpoint."""

_LOG = logging.getLogger(__name__)


class Feed(Protocol):
    """Where records come from: the group's consumer."""

    async def resume(self, positions: Mapping[int, int]) -> None:
        """Fetch these partitions from these offsets on."""


class Assignment:
    """All partitions of one worker process. Not for two event loops."""

    def __init__(self, make: Callable[[int], Partition]) -> None:
        self._make = make
        self._partitions: dict[int, Partition] = {}
        self._openings: dict[int, asyncio.Task[None]] = {}
        self._used: dict[int, list[asyncio.Future[Any]]] = {}
        """Unfinished uses of the folder of a partition that this process no longer has: an
        abandoned opening, a leaving, a removal."""
        self._lock = asyncio.Lock()
        """Held only while the group waits for an answer."""
        self._flowing = False
        """Whether open partitions process records: from the end of an `assign` to a `revoke`."""
        self._queued_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self.feed: Feed | None = None
        self.assigned = 0
        """How often the group has given this process its share."""

    # --- for its process -----------------------------------------------------------------------

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """Return the partitions this process has, in order."""
        return tuple(partition for _, partition in sorted(self._partitions.items()))

    @property
    def ready(self) -> bool:
        """Return whether the group has given this process its share, and every store is open."""
        return self._flowing and not self._openings

    def standings(self) -> dict[int, Standing]:
        """Return the position of each partition; may be called from another thread."""
        return {number: p.standing for number, p in list(self._partitions.items())}

    def out_of_range(self, number: int, offset: int) -> None:
        """End the process if the partition needs `offset`, of which the log will have no record.

        Nothing happens if only the group's offset is there, not the partition's store. May be
        called from another thread.
        """
        partition = self._partitions.get(number)
        if partition is not None and partition.is_due(offset):
            self.fail(
                StopError(
                    f"partition {number}: the internal log no longer holds the record at offset "
                    f"{offset}, which is due: it was cut, or lost its end. The next start says "
                    "which, and what to do"
                )
            )

    def fail(self, error: BaseException) -> None:
        """End the process: its memory can no longer be trusted."""
        if isinstance(error, CjoError):
            end_process(str(error), exit_code(error))
        _LOG.error("a partition failed", exc_info=error)
        end_process(f"{type(error).__name__}: {error}")

    # --- for the group -------------------------------------------------------------------------

    async def assign(self, numbers: Iterable[int]) -> dict[int, int]:
        """Have exactly these partitions; return the next offsets of those that are open.

        The others follow by the feed's `resume` when they are open.
        """
        numbers = set(numbers)
        async with self._lock:
            self.assigned += 1
            self._flowing = False
            await self._close(set(self._partitions) - numbers, Partition.leave)
            for number in sorted(numbers - set(self._partitions)):
                partition = self._partitions[number] = self._make(number)
                self._openings[number] = asyncio.create_task(
                    self._open(partition), name=f"open-{number}"
                )
            if self._openings:
                await asyncio.wait(self._openings.values(), timeout=OPEN_AT_ONCE_S)
            self._flowing = True
            return {
                number: partition.seek()
                for number, partition in sorted(self._partitions.items())
                if partition.phase is not Phase.OPENING
            }

    async def revoke(self) -> None:
        """Finish the steps in hand and suspend all partitions: the group takes them for now."""
        async with self._lock:
            self._flowing = False
            await asyncio.gather(*(p.suspend() for p in self._partitions.values()))
            await asyncio.gather(
                *(p.checkpoint(CHECKPOINT_WITHIN_S) for p in self._partitions.values())
            )

    async def remove(self, numbers: Iterable[int], remove: Callable[[int], object]) -> None:
        """Call `remove`, in a thread, with each number that this process does not have."""
        for number in sorted(numbers):
            is_used = any(not use.done() for use in self._used.get(number, []))
            if number not in self._partitions and not is_used:
                removing = asyncio.ensure_future(asyncio.to_thread(remove, number))
                self._used[number] = [removing]
                await removing

    async def close(self) -> None:
        """Close all partitions cleanly; their stores stay, because they may come back."""
        await self.revoke()
        async with self._lock:
            await self._close(set(self._partitions), Partition.close)

    async def put(self, number: int, arrival: Arrival) -> None:
        """Queue one record; return when there is room for the next."""
        partition = self._partitions.get(number)
        if partition is None:
            return
        try:
            self._queued_bytes += partition.put(arrival)
        except CjoError as error:
            self.fail(error)
        while self._queued_bytes > QUEUED_BYTES_MAX and self._flowing:
            self._room.clear()
            await self._room.wait()

    def taken(self, size: int) -> None:
        """Note that this many queued bytes have been taken, or dropped."""
        self._queued_bytes -= size
        self._room.set()

    # --- one partition -------------------------------------------------------------------------

    async def _open(self, partition: Partition) -> None:
        try:
            if before := self._used.pop(partition.number, None):
                await asyncio.wait(before)  # errors are raised where it was begun
            await partition.open()
            if self._partitions.get(partition.number) is not partition:
                return  # it was revoked meanwhile; its number may be opening again
            del self._openings[partition.number]
            if self._flowing:
                await self._resume(partition)
        except Exception as error:
            self.fail(error)

    async def _resume(self, partition: Partition) -> None:
        """Start a partition whose store was opened after the others had started."""
        assert self.feed is not None
        try:
            await self.feed.resume({partition.number: partition.seek()})
        except Exception:
            if self._flowing and self._partitions.get(partition.number) is partition:
                raise
            # A rebalance came in between; it will seek again.

    async def _close(
        self, numbers: set[int], how: Callable[[Partition], Coroutine[None, None, None]]
    ) -> None:
        leaving = {n: asyncio.ensure_future(how(self._partitions.pop(n))) for n in numbers}
        for number, use in leaving.items():
            opening = self._openings.pop(number, None)
            self._used[number] = [use] if opening is None else [use, opening]
        await asyncio.gather(*leaving.values())
