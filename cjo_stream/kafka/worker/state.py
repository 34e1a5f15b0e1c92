"""The state of one partition on this host: found, or brought back from a checkpoint, and checked.

Of the local store and the newest checkpoint the one with the higher applied offset is taken; the
log does the rest. Nothing here may leave a gap in silence: where the log does not reach from what
is stored, the worker refuses to start.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from cjo_stream.engine import codec
from cjo_stream.engine.port import LogRecord
from cjo_stream.errors import RebuildError, RefusalError, RetryError
from cjo_stream.store.checkpoint import Checkpoints, Manifest
from cjo_stream.store.rocks import RocksStore

_LOG = logging.getLogger(__name__)


class LogRange(msgspec.Struct, frozen=True):
    """What a partition of the internal log holds: `first` up to, without, `end`."""

    first: int
    end: int


class StateFolder:
    """One partition's store in its worker slot's folder, and its checkpoints.

    `on_progress` is called in the opening thread whenever a restore has come a file further.
    """

    def __init__(
        self,
        folder: Path,
        partition: int,
        checkpoints: Checkpoints | None,
    ) -> None:
        self._folder = folder
        self._copy = folder.with_name(folder.name + ".copy")
        self._partition = partition
        self._checkpoints = checkpoints
        self.on_progress: Callable[[], None] = lambda: None
        self.restore_s: float | None = None
        """How long the restore at `open` took; None where there was none."""
        self.saved: Manifest | None = None
        """The newest checkpoint known."""

    def open(self, log: LogRange) -> RocksStore:
        """Return the better of the local store and the newest checkpoint; `check` it then.

        Raises LockedError while another process holds the folder, RetryError when disk or
        checkpoints are away.
        """
        shutil.rmtree(self._copy, ignore_errors=True)
        store = self._open_local()
        try:
            local = stored_offset(store)
            newest = self._find_checkpoint(local, log)
            if newest is not None and newest.applied > local:
                store.close()
                store = self._restore(newest, local, log)
        except BaseException:
            store.close()
            raise
        return store

    def check(self, applied: int, log: LogRange) -> None:
        """Raise RefusalError where the log does not go on from state that ends at `applied`."""
        if applied + 1 < log.first:
            raise RefusalError(
                f"partition {self._partition}: the state ends at offset {applied}, but the "
                f"internal log begins at {log.first}: what lies between is gone. Bring back a "
                "newer checkpoint or this partition's state folder; if there is none, the "
                "installation must start anew"
            )
        if applied >= log.end:
            raise RefusalError(
                f"partition {self._partition}: the state ends at offset {applied}, but the "
                f"internal log already at {log.end - 1}: the log lost its end, or is another one. "
                "Restore the log, or the state that belongs to it"
            )

    def check_last(self, applied: int, digest: int, found: LogRecord | None) -> None:
        """Raise RefusalError where the log has another record at `applied` than the state took.

        `found` is what the log has there now; None where it begins later: then nobody can tell.
        """
        if found is None:
            if applied >= 0:
                _LOG.info(
                    "partition %d: the log begins after offset %d, the last one in the state: "
                    "whether it is the same log cannot be seen",
                    self._partition,
                    applied,
                )
        elif digest not in (codec.UNKNOWN, codec.record_digest(found.time, found.value)):
            raise RefusalError(
                f"partition {self._partition}: the record at offset {applied} of the internal log "
                "is not the one that the state was made of. The broker lost records that it had "
                "acknowledged, and others took their places: an unclean leader election, or a "
                "disk brought back from a copy. Bring the lost records back, or the log's replica "
                "that has them; else bring back state from before (delete this partition's state "
                "folder and the checkpoints that are newer)"
            )

    def take_copy(self, store: RocksStore) -> Path:
        """Return a consistent copy of `store` on this disk, for `save`."""
        shutil.rmtree(self._copy, ignore_errors=True)
        store.checkpoint(str(self._copy))
        return self._copy

    def save(self, copy: Path, applied: int, stop: threading.Event) -> None:
        """Store the copy as a checkpoint, and delete it; without a checkpoint store only that."""
        try:
            if self._checkpoints is not None:
                self.saved = self._checkpoints.save(copy, applied, stop)
                self._checkpoints.collect()
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def _open_local(self) -> RocksStore:
        try:
            return RocksStore(self._folder)
        except RebuildError as error:
            _LOG.warning("partition %d: %s", self._partition, error)
            shutil.rmtree(self._folder)
            return RocksStore(self._folder)

    def _find_checkpoint(self, local: int, log: LogRange) -> Manifest | None:
        if self._checkpoints is None:
            return None
        try:
            self.saved = self._checkpoints.newest()
        except RetryError as error:
            if local + 1 < log.first or local < 0:
                raise
            _LOG.warning("partition %d goes on from its own store: %s", self._partition, error)
        return self.saved

    def _restore(self, newest: Manifest, local: int, log: LogRange) -> RocksStore:
        assert self._checkpoints is not None
        began_s = time.monotonic()
        try:
            self._checkpoints.restore(newest, self._folder, self.on_progress)
            store = RocksStore(self._folder)
        except RebuildError as error:
            if local + 1 < log.first:
                raise
            _LOG.error("partition %d goes on without a checkpoint: %s", self._partition, error)
            return self._open_local()
        self.restore_s = time.monotonic() - began_s
        _LOG.info(
            "partition %d: restored the checkpoint at offset %d (the store was at %d) in %.1f s",
            self._partition,
            newest.applied,
            local,
            self.restore_s,
        )
        return store


def stored_offset(store: RocksStore) -> int:
    """Return the last internal offset in the state of `store`; -1 for an empty one."""
    value = store.get(codec.META_KEY)
    return -1 if value is None else codec.decode_meta(value).applied
