"""What the events of a sample hold: their types, with their attributes and the types of these.

`differences` holds it against what a topology declares, or where it declares nothing, against the
types that its definitions listen to.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.core.vocabulary import BUILT_IN
from cjo_stream.core.word import AttributeType
from cjo_stream.engine.port import DecodedRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.cause import without_values
from cjo_stream.ingest.declared import fits
from cjo_stream.ingest.format.time import read_time

NAMES_MAX: Final = 10_000
"""Event types, and attributes of all of them together, that a sample keeps."""
CAUSES_MAX: Final = 100
"""Causes of refusals that are counted one by one."""
_NEAR: Final = 0.7
"""The similarity from which one name may be a misspelling of another (difflib's ratio)."""
_KINDS: Final[dict[type, AttributeType]] = {
    bool: AttributeType.BOOLEAN,
    int: AttributeType.NUMBER,
    float: AttributeType.NUMBER,
    list: AttributeType.LIST,
    dict: AttributeType.OBJECT,
}


class Sample(msgspec.Struct):
    """What a sample holds."""

    events: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    """Records, by the reason and the detail of their refusal, without values."""
    first: dict[str, tuple[str, int]] = {}
    """By refusal, the file and the line of the first record."""
    types: dict[str, dict[str, Counter[AttributeType]]] = {}
    """By event type and attribute, how many values were of each type."""
    seen: Counter[str] = msgspec.field(default_factory=Counter)
    """Events by type."""
    misfits: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    """Values of another type than declared, by event type and attribute."""

    def attributes(self) -> dict[str, Collection[str]]:
        """Return the names of the attributes, by event type."""
        return {type_: attributes.keys() for type_, attributes in self.types.items()}


class Lack(StrEnum):
    """How a sample and the definitions differ."""

    UNDECLARED = "undeclared"
    """The sample has it, the definitions do not."""
    ABSENT = "absent"
    """The definitions have it, the sample does not."""
    VALUES = "values"
    """Values in the sample are of another type than declared."""


class Difference(msgspec.Struct, frozen=True):
    """One difference between a sample and the definitions."""

    lack: Lack
    event: str
    attribute: str | None = None
    """None: the event type itself."""
    times: int = 0
    """Events, or values, of the sample."""
    near: str | None = None
    """The nearest name on the other side, which it may be meant to be."""


def read_sample(records: Iterable[DecodedRecord], program: Program) -> Sample:
    """Return what decoded records hold."""
    sample = Sample(types={}, first={})
    declared = program.events or {}
    names = 0
    for record, decoded in records:
        if isinstance(decoded, InputError):
            why = f"{decoded.reason}: {without_values(decoded.detail)}"
            if why not in sample.refused and len(sample.refused) >= CAUSES_MAX:
                why = f"{decoded.reason}: other causes"
            sample.refused[why] += 1
            sample.first.setdefault(why, (record.topic, record.offset))
            continue
        for event in [decoded] if isinstance(decoded, Event) else decoded:
            sample.events += 1
            sample.seen[event.type] += 1
            if event.type not in sample.types:
                names += 1
                if names > NAMES_MAX:
                    continue
                sample.types[event.type] = {}
            names += _add(sample, event, declared.get(event.type, {}), NAMES_MAX - names)
    return sample


def type_of(value: Any) -> AttributeType:
    """Return the type of a value that is not null.

    >>> type_of("2026-03-01T10:00:00Z"), type_of("gold")
    (<AttributeType.TIME: 'time'>, <AttributeType.STRING: 'string'>)
    """
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    return AttributeType.STRING if read_time(value) is None else AttributeType.TIME


def common_type(counts: Mapping[AttributeType, int]) -> AttributeType:
    """Return the type to declare for values of these types: the most frequent one.

    Of a text that is a time only sometimes, it is `string`.
    """
    if counts.keys() == {AttributeType.STRING, AttributeType.TIME}:
        return AttributeType.STRING
    return max(counts, key=lambda one: (counts[one], one.value))


def differences(sample: Sample, program: Program) -> list[Difference]:
    """Return how a sample differs from what a topology declares.

    Where nothing is declared: the event types of the sample that no definition listens to.
    """
    if program.events is None:
        found = _of_names(sample.types, sample.seen, _heard(program), None)
        return [one for one in found if one.lack is Lack.UNDECLARED]
    every = list(_of_names(sample.types, sample.seen, program.events, None))
    for type_, attributes in program.events.items():
        of_sample = sample.types.get(type_)
        if of_sample is None:
            continue
        seen = {name: counts.total() for name, counts in of_sample.items()}
        every += _of_names(seen, seen, attributes, type_)
    for (type_, name), times in sorted(sample.misfits.items()):
        every.append(Difference(Lack.VALUES, type_, name, times))
    return every


def _add(sample: Sample, event: Event, declared: Mapping[str, AttributeType], room: int) -> int:
    """Count the attributes of an event; return how many are new."""
    attributes = sample.types[event.type]
    new = 0
    for name, value in event.attributes.items():
        if value is None:
            continue
        counts = attributes.get(name)
        if counts is None:
            if new == room:
                continue
            new += 1
            counts = attributes[name] = Counter()
        counts[type_of(value)] += 1
        if name in declared and not fits(declared[name], value):
            sample.misfits[event.type, name] += 1
    return new


def _heard(program: Program) -> frozenset[str]:
    """Return the event types that definitions listen to."""
    heard = program.traits_on.keys() | program.entries_on.keys()
    for journey in program.journeys.values():
        heard |= journey.listens
    for rule in (*program.opened, *program.closed):
        heard |= rule.on
    return frozenset(heard)


def _of_names(
    sample: Collection[str],
    times: Mapping[str, int],
    declared: Collection[str],
    event: str | None,
) -> Iterator[Difference]:
    """Yield the names that only one side has; they are attributes of `event`, or else types."""
    of_sample = {name for name in sample if event is not None or name not in BUILT_IN}
    if event in BUILT_IN:
        of_sample &= set(declared)
    only = sorted(of_sample - set(declared)), sorted(set(declared) - of_sample - BUILT_IN.keys())
    for lack, names, others in ((Lack.UNDECLARED, *only), (Lack.ABSENT, *only[::-1])):
        for name in names:
            near = next(iter(difflib.get_close_matches(name, others, 1, _NEAR)), None)
            type_, attribute = (name, None) if event is None else (event, name)
            yield Difference(lack, type_, attribute, times.get(name, 0), near)
