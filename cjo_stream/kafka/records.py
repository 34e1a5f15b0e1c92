"""Records that went out, read back from their topic; for operators' commands."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from cjo_stream.kafka.client import Admin
from cjo_stream.kafka.contents import contents, told_foreign
from cjo_stream.kafka.topic import Names
from cjo_stream.settings import Settings

_LOG = logging.getLogger(__name__)

_Record = TypeVar("_Record")


def read(settings: Settings, kind: str, type_: type[_Record]) -> Iterator[_Record]:
    """Yield what the topic of one kind of record still holds, partition after partition.

    What is none is passed over, and told in the log. Raises RefusalError where the topic is
    missing, RetryError where the broker is away.
    """
    name = Names(settings.topic_prefix).out(kind)
    decode = msgspec.json.Decoder(type_).decode
    for number in range(Admin(settings).require([name])[name].partitions):
        for message in contents(settings, (name, number)):
            try:
                yield decode(message.value() or b"")
            except msgspec.MsgspecError as error:
                told_foreign(_LOG, message, error)
