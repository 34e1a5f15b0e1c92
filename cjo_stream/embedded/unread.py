"""What definitions could not use in a run: values that were there, counted by field.

    journey.big, event.total, type    a text that was compared with a number
    channel.till, row.minutes, value  a text of a table that is no number
    cjo.outcome, event.value, type    what an acceptance is worth, that is no number
    channel.web, time, seconds        a number of seconds where ms are wanted

`is_every` says that no value of the field could be used: then the definition does not do what its
author meant. Of an event's attributes that is so if every event of the types that the definition
listens to had it in vain, or all had the same wrong type; of a row's columns, if no expression
that reads the column ever gave a value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Final

import msgspec

from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.core.vocabulary import BUILT_IN
from cjo_stream.core.word import Unread
from cjo_stream.engine.port import Decoded
from cjo_stream.errors import InputError

METRIC: Final = "cjo_values_unread_total"
ATTRIBUTES_MAX: Final = 10_000
"""Attributes of event types that are counted; of more, no statement about every value is made."""

_NEVER: Final = 2**63

Counts = Mapping[tuple[str, ...], float]
"""Numbers by metric and labels."""
Place = tuple[str, int, int]
"""Topic (of a run: file), partition (the file's number), offset (its line)."""


class UnreadSummary(msgspec.Struct, frozen=True):
    """Values of one field that one definition could not use (summary.json)."""

    definition: str
    field: str
    reason: Unread
    values: int
    is_every: bool
    """Whether no value of the field could be used."""
    file: str | None = None
    """Of an example."""
    line: int | None = None


class Attributes:
    """Counts the attributes of a run's events, by event type, name and type of the value."""

    def __init__(self) -> None:
        self.types = set[str]()
        """The event types."""
        self._first, self._last = _NEVER, -_NEVER
        self._counts: dict[tuple[str, str, type], int] = {}

    def add(self, decoded: Decoded) -> None:
        """Count the attributes of a record's events."""
        if isinstance(decoded, Event):
            self._add(decoded)
        elif not isinstance(decoded, InputError):
            for event in decoded:
                self._add(event)

    def _add(self, event: Event) -> None:
        counts, type_ = self._counts, event.type
        self.types.add(type_)
        self._first = min(self._first, event.time)
        self._last = max(self._last, event.time)
        for name, value in event.attributes.items():
            key = type_, name, type(value)
            count = counts.get(key)
            if count is not None:
                counts[key] = count + 1
            elif len(counts) < ATTRIBUTES_MAX:
                counts[key] = 1

    @property
    def span_ms(self) -> int:
        """The time from the earliest event to the latest."""
        return max(self._last - self._first, 0)

    def of(self, name: str, types: Collection[str] | None) -> dict[type, int]:
        """Return how many values an attribute had in events of some types (None: of all)."""
        found: dict[type, int] = {}
        if len(self._counts) >= ATTRIBUTES_MAX:
            return found
        for (type_, attribute, kind), count in self._counts.items():
            is_meant = attribute == name and (types is None or type_ in types)
            if is_meant and kind is not type(None):
                found[kind] = found.get(kind, 0) + count
        return found

    def names(self, type_: str) -> list[str]:
        """Return the names of attributes that events of a type had, the most frequent first."""
        counts: Counter[str] = Counter()
        for (of, name, _), count in self._counts.items():
            if of == type_:
                counts[name] += count
        return [name for name, _ in counts.most_common()]


def unread_in(
    counts: Counts,
    examples: Mapping[tuple[str, ...], Place],
    attributes: Attributes,
    program: Program | None,
    given: Collection[str],
) -> Iterator[UnreadSummary]:
    """Yield what definitions, and the maps of a decoder, could not use.

    `given` are the fields of rows that some expression made a value of.
    """
    for key, number in sorted(counts.items()):
        if key[0] != METRIC:
            continue
        values = int(number)
        definition, field, reason = key[1:]
        place = examples.get(key)
        if definition.startswith("channel."):
            is_every = field not in given
        else:
            is_every = program is not None and _is_every(
                attributes.of(field.removeprefix("event."), _types_of(definition, program)),
                Unread(reason),
                values,
            )
        file, line = (place[0], place[2]) if place is not None else (None, None)
        yield UnreadSummary(definition, field, Unread(reason), values, is_every, file, line)


def _is_every(kinds: Mapping[type, int], reason: Unread, values: int) -> bool:
    """Return whether no value can have been used; `kinds` are the values by their type."""
    return bool(kinds) and (
        values >= sum(kinds.values()) or (reason is Unread.TYPE and len(kinds) == 1)
    )


def _types_of(definition: str, program: Program) -> frozenset[str] | None:
    """Return the event types that a definition listens to; None for all."""
    if definition in BUILT_IN:
        return frozenset((definition,))
    kind, _, name = definition.partition(".")
    if kind == "trait" and name in program.traits:
        return program.traits[name].on
    if kind == "measure" and name in program.measures:
        return program.measures[name].on
    if kind == "journey":
        versions = [one for (journey, _), one in program.versions.items() if journey == name]
        return frozenset().union(*(one.listens | one.entry.on for one in versions))
    return None
