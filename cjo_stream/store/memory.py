"""A sorted store in memory: for `run`, `backtest`, simulation and tests."""

from __future__ import annotations

import bisect
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

BUCKET_MAX = 1_024
"""Keys a bucket holds before it is split in two."""

COPY_NAME = "store.msgpack"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]]).decode


class MemoryStore:
    """An `engine.port.Store` that ends with its process.

    Values lie in a dict, keys in sorted buckets: a read is one look-up, a new key one insertion
    into a short list, however many keys there are. `folder` is a copy that `checkpoint` left.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._values: dict[bytes, bytes] = {}
        self._buckets: list[list[bytes]] = [[]]
        self._firsts: list[bytes] = [b""]
        """The least key that each bucket may hold."""
        self._scans: weakref.WeakSet[_Scan] = weakref.WeakSet()
        if folder is not None:
            self.write(_decode(Path(folder, COPY_NAME).read_bytes()))

    def get(self, key: bytes) -> bytes | None:
        """Return the value at `key`."""
        return self._values.get(key)

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with start <= key < end, in byte order, as of the call."""
        scan = _Scan(self._pairs(start, end))
        self._scans.add(scan)
        return scan

    def write(self, batch: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Apply all puts and deletes of the batch; the last of a key holds."""
        for scan in list(self._scans):
            scan.detach()
        for key, value in batch:
            if value is None:
                self._remove(key)
            else:
                self._put(key, value)

    def checkpoint(self, folder: str) -> None:
        """Leave a copy in `folder`, which does not exist yet: one file."""
        path = Path(folder)
        path.mkdir(parents=True)
        pairs = [(key, self._values[key]) for bucket in self._buckets for key in bucket]
        (path / COPY_NAME).write_bytes(_encode(pairs))

    def purge(self, ranges: Sequence[tuple[bytes, bytes]]) -> None:
        """Do nothing: overwritten values are gone already."""

    def size_bytes(self) -> int:
        """Return how many bytes keys and values take together."""
        return sum(len(key) + len(value) for key, value in self._values.items())

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _put(self, key: bytes, value: bytes) -> None:
        is_new = key not in self._values
        self._values[key] = value
        if not is_new:
            return
        at = bisect.bisect_right(self._firsts, key) - 1
        bucket = self._buckets[at]
        bisect.insort(bucket, key)
        if len(bucket) > BUCKET_MAX:
            middle = len(bucket) // 2
            self._buckets.insert(at + 1, bucket[middle:])
            self._firsts.insert(at + 1, bucket[middle])
            del bucket[middle:]

    def _remove(self, key: bytes) -> None:
        if self._values.pop(key, None) is None:
            return
        at = bisect.bisect_right(self._firsts, key) - 1
        bucket = self._buckets[at]
        del bucket[bisect.bisect_left(bucket, key)]
        if not bucket and at > 0:
            del self._buckets[at]
            del self._firsts[at]

    def _pairs(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs of the live buckets; valid until the next write."""
        first = bisect.bisect_right(self._firsts, start) - 1
        for at in range(first, len(self._buckets)):
            bucket = self._buckets[at]
            begin = bisect.bisect_left(bucket, start) if at == first else 0
            for position in range(begin, len(bucket)):
                key = bucket[position]
                if key >= end:
                    return
                yield key, self._values[key]


class _Scan(Iterator[tuple[bytes, bytes]]):
    """An iterator that reads the live store until a write is about to change it."""

    def __init__(self, pairs: Iterator[tuple[bytes, bytes]]) -> None:
        self._rest = pairs
        self._live = True

    def __next__(self) -> tuple[bytes, bytes]:
        return next(self._rest)

    def detach(self) -> None:
        """Copy the remaining pairs, so that later writes cannot be seen."""
        if self._live:
            self._live = False
            self._rest = iter(list(self._rest))
