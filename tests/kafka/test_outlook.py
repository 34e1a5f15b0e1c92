"""What a broker says of its time and of its groups, as metrics need it."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Consumer, TopicPartition

from cjo_stream.engine.frame import tick_frame
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.outlook import channel, clock
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics

pytestmark = pytest.mark.kafka


def test_a_broker_tells_its_time_by_its_newest_record(settings: Settings) -> None:
    create(settings, None)
    internal = Names(settings.topic_prefix).internal
    sender, metrics = Sender(settings), Metrics()
    asking = clock.watching(settings, metrics)
    for _ in range(2):
        sender.send([Outgoing(internal, tick_frame(), 0)])
        newest_ms = Admin(settings).newest((internal, 0))
        assert abs(newest_ms - time.time() * 1000) < 60_000
        asking.once()
        time.sleep(0.01)
    assert "cjo_clock_ahead_seconds 0.0" in metrics.render().decode()
    sender.close()


def test_a_channel_is_unread_until_a_group_commits(settings: Settings) -> None:
    create(settings, None)
    effect = Names(settings.topic_prefix).effect
    metrics, admin, sender = Metrics(), Admin(settings), Sender(settings)
    asking = channel.watching(admin, lambda: {"mail": effect}, metrics)

    def unread() -> float:
        asking.once()
        shown = metrics.render().decode().splitlines()
        (line,) = [one for one in shown if one.startswith("cjo_channel_unread_seconds{")]
        return float(line.split()[-1])

    assert unread() == 0
    sender.send([Outgoing(effect, tick_frame(), 0)])
    assert unread() == 0
    time.sleep(0.05)
    assert unread() > 0
    group = f"{settings.topic_prefix}crm"
    consumer = Consumer({**settings.kafka_properties(), "group.id": group})
    consumer.commit(offsets=[TopicPartition(effect, 0, 1)], asynchronous=False)
    there = admin.groups()
    assert group in there
    # Other tests have left groups on this broker, and a look asks some of them.
    assert 0 in [unread() for _ in range(0, len(there) + 1, channel.GROUPS_MAX)]
    consumer.close()
    sender.close()
