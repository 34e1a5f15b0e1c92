"""Effects put into their log as tasks would, for tests of what dispatch makes of them."""

from __future__ import annotations

import json

import msgspec

from cjo_stream.engine.frame import Effect, EffectWriter, decode_effect_frame
from cjo_stream.engine.lane import Numbering
from cjo_stream.engine.port import Log
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from tests.kafka.stages import read_all


class EffectTask:
    """What the task of one partition sends to dispatch."""

    def __init__(self, settings: Settings, partition: int, last: tuple[int, int]) -> None:
        """`last` is the number of the last effect that stands in the partition."""
        names = Names(settings.topic_prefix)
        internal = Admin(settings).require([names.internal])[names.internal]
        self._log = Log(internal.id, partition)
        self._effect = names.effect
        self._sender = Sender(settings)
        self._offset = last[0]
        self._numbers = Numbering({0: last})

    def frame(self, *effects: Effect) -> bytes:
        """Return a frame of effects caused by one record."""
        writer = EffectWriter(self._log)
        self._offset += 1
        self._numbers.begin(self._offset)
        for effect in effects:
            writer.add(*self._numbers.number(0), effect)
        return msgspec.msgpack.encode(writer.frames()[0])

    def send(self, *frames: bytes) -> None:
        self._sender.send([Outgoing(self._effect, f, self._log.partition) for f in frames])


def effect_tasks(settings: Settings) -> list[EffectTask]:
    """Return a task for each partition; the real ones answered the installation's `apply`."""
    last: dict[int, tuple[int, int]] = {}
    for message in read_all(settings, Names(settings.topic_prefix).effect):
        for item in decode_effect_frame(message.value()).items:
            number = (item.offset, item.index)
            last[message.partition()] = max(number, last.get(message.partition(), number))
    return [EffectTask(settings, p, last[p]) for p in range(settings.partitions)]


def command(
    number: int,
    *,
    customer: str = "customer",
    channel: str = "mail",
    expires_at: int = 0,
    received_at: int = 0,
    set_number: int = 1,
) -> Effect:
    """Return a command; those of one customer lie in one partition and in order."""
    return Effect(
        "action",
        customer,
        json.dumps({"number": number}).encode(),
        channel=channel,
        headers=[("action_id", str(number).encode())],
        received_at=received_at,
        expires_at=expires_at,
        set_number=set_number,
    )
