"""The timelines of a task's customers.

In a store that is kept, a ring of notes for each, every note under its own key: a turn writes only
its own note, of all its entries. Notes written since the last `settle` hide those in the store.
Those of a store that ends with its process are never seen by another one, and are lists.

The ring has as many notes as a timeline has entries at most, so it has the newest ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.timeline import TimelineEntry, newest
from cjo_stream.engine import codec
from cjo_stream.engine.port import Batch, Store


class Timelines:
    """Implements core.timeline.Timelines over a store."""

    def __init__(self, store: Store, entries_max: int = BOUNDS.timeline) -> None:
        self._store = store
        self._most = entries_max
        self._written: dict[bytes, bytes | None] = {}

    def read(self, key: str, noted: int) -> list[TimelineEntry]:
        """Return the timeline of the customer at actor `key`, after `noted` notes in all."""
        first, ring = max(0, noted - self._most), codec.ring_key(key)
        entries: list[TimelineEntry] = []
        for number in range(first, noted):
            slot = codec.slot_key(ring, number % self._most)
            value = self._written[slot] if slot in self._written else self._store.get(slot)
            if value is not None:
                entries += codec.decode_note(value)
        return newest(entries, self._most)

    def note(self, key: str, number: int, entries: Sequence[TimelineEntry]) -> None:
        """Write the note of that number; in a full ring it replaces the oldest."""
        slot = codec.slot_key(codec.ring_key(key), number % self._most)
        self._written[slot] = codec.encode_note(entries)

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
        notes = [*settled, *self._new.get(key, ())][-self._most :]
        return newest([entry for note in notes for entry in note], self._most)

    def note(self, key: str, number: int, entries: Sequence[TimelineEntry]) -> None:
        """Add a note."""
        del number
        new = self._new.get(key)
        if new is None:
            self._new[key] = [entries]
        else:
            new.append(entries)

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
            notes = self._settled.setdefault(key, [])
            notes += new
            del notes[: -self._most]
        self._new.clear()
        self._replaced.clear()

    def reset(self) -> None:
        """Forget what came since the last `settle`."""
        self._new.clear()
        self._replaced.clear()
