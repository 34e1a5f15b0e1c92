"""Consumers: a member of a stage's group, and a reader without a group."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from cjo_stream.kafka.client.error import check_consumed, is_fatal
from cjo_stream.kafka.client.permission import Rights, of_group, of_topic
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.property import connect
from cjo_stream.settings import Settings

READER: Final = "reader"
"""The end of the name of a reader's group, which nobody joins."""

_LOG = logging.getLogger(__package__)


def group_id(settings: Settings, stage: str) -> str:
    """Return the consumer group of a stage; installations on one broker differ by prefix."""
    return f"{settings.topic_prefix}{settings.group}.{stage}"


def reading(settings: Settings) -> Rights:
    """Return the right on a group that a `reader` needs."""
    return of_group("Describe", settings.topic_prefix + READER)


def belonging(settings: Settings, stage: str) -> Rights:
    """Return the right on a stage's group that a member needs."""
    return of_group("Read", group_id(settings, stage))


def committing(settings: Settings, stage: str, places: Iterable[TopicPartition]) -> Rights:
    """Return the rights that a commit of a stage's positions needs."""
    topics = sorted({place.topic for place in places})
    return {**belonging(settings, stage), **of_topic("Read", *topics)}


def group_consumer(
    settings: Settings,
    stage: str,
    on_commit: Callable[[KafkaError | None, list[TopicPartition]], None] | None = None,
) -> Consumer:
    """Return a static member of a stage's group; it never stores or resets an offset itself."""
    own: dict[str, Any] = {
        "group.id": group_id(settings, stage),
        "group.instance.id": f"{stage}-{settings.slot}",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": min(3_000, settings.session_timeout_ms // 3),
        "partition.assignment.strategy": "roundrobin",
        "error_cb": _log_error,
        **_READING,
    }
    if on_commit is not None:
        own["on_commit"] = on_commit
    return connect(Consumer, {**settings.kafka_properties(), **own}, logger=_LOG)


def offset_keeper(settings: Settings, stage: str) -> Consumer:
    """Return a consumer that sees and commits the offsets of a stage's group, and joins none."""
    own = {"group.id": group_id(settings, stage), **_READING}
    return connect(Consumer, {**settings.kafka_properties(), **own}, logger=_LOG)


def check_fatal(messages: Iterable[Message]) -> None:
    """Raise StopError if these messages report that their consumer is finished.

    A consumer reports that only once, so messages that are to be discarded are checked, too.
    """
    for message in messages:
        error = message.error()
        if error is not None and is_fatal(error):
            check_consumed(error, message.topic())


def _log_error(error: KafkaError) -> None:
    _LOG.warning("consumer: %s", error)


def reader(
    settings: Settings,
    positions: Mapping[Place, int],
    *,
    committed: bool = True,
    fetch_bytes: int | None = None,
) -> Consumer:
    """Return a consumer without a group that reads these partitions from these offsets on.

    `committed`: not beyond the first open transaction. `fetch_bytes`: bytes of a partition in one
    fetch, instead of librdkafka's 1 MiB, and of four are fetched ahead; a larger record comes all
    the same.
    """
    # librdkafka needs a group id even if no group is joined and nothing is committed.
    own = {"group.id": settings.topic_prefix + READER, **_READING}
    if not committed:
        own["isolation.level"] = "read_uncommitted"
    if fetch_bytes is not None:
        own["fetch.message.max.bytes"] = fetch_bytes
        own["queued.max.messages.kbytes"] = max(1, 4 * fetch_bytes >> 10)
    consumer = connect(Consumer, {**settings.kafka_properties(), **own}, logger=_LOG)
    consumer.assign([TopicPartition(*place, offset) for place, offset in positions.items()])
    return consumer


_READING: Final[dict[str, Any]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    # The broker passes on what its disk gives: only the reader can detect a changed byte.
    "check.crcs": True,
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 20,
    # A bound for what is fetched ahead: memory stays flat however far behind this process is.
    "queued.max.messages.kbytes": 4_096,
}


def is_end(message: Message) -> bool:
    """Return whether this reports the end of a partition; its offset is that end."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF
