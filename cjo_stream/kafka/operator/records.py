"""Records that went out, read back from their topics, for operators."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TypeVar

import msgspec
from confluent_kafka import Message

from cjo_stream.core.catalogue import DEAD_LETTER, KIND_OF, RecordKind
from cjo_stream.installation.answer import Refused
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.contents import contents, told_foreign
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

_LOG = logging.getLogger(__name__)
_Record = TypeVar("_Record")


class TopicRecords:
    """The records of an installation that its topics still hold, partition after partition.

    All methods raise RefusalError where a topic is missing, RetryError where the broker is away.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.place = f"the topics {settings.topic_prefix}*"

    def read(self, type_: type[_Record]) -> Iterator[_Record]:
        """Yield the records of a kind; what is none is passed over, and logged."""
        decode = msgspec.json.Decoder(type_).decode
        for message in self._messages(KIND_OF[type_]):
            try:
                yield decode(message.value() or b"")
            except msgspec.MsgspecError as error:
                told_foreign(_LOG, message, error)

    def refused(self) -> Iterator[Refused]:
        """Yield the dead letters."""
        return map(_refused, self._messages(DEAD_LETTER))

    def _messages(self, kind: RecordKind) -> Iterator[Message]:
        name = Names(self._settings.topic_prefix).out(kind)
        for number in range(Admin(self._settings).require([name])[name].partitions):
            yield from contents(self._settings, (name, number))


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
