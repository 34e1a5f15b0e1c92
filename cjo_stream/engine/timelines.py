"""The timelines of a task's customers.

In a store that is kept, a ring of notes for each, every note under its own key: a turn writes only
its own note, of all its entries. Notes written since the last `settle` hide those in the store.
Those of a store that ends with its process are never seen by another one, and are lists.

Entries are numbered; a note lies where its first one belongs, and the places of its others are
empty. So of too many entries the oldest note goes whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.timeline import TimelineEntry, in_order
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
        entries: list[TimelineEntry] = []
        for number in range(first, noted):
            slot = codec.slot_key(ring, number % self._most)
            value = self._written[slot] if slot in self._written else self._store.get(slot)
            if value is not None:
                entries += codec.decode_note(value)
        return in_order(entries)

    def note(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> int:
        """Write one note of entries, the first of number `noted`; return how many it has."""
        ring, most = codec.ring_key(key), self._most
        kept = entries[-most:]
        self._written[codec.slot_key(ring, noted % most)] = codec.encode_note(kept)
        for number in range(max(noted + 1, most), noted + len(kept)):
            self._written[codec.slot_key(ring, number % most)] = None
        return len(kept)

    def extend(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Write a note of each entry, the first of number `noted`."""
        for number, entry in enumerate(entries, noted):
            self.note(key, number, [entry])

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
        self._settled: dict[str, list[Sequence[TimelineEntry]]] = {}
        """The notes of each."""
        self._new: dict[str, list[Sequence[TimelineEntry]]] = {}
        """What came since the last `settle`."""
        self._replaced: set[str] = set()
        """The customers of which `_new` has all."""

    def read(self, key: str, noted: int) -> list[TimelineEntry]:
        """Return the timeline of the customer at actor `key`."""
        del noted
        settled = [] if key in self._replaced else self._settled.get(key, [])
        notes = self._newest([*settled, *self._new.get(key, ())])
        return in_order([entry for note in notes for entry in note])

    def note(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> int:
        """Add one note of entries; return how many it has."""
        del noted
        kept = entries[-self._most :]
        new = self._new.get(key)
        if new is None:
            self._new[key] = [kept]
        else:
            new.append(kept)
        return len(kept)

    def extend(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Add a note of each entry."""
        for number, entry in enumerate(entries, noted):
            self.note(key, number, [entry])

    def replace(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Replace the customer's timeline by `entries`."""
        del noted
        self._new[key] = [[entry] for entry in entries]
        self._replaced.add(key)

    def batch(self) -> Batch:
        """Return nothing to write."""
        return []

    def settle(self) -> None:
        """Keep what came: there is no going back behind it."""
        for key in self._replaced:
            self._settled.pop(key, None)
        for key, new in self._new.items():
            self._settled[key] = self._newest([*self._settled.get(key, ()), *new])
        self._new.clear()
        self._replaced.clear()

    def reset(self) -> None:
        """Forget what came since the last `settle`."""
        self._new.clear()
        self._replaced.clear()

    def _newest(self, notes: list[Sequence[TimelineEntry]]) -> list[Sequence[TimelineEntry]]:
        """Return the newest notes that together have no more entries than a timeline."""
        room = self._most
        for place in range(len(notes) - 1, -1, -1):
            room -= len(notes[place])
            if room < 0:
                return notes[place + 1 :]
        return notes
