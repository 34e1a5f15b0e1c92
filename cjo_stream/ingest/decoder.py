"""One raw record becomes one event, or is refused with a reason.

    record --reader of its channel's format--> Native --the rules for every format--> Event

Reasons are checked in the order of docs/events.md, and the first that applies is given:
`too_large malformed unmapped invalid future unidentified`. The detail of a refusal holds no value
of a customer, unless a `map` could not use it. No record, whatever its bytes, raises another
error.

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
from typing import Any

import msgspec

from cjo_stream.core.event import Event
from cjo_stream.core.expression.timestamp import are_seconds
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, Input
from cjo_stream.core.vocabulary import BUILT_IN
from cjo_stream.core.word import Codec, Format, Skipped
from cjo_stream.engine.port import Decoded, RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import described
from cjo_stream.ingest.archive import row as archive
from cjo_stream.ingest.attribute import ATTRIBUTES_BYTES_MAX, check_attributes, check_size
from cjo_stream.ingest.built_in import check_outcome, why_refused
from cjo_stream.ingest.consent import CONSENT_TYPE, check_consent, read_consent, why_wide
from cjo_stream.ingest.described import RECORD_BYTES_MAX
from cjo_stream.ingest.format import cloudevents, debezium, mapped, native, segment
from cjo_stream.ingest.format.column import Columns
from cjo_stream.ingest.format.document import read_object
from cjo_stream.ingest.format.mapped import RowScope
from cjo_stream.ingest.format.native import Identifiers, Loose, Native, Reader, Sound
from cjo_stream.ingest.format.time import EARLIEST_MS, NOT_A_TIME, read_time
from cjo_stream.ingest.noted import Noting
from cjo_stream.ingest.trace import TraceReader
from cjo_stream.registry.schemas import Schemas

AHEAD_MS_MAX = 24 * 3_600_000
ID_CHARACTERS_MAX = 200
OUTCOME_TYPE = "cjo.outcome"
OUTCOME_TOPIC = "outcome.v1"
"""The end of the outcome topic's name, after any prefix."""

TYPE_CHARACTERS_MAX = 100
TYPE_PATTERN = "[a-z][a-z0-9_.]{0,99}"
_TYPE = re.compile(TYPE_PATTERN, re.ASCII)


READERS: dict[Format, Callable[[Input, Collection[str], RowScope, Columns], Reader]] = {
    Format.NATIVE: lambda *_: native.read,
    Format.SEGMENT: lambda _, types, *__: segment.reader(types),
    Format.CLOUDEVENTS: lambda _, types, *__: cloudevents.reader(types),
    Format.MAPPED: lambda taken, _, *noting: mapped.reader(taken.maps, *noting),
    Format.DEBEZIUM: lambda taken, _, *noting: debezium.reader(taken.maps, *noting),
}
"""Makes the reader of each format: from a channel's `in`, the declared identifier types, the scope
of its expressions, which counts what they could not use, and what notes the columns of rows."""


class _Channeled(msgspec.Struct):
    """What a record says of its channel; the rest is skipped."""

    channel: Any = None


_CHANNELED = msgspec.json.Decoder(_Channeled)


def decoder(
    program: Program,
    tenant_key: bytes,
    schemas: Schemas | None = None,
    traces: TraceReader | None = None,
) -> Decoder:
    """Return the decoder for the channels and identifier types of `program`.

    Its clock is each record's own timestamp. With `schemas`, records of channels with `registry`
    are decoded by them first; without, they are read as what `format` says: files hold no others.
    With `traces`, events have the trace contexts of their records' headers.
    """
    return Decoder(program, tenant_key, schemas, traces)


