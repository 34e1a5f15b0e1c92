"""Timelines without a store: what the core alone is given where no task runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cjo_stream.core.state import Customer
from cjo_stream.core.timeline import TimelineEntry, in_order, record_entry
from cjo_stream.core.turn import Turn
from cjo_stream.engine.effect import effect_of


class KeptTimelines:
    """A `core.timeline.Timelines` of lists, `most()` entries a customer."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._notes: dict[str, list[Sequence[TimelineEntry]]] = {}

    def read(self, key: str, noted: int) -> list[TimelineEntry]:
        """Return a customer's timeline."""
        del noted
        return in_order(entry for note in self._notes.get(key, ()) for entry in note)

    def extend(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Add entries."""
        del noted
        self._add(key, [[entry] for entry in entries])

    def replace(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Let `entries` be a customer's timeline."""
        del noted
        self._notes[key] = [[entry] for entry in entries]

    def note(self, key: str, customer: Customer, turn: Turn) -> None:
        """Add what a turn noted, and its records."""
        noted = list(turn.entries)
        for record, anchor in zip(turn.records, turn.anchors, strict=True):
            value = effect_of(record).value
            entry = record_entry(turn.clock, anchor, record, value, customer.members)
            noted += [entry] if entry is not None else []
        if noted:
            customer.noted += min(len(noted), self._most())
            self._add(key, [noted[-self._most() :]])

    def _add(self, key: str, more: Sequence[Sequence[TimelineEntry]]) -> None:
        """Add notes; of too many entries the oldest notes go whole."""
        notes = self._notes[key] = [*self._notes.get(key, ()), *more]
        while sum(map(len, notes)) > self._most():
            del notes[0]
