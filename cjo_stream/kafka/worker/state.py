"""The state of one partition on this host: found, or restored from a checkpoint, and checked.

Of the local store and the newest checkpoint, the one with the higher applied offset is used; the
log supplies the rest. No gap may pass unnoticed: if the log does not go on from the stored state,
the worker refuses to start.

Nothing is deleted that may be the last copy. Beside a partition's folder there may be

    NNNN.unreadable-1   a store that did not open, moved aside: it can often be repaired. It stays
    NNNN.replaced       the store before a checkpoint replaced it; after a crash it is put back
    NNNN.restoring, NNNN.copy, NNNN.removing   left by an interruption, and worthless
    NNNN.copy.tmp                              (RocksDB's own, of an unfinished copy)

and all but the first are gone once the partition is open.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from cjo_stream.engine import codec
from cjo_stream.errors import RebuildError, RefusalError, RetryError
from cjo_stream.kafka.client.place import Topic
from cjo_stream.settings import Settings
from cjo_stream.store.checkpoint import Checkpoints, Manifest, folders
from cjo_stream.store.rocks import RocksStore

UNREADABLE: Final = "unreadable"

_LOG = logging.getLogger(__name__)


class LogRange(msgspec.Struct, frozen=True):
    """The offsets that a partition of the internal log holds: from `first`, up to before `end`."""

    first: int
    end: int


class StateFolder:
    """One partition's store in its worker slot's folder, and its checkpoints.

    `on_progress` is called in the opening thread after each part of a file that is restored.
    """

    def __init__(
        self,
        folder: Path,
        partition: int,
        checkpoints: Checkpoints | None,
    ) -> None:
        self._folder = folder
        self._copy = beside(folder, "copy")
        self._partition = partition
        self._checkpoints = checkpoints
        self.on_progress: Callable[[], None] = lambda: None
        self.restore_s: float | None = None
        """The duration of the restore at `open`; None if there was none."""
        self.saved: Manifest | None = None
        """The newest checkpoint known."""

    def open(self, log: LogRange) -> RocksStore:
        """Return the later of the local store and the newest checkpoint; `check` it then.

        A local store that cannot be read is moved aside once the checkpoints have been looked at.
        Raises LockedError while another process holds the folder, RetryError when disk or
        checkpoints are away.
        """
        tidy(self._folder)
        try:
            store = RocksStore(self._folder)
        except RebuildError as error:
            store = self._begin_anew(error, log)
        try:
            local = stored_offset(store)
        except RebuildError as error:
            store.close()
            store, local = self._begin_anew(error, log), -1
        try:
            newest = self._find_checkpoint(local, log)
            if newest is not None and newest.applied > local:
                store = self._restore(newest, store, local, log)
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
                f"installation must start anew{self._aside_sentence()}"
            )
        if applied >= log.end:
            raise RefusalError(
                f"partition {self._partition}: the state ends at offset {applied}, but the "
                f"internal log already at {log.end - 1}: the log lost its end, or is another one. "
                "Bring the log's end back; or let the partition begin before it: delete this "
                f"partition's state folder and the checkpoints beyond offset {log.end - 1}"
            )

    def take_copy(self, store: RocksStore) -> Path:
        """Return a consistent copy of `store` on this disk, for `save`."""
        shutil.rmtree(self._copy, ignore_errors=True)
        store.checkpoint(str(self._copy))
        return self._copy

    def save(self, copy: Path, applied: int, stop: threading.Event) -> None:
        """Store the copy as a checkpoint, if there is a checkpoint store; then delete the copy."""
        try:
            if self._checkpoints is not None:
                self.saved = self._checkpoints.save(copy, applied, stop)
                self._checkpoints.collect()
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def remove(self) -> None:
        """Delete the partition's store, which is closed, and remains of its copies."""
        if self._folder.exists():
            self._folder.rename(beside(self._folder, "removing"))
        tidy(self._folder)

    def remove_behind(self, reached: int, log: LogRange) -> bool:
        """Delete the store if it is spare; return whether nothing is left.

        It is spare if its partition's owner has `reached` a later offset, and no later owner needs
        it: a checkpoint holds as much, or the log reaches back to its beginning. A store that
        cannot be read, or is held by another process, stays. Raises RetryError where the
        checkpoint store is away.
        """
        tidy(self._folder)
        if not self._folder.exists():
            return True
        try:
            store = RocksStore(self._folder)
            try:
                applied = stored_offset(store)
            finally:
                store.close()
        except (RebuildError, RetryError) as error:
            _LOG.warning("partition %d: what is left of it stays: %s", self._partition, error)
            return False
        newest = self._checkpoints.newest() if self._checkpoints is not None else None
        in_checkpoint = newest is not None and newest.applied >= applied
        if applied >= reached or not (in_checkpoint or log.first == 0):
            return False
        self.remove()
        _LOG.info(
            "partition %d is another worker's, which is at offset %d: its folder here is deleted",
            self._partition,
            reached,
        )
        return True

    def _begin_anew(self, why: RebuildError, log: LogRange) -> RocksStore:
        """Return an empty store in place of one that cannot be read."""
        newest = self._find_checkpoint(-1, log)  # raises if the checkpoints are away now
        aside = next(
            path
            for number in itertools.count(1)
            if not (path := beside(self._folder, f"{UNREADABLE}-{number}")).exists()
        )
        self._folder.rename(aside)
        reach = "nothing: there is no checkpoint, and the log begins later"
        if newest is not None and newest.applied + 1 >= log.first:
            reach = f"the checkpoint at offset {newest.applied} and the log"
        elif log.first == 0:
            reach = "the log, from its beginning"
        _LOG.error(
            "partition %d: its store was moved to %s and is rebuilt from %s, for %s",
            self._partition,
            aside,
            reach,
            why,
        )
        return RocksStore(self._folder)

    def _aside_sentence(self) -> str:
        paths = [str(path) for path in asides(self._folder)]
        if not paths:
            return ""
        return (
            f". A store that could not be read lies in {', '.join(paths)}: repair it, and move it "
            f"back to {self._folder}"
        )

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

    def _restore(
        self, newest: Manifest, store: RocksStore, local: int, log: LogRange
    ) -> RocksStore:
        """Return the checkpoint's store, in place of `store`; if it is spoilt, `store` itself."""
        assert self._checkpoints is not None
        began_s = time.monotonic()
        arriving, replaced = beside(self._folder, "restoring"), beside(self._folder, "replaced")
        try:
            self._checkpoints.restore(newest, arriving, self.on_progress)
            _check_restored(arriving, newest)
        except RebuildError as error:
            shutil.rmtree(arriving, ignore_errors=True)
            if local + 1 < log.first:
                raise
            _LOG.error("partition %d goes on without a checkpoint: %s", self._partition, error)
            return store
        store.close()
        self._folder.rename(replaced)
        arriving.rename(self._folder)
        shutil.rmtree(replaced, ignore_errors=True)
        self.restore_s = time.monotonic() - began_s
        _LOG.info(
            "partition %d: restored the checkpoint at offset %d (the store was at %d) in %.1f s",
            self._partition,
            newest.applied,
            local,
            self.restore_s,
        )
        return RocksStore(self._folder)