class Decoder(Noting):
    """Decodes raw records; implements `engine.port.Decode`.

    Between records it keeps only bounded caches, and what it notes.
    """

    def __init__(
        self,
        program: Program,
        tenant_key: bytes,
        schemas: Schemas | None = None,
        traces: TraceReader | None = None,
    ) -> None:
        super().__init__(program, tenant_key)
        self._schemas = schemas
        self._traces = traces
        self._codecs = {} if schemas is None else codecs(program)
        types = tuple(program.identifiers)
        self._times_as_they_come = frozenset(
            name
            for name, channel in program.channels.items()
            if channel.input is None
            or not any("timestamp" in one.time.text for one in channel.input.maps)
        )
        """Channels whose times no function reads: it would count what is no ms itself."""
        self._readers = {
            name: self._reader(channel, types) for name, channel in program.channels.items()
        }
        self._foreign = {
            name: read for name, read in self._readers.items() if read is not native.read
        }
        self._of_topics = self._readers | {
            name: described.reader(codec, schemas, self._readers[name])
            for name, codec in self._codecs.items()
            if schemas is not None
        }
        """Of the records of a channel's topic, which a registry's serializers may have written."""
        declared = program.events or {}
        self._known = {name: {*of, *declared.get(name, {})} for name, of in BUILT_IN.items()}
        """By type of built-in meaning, the names of attributes that mean themselves."""
        self._with_channel = {
            name
            for name, channel in program.channels.items()
            if channel.input is not None
            and any({"purpose", "channel"} <= one.attributes.keys() for one in channel.input.maps)
        }
        """Channels whose maps give consents their `channel`."""
        self._is_type = lru_cache(1024)(lambda text: _TYPE.fullmatch(text) is not None)
        """For texts that are short enough to be cached."""
        self._why_refused = lru_cache(1024)(why_refused)

    def __call__(self, record: RawRecord) -> Decoded:
        """Return the event or events of `record`, or the reason why there is none.

        There are no events of a record that its format passes over.
        """
        try:
            return self._decode(record)
        except InputError as error:
            # The error may be kept for long: drop its traceback, which holds frames and records.
            error.__context__ = None
            return error.with_traceback(None)
        finally:
            self._note_examples(record)

    def _reader(self, channel: Channel, types: tuple[str, ...]) -> Reader:
        """Return the reader of a channel; native events may name a channel without `in`."""
        taken = channel.input or Input(topic="")
        columns = Columns(taken.maps)
        if taken.maps:
            self.columns[channel.name] = columns
        return READERS[taken.format](taken, types, self._scope, columns)

    def _decode(self, record: RawRecord) -> Event | list[Event]:
        if len(record.value) > RECORD_BYTES_MAX and record.channel != archive.CHANNEL:
            size = len(record.value)
            raise InputError("too_large", f"{size} bytes; {RECORD_BYTES_MAX} at most")
        channel = record.channel
        if channel is None:
            channel, read = self._read_unrouted(record)
        else:
            reader = self._of_topics.get(channel)
            if reader is None:
                if channel == archive.CHANNEL:
                    return self._archived(record)
                read_object(record.value)
                raise InputError("invalid", "the record's channel is not declared")
            read = reader(record)
        if isinstance(read, Skipped):
            self._noticed["cjo_records_skipped_total", channel or "", read] += 1
            return []
        if not isinstance(read, list):
            return self._event(record, channel, read)
        events = []
        for number, one in enumerate(read):
            try:
                events.append(self._event(record, channel, one, number))
            except InputError as error:
                if len(read) == 1:
                    raise
                detail = f"{error.detail} (event {number + 1} of the row's {len(read)})"
                raise InputError(error.reason, detail) from None
        return events[0] if len(events) == 1 else events

    def _archived(self, record: RawRecord) -> Event:
        """Return the event of a row of the archive, as it was when it came.

        It is native, whatever its channel's format, and has its first coordinates and time. What
        was accepted then is accepted now, whatever its words: a replay gives the same.
        """
        row = archive.read_row(record.value)
        if row.channel is not None and row.channel not in self._readers:
            raise self._undeclared()
        came = RawRecord(
            row.topic, row.topic_id, row.partition, row.offset, row.received_at, record.value
        )
        assert isinstance(row.attributes, dict), "a row that was read has objects"
        assert isinstance(row.identifiers, dict), "a row that was read has objects"
        id_ = msgspec.UNSET if row.id is None else row.id
        identifiers: Identifiers = {name: [*of] for name, of in row.identifiers.items()}
        read = Native(row.type, row.time, identifiers, id_, row.attributes)
        return self._event(came, row.channel, read, row.index, is_archived=True)

    def _undeclared(self) -> InputError:
        names = ", ".join(self._readers) or "none"
        return InputError("invalid", f"`channel` is none that takes events in ({names})")

    def lacks(self, record: RawRecord) -> int | None:
        """Return the id of the schema that a record waits for; None: it can be decoded now."""
        if self._schemas is None:
            return None
        return described.lacks(self._codecs.get(record.channel or ""), self._schemas, record)

    def _read_unrouted(
        self, record: RawRecord
    ) -> tuple[str | None, Native | list[Native] | Skipped]:
        """Read a record whose topic does not determine its channel: its field `channel` does.

        The channel determines the format. Most records are native, and name no other; so native is
        tried first, which says best what is wrong.
        """
        named = _channel_of(record.value) if self._foreign else None
        if named is not None and named in self._foreign:
            return named, self._foreign[named](record)
        read: Native | None
        refusal: InputError | None = None
        try:
            read = native.read(record)
            channel = read.channel
        except InputError as error:
            if error.reason != "invalid":
                raise
            refusal = error.with_traceback(None)  # which holds this frame, in a circle
            refusal.__context__ = None
            read = None
            channel = read_object(record.value).get("channel")
        if channel is None:
            if read is not None and _is_outcome(record, read):
                return None, read
            if refusal is not None and record.topic.endswith(OUTCOME_TOPIC):
                raise refusal
            names = ", ".join(self._readers)
            raise InputError(
                "invalid", f"no `channel`: add the field, or name one by --channel ({names})"
            )
        reader = self._readers.get(channel) if isinstance(channel, str) else None
        if reader is None:
            raise self._undeclared()
        if reader is not native.read:
            return channel, reader(record)
        if read is None:
            raise refusal or InputError("invalid", "not a native event")
        return channel, read

    def _event(
        self,
        record: RawRecord,
        channel: str | None,
        read: Native,
        number: int = 0,
        *,
        is_archived: bool = False,
    ) -> Event:
        """Return an event of a record that has been read; raises InputError.

        `number` counts the events of the record.
        """
        type_ = read.type
        if len(type_) > TYPE_CHARACTERS_MAX or not self._is_type(type_):
            raise InputError("invalid", f"`type` must match {TYPE_PATTERN}, as order_placed")
        id_ = read.id
        own_id = id_ is not msgspec.UNSET
        if id_ is msgspec.UNSET:
            id_ = f"{record.topic}/{record.partition}/{record.offset}"
            if number:
                id_ += f"/{number}"
        elif not 0 < len(id_) <= ID_CHARACTERS_MAX:
            raise InputError("invalid", f"`id` must have 1 to {ID_CHARACTERS_MAX} characters")
        time = read.time
        if isinstance(time, str):
            time = _time_of(time)
        elif time < EARLIEST_MS:
            raise InputError("invalid", "`time` lies before the year 1")
        attributes = read.attributes
        if type(read) is not Sound:
            if type(read) is Loose:
                self._noticed.update(self.fields.add(channel, read))
            if len(record.value) > ATTRIBUTES_BYTES_MAX:
                check_size(attributes)
            check_attributes(attributes)
        if not is_archived:
            if (why := self._why_refused(type_)) is not None:
                raise InputError("invalid", why)
            if type_ == OUTCOME_TYPE:
                check_outcome(attributes, self._known[type_])
            elif type_ == CONSENT_TYPE:
                check_consent(attributes, self._known[type_])
        if type_ == CONSENT_TYPE:
            attributes = read_consent(attributes, self._readers)
            self._count_wide(channel, attributes)
        if channel in self._times_as_they_come and are_seconds(time):
            self._count_seconds(channel)
        if time - record.time > AHEAD_MS_MAX:
            raise InputError("future", "`time` is more than 24 h ahead of the record's timestamp")
        identifiers = self.identifiers.read(read.identifiers)
        if not identifiers and not (
            type_ == OUTCOME_TYPE and attributes.get("action_id") is not None
        ):
            raise InputError("unidentified", self.identifiers.why_none(read.identifiers))
        if self._comparison is not None:
            self._comparison.add(record, channel, type_, attributes)
        return Event(
            type_,
            time,
            attributes,
            id_,
            channel,
            identifiers,
            own_id,
            record.time if self._traces is None else self._traces.received(record),
            record.topic,
            record.partition,
            record.offset,
        )

    def _count_wide(self, channel: str | None, statement: dict[str, Any]) -> None:
        """Count a statement that may be about every channel by mistake, and what it says more."""
        known, has_map = self._known[CONSENT_TYPE], channel in self._with_channel
        wide = why_wide(statement, known, has_map=has_map)
        if wide is not None:
            key = "cjo_consent_ignored_total", wide.reason
            self._noticed[key] += 1
            self.fields.note(key, wide.names)


def codecs(program: Program) -> dict[str, Codec]:
    """Return the codec of each channel whose records are written by a registry's schemas."""
    return {
        name: channel.input.registry
        for name, channel in program.channels.items()
        if channel.input is not None and channel.input.registry is not None
    }


def _channel_of(text: bytes) -> str | None:
    """Return the channel that JSON names; None if there is none, or the text is no object."""
    try:
        channel = _CHANNELED.decode(text).channel
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return channel if isinstance(channel, str) else None


def _is_outcome(record: RawRecord, read: Native) -> bool:
    return read.type == OUTCOME_TYPE and record.topic.endswith(OUTCOME_TOPIC)


def _time_of(text: str) -> int:
    time = read_time(text)
    if time is None:
        raise InputError("invalid", NOT_A_TIME)
    return time
