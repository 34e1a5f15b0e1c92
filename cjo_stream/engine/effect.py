"""Records become effects: their bytes and headers as the topics get them."""

from __future__ import annotations

import msgspec

from cjo_stream.core.catalogue import DEAD_LETTER, KIND_OF, PROFILE, REPLY
from cjo_stream.core.cut import RECORD_BYTES_MAX, cut_record
from cjo_stream.core.event import TRACEPARENT, TRACESTATE, Traced
from cjo_stream.core.record import Action, DeadLetter, Record, Reply, Withdrawal
from cjo_stream.engine.frame import Effect

_JSON = msgspec.json.Encoder()


def effect_of(
    record: Record, received_at: int = 0, set_number: int = 0, traced: Traced | None = None
) -> Effect:
    """Return the effect of `record`, cut if it is too large.

    `received_at` is the raw record's time in ms, `set_number` the definition set in force. A
    command takes the trace context of the event that caused it along, in its headers.
    """
    if type(record) is DeadLetter:
        letter = cut_letter(record, RECORD_BYTES_MAX)
        return Effect(DEAD_LETTER.name, "", letter.value, headers=dead_letter_headers(letter))
    if type(record) is Withdrawal:
        return Effect(PROFILE.name, record.customer_id, b"")
    if type(record) is Reply:
        return Effect(REPLY.name, record.command_id, _bytes_of(record))
    kind = KIND_OF[type(record)]
    key = "" if kind.key is None else str(getattr(record, kind.key))
    value = _bytes_of(record)
    if type(record) is not Action:
        return Effect(kind.name, key, value, received_at=received_at)
    headers = [("action_id", record.action_id.encode()), ("schema", record.schema.encode())]
    if traced is not None:
        headers += _trace_headers(traced)
    return Effect(
        kind.name,
        key,
        value,
        channel=record.channel,
        headers=headers,
        received_at=received_at,
        expires_at=record.expires_at,
        set_number=set_number,
    )


def _trace_headers(traced: Traced) -> list[tuple[str, bytes]]:
    headers = [(TRACEPARENT, traced.traceparent.encode())]
    if traced.tracestate:
        headers.append((TRACESTATE, traced.tracestate.encode()))
    return headers


def _bytes_of(record: Record) -> bytes:
    value = _JSON.encode(record)
    return value if len(value) <= RECORD_BYTES_MAX else cut_record(record, RECORD_BYTES_MAX)


def cut_letter(letter: DeadLetter, bytes_max: int) -> DeadLetter:
    """Return a dead letter whose value has at most `bytes_max` bytes; its detail notes a cut."""
    if len(letter.value) <= bytes_max:
        return letter
    return msgspec.structs.replace(
        letter,
        value=letter.value[:bytes_max],
        detail=f"{letter.detail}; cut to {bytes_max} bytes",
    )


def dead_letter_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """Return the headers that docs/events.md lists for dead letters."""
    return [
        ("reason", letter.reason.encode()),
        ("detail", letter.detail.encode()),
        ("topic", letter.topic.encode()),
        ("partition", str(letter.partition).encode()),
        ("offset", str(letter.offset).encode()),
    ]
