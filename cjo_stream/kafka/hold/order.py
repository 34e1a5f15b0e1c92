"""The topic of holds, compacted: what each operator holds, until a null value releases it.

record                                    key                     value (JSON)
ann holds the commands of channel email   ["email","","ann"]      which, who, why, at
"""

from __future__ import annotations

import time

import msgspec
from confluent_kafka import Message

from cjo_stream.engine.hold import Hold, Holds, decode_hold, encode_hold
from cjo_stream.errors import RetryError
from cjo_stream.kafka.client.admin import TIMEOUT_S
from cjo_stream.kafka.client.consumer import is_end, reader, reading
from cjo_stream.kafka.client.contents import foreign
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings


class HoldLog:
    """Follows the topic of holds.

    Reading it raises RefusalError for a record that is no hold, so that no command goes out that
    may be held.
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = Names(settings.topic_prefix).hold
        self._consumer = reader(settings, {(self._topic, 0): 0})
        self._reading = reading(settings)
        self._found: dict[bytes, Hold] = {}
        self._foreign: dict[bytes, Exception] = {}
        """By key, why its record is no hold; removed when another record of the key comes."""
        self.seen = 0
        """Behind the last record that was read: at the end of the topic, its end.

        Not always behind a record that is still there: the broker removes null values in time.
        """
        self.holds: Holds = frozenset()

    @property
    def all(self) -> list[Hold]:
        """Return the holds, the oldest first."""
        return sorted(self._found.values(), key=lambda hold: hold.at)

    def read(self) -> None:
        """Return when the whole topic has been read; raises RetryError."""
        until_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until_s:
            message = self._consumer.poll(0.1)
            if message is None:
                continue
            self._take(message)
            if is_end(message):
                self._check_foreign()
                return
        raise RetryError(f"{self._topic} could not be read: is the broker up?")

    def poll(self) -> None:
        """Read what has come."""
        while (message := self._consumer.poll(0)) is not None:
            self._take(message)
        self._check_foreign()

    def close(self) -> None:
        """Leave the topic."""
        self._consumer.close()

    def _take(self, message: Message) -> None:
        if is_end(message):
            self.seen = message.offset() or 0
            return
        if (error := message.error()) is not None:
            check_consumed(error, self._topic, self._reading)
            return
        key, value = message.key() or b"", message.value()
        assert isinstance(key, bytes)
        self._found.pop(key, None)
        self._foreign.pop(key, None)
        if isinstance(value, bytes):
            try:
                self._found[key] = decode_hold(value)
            except msgspec.MsgspecError as why:
                self._foreign[key] = why
        self.seen = (message.offset() or 0) + 1
        self.holds = frozenset(hold.which for hold in self._found.values())

    def _check_foreign(self) -> None:
        for key, why in self._foreign.items():
            raise foreign(self._topic, key, "`cjo-stream hold`", why)


def read_holds(settings: Settings) -> HoldLog:
    """Return the present content of the topic of holds; raises as `HoldLog.read`."""
    log = HoldLog(settings)
    try:
        log.read()
    finally:
        log.close()
    return log


def write(settings: Settings, hold: Hold, *, is_held: bool) -> None:
    """Let commands wait, or take a hold back."""
    topic = Names(settings.topic_prefix).hold
    sender = Sender(settings)
    try:
        sender.send([Outgoing(topic, encode_hold(hold) if is_held else None, 0, hold.key)])
    finally:
        sender.close()
