"""What a decoder notes besides events: counts, examples, what gave a value.

Where several decoders share the records of a run, one takes over what the others have noted, part
by part in the order of the records. Then it knows what it would know had it decoded them all.
"""

from __future__ import annotations

import msgspec

Key = tuple[str, ...]
"""A counter: its metric and labels."""
Place = tuple[str, int, int]
"""Where a record came from: topic, partition, offset."""


class Noted(msgspec.Struct, array_like=True):
    """What was noted while some records were decoded."""

    counts: list[tuple[Key, int]] = []
    examples: list[tuple[Key, Place]] = []
    """By count, the first record that it is of."""
    given: list[str] = []
    """The fields of rows that some expression made a value of."""
    undeclared: dict[str, int] = {}
    """How often identifiers of types that are not declared were given, by type."""
    columns: dict[str, list[str]] = {}
    """The columns of rows, by channel."""
    fields: list[tuple[Key, dict[str, int]]] = []
    """By count, the fields of events that are not read."""
