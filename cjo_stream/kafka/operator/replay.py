"""The private logs decoded, and the internal log run again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from confluent_kafka import Message

from cjo_stream.definition import compile_content
from cjo_stream.engine.frame import Effect, decode_effect_frame, decode_frame
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.errors import InputError, RefusalError, UsageError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.contents import contents
from cjo_stream.kafka.client.place import Topic
from cjo_stream.kafka.position.clock import accepted
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.store.memory import MemoryStore


class At(msgspec.Struct, frozen=True):
    """The place of a record, and its append time in ms."""

    partition: int
    offset: int
    time: int


def frames(
    settings: Settings, partition: int | None, start: int, *, effects: bool
) -> Iterator[tuple[At, Any]]:
    """Yield decoded frames of the internal log, or of the effect log, from an offset on.

    For a record that is no frame, it yields what is wrong with it.

    Raises RefusalError where the topic is missing, UsageError where the partition is, RetryError
    where the broker is away.
    """
    names = Names(settings.topic_prefix)
    name = names.effect if effects else names.internal
    decode = decode_effect_frame if effects else decode_frame
    topic = Admin(settings).require([name])[name]
    for number in _numbers(topic, partition):
        for message in contents(settings, (name, number), start):
            try:
                yield _at(message), decode(_value(message))
            except InputError as error:
                yield _at(message), error.detail


def replay(settings: Settings, partition: int | None) -> Iterator[tuple[At, Effect]]:
    """Yield the effects of the internal log, run from its start through fresh stores.

    The place is that of the record that caused the effect. Raises as `frames` does, and
    RefusalError where the log's beginning is no longer kept.
    """
    name = Names(settings.topic_prefix).internal
    topic = require_log(Admin(settings), settings, name)[name]
    clocks = accepted(settings, topic.id)
    for number in _numbers(topic, partition):
        lane = Log(topic.id, number)
        task = Task(
            number,
            topic.partitions,
            lane,
            MemoryStore(),
            compile_content,
            accepted=clocks.get(number, ()),
        )
        for message in contents(settings, (name, number)):
            at = _at(message)
            if task.applied < 0 < at.offset:
                raise RefusalError(
                    f"partition {number} begins at offset {at.offset}: what was before has aged "
                    "out and is only in a worker's state; try another --partition"
                )
            outbox = task.process([LogRecord(at.offset, at.time, _value(message))])
            for frame in outbox.effects:
                for item in decode_effect_frame(frame).items:
                    yield at, item.effect
            task.commit()
            if task.must_purge:
                task.purge()


def _numbers(topic: Topic, partition: int | None) -> Sequence[int]:
    if partition is None:
        return range(topic.partitions)
    if partition >= topic.partitions:
        raise UsageError(
            f"{topic.name} has no partition {partition}, only 0 to {topic.partitions - 1}"
        )
    return [partition]


def _at(message: Message) -> At:
    return At(message.partition() or 0, message.offset() or 0, message.timestamp()[1])


def _value(message: Message) -> bytes:
    value = message.value()
    return value if isinstance(value, bytes) else b""
