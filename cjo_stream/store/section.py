"""A part of a store that is itself a store: all keys that begin with a prefix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cjo_stream.engine.port import Store


class Section:
    """An `engine.port.Store` within another, which it neither opens nor closes.

    Sections of one store share its log of writes. A power cut removes the end of that log, so no
    section is ever ahead of what another wrote before it.
    """

    def __init__(self, whole: Store, prefix: bytes) -> None:
        self._whole = whole
        self._prefix = prefix

    def get(self, key: bytes) -> bytes | None:
        """Return the value at `key`."""
        return self._whole.get(self._prefix + key)

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with start <= key < end, in byte order, as of the call."""
        prefix, cut = self._prefix, len(self._prefix)
        pairs = self._whole.scan(prefix + start, prefix + end)
        return ((key[cut:], value) for key, value in pairs)

    def write(self, batch: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Apply all puts and deletes (value None), or none; the last of a key holds."""
        prefix = self._prefix
        self._whole.write([(prefix + key, value) for key, value in batch])

    def checkpoint(self, folder: str) -> None:
        """Leave a consistent copy of the whole store in `folder`."""
        self._whole.checkpoint(folder)

    def purge(self, ranges: Sequence[tuple[bytes, bytes]]) -> None:
        """Remove from the disk what was overwritten or deleted in these ranges."""
        prefix = self._prefix
        self._whole.purge([(prefix + start, prefix + end) for start, end in ranges])

    def size_bytes(self) -> int:
        """Return about how many bytes the whole store takes."""
        return self._whole.size_bytes()

    def close(self) -> None:
        """Do nothing: the opener of the whole store closes it."""
