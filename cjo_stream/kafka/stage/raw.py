"""Raw records as the client gives them, and dead letters as it sends them."""

from __future__ import annotations

from typing import Final

from confluent_kafka import Message

from cjo_stream.core.record import DeadLetter
from cjo_stream.engine.effect import cut_letter, dead_letter_headers
from cjo_stream.engine.frame import RECORD_BYTES_MAX
from cjo_stream.engine.port import Log, RawRecord
from cjo_stream.kafka.client.sender import Outgoing

KEY_BYTES_MAX: Final = 64 << 10
DEAD_LETTER_BYTES_MAX: Final = RECORD_BYTES_MAX - 2 * KEY_BYTES_MAX


def record_of(message: Message, log: Log, channel: str | None) -> RawRecord:
    """Return a message of a partition as the engine takes it."""
    _, time_ms = message.timestamp()
    return RawRecord(
        message.topic() or "",
        log.topic_id,
        log.partition,
        message.offset() or 0,
        time_ms,
        _bytes(message.value()) or b"",
        _bytes(message.key()),
        headers_of(message),
        channel,
    )


def sent(letter: DeadLetter, topic: str) -> Outgoing:
    """Return a dead letter as it is sent: its original bytes, cut if they are too many."""
    letter = cut_letter(letter, DEAD_LETTER_BYTES_MAX)
    key = letter.key if letter.key is None or len(letter.key) <= KEY_BYTES_MAX else None
    return Outgoing(topic, letter.value, key=key, headers=dead_letter_headers(letter))


def headers_of(message: Message) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of a message, in order; a null value is empty."""
    headers = message.headers() or []
    found = headers.items() if isinstance(headers, dict) else headers
    return tuple((name, _bytes(value) or b"") for name, value in found)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
