"""A sorted store in memory: for `run`, `backtest`, simulation and tests."""

from __future__ import annotations

import bisect
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

COPY_NAME = "store.msgpack"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]]).decode


class MemoryStore:
    """An `engine.port.Store` that ends with its process.

    Values lie in a dict. The keys are put in order when they are next read in order: most are
    written many times between two scans. `folder` is a copy that `checkpoint` left.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []
        """In order; as of the last scan."""
        self._new: list[bytes] = []
        """Keys that came since."""
        self._has_gaps = False
        """Whether a key has been removed since."""
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
        values, new = self._values, self._new
        for key, value in batch:
            if value is None:
                self._has_gaps |= values.pop(key, None) is not None
            else:
                if key not in values:
                    new.append(key)
                values[key] = value

    def checkpoint(self, folder: str) -> None:
        """Leave a copy in `folder`, which does not exist yet: one file."""
        path = Path(folder)
        path.mkdir(parents=True)
        pairs = [(key, self._values[key]) for key in self._ordered()]
        (path / COPY_NAME).write_bytes(_encode(pairs))

    def purge(self, ranges: Sequence[tuple[bytes, bytes]]) -> None:
        """Do nothing: overwritten values are gone already."""

    def size_bytes(self) -> int:
        """Return how many bytes keys and values take together."""
        return sum(len(key) + len(value) for key, value in self._values.items())

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _ordered(self) -> list[bytes]:
        """Return all keys in order."""
        if self._new or self._has_gaps:
            keys = [*self._keys, *self._new]
            keys.sort()  # quick: most of it is in order
            if self._has_gaps:  # a key that came back is there twice
                keys = [key for key in dict.fromkeys(keys) if key in self._values]
            self._keys, self._new, self._has_gaps = keys, [], False
        return self._keys

    def _pairs(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs; valid until the next write."""
        keys, values = self._ordered(), self._values
        for at in range(bisect.bisect_left(keys, start), bisect.bisect_left(keys, end)):
            key = keys[at]
            yield key, values[key]


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
