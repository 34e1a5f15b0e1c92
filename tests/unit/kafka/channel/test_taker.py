"""What a member commits of partitions that nobody has read before."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from cjo_stream.kafka.channel import taker
from cjo_stream.kafka.channel.taker import Taker
from cjo_stream.kafka.position.position import Found, Position, Start


class Group:
    """A place in a group that has just got partitions; notes what is done there, in its order."""

    def __init__(self) -> None:
        self.did: list[object] = []
        self.consumer = self

    def subscribe(self, topics: list[str]) -> None:
        """Nobody reads here."""

    def turned(self) -> None:
        """Begin a turn."""

    def gather(self, most: int, idle_s: float) -> None:
        """Tell that partitions came."""

    def resume(self) -> None:
        self.did.append("read on")

    def commit(self, offsets: list[TopicPartition], *, asynchronous: bool) -> list[TopicPartition]:
        assert not asynchronous
        self.did.append([(one.topic, one.partition, one.offset) for one in offsets])
        return offsets


def found(number: int, committed: Position | None = None) -> Found:
    return Found(("mail", number), "id", "", 3, 9, "g", committed, None)


def test_new_partitions_are_committed_in_one_request_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group, edge = Group(), SimpleNamespace()
    settings: Any = SimpleNamespace(topic_prefix="cjo.", group="cjo")
    monkeypatch.setattr(taker, "Member", lambda *_, **__: group)
    one = Taker(settings, "webhook", edge, edge, lambda _: None, lambda *_: None)  # type: ignore[arg-type] # no broker is asked
    for number in range(3):
        one.take_up(found(number), Start(3, None))
    one.take_up(found(3, Position(5, "id ")), Start(5, "id "))
    assert group.did == [], "while the group assigns, nothing waits for the broker"
    assert one.gather(10, 0.0) == []
    assert group.did == [[("mail", number, 3) for number in range(3)], "read on"]
    assert one.gather(10, 0.0) == []
    assert group.did[2:] == ["read on"], "they are known"
