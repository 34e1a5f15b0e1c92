"""Dead letters, read back from their topic."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from confluent_kafka import Message

from cjo_stream.kafka.client import Admin
from cjo_stream.kafka.contents import contents
from cjo_stream.kafka.topic import Names
from cjo_stream.settings import Settings


class Refused(msgspec.Struct, frozen=True):
    """One dead letter; `topic`, `partition` and `offset` name the record that was refused."""

    time: int
    """When it was refused, ms."""
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    value: str
    """As text; what is no UTF-8 is replaced."""


def read(settings: Settings) -> Iterator[Refused]:
    """Yield what the dead-letter topic holds, partition after partition.

    Raises RefusalError where the topic is missing, RetryError where the broker is away.
    """
    name = Names(settings.topic_prefix).dead_letter
    for number in range(Admin(settings).require([name])[name].partitions):
        yield from map(_refused, contents(settings, (name, number)))


def _refused(message: Message) -> Refused:
    headers = dict(message.headers() or ())
    texts = {
        name: value.decode(errors="replace")
        for name, value in headers.items()
        if isinstance(value, bytes)
    }
    value = message.value() or b""
    return Refused(
        time=message.timestamp()[1],
        reason=texts.get("reason", ""),
        detail=texts.get("detail", ""),
        topic=texts.get("topic", ""),
        partition=read_number(texts.get("partition")),
        offset=read_number(texts.get("offset")),
        value=value.decode("utf-8", "replace") if isinstance(value, bytes) else value,
    )


def read_number(text: str | None) -> int:
    """Return the number that a header holds; -1 for what is none: anybody may write the topic."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else -1
