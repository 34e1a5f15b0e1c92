"""Simulated people on a real broker: what they send goes in, and what they are sent reaches them.

    what arrives by now ──▶ the channels' topics, the topic of outcomes
            ▲                                 │  intake, worker, dispatch
            └── people, who answer later ◀────┘  action topics, read_committed

They hear what is sent to them from the beginning of the talk on; commands to others are theirs to
pass over.
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
from cjo_stream.kafka.client.consumer import is_end, reader
from cjo_stream.kafka.client.contents import told_foreign
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.feed import Feed
from cjo_stream.settings import Settings

_LOG = logging.getLogger(__name__)

LISTEN_S: Final = 0.1
HEARD_AT_ONCE_MAX: Final = 1_000


class Said(msgspec.Struct, frozen=True):
    """One record that somebody sends."""

    topic: str
    channel: str
    key: bytes | None
    value: bytes


class People(Protocol):
    """Those whom the installation serves."""

    def before(self, time_ms: int) -> Iterator[Said]:
        """Yield what arrives before `time_ms` and did not come before, in order."""

    def hear(self, command: bytes) -> None:
        """Take one action command, in JSON; raises ValueError where it is none."""


def converse(
    settings: Settings,
    people: People,
    action_topics: Iterable[str],
    end_ms: int,
    report: Callable[[int], None] = lambda _: None,
) -> tuple[Counter[str], int]:
    """Let people talk until `end_ms`; return what they sent, by channel, and how much they heard.

    `report` is told now and then how many records the broker has acknowledged. Raises RetryError
    where it takes none, RefusalError where an action topic is missing. What is no command there is
    passed over.
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
            report(feed.acknowledged)
            for message in consumer.consume(HEARD_AT_ONCE_MAX, LISTEN_S):
                if (error := message.error()) is not None:
                    if not is_end(message):
                        check_consumed(error, message.topic())
                    continue
                try:
                    people.hear(message.value() or b"")
                except ValueError as error_:
                    told_foreign(_LOG, message, error_)
                    continue
                heard += 1
    return counts, heard
