"""How a run would read a file: each row decoded, nothing processed and nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from cjo_stream.core.command.outcome import OUTCOME, why_of_no_action, why_unknown
from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.embedded.notice import Notices, notices_of
from cjo_stream.embedded.refused import RefusedSummary
from cjo_stream.embedded.taking import Count
from cjo_stream.embedded.unread import Attributes
from cjo_stream.engine.intake import events_of, refusal_of
from cjo_stream.engine.port import Decoded
from cjo_stream.errors import InputError
from cjo_stream.ingest import Decoder
from cjo_stream.ingest.cause import likely_cause, without_values
from cjo_stream.ingest.files import InputFile, Part, read_parts

ROWS_SHOWN: Final = 5
CAUSES_SHOWN: Final = 20
TYPES_SHOWN: Final = 50


class EventRow(msgspec.Struct, frozen=True):
    """How one of the first rows was read."""

    line: int
    type: str
    time: int
    channel: str | None
    identifiers: dict[str, list[str] | int]
    """By type, how many, or their values."""


class Preview(msgspec.Struct, kw_only=True):
    """How a file is read."""

    file: str
    rows: int = 0
    events: int = 0
    refused: int = 0
    cause: str | None = None
    """What is likely wrong, where every row was refused."""
    types: dict[str, int] = {}
    """Events by type, the most frequent first."""
    first: list[EventRow] = []
    refusals: list[RefusedSummary] = []
    """By cause, in the order of their first rows."""
    notices: Notices = Notices()


def preview(
    file: InputFile,
    program: Program,
    decoder: Decoder,
    channel: str | None,
    *,
    now: int,
    with_values: bool = False,
) -> Preview:
    """Return how a file is read; raises UsageError where it cannot be.

    `with_values`: with the values of identifiers, which name people.
    """
    found = Preview(file=file.name)
    count, attributes = Count(), Attributes()
    types: dict[str, int] = {}
    refusals: dict[tuple[str, str], RefusedSummary] = {}
    file.keep()
    for record, decoded in read_parts([Part(file, 0)], decoder, channel=channel, now=now):
        refused = refusal_of(decoded) or _refusal_to_come(decoded, program)
        count.add(record, decoded, refused)
        attributes.add(decoded)
        if refused is not None:
            _add(refusals, refused, file.name, record.offset)
            continue
        assert not isinstance(decoded, InputError), "it is not refused"
        for event in decoded if isinstance(decoded, list) else (decoded,):
            found.events += 1
            types[event.type] = types.get(event.type, 0) + 1
            if len(found.first) < ROWS_SHOWN:
                found.first.append(_row(event, record.offset, with_values=with_values))
    found.rows, found.refused = count.rows, count.refused
    most = sorted(types.items(), key=lambda pair: (-pair[1], pair[0]))
    found.types = dict(most[:TYPES_SHOWN])
    found.refusals = list(refusals.values())
    found.notices = notices_of(decoder, attributes, program)
    if count.is_all_refused:
        found.cause = likely_cause(file, program, channel, count.reasons)
    return found


def _refusal_to_come(decoded: Decoded, program: Program) -> InputError | None:
    """Return why customers would refuse a row's events, as far as no customer is needed for it."""
    reasons = [_why_refused(event, program) for event in events_of(decoded)]
    if not reasons or reasons[0] is None or None in reasons:
        return None
    return InputError("invalid", reasons[0])


def _why_refused(event: Event, program: Program) -> str | None:
    if event.type != OUTCOME:
        return None
    return why_unknown(event.attributes) or why_of_no_action(event.attributes, program)


def _add(
    refusals: dict[tuple[str, str], RefusedSummary], refused: InputError, file: str, line: int
) -> None:
    key = refused.reason, without_values(refused.detail)
    if key not in refusals and len(refusals) >= CAUSES_SHOWN:
        key = refused.reason, ""
    one = refusals.setdefault(key, RefusedSummary(*key, file=file, line=line))
    one.records += 1


def _row(event: Event, line: int, *, with_values: bool) -> EventRow:
    values: dict[str, list[str]] = {}
    for one in event.identifiers:
        values.setdefault(one.type, []).append(one.value)
    shown: Mapping[str, list[str] | int] = (
        values if with_values else {type_: len(of) for type_, of in values.items()}
    )
    return EventRow(line, event.type, event.time, event.channel, dict(shown))
