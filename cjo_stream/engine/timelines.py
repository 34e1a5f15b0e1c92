"""The timelines of a task's customers: a ring of entries for each, every entry under its own key.

An event writes only its own entry. Entries written since the last `settle` hide those in the
store.
"""

from __future__ import annotations

from collections.abc import Sequence

from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.timeline import TimelineEntry
from cjo_stream.engine import codec
from cjo_stream.engine.port import Batch, Store


class Timelines:
    """Implements core.timeline.Timelines over a store."""

    def __init__(self, store: Store, entries_max: int = BOUNDS.timeline) -> None:
        self._store = store
        self._most = entries_max
        self._written: dict[bytes, bytes | None] = {}

    def read(self, key: str, noted: int) -> list[TimelineEntry]:
        """Return the timeline of the customer at actor `key`, after `noted` entries in all."""
        first, ring = max(0, noted - self._most), codec.ring_key(key)
        entries = []
        for number in range(first, noted):
            slot = codec.slot_key(ring, number % self._most)
            value = self._written[slot] if slot in self._written else self._store.get(slot)
            if value is not None:
                entries.append(codec.decode_entry(value))
        entries.sort(key=lambda entry: entry.at)  # a merge adds what is older
        return entries

    def extend(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Write entries, the first of number `noted`; in a full ring each replaces the oldest."""
        ring = codec.ring_key(key)
        for number, entry in enumerate(entries, noted):
            self._written[codec.slot_key(ring, number % self._most)] = codec.encode_entry(entry)

    def replace(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Replace the customer's timeline by `entries`, numbered from 0."""
        ring = codec.ring_key(key)
        for number in range(len(entries), min(noted, self._most)):
            self._written[codec.slot_key(ring, number)] = None
        self.extend(key, 0, entries)

    def batch(self) -> Batch:
        """Return the writes since the last `settle`."""
        return list(self._written.items())

    def settle(self) -> None:
        """Mark everything as written."""
        self._written.clear()

    def reset(self) -> None:
        """Forget what was not written."""
        self._written.clear()
