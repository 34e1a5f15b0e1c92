"""What one partition holds now, read by nobody's group; for operators' commands."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Final

from confluent_kafka import Message

from cjo_stream.errors import RetryError
from cjo_stream.kafka.client import TIMEOUT_S, Admin, Place, check_consumed, is_end, reader
from cjo_stream.settings import Settings

READ_RECORDS_MAX: Final = 500
POLL_S: Final = 0.1
SILENCE_MAX_S: Final = 3 * TIMEOUT_S
"""With records still to come, and none coming."""


def contents(settings: Settings, place: Place, start: int = 0) -> Generator[Message]:
    """Yield the records of one partition from offset `start` to where it ended when asked.

    Records that are no longer kept are left out. Raises RetryError where the broker is away.
    """
    admin = Admin(settings)
    first, end = admin.firsts([place])[place], admin.ends([place])[place]
    start = max(start, first)
    if start >= end:
        return
    consumer = reader(settings, {place: start})
    try:
        until_s = time.monotonic() + SILENCE_MAX_S
        while time.monotonic() < until_s:
            for message in consumer.consume(READ_RECORDS_MAX, POLL_S):
                # The last offsets of a topic that is written in transactions are no records.
                if is_end(message):
                    return
                if (error := message.error()) is not None:
                    check_consumed(error, place[0])
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
