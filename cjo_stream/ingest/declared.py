"""Events held against what the topology's `events` declares.

What is not declared is counted, and the event is taken all the same: another type, another
attribute of a declared type, a value of another type than declared. A null is of every type.

An event of a built-in type (`cjo.profile`, `cjo.consent`, `cjo.outcome`) has a form of its own:
only those attributes of it that are declared here are compared.

Counts name a channel, and a declared type and attribute; what is not declared has no name here,
because it may be anything that somebody sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cjo_stream.core.vocabulary import BUILT_IN
from cjo_stream.core.word import AttributeType, Undeclared
from cjo_stream.engine.port import RawRecord
from cjo_stream.ingest.format.time import read_time

_ABSENT: Final = type(None)
_TYPES: Final[dict[AttributeType, frozenset[type]]] = {
    AttributeType.STRING: frozenset((str, _ABSENT)),
    AttributeType.NUMBER: frozenset((int, float, _ABSENT)),
    AttributeType.BOOLEAN: frozenset((bool, _ABSENT)),
    AttributeType.TIME: frozenset((int, float, _ABSENT)),
    AttributeType.LIST: frozenset((list, _ABSENT)),
    AttributeType.OBJECT: frozenset((dict, _ABSENT)),
}
"""A time may also be a text of RFC 3339."""

Key = tuple[str, ...]
"""The metric, and its labels: channel, event type, attribute, reason."""
Place = tuple[str, int, int]


def fits(type_: AttributeType, value: Any) -> bool:
    """Return whether a value is of a declared type.

    >>> fits(AttributeType.TIME, "2026-03-01T10:00:00Z"), fits(AttributeType.NUMBER, "12")
    (True, False)
    """
    if type(value) in _TYPES[type_]:
        return True
    is_text_of_time = type_ is AttributeType.TIME and type(value) is str
    return is_text_of_time and read_time(value) is not None


class Comparison:
    """Counts what events have that is not declared, with the place of the first of each."""

    def __init__(
        self, events: Mapping[str, Mapping[str, AttributeType]], examples: dict[Key, Place]
    ) -> None:
        self.examples = examples
        """The first record (topic, partition, offset) of each kind."""
        self._events = events
        self._types = {
            type_: {name: _TYPES[one] for name, one in attributes.items()}
            for type_, attributes in events.items()
        }
        self._counts: dict[Key, int] = {}

    def add(
        self, record: RawRecord, channel: str | None, type_: str, attributes: Mapping[str, Any]
    ) -> None:
        """Compare an event of a record."""
        types = self._types.get(type_)
        if types is None:
            if type_ not in BUILT_IN:
                self._count(record, channel, "", "", Undeclared.TYPE)
            return
        for name, value in attributes.items():
            wanted = types.get(name)
            if wanted is None:
                if type_ not in BUILT_IN:
                    self._count(record, channel, type_, "", Undeclared.ATTRIBUTE)
            elif type(value) not in wanted and not fits(self._events[type_][name], value):
                self._count(record, channel, type_, name, Undeclared.VALUE)

    def take_counts(self) -> dict[tuple[str, ...], int]:
        """Return the counts since the last call."""
        counts, self._counts = self._counts, {}
        return counts

    def _count(
        self, record: RawRecord, channel: str | None, type_: str, name: str, reason: Undeclared
    ) -> None:
        key = "cjo_events_undeclared_total", channel or "", type_, name, reason.value
        count = self._counts.get(key, 0)
        self._counts[key] = count + 1
        if not count:
            self.examples.setdefault(key, (record.topic, record.partition, record.offset))
