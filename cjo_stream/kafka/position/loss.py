"""Detects records that the broker acknowledged and lost, with others now in their places.

Beside each position stands the digest of the last record before it, as it was when it was read. A
process that resumes at a position compares the digest with the log's present record there:

    the log has                              the process
    the same record                          goes on
    another record, or none                  refuses: the records that took the places of others
                                             would never be read
    nothing so far back; or it is            goes on: whether the log is the same is unknown
      compacted, and has none there

So a loss is detected if it reaches back to that record and the log has grown again beyond it. A
log that ends before the position is detected elsewhere.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from cjo_stream.engine import codec
from cjo_stream.engine.port import LogRecord
from cjo_stream.errors import RefusalError, RetryError
from cjo_stream.kafka.client.admin import TIMEOUT_S, Admin
from cjo_stream.kafka.client.consumer import is_end, reader, reading
from cjo_stream.kafka.client.error import check_consumed, is_out_of_range
from cjo_stream.kafka.client.permission import Rights
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.topic.check import configs_of
from cjo_stream.settings import Settings

FETCH_BYTES: Final = 16 << 10
"""Of one partition in one fetch: only one record of each is needed."""
POLL_S: Final = 0.1

Look = Callable[[Mapping[Place, int]], Mapping[Place, LogRecord | None]]
"""Returns the record of each place at an offset; None if the log reaches back so far but has no
record there; a place is left out if that is unknown."""

_LOG = logging.getLogger(__name__)


class Taken(msgspec.Struct, frozen=True):
    """The last record before a position: its place, and its digest (codec.record_digest).

    The digest is codec.UNKNOWN if no record was read yet, or an older release read it.
    """

    place: Place
    offset: int
    digest: int


def check(taken: Iterable[Taken], look: Look, mend: str) -> None:
    """Raise RefusalError where a log has lost one of these records; its text ends in `mend`."""
    known = {one.place: one for one in taken if one.digest != codec.UNKNOWN}
    found = look({place: one.offset for place, one in known.items()}) if known else {}
    for (topic, partition), one in sorted(known.items()):
        if one.place not in found:
            _LOG.info(
                "%s/%d: it is unknown whether the log is still the same: the last record that was "
                "read, at offset %d, is not kept any more",
                topic,
                partition,
                one.offset,
            )
            continue
        record = found[one.place]
        if record is None or codec.record_digest(record.time, record.value) != one.digest:
            raise RefusalError(
                f"{topic}/{partition}: the record at offset {one.offset} is not the one that was "
                "read there. The broker lost records that it had acknowledged, and others took "
                "their places: an unclean leader election, or a disk brought back from a copy. "
                f"Bring back the log's replica that has the lost records, {mend}"
            )


def look(
    settings: Settings, admin: Admin, offsets: Mapping[Place, int]
) -> dict[Place, LogRecord | None]:
    """Return the records at these offsets, each before the log's end: see `Look`.

    Raises RetryError where the broker is away.
    """
    # Uncommitted: an open transaction must not hide records.
    consumer = reader(settings, offsets, committed=False, fetch_bytes=FETCH_BYTES)
    try:
        found = _read(consumer, offsets, reading(settings))
    finally:
        consumer.close()
    compacted = _compacted(admin, {topic for (topic, _), record in found.items() if not record})
    return {place: r for place, r in found.items() if r is not None or place[0] not in compacted}


def digest_of(message: Message) -> int:
    """Return the digest of a record."""
    record = _record(message)
    return codec.record_digest(record.time, record.value)


def _read(
    consumer: Consumer, offsets: Mapping[Place, int], rights: Rights
) -> dict[Place, LogRecord | None]:
    """Return the records at these offsets; a place whose log begins later is left out."""
    found: dict[Place, LogRecord | None] = {}
    waited = dict(offsets)
    until_s = time.monotonic() + TIMEOUT_S
    while waited:
        if time.monotonic() > until_s:
            places = ", ".join(f"{topic}/{number}" for topic, number in sorted(waited))
            raise RetryError(f"{places} could not be read: is the broker up?")
        message = consumer.poll(POLL_S)
        if message is None:
            continue
        place = (message.topic() or "", message.partition() or 0)
        error = message.error()
        if error is not None and not (is_end(message) or is_out_of_range(error)):
            check_consumed(error, message.topic(), rights)
        elif (offset := waited.pop(place, None)) is not None:
            if error is None:
                found[place] = _record(message) if message.offset() == offset else None
            elif is_end(message):
                found[place] = None
            consumer.pause([TopicPartition(*place)])
    return found


def _record(message: Message) -> LogRecord:
    value = message.value()
    return LogRecord(
        message.offset() or 0, message.timestamp()[1], value if isinstance(value, bytes) else b""
    )


def _compacted(admin: Admin, topics: set[str]) -> set[str]:
    """Return those of these topics that are compacted; all, if the broker forbids the question."""
    try:
        configs = configs_of(admin, sorted(topics))
    except RefusalError as error:
        # A broker may forbid its clients to see the configuration of others' topics.
        _LOG.warning("it is unknown whether records were lost or compacted: %s", error)
        return topics
    return {name for name, config in configs.items() if "compact" in config["cleanup.policy"]}
