"""One raw record becomes one event, or is refused with a reason.

    record --reader of its channel's format--> Native --the rules for every format--> Event

Reasons are checked in the order of docs/events.md, and the first that applies is given:
`too_large malformed unmapped invalid future unidentified`. The detail of a refusal holds no value
of a customer. No record, whatever its bytes, raises another error.

Further rules:

- `attributes` of depth 5 are five nested objects or lists, including the attributes themselves.
- An attribute's integer beyond 64 bits is `invalid`, as is any number beyond a float's range.
- A record without `identifiers` is `unidentified`; `null` for any field is a wrong type.
- A value beyond 1,000 characters is not an identifier. An event is `invalid` if it has more than
  50 values of declared types, or values that take more than 2,000 steps to normalise
  (`ingest/normalise.py`). These bounds of work are far above any customer's identifiers.
- An integer time is in ms, from the year 1 on; a float is not accepted as a time.
- Records of the outcome topic need no `channel`: the topic does not determine it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache

import msgspec

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, Input
from cjo_stream.core.word import Format
from cjo_stream.engine.port import Decoded, RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.attribute import ATTRIBUTES_BYTES_MAX, check_attributes, check_size
from cjo_stream.ingest.format import cloudevents, mapped, native, segment
from cjo_stream.ingest.format.document import read_object
from cjo_stream.ingest.format.native import Native, Reader
from cjo_stream.ingest.format.time import EARLIEST_MS, read_time
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.ingest.normalise import (
    VALUE_CHARACTERS_MAX,
    is_blocked,
    is_too_long,
    normaliser,
    steps,
)

RECORD_BYTES_MAX = 256 * 1024
AHEAD_MS_MAX = 24 * 3_600_000
ID_CHARACTERS_MAX = 200
IDENTIFIERS_MAX = 50
"""Values of declared types in an event, including repeated and unusable ones."""
STEPS_MAX = 2_000
"""Steps of normalising an event's identifiers."""
OUTCOME_TYPE = "cjo.outcome"
OUTCOME_TOPIC = "outcome.v1"
"""The end of the outcome topic's name, after any prefix."""

_CACHE_ENTRIES_MAX = 65_536
_CACHED_CHARACTERS_MAX = 200
TYPE_CHARACTERS_MAX = 100
TYPE_PATTERN = "[a-z][a-z0-9_.]{0,99}"
_TYPE = re.compile(TYPE_PATTERN, re.ASCII)


READERS: dict[Format, Callable[[Input, Collection[str], dict[str, int]], Reader]] = {
    Format.NATIVE: lambda *_: native.read,
    Format.SEGMENT: lambda _, types, __: segment.reader(types),
    Format.CLOUDEVENTS: lambda _, types, __: cloudevents.reader(types),
    Format.MAPPED: lambda taken, _, faults: mapped.reader(taken.mapping, faults),
}
"""Makes the reader of each format: from a channel's `in`, the declared identifier types, and the
counts of type errors in expressions."""


def decoder(program: Program, tenant_key: bytes) -> Decoder:
    """Return the decoder for the channels and identifier types of `program`.

    Its clock is each record's own timestamp.
    """
    return Decoder(program, tenant_key)


class Decoder:
    """Decodes raw records; implements `engine.port.Decode`.

    Between records it keeps only bounded caches, and counts.
    """

    def __init__(self, program: Program, tenant_key: bytes) -> None:
        types = tuple(program.identifiers)
        self._types = types
        self._tenant_key = tenant_key
        self._blocked = program.blocked
        self._kinds = {name: one.normalise for name, one in program.identifiers.items()}
        self._normalisers = {
            name: normaliser(declared, program.region)
            for name, declared in program.identifiers.items()
        }
        self._expression_errors: dict[str, int] = {}
        self._readers = {
            name: self._reader(channel, types) for name, channel in program.channels.items()
        }
        self._ignored: dict[str, int] = {}
        self._cached = lru_cache(_CACHE_ENTRIES_MAX, typed=True)(self._resolve)
        self._is_type = lru_cache(1024)(lambda text: _TYPE.fullmatch(text) is not None)
        """For texts that are short enough to be cached."""

    def __call__(self, record: RawRecord) -> Decoded:
        """Return the event of `record`, or the reason why there is none."""
        try:
            return self._decode(record)
        except InputError as error:
            # The error may be kept for long: drop its traceback, which holds frames and records.
            error.__context__ = None
            return error.with_traceback(None)

    def take_counts(self) -> dict[tuple[str, ...], int]:
        """Return the counts since the last call.

        `cjo_identifiers_ignored_total{reason}`: identifiers ignored because their type is
        `undeclared`, or their value `blocked` or `unusable` (without a normal form).
        `cjo_expression_errors_total{definition}`: type errors in `map`.
        """
        counts: dict[tuple[str, ...], int] = {}
        for reason, count in self._ignored.items():
            counts["cjo_identifiers_ignored_total", reason] = count
        for definition, count in self._expression_errors.items():
            counts["cjo_expression_errors_total", definition] = count
        self._ignored.clear()
        self._expression_errors.clear()
        return counts

    def _reader(self, channel: Channel, types: tuple[str, ...]) -> Reader:
        """Return the reader of a channel; native events may name a channel without `in`."""
        taken = channel.input or Input(topic="")
        return READERS[taken.format](taken, types, self._expression_errors)

    def _decode(self, record: RawRecord) -> Event:
        if len(record.value) > RECORD_BYTES_MAX:
            size = len(record.value)
            raise InputError("too_large", f"{size} bytes; {RECORD_BYTES_MAX} at most")
        channel = record.channel
        if channel is None:
            channel, read = self._read_unrouted(record)
        else:
            reader = self._readers.get(channel)
            if reader is None:
                read_object(record.value)
                raise InputError("invalid", "the record's channel is not declared")
            read = reader(record)
        return self._event(record, channel, read)

    def _read_unrouted(self, record: RawRecord) -> tuple[str | None, Native]:
        """Read a record whose topic does not determine its channel: its field `channel` does.

        The channel determines the format. Most records are native, so native is tried first.
        """
        read: Native | None
        refusal: InputError | None = None
        try:
            read = native.read(record)
            channel = read.channel
        except InputError as error:
            if error.reason != "invalid":
                raise
            refusal = error
            read = None
            channel = read_object(record.value).get("channel")
        if channel is None:
            if read is not None and _is_outcome(record, read):
                return None, read
            raise refusal or InputError("invalid", "no `channel`, and no topic of a channel")
        reader = self._readers.get(channel) if isinstance(channel, str) else None
        if reader is None:
            raise InputError("invalid", "`channel` is not a declared one")
        if reader is not native.read:
            return channel, reader(record)
        if read is None:
            raise refusal or InputError("invalid", "not a native event")
        return channel, read

    def _event(self, record: RawRecord, channel: str | None, read: Native) -> Event:
        """Return the event of a record that has been read; raises InputError."""
        type_ = read.type
        if len(type_) > TYPE_CHARACTERS_MAX or not self._is_type(type_):
            raise InputError("invalid", f"`type` must match {TYPE_PATTERN}")
        id_ = read.id
        own_id = id_ is not msgspec.UNSET
        if id_ is msgspec.UNSET:
            id_ = f"{record.topic}/{record.partition}/{record.offset}"
        elif not 0 < len(id_) <= ID_CHARACTERS_MAX:
            raise InputError("invalid", f"`id` must have 1 to {ID_CHARACTERS_MAX} characters")
        time = read.time
        if isinstance(time, str):
            time = _time_of(time)
        elif time < EARLIEST_MS:
            raise InputError("invalid", "`time` lies before the year 1")
        attributes = read.attributes
        if len(record.value) > ATTRIBUTES_BYTES_MAX:
            check_size(attributes)
        check_attributes(attributes)
        if time - record.time > AHEAD_MS_MAX:
            raise InputError("future", "`time` is more than 24 h ahead of the record's timestamp")
        identifiers = self._identifiers(read.identifiers)
        if not identifiers and not (
            type_ == OUTCOME_TYPE and attributes.get("action_id") is not None
        ):
            raise InputError("unidentified", "no identifier of a declared type names anybody")
        return Event(
            type_,
            time,
            attributes,
            id_,
            channel,
            identifiers,
            own_id,
            record.time,
            record.topic,
            record.partition,
            record.offset,
        )

    def _identifiers(self, given: native.Identifiers) -> list[Identifier]:
        """Return the usable identifiers, the strongest type first; raises InputError.

        Cached identifiers count as many steps as others, so that results do not depend on a cache.
        """
        found: dict[str, Identifier] = {}
        declared = tried = taken = 0
        for type_ in self._types:
            values = given.get(type_)
            if values is None:
                continue
            declared += 1
            for value in values if isinstance(values, list) else (values,):
                tried += 1
                if tried > IDENTIFIERS_MAX:
                    raise InputError("invalid", f"more than {IDENTIFIERS_MAX} identifiers")
                text = value if isinstance(value, str) else _text_of(value)
                short = len(text) <= _CACHED_CHARACTERS_MAX
                resolve = self._cached if short else self._resolve
                resolved, needed = resolve(type_, text)
                taken += needed
                if taken > STEPS_MAX:
                    raise InputError("invalid", "the identifiers are too long together")
                if isinstance(resolved, str):
                    self._ignore(resolved)
                else:
                    found.setdefault(resolved.hash, resolved)
        if declared != len(given):
            self._ignore("undeclared", len(given) - declared)
        return list(found.values())

    def _resolve(self, type_: str, value: str) -> tuple[Identifier | str, int]:
        """Return the identifier of a value, or the reason why there is none; and its steps."""
        kind = self._kinds[type_]
        if is_too_long(kind, value):
            return "unusable", 0
        return self._normal(type_, value), steps(kind, value)

    def _normal(self, type_: str, value: str) -> Identifier | str:
        if is_blocked(value, self._blocked):
            return "blocked"
        normal = self._normalisers[type_](value)
        if normal is None or len(normal) > VALUE_CHARACTERS_MAX:
            return "unusable"
        if is_blocked(normal, self._blocked):
            return "blocked"
        return Identifier(type_, normal, identifier_hash(self._tenant_key, type_, normal))

    def _ignore(self, reason: str, count: int = 1) -> None:
        self._ignored[reason] = self._ignored.get(reason, 0) + count


def _is_outcome(record: RawRecord, read: Native) -> bool:
    return read.type == OUTCOME_TYPE and record.topic.endswith(OUTCOME_TOPIC)


def _time_of(text: str) -> int:
    time = read_time(text)
    if time is None:
        raise InputError("invalid", "`time` is not RFC 3339 with an offset, nor integer ms")
    return time


def _text_of(number: float) -> str:
    """Return a number as text: an integer's digits, else the shortest that round-trip."""
    return str(number) if isinstance(number, int) else repr(number)
