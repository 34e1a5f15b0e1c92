"""Which partitions webhook answers a hold for."""

from types import SimpleNamespace
from typing import Any

from confluent_kafka import TopicPartition

from cjo_stream.kafka.channel.heeding import unheeding
from cjo_stream.kafka.channel.reached import Reached

SETTINGS: Any = SimpleNamespace(topic_prefix="cjo.", group="cjo")


def late(seen: int, *heeded: int) -> list[str]:
    """Return what is unheeding, where partitions were committed with these numbers."""
    committed = {
        ("mail", number): TopicPartition("mail", number, *Reached("id", 5).position(one))
        for number, one in enumerate(heeded)
    }
    admin: Any = SimpleNamespace(places=lambda: list(committed), committed=lambda *_: committed)
    return unheeding(SETTINGS, admin, seen)


def test_a_partition_heeds_what_was_seen_and_nothing_less() -> None:
    assert late(3, 3, 2, 0) == ["mail/1", "mail/2"]
    assert late(0, 0, 0) == []


def test_numbers_of_a_topic_of_holds_that_was_created_anew_count_for_nothing() -> None:
    assert late(1, 7, 1) == ["mail/0"]
    assert late(0, 7, 0) == ["mail/0"]
