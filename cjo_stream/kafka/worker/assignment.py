"""The partitions of this process: which it has, how they come and go with the group.

A rebalance takes all partitions away and gives some back. So a revoke only suspends, and stores
checkpoints, for whoever may come next; the store of a partition that stays is never closed.
Stores that cannot be opened at once (locked by a process on its way out, or being restored) are
waited for in the background, and hold up no other. Nor does a folder that is being deleted: only
its own partition waits for that, should it come back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, Protocol

from cjo_stream.errors import CjoError, StopError
from cjo_stream.kafka.process.ending import exit_code
from cjo_stream.kafka.process.watchdog import Standing, end_process
from cjo_stream.kafka.worker.partition import Arrival, Partition, Phase

QUEUED_BYTES_MAX: Final = 32 << 20
"""Of all partitions: what the feed may put ahead of the steps."""
OPEN_AT_ONCE_S: Final = 2.0
"""Most stores open in a few ms: waiting for them is quicker than coming back to them."""
CHECKPOINT_WITHIN_S: Final = 5.0
"""Of a rebalance or a stop, for checkpoints; the one before holds where it does not suffice."""

_LOG = logging.getLogger(__name__)


class Feed(Protocol):
    """Where records come from: the group's consumer."""

    async def resume(self, positions: Mapping[int, int]) -> None:
        """Fetch these partitions from these offsets on."""


class Hosting:
    """All partitions of one worker process. Not for two event loops."""

    def __init__(self, make: Callable[[int], Partition]) -> None:
        self._make = make
        self._partitions: dict[int, Partition] = {}
        self._openings: dict[int, asyncio.Task[None]] = {}
        self._used: dict[int, list[asyncio.Future[Any]]] = {}
        """What uses the folder of a partition that this process has no more, until it is done: an
        opening that was abandoned, a leaving, a removal."""
        self._lock = asyncio.Lock()
        """Held while the group is given an answer, and for nothing that the group can wait for."""
        self._flowing = False
        """Whether all that is open flows: from the end of an `assign` until the next `revoke`."""
        self._queued_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self.feed: Feed | None = None

    # --- what its process asks -----------------------------------------------------------------

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """Return the partitions this process has, in order."""
        return tuple(partition for _, partition in sorted(self._partitions.items()))

    @property
    def ready(self) -> bool:
        """Return whether the group has given this process its share, and every store is open."""
        return self._flowing and not self._openings

    def standings(self) -> dict[int, Standing]:
        """Return how far each partition is; may be called from another thread."""
        return {number: p.standing for number, p in list(self._partitions.items())}

    def out_of_range(self, number: int, offset: int) -> None:
        """The log has no record at `offset`, and never will; may be called from another thread.

        Ends the process, unless that is where the group's offset lies, not the partition's store.
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
        """End the process: from here on nothing in memory can be trusted."""
        if isinstance(error, CjoError):
            end_process(str(error), exit_code(error))
        _LOG.error("a partition failed", exc_info=error)
        end_process(f"{type(error).__name__}: {error}")

    # --- as the group speaks -------------------------------------------------------------------

    async def assign(self, numbers: Iterable[int]) -> dict[int, int]:
        """Have exactly these partitions; return from which offsets those that are open go on.

        The others follow by the feed's `resume` as they open.
        """
        numbers = set(numbers)
        async with self._lock:
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
        """The group takes all partitions back, for now: finish what is in hand and lie still."""
        async with self._lock:
            self._flowing = False
            await asyncio.gather(*(p.suspend() for p in self._partitions.values()))
            await asyncio.gather(
                *(p.checkpoint(CHECKPOINT_WITHIN_S) for p in self._partitions.values())
            )

    async def remove(self, numbers: Iterable[int], remove: Callable[[int], object]) -> None:
        """Call `remove`, in a thread, with those of the numbers that this process has not."""
        for number in sorted(numbers):
            is_used = any(not use.done() for use in self._used.get(number, []))
            if number not in self._partitions and not is_used:
                removing = asyncio.ensure_future(asyncio.to_thread(remove, number))
                self._used[number] = [removing]
                await removing

    async def close(self) -> None:
        """Leave all partitions in order: what is stored stays, for they may come back."""
        await self.revoke()
        async with self._lock:
            await self._close(set(self._partitions), Partition.close)

    async def put(self, number: int, arrival: Arrival) -> None:
        """Take one record; returns when there is room for the next."""
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
        """Note that so many queued bytes have been taken, or dropped."""
        self._queued_bytes -= size
        self._room.set()

    # --- one partition -------------------------------------------------------------------------

    async def _open(self, partition: Partition) -> None:
        try:
            if before := self._used.pop(partition.number, None):
                await asyncio.wait(before)  # who began it hears how it ended
            await partition.open()
            if self._partitions.get(partition.number) is not partition:
                return  # it was taken back meanwhile; its number may be opening again
            del self._openings[partition.number]
            if self._flowing:
                await self._resume(partition)
        except Exception as error:
            self.fail(error)

    async def _resume(self, partition: Partition) -> None:
        """Let a partition flow whose store opened after the others had begun."""
        assert self.feed is not None
        try:
            await self.feed.resume({partition.number: partition.seek()})
        except Exception:
            if self._flowing and self._partitions.get(partition.number) is partition:
                raise
            # A rebalance came between; it will seek again.

    async def _close(
        self, numbers: set[int], how: Callable[[Partition], Coroutine[None, None, None]]
    ) -> None:
        leaving = {n: asyncio.ensure_future(how(self._partitions.pop(n))) for n in numbers}
        for number, use in leaving.items():
            opening = self._openings.pop(number, None)
            self._used[number] = [use] if opening is None else [use, opening]
        await asyncio.gather(*leaving.values())
