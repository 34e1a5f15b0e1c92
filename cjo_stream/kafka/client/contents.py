"""The records that one partition holds now, read without a group; and errors for foreign ones.

In a compacted topic only the latest record of each key counts. So a reader that refuses a foreign
record goes on as soon as a null value stands under its key, long before the broker compacts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from typing import Final

from confluent_kafka import Message

from cjo_stream.errors import RefusalError, RetryError
from cjo_stream.kafka.client.admin import TIMEOUT_S, Admin
from cjo_stream.kafka.client.consumer import is_end, reader, reading
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.place import Place
from cjo_stream.settings import Settings

READ_RECORDS_MAX: Final = 500
POLL_S: Final = 0.1
OPEN_MAX_S: Final = 60.0
"""The longest wait for a transaction: ours time out after 15 s, which brokers see every 10 s."""
FETCH_BYTES: Final = 256 << 10
"""Less than a process that works on: records of a long topic, fetched faster than they are taken,
would raise its memory once and for all (small ones by twice their bytes and more)."""
SILENCE_MAX_S: Final = 3 * TIMEOUT_S
"""The longest time without a record, while records are still to come."""


def contents(
    settings: Settings, place: Place, start: int = 0, *, committed: bool = True
) -> Generator[Message]:
    """Yield the records of one partition from offset `start` to its end at the time of the call.

    `committed`: not beyond the first open transaction, and no aborted records. Records that are no
    longer kept are left out. Raises RetryError where the broker is away.
    """
    admin = Admin(settings)
    first, end = admin.firsts([place])[place], admin.ends([place])[place]
    start = max(start, first)
    if start >= end:
        return
    consumer = reader(settings, {place: start}, committed=committed, fetch_bytes=FETCH_BYTES)
    try:
        until_s = time.monotonic() + SILENCE_MAX_S
        while time.monotonic() < until_s:
            for message in consumer.consume(READ_RECORDS_MAX, POLL_S):
                # The last offsets of a topic that is written in transactions are no records.
                if is_end(message):
                    return
                if (error := message.error()) is not None:
                    check_consumed(error, place[0], reading(settings))
                    continue
                until_s = time.monotonic() + SILENCE_MAX_S
                if (message.offset() or 0) >= end:
                    return
                yield message
                if message.offset() == end - 1:
                    return
        raise RetryError(f"{place[0]}/{place[1]} could not be read to its end: is the broker up?")
    finally:
        consumer.close()


def table(settings: Settings, topic: str, *, committed: bool = True) -> dict[bytes, bytes]:
    """Return the latest value of each key of a compacted topic, in the order of writing.

    The topic has one partition. `committed` and errors are those of `contents`; then what lies
    behind a transaction of another writer is awaited, which a killed one leaves open for a while.
    """
    if committed:
        _await_open(Admin(settings), (topic, 0))
    found: dict[bytes, bytes] = {}
    for message in contents(settings, (topic, 0), committed=committed):
        apply_record(found, message)
    return found


def _await_open(admin: Admin, place: Place) -> None:
    """Return once the transactions that are open now have ended; raises RetryError."""
    end, until_s = admin.ends([place])[place], time.monotonic() + OPEN_MAX_S
    while admin.ends([place], committed=True)[place] < end:
        if time.monotonic() > until_s:
            raise RetryError(
                f"a transaction that writes to {place[0]} has been open for {OPEN_MAX_S:.0f} s: "
                "the broker ends those of killed processes after their transaction.timeout.ms. "
                "Give the same command again"
            )
        time.sleep(POLL_S)


def apply_record(found: dict[bytes, bytes], message: Message) -> None:
    """Put a record of a compacted topic under its key; a null value removes the key."""
    key, value = _bytes(message.key()) or b"", _bytes(message.value())
    found.pop(key, None)
    if value is not None:
        found[key] = value


def warn_foreign(log: logging.Logger, message: Message, why: Exception) -> None:
    """Log a record that is not ours, in a topic that is not compacted: it is passed over.

    Nothing could remove it from the topic, and every reader passes over the same records.
    """
    log.warning(
        "%s/%s holds at offset %s what is no record of ours (%s), which is passed over: find and "
        "stop its writer",
        message.topic(),
        message.partition(),
        message.offset(),
        why,
    )


def foreign(topic: str, key: bytes | str, writer: str, why: Exception | str) -> RefusalError:
    """Return the error for a record of a compacted topic that `writer` did not write."""
    shown = key.decode(errors="backslashreplace") if isinstance(key, bytes) else key
    return RefusalError(
        f"{topic} holds under the key {shown!r} what {writer} did not write ({why}). Find and "
        "stop who did, then write a null value under that key (kafka-console-producer.sh with "
        "parse.key=true and null.marker): the record counts no more"
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
