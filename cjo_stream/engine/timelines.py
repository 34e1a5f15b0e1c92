"""The timelines of a task's customers.

In a store that is kept, a ring of entries for each, every entry under its own key: an event writes
only its own entry. Entries written since the last `settle` hide those in the store. Those of a
store that ends with its process are never seen by another one, and are lists of entries.
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


class HeldTimelines:
    """Implements core.timeline.Timelines in memory, in no store."""

    def __init__(self, entries_max: int = BOUNDS.timeline) -> None:
        self._most = entries_max
        self._settled: dict[str, list[TimelineEntry]] = {}
        self._new: dict[str, list[TimelineEntry]] = {}
        """What came since the last `settle`."""
        self._replaced: set[str] = set()
        """The customers of which `_new` has all."""

    def read(self, key: str, noted: int) -> list[TimelineEntry]:
        """Return the timeline of the customer at actor `key`."""
        del noted
        settled = [] if key in self._replaced else self._settled.get(key, [])
        entries = [*settled, *self._new.get(key, ())][-self._most :]
        entries.sort(key=lambda entry: entry.at)  # a merge adds what is older
        return entries

    def extend(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Add entries."""
        del noted
        new = self._new.get(key)
        if new is None:
            self._new[key] = list(entries)
        else:
            new += entries

    def replace(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Replace the customer's timeline by `entries`."""
        del noted
        self._new[key] = list(entries)
        self._replaced.add(key)

    def batch(self) -> Batch:
        """Return nothing to write."""
        return []

    def settle(self) -> None:
        """Keep what came: there is no going back behind it."""
        for key in self._replaced:
            self._settled.pop(key, None)
        for key, new in self._new.items():
            entries = self._settled.setdefault(key, [])
            entries += new
            del entries[: -self._most]
        self._new.clear()
        self._replaced.clear()

    def reset(self) -> None:
        """Forget what came since the last `settle`."""
        self._new.clear()
        self._replaced.clear()
