"""What a decoder notes besides events: counts, examples, what gave a value.

Where several decoders share the records of a run, one takes over what the others have noted, part
by part in the order of the records. Then it knows what it would know had it decoded them all.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from cjo_stream.core.expression.path import text_of_path
from cjo_stream.core.program.program import Program
from cjo_stream.core.word import Unread
from cjo_stream.engine.port import RawRecord
from cjo_stream.ingest.declared import Comparison
from cjo_stream.ingest.field import Fields
from cjo_stream.ingest.format.column import Columns
from cjo_stream.ingest.format.mapped import RowScope
from cjo_stream.ingest.identifiers import IdentifierReader

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


class Noting:
    """Notes what a decoder could not use, and where it came from first."""

    def __init__(self, program: Program, tenant_key: bytes) -> None:
        self.identifiers = IdentifierReader(program, tenant_key)
        self.columns: dict[str, Columns] = {}
        """By channel that has a `map`, what its rows have of what the `map` reads."""
        self.fields = Fields()
        self.examples: dict[Key, Place] = {}
        """By count, the first record that it is of."""
        self._exemplified = 0
        """Counts that have an example."""
        self._scope = RowScope()
        self._comparison = (
            None if program.events is None else Comparison(program.events, self.examples)
        )
        self._noticed: Counter[Key] = Counter()
        """What is counted besides expressions and identifiers."""
        self._given: set[str] = set()
        """What other decoders found that gives values."""
        self._taken_over: Counter[Key] = Counter()
        """Counts of other decoders."""

    @property
    def given(self) -> set[str]:
        """The fields of rows that some expression made a value of."""
        own = (text_of_path(path) for one in self._scope.gave for path in one.paths)
        return self._given.union(own)

    def take_counts(self) -> dict[Key, int]:
        """Return the counts since the last call.

        `cjo_identifiers_ignored_total{type, reason}`: identifiers not used, by `Ignored`;
        `cjo_expression_errors_total{definition}`: type errors in `map`;
        `cjo_values_unread_total{definition, field, reason}`: values that it could not use;
        `cjo_records_skipped_total{channel, reason}`: records that are no events;
        `cjo_fields_ignored_total{channel, reason}`: events with fields that are not read;
        `cjo_consent_ignored_total{reason}`: statements that may be wider than they were meant;
        `cjo_events_undeclared_total{channel, event, attribute, reason}`: see `declared`.
        """
        counts = self._counted()
        self.identifiers.ignored.clear()
        self._noticed.clear()
        self._scope.faults.clear()
        self._scope.unread.clear()
        self._exemplified = 0
        if self._comparison is not None:
            counts |= self._comparison.take_counts()
        for key, by in self._taken_over.items():
            counts[key] = counts.get(key, 0) + by
        self._taken_over.clear()
        return counts

    def take_noted(self) -> Noted:
        """Return all that was noted since the last call; forget it."""
        noted = Noted(
            list(self.take_counts().items()),
            list(self.examples.items()),
            sorted(self.given),
            dict(self.identifiers.undeclared),
            {name: one.take() for name, one in self.columns.items()},
            [(key, dict(names)) for key, names in self.fields.names.items()],
        )
        for noticed in (
            self.examples,
            self.identifiers.undeclared,
            self.fields.names,
            self._scope.gave,
            self._given,
        ):
            noticed.clear()
        return noted

    def take_over(self, noted: Noted) -> None:
        """Add what another decoder has noted; parts come in the order of their records."""
        for key, by in noted.counts:
            self._taken_over[key] += by
        for key, place in noted.examples:
            self.examples.setdefault(key, place)
        self._given.update(noted.given)
        for type_, by in noted.undeclared.items():
            self.identifiers.count_undeclared(type_, by)
        for channel, names in noted.columns.items():
            self.columns[channel].add(names)
        for key, fields in noted.fields:
            for name, by in fields.items():
                self.fields.count(key, name, by)

    def _note_examples(self, record: RawRecord) -> None:
        """Note that a record is the first of each kind of count that it began."""
        scope = self._scope
        kinds = len(scope.unread) + len(scope.faults)
        kinds += len(self.identifiers.ignored) + len(self._noticed)
        if kinds != self._exemplified:
            place = record.topic, record.partition, record.offset
            for key in self._counted():
                self.examples.setdefault(key, place)
            self._exemplified = kinds

    def _counted(self) -> dict[Key, int]:
        counts: dict[Key, int] = {}
        for (type_, reason), count in self.identifiers.ignored.items():
            counts["cjo_identifiers_ignored_total", type_, reason] = count
        counts.update(self._noticed)
        for definition, count in self._scope.faults.items():
            counts["cjo_expression_errors_total", definition] = count
        for (definition, field, why), count in self._scope.unread.items():
            counts["cjo_values_unread_total", definition, field, why] = count
        return counts

    def _count_seconds(self, channel: str) -> None:
        """Count a time that can only be seconds, where ms are wanted."""
        unread, key = self._scope.unread, (f"channel.{channel}", "time", Unread.SECONDS.value)
        unread[key] = unread.get(key, 0) + 1
