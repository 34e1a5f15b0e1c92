"""Simulated people on a real broker: their events go in, and they receive its commands.

    records due by now ──▶ the channels' topics, the topic of outcomes
            ▲                                 │  intake, worker, dispatch
            └── people, who answer later ◀────┘  action topics, read_committed

They receive commands written after the conversation began, and pass over commands to others.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import msgspec

from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import is_end, reader, reading
from cjo_stream.kafka.client.contents import warn_foreign
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.feed import Feed
from cjo_stream.settings import Settings

_LOG = logging.getLogger(__name__)

LISTEN_S: Final = 0.1
COMMANDS_AT_ONCE_MAX: Final = 1_000


class Said(msgspec.Struct, frozen=True):
    """One record that a person sends."""

    topic: str
    channel: str
    key: bytes | None
    value: bytes


class People(Protocol):
    """The customers of the installation."""

    def before(self, time_ms: int) -> Iterator[Said]:
        """Yield the records due before `time_ms` that were not yielded yet, in order."""

    def hear(self, command: bytes) -> None:
        """Receive one action command, in JSON; raises ValueError if it is none."""


def converse(
    settings: Settings,
    people: People,
    action_topics: Iterable[str],
    end_ms: int,
    report: Callable[[int, int], None] = lambda *_: None,
) -> tuple[Counter[str], int]:
    """Let people send and receive until `end_ms`; return records by channel, number of commands.

    `report` is called now and then with the numbers of records that the broker has acknowledged,
    and has not acknowledged.
    Raises RetryError where it accepts none, RefusalError where an action topic is missing. Records
    there that are no commands are passed over.
    """
    admin = Admin(settings)
    topics = admin.require(action_topics).values()
    places = [(topic.name, number) for topic in topics for number in range(topic.partitions)]
    counts: Counter[str] = Counter()
    heard = 0
    with (
        Feed(settings) as feed,
        contextlib.closing(reader(settings, admin.ends(places))) as consumer,
    ):
        while (now_ms := time.time_ns() // 1_000_000) < end_ms:
            for said in people.before(now_ms):
                feed.put(said.topic, said.value, said.key)
                counts[said.channel] += 1
            report(feed.acknowledged, feed.waiting)
            for message in consumer.consume(COMMANDS_AT_ONCE_MAX, LISTEN_S):
                if (error := message.error()) is not None:
                    if not is_end(message):
                        check_consumed(error, message.topic(), reading(settings))
                    continue
                try:
                    people.hear(message.value() or b"")
                except ValueError as error_:
                    warn_foreign(_LOG, message, error_)
                    continue
                heard += 1
    return counts, heard
