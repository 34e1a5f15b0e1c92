"""The durable store: RocksDB, through rocksdict's raw mode.

A write is in the operating system's hands when it returns: it survives the death of the
process, not of the machine. After a power cut the store opens at an earlier batch, never inside
one, and the log is replayed from there.
"""

from __future__ import annotations

import functools
import re
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    Checkpoint,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)

from cjo_stream.errors import CjoError, LockedError, RebuildError, RetryError
from cjo_stream.store.private import make_private
from cjo_stream.store.sequence import fault_in

BLOCK_CACHE_BYTES = 128 << 20
WRITE_BUFFERS_BYTES = 64 << 20
"""For all stores of a process together; counted as part of the block cache."""
WRITE_BUFFER_BYTES = 32 << 20
COMPACT_FILES = 8
"""Flushed files that are merged at once: each merge writes most of the store anew, since any
customer may be in any file."""
LOG_FILE_BYTES = 1 << 20
LOG_FILES_MAX = 2
BLOOM_BITS = 10
OVERWRITTEN_KEPT_S = 86_400
"""Files with older values than this are merged into those below, while the store is open."""
_HELD = re.compile("While lock file|lock hold by current process")
_SPOILT = ("Corruption", "Invalid argument")
TOMBSTONE_WINDOW = 100_000
TOMBSTONES_MAX = 50_000
"""A flushed file is merged at once if half of so many neighbours are deletions, which a scan must
pass. Each timer is written once and deleted once, so with fewer every file would be: and each such
merge writes most of the store anew."""


class Memory:
    """The memory that all stores of a process share."""

    def __init__(
        self,
        block_cache_bytes: int = BLOCK_CACHE_BYTES,
        write_buffers_bytes: int = WRITE_BUFFERS_BYTES,
    ) -> None:
        self.cache = Cache(block_cache_bytes)
        self.write_buffers = WriteBufferManager.new_write_buffer_manager_with_cache(
            write_buffers_bytes, False, self.cache
        )


@functools.cache
def process_memory() -> Memory:
    """Return the memory for stores that are opened without their own."""
    return Memory()


class RocksStore:
    """An `engine.port.Store` in a folder, which is made if it is missing.

    Overwritten values leave the disk with a `purge`, or about OVERWRITTEN_KEPT_S later.

    Raises LockedError while another process (or this one) holds the folder, RebuildError when it
    cannot be read, RetryError when the disk fails or is full.
    """

    compression = DBCompressionType.lz4()

    def __init__(self, folder: str | Path, memory: Memory | None = None) -> None:
        self._folder = str(folder)
        self._scans: weakref.WeakSet[_Scan] = weakref.WeakSet()
        self._open = False
        self._has_failed = False
        try:
            make_private(Path(folder))
            fault = fault_in(Path(folder))
            # Another process may be writing to it; a real fault is still there the second time.
            if fault is not None and fault == fault_in(Path(folder)):
                raise _unreadable(self._folder, fault)
            options = _options(memory or process_memory(), self.compression)
            # By name: those of an existing store would come from its file, without our caches.
            self._db = Rdict(self._folder, options, column_families={"default": options})
            self._db.set_options({"ttl": str(OVERWRITTEN_KEPT_S)})
        except Exception as error:
            raise named(error, self._folder) from error
        self._open = True
        self._get = self._db.get

    def get(self, key: bytes) -> bytes | None:
        """Return the value at `key`."""
        try:
            value: bytes | None = self._get(key)
        except Exception as error:
            raise named(error, self._folder) from error
        return value

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with start <= key < end, in byte order, as of the call."""
        scan = _Scan(self._db, start, end, self._folder)
        self._scans.add(scan)
        return scan

    def write(self, batch: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Apply all puts and deletes of the batch, or none; the last of a key holds."""
        changes = WriteBatch(raw_mode=True)
        put, delete = changes.put, changes.delete
        for key, value in batch:
            if value is None:
                delete(key)
            else:
                put(key, value)
        try:
            self._db.write(changes)
        except Exception as error:
            self._has_failed = True
            raise named(error, self._folder) from error

    def checkpoint(self, folder: str) -> None:
        """Leave a consistent copy in `folder`: hard links where the disk is the same."""
        try:
            Path(folder).parent.mkdir(parents=True, exist_ok=True)
            Checkpoint(self._db).create_checkpoint(folder)
        except Exception as error:
            if str(error).startswith("Corruption"):
                raise named(error, self._folder) from error
            raise RetryError(
                f"{folder} cannot be made ({error}): make room on the disk, or bring it back"
            ) from error

    def purge(self, ranges: Sequence[tuple[bytes, bytes]]) -> None:
        """Remove from the disk what was overwritten or deleted in these ranges.

        The flush of the buffers empties the write-ahead log, the compaction removes older values.
        May run in a thread while nothing writes: 100 MB of state take about half a second.
        """
        try:
            self._db.flush(True)
            for begin, end in ranges:
                self._db.compact_range(begin, end)
        except Exception as error:
            raise named(error, self._folder) from error

    def size_bytes(self) -> int:
        """Return about how many bytes the store takes, on disk and in write buffers."""
        files: int = self._db.property_int_value("rocksdb.total-sst-files-size") or 0
        buffers: int = self._db.property_int_value("rocksdb.cur-size-all-mem-tables") or 0
        return files + buffers

    def close(self) -> None:
        """Release files and the lock. A second call does nothing."""
        if not self._open:
            return
        self._open = False
        # An iterator that is still alive would keep the database open, and its lock held.
        for scan in list(self._scans):
            scan.end()
        try:
            self._db.close()
        except Exception as error:
            if self._has_failed:
                return  # RocksDB only repeats that it failed; the first error had the reason
            raise named(error, self._folder) from error