def beside(folder: Path, what: str) -> Path:
    """Return the folder of that name beside a partition's."""
    return folder.with_name(f"{folder.name}.{what}")


def asides(folder: Path) -> list[Path]:
    """Return the stores of a partition that were moved aside, oldest first."""
    return sorted(folder.parent.glob(f"{folder.name}.{UNREADABLE}-*"))


def tidy(folder: Path) -> None:
    """Delete what interruptions left beside a partition's store, which must be closed."""
    replaced = beside(folder, "replaced")
    if replaced.exists() and not folder.exists():
        replaced.rename(folder)
    for what in ("copy", "copy.tmp", "restoring", "removing", "replaced"):
        shutil.rmtree(beside(folder, what), ignore_errors=True)


def _check_restored(folder: Path, manifest: Manifest) -> None:
    """Raise RebuildError if the restored store is not at the checkpoint's offset."""
    store = RocksStore(folder)
    try:
        applied = stored_offset(store)
    finally:
        store.close()
    if applied != manifest.applied:
        raise RebuildError(
            f"the checkpoint at offset {manifest.applied} holds a state that ends at {applied}: "
            "delete its manifest, so that the one before it is taken"
        )


def stored_offset(store: RocksStore) -> int:
    """Return the last internal offset in the state of `store`; -1 for an empty one."""
    return stored_meta(store).applied


def stored_meta(store: RocksStore) -> codec.Meta:
    """Return where the task of `store` stood; of an empty one, that of a new task."""
    value = store.get(codec.META_KEY)
    return codec.Meta() if value is None else codec.decode_meta(value)


def checkpoints_of(settings: Settings, topic: Topic, number: int) -> Checkpoints | None:
    """Return the checkpoints of a partition of the internal topic; None without a place."""
    if not settings.checkpoint_url:
        return None
    name = f"{topic.name}/{_folder_of(topic)}/{number:04d}"
    return Checkpoints(settings.checkpoint_url, name, settings.checkpoints_kept)


def former_checkpoints(settings: Settings, topic: Topic) -> list[str]:
    """Return where checkpoints of internal topics of that name lie which are no more.

    Raises RetryError where the checkpoint store is away.
    """
    if not settings.checkpoint_url:
        return []
    found = folders(settings.checkpoint_url, topic.name)
    place = f"{settings.checkpoint_url.rstrip('/')}/{topic.name}"
    return [f"{place}/{name}" for name in found if name != _folder_of(topic)]


def _folder_of(topic: Topic) -> str:
    return quote(topic.id, safe="")
