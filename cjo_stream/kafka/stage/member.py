"""A process's place in the group of its stage: the assigned partitions, and reading them.

    subscribe  ──▶  the group assigns: take_up  ──▶  gather, gather, …  ──▶  close
                          ▲                                │
                          └──  the group revokes: let_go  ◀──┘

Members are static, identified by their slot: a process that is killed and started again at once
has its partitions back without a rebalance. The group makes sure that every partition is read. A
member fenced by a broker outage gets one error, exits, and is restarted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from cjo_stream.kafka.client.consumer import check_fatal, group_consumer
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.position.position import Found, Start
from cjo_stream.kafka.process.stage import Linger, Standstill, Vitals
from cjo_stream.settings import Settings

IDLE_S: Final = 0.1

Begin = Callable[[Consumer, list[TopicPartition]], Sequence[tuple[Found, Start]]]
"""Returns where to begin partitions that the group has assigned; raises where that is unknown."""

_LOG = logging.getLogger(__package__)


class Holder(Protocol):
    """The process that works on a member's partitions."""

    def take_up(self, found: Found, start: Start) -> None:
        """Begin with a partition that the group has assigned to this process."""

    def let_go(self, places: Sequence[Place], *, are_lost: bool) -> None:
        """Give up partitions; must not raise. Lost ones may have another owner already."""

    def next_offsets(self) -> Mapping[Place, int]:
        """Return the offset to read next of each partition."""


class Member:
    """A static member of a stage's group. Call `turned` at the start of each turn."""

    def __init__(
        self,
        settings: Settings,
        stage: str,
        holder: Holder,
        vitals: Vitals,
        *,
        begin: Begin,
        linger: Linger,
        on_commit: Callable[[KafkaError | None, list[TopicPartition]], None] | None = None,
    ) -> None:
        self._holder = holder
        self._vitals = vitals
        self._begin = begin
        self._linger = linger
        self._standstill = Standstill()
        self.topics: frozenset[str] = frozenset()
        self._has_changed = False
        self.is_joined = False
        """Whether the group has assigned partitions."""
        self.consumer = group_consumer(settings, stage, on_commit)

    def subscribe(self, topics: Collection[str]) -> None:
        """Read these topics, and no others."""
        if self.topics != frozenset(topics):
            self.topics = frozenset(topics)
            self.consumer.subscribe(
                sorted(topics),
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )

    def turned(self) -> None:
        """Note that a turn begins; raises StopError as `check`."""
        self._vitals.turned()
        self._standstill.moved()

    def gather(self, most: int, idle_s: float = IDLE_S) -> list[Message] | None:
        """Return the next messages, at most `most`; waits `idle_s` for the first.

        None after partitions came or went, because messages may be from before; then call
        `resume`.
        """
        messages = self.consumer.consume(1, idle_s)
        if messages and messages[0].error() is None:
            messages += self.consumer.consume(most - 1, self._linger.seconds)
        if self._has_changed:
            self._has_changed = False
            check_fatal(messages)
            return None
        self._linger.took(len(messages))
        return messages

    def check(self) -> None:
        """Raise StopError if, after a standstill, others may have this process's partitions."""
        self._standstill.check()

    def assign(self) -> None:
        """Read each partition from the holder's next offset on."""
        offsets = self._holder.next_offsets()
        self.consumer.assign([TopicPartition(*place, at) for place, at in offsets.items()])

    def resume(self) -> None:
        """Read on after a rebalance: the group has just confirmed this process's partitions."""
        self.assign()
        self._standstill.given()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._has_changed = self.is_joined = True
        self._vitals.beat()
        for found, start in self._begin(consumer, partitions):
            self._holder.take_up(found, start)
        self.assign()

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._let_go(partitions, are_lost=False)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        _LOG.warning("the group has assigned this process's partitions to others")
        self._let_go(partitions, are_lost=True)

    def _let_go(self, partitions: list[TopicPartition], *, are_lost: bool) -> None:
        self._has_changed = True
        self.is_joined = False
        places = [(partition.topic, partition.partition) for partition in partitions]
        self._holder.let_go(places, are_lost=are_lost)
