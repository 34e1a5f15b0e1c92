"""A state folder on disk: the log with its notes, and the store of each partition's task.

    STATE/log/             one RocksDB with all of it: the log's own keys, and
                           t | partition (4, BE) | key of the partition's store
    STATE/task-N/          a separate store of an older release, which is moved into STATE/log
    STATE/task-N.taken/    a store that has been moved, not yet deleted

All of it shares one log of writes. After a power cut it is as it was at one moment shortly before:
no task is ahead of the log, or behind the log's deleted part.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Sequence
from itertools import count, islice
from pathlib import Path
from typing import Final

from cjo_stream.embedded.log import DurableLog
from cjo_stream.engine import codec
from cjo_stream.engine.port import Store
from cjo_stream.errors import UsageError
from cjo_stream.store.rocks import RocksStore
from cjo_stream.store.section import Section

_PARTITION: Final = struct.Struct(">I")
_MOVED_PAIRS: Final = 10_000
_TAKEN: Final = ".taken"


class StateFolder:
    """An open state folder; `log` is closed by `close`, the tasks' stores with it."""

    def __init__(self, folder: Path, *, is_new: bool = False) -> None:
        """Open it; raises LockedError, and UsageError if it holds no state and is not `is_new`."""
        self.folder = folder
        if not is_new and not holds_state(folder):
            raise UsageError(
                f"{folder} holds no state: name the folder that `run` was given with --state, or "
                "DIR/state of a demo"
            )
        self._store = RocksStore(folder / "log")
        try:
            self.log = DurableLog(self._store)
            self._move_older()
        except BaseException:
            self.close()
            raise

    def stores(self, partitions: int) -> list[Store]:
        """Return the stores of that many tasks."""
        return [section(self._store, partition) for partition in range(partitions)]

    def tasks(self) -> list[Store]:
        """Return the stores of the tasks that have run here; one store if none has."""
        (first,) = self.stores(1)
        value = first.get(codec.META_KEY)
        return self.stores(codec.decode_meta(value).partitions if value is not None else 1)

    def close(self) -> None:
        """Release files and the lock. A second call does nothing."""
        self._store.close()

    def _move_older(self) -> None:
        """Move the stores that older releases kept in separate folders into this one.

        Each folder is renamed before it is deleted, so a folder under the old name is whole.
        """
        for taken in self.folder.glob(f"task-*{_TAKEN}"):
            shutil.rmtree(taken)
        older: list[Path] = []
        for partition in count():
            folder = self.folder / f"task-{partition}"
            if not folder.is_dir():
                break
            older.append(folder)
        if not older:
            return
        for partition, folder in enumerate(older):
            store = RocksStore(folder)
            try:
                _copy(store, section(self._store, partition))
            finally:
                store.close()
        self._store.purge([])  # the copies are on the disk before the originals are deleted
        gone = [folder.with_name(folder.name + _TAKEN) for folder in older]
        # Partition 0 last: after a crash on the way, everything is copied again.
        for folder, taken in reversed(list(zip(older, gone, strict=True))):
            folder.rename(taken)
        _sync(self.folder)  # so that no old folder reappears after a later power cut
        for taken in gone:
            shutil.rmtree(taken)


def holds_state(folder: Path) -> bool:
    """Return whether a folder holds a state, whole or broken."""
    return _is_log(folder / "log")


def clear(folder: Path) -> None:
    """Delete the state in a folder, and nothing else there."""
    for part in [*folder.glob("task-*"), folder / "log"]:
        shutil.rmtree(part, ignore_errors=True)


def section(store: Store, partition: int) -> Section:
    """Return the store of a partition's task within the state's store."""
    return Section(store, b"t" + _PARTITION.pack(partition))


def _is_log(folder: Path) -> bool:
    """Return whether a folder is the log of a state, whole or broken."""
    return any(next(folder.glob(part), None) for part in ("CURRENT", "MANIFEST-*", "*.sst"))


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _copy(source: Store, target: Store) -> None:
    pairs = source.scan(b"", b"\xff")
    while chunk := list(islice(pairs, _MOVED_PAIRS)):
        batch: Sequence[tuple[bytes, bytes | None]] = chunk
        target.write(batch)
