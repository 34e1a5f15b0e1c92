"""Names that events have, and nothing reads: events by channel or reason, and the names.

They are fields that native events have beside those of their form, and attributes of consents
that may be meant as their channel.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from cjo_stream.ingest.format.native import Loose

UNKNOWN: Final = "unknown"
MISSPELT: Final = "misspelt"
"""A field that is likely meant as one that the event does not have."""
NAMES_MAX: Final = 100
"""Names that are counted, of each metric and its labels."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", re.ASCII)
"""Any other may be a customer's value."""

Key = tuple[str, ...]
"""The metric and its labels."""


class Fields:
    """Counts such fields and attributes by name."""

    def __init__(self) -> None:
        self.names: dict[Key, Counter[str]] = {}
        self.names_max = NAMES_MAX

    def add(self, channel: str | None, event: Loose) -> Iterator[Key]:
        """Count those of an event; yield the counts that the event itself is of."""
        unknown = [name for name in event.unknown if name not in event.misspelt]
        for reason, names in ((MISSPELT, event.misspelt), (UNKNOWN, unknown)):
            if names:
                key = "cjo_fields_ignored_total", channel or "", reason
                yield key
                self.note(key, names)

    def note(self, key: Key, names: Iterable[str]) -> None:
        """Count names, without those that may be values."""
        for name in filter(_NAME.fullmatch, names):
            self.count(key, name)

    def count(self, key: Key, name: str, by: int = 1) -> None:
        """Count a name, if it is among the first ones."""
        counts = self.names.setdefault(key, Counter())
        if name in counts or len(counts) < self.names_max:
            counts[name] += by
