"""The checkpoints of one open partition: a copy between two steps, uploaded while steps go on."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from typing import Final

from cjo_stream.errors import RetryError
from cjo_stream.kafka.worker.state import StateFolder
from cjo_stream.store.rocks import RocksStore

NEVER: Final = (-1, False)

_LOG = logging.getLogger(__name__)


class Copies:
    """Makes the checkpoints of a partition: every `interval_s`, and when it is suspended.

    There are none without an interval. The offsets are those of the last record in the store.
    """

    def __init__(
        self, number: int, folder: StateFolder, store: RocksStore, interval_s: float | None
    ) -> None:
        self._number = number
        self._folder = folder
        self._store = store
        self._interval_s = interval_s
        self._upload: asyncio.Task[None] | None = None
        self._stop_upload = threading.Event()
        self._copied = NEVER
        """Applied offset of the newest copy, and whether the store was marked clean in it."""
        self.due_s = math.inf
        """When the next one is due, by the monotonic clock."""
        if interval_s is not None:
            # So that partitions opened at the same time are not copied at the same time.
            spread_s = interval_s * ((number % 8) / 8)
            self.due_s = time.monotonic() + interval_s - spread_s / 2

    @property
    def is_due(self) -> bool:
        """Return whether it is time for a checkpoint."""
        return time.monotonic() >= self.due_s

    def hurry(self) -> None:
        """Let a checkpoint be due now, if there are any."""
        if self._interval_s is not None:
            self.due_s = min(self.due_s, time.monotonic())

    def holds(self, applied: int) -> bool:
        """Return whether the newest checkpoint holds the whole state, marked clean."""
        saved = self._folder.saved
        return (
            self._copied == (applied, True)
            and (self._upload is None or self._upload.done())
            and saved is not None
            and saved.applied == applied
        )

    async def between_steps(self, applied: int) -> None:
        """Begin the checkpoint that is due, unless one is still on its way."""
        assert self._interval_s is not None
        self.due_s = time.monotonic() + self._interval_s
        if self._upload is None or self._upload.done():
            await self._begin(applied, is_clean=False)

    async def when_suspended(self, applied: int, within_s: float) -> None:
        """Store a checkpoint of the store, now marked clean, unless the newest one is the same."""
        if self._interval_s is None:
            return
        if self._copied != (applied, True):
            await self.finish(within_s)
            await self._begin(applied, is_clean=True)
        await self.finish(within_s)

    async def finish(self, within_s: float) -> None:
        """Return when no upload goes on: give up one that takes longer."""
        if self._upload is None:
            return
        done, _ = await asyncio.wait([self._upload], timeout=within_s)
        if not done:
            self._stop_upload.set()
            await self._upload
        self._upload = None

    async def _begin(self, applied: int, *, is_clean: bool) -> None:
        try:
            copy = await asyncio.to_thread(self._folder.take_copy, self._store)
        except RetryError as error:
            # A disk without room for a copy may have room for the next step.
            _LOG.warning("partition %d has no new checkpoint: %s", self._number, error)
            return
        self._copied = (applied, is_clean)
        self._stop_upload.clear()

        async def upload() -> None:
            try:
                await asyncio.to_thread(self._folder.save, copy, applied, self._stop_upload)
            except RetryError as error:
                self._copied = NEVER
                _LOG.warning("partition %d has no new checkpoint: %s", self._number, error)

        self._upload = asyncio.create_task(upload(), name=f"checkpoint-{self._number}")
