"""Timelines without a store: what the core alone is given where no task runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cjo_stream.core.state import Customer
from cjo_stream.core.timeline import TimelineEntry, newest, record_entry
from cjo_stream.core.turn import Turn
from cjo_stream.engine.effect import effect_of


class KeptTimelines:
    """A `core.timeline.Timelines` of lists, `most()` entries a customer."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._entries: dict[str, list[TimelineEntry]] = {}

    def read(self, key: str, noted: int) -> list[TimelineEntry]:
        """Return a customer's timeline."""
        del noted
        return list(self._entries.get(key, ()))

    def extend(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Add entries."""
        self.replace(key, noted, newest([*self.read(key, noted), *entries], self._most()))

    def replace(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Let `entries` be a customer's timeline."""
        del noted
        self._entries[key] = list(entries)

    def note(self, key: str, customer: Customer, turn: Turn) -> None:
        """Add what a turn noted, and its records."""
        noted = list(turn.entries)
        for record, anchor in zip(turn.records, turn.anchors, strict=True):
            value = effect_of(record).value
            entry = record_entry(turn.clock, anchor, record, value, customer.members)
            noted += [entry] if entry is not None else []
        customer.noted += bool(noted)
        self._entries[key] = newest([*self.read(key, 0), *noted], self._most())