class _Scan(Iterator[tuple[bytes, bytes]]):
    """One iterator of RocksDB, which its store can end.

    RocksDB's own iterator also ends at a damaged block, and the library reports no difference.
    """

    def __init__(self, db: Rdict, start: bytes, end: bytes, folder: str) -> None:
        # RocksDB reads the bound from the options' memory, so they must live as long as the scan.
        self._bound = ReadOptions()
        self._bound.set_iterate_upper_bound(end)
        self._folder = folder
        self._db: Rdict | None = None
        self._last = start
        self._pairs: Iterator[tuple[bytes, bytes]] = iter(())
        if start < end:
            self._db = db
            self._pairs = cast(
                "Iterator[tuple[bytes, bytes]]",
                db.items(from_key=start, read_opt=self._bound),
            )

    def __next__(self) -> tuple[bytes, bytes]:
        try:
            pair = next(self._pairs)
            self._last = pair[0]
            return pair
        except StopIteration:
            self._check_end()
            raise
        except Exception as error:
            raise named(error, self._folder) from error

    def end(self) -> None:
        """Release the database."""
        self._db, self._pairs = None, iter(())

    def _check_end(self) -> None:
        """Raise RebuildError if there is something behind the last pair that cannot be read."""
        if self._db is None:
            return
        rest = self._db.iter(self._bound)
        try:
            rest.seek(self._last)
            if rest.valid():
                rest.next()
            rest.status()
        except Exception as error:
            raise named(error, self._folder) from error
        finally:
            del rest  # else the error, which refers to this frame, would keep the database open


def _options(memory: Memory, compression: DBCompressionType) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(memory.cache)
    table.set_bloom_filter(BLOOM_BITS, False)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    # In pieces: a whole index is up to 900 KB, and would push all else out of a part of the cache.
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_pin_top_level_index_and_filter(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_manager(memory.write_buffers)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_level_zero_file_num_compaction_trigger(COMPACT_FILES)
    options.set_compression_type(compression)
    options.set_level_compaction_dynamic_level_bytes(True)
    options.add_compact_on_deletion_collector_factory(TOMBSTONE_WINDOW, TOMBSTONES_MAX, 0.0)
    options.set_max_background_jobs(2)
    options.set_max_log_file_size(LOG_FILE_BYTES)
    options.set_keep_log_file_num(LOG_FILES_MAX)
    options.set_stats_dump_period_sec(0)
    return options


def named(error: Exception, folder: str) -> CjoError:
    """Return the error of our tree for an error of RocksDB, which has only a text."""
    if isinstance(error, CjoError):
        return error
    text = str(error)
    if _HELD.search(text):
        return LockedError(f"{folder} is held by another process; stop it, or wait for its end")
    if text.startswith(_SPOILT) or ("No such file" in text and "/MANIFEST-" in text):
        return _unreadable(folder, text)
    return RetryError(
        f"{folder} cannot be used for now ({text}): make room on the disk, or bring it back. "
        "Then start again: nothing is lost"
    )


def _unreadable(folder: str, why: str) -> RebuildError:
    return RebuildError(
        f"{folder} cannot be read ({why}). Do not delete it: move it aside, for it can often "
        "be repaired. A worker then rebuilds it as far as checkpoint and log reach; the state "
        "folder of a `run` comes back from a copy of yours"
    )
