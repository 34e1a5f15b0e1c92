"""What went out, read on from a place, over a real broker."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Producer, TopicPartition

from cjo_stream.core.catalogue import REWARD
from cjo_stream.errors import RetryError, UsageError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.contents import table
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.client.transaction import Transactions
from cjo_stream.kafka.operator.records import TopicRecords
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

pytestmark = pytest.mark.kafka


@pytest.fixture
def reward(settings: Settings) -> str:
    create(settings, None)
    return Names(settings.topic_prefix).out(REWARD)


def produce(settings: Settings, topic: str, *values: bytes) -> None:
    sender = Sender(settings)
    sender.send([Outgoing(topic, value, 0) for value in values])
    sender.close()


def test_what_came_since_a_position_is_read(settings: Settings, reward: str) -> None:
    records = TopicRecords(settings)
    produce(settings, reward, b"1", b"2")
    first = list(records.since(REWARD, {}))
    assert [one.value for one in first] == [b"1", b"2"]
    reached = {one.lane: one.next for one in first}
    assert list(records.since(REWARD, reached)) == []
    produce(settings, reward, b"3")
    assert [one.value for one in records.since(REWARD, reached)] == [b"3"]


def test_records_that_are_gone_are_no_continuation(settings: Settings, reward: str) -> None:
    records, admin = TopicRecords(settings), Admin(settings)
    produce(settings, reward, b"1", b"2", b"3")
    (lane,) = {one.lane for one in records.since(REWARD, {})}
    cut = TopicPartition(reward, 0, 2)
    admin.result(admin.client.delete_records([cut])[cut])
    with pytest.raises(UsageError, match=r"some are gone\. Begin with a new position file"):
        list(records.since(REWARD, {lane: 1}))
    assert [one.value for one in records.since(REWARD, {lane: 2})] == [b"3"]
    assert [one.value for one in records.since(REWARD, {})] == [b"3"]


GROWN = """
import sys, psutil
from cjo_stream.kafka.client.contents import contents
from cjo_stream.settings import Settings

def memory_mb():
    return psutil.Process().memory_info().rss / 1e6

settings = Settings(tenant_key="0123456789abcdef", kafka={"bootstrap_servers": sys.argv[1]})
before = most = memory_mb()
for number, _ in enumerate(contents(settings, (sys.argv[2], 0)), 1):
    if not number % 1000:
        most = max(most, memory_mb())
print(number, round(most - before))
"""


def test_a_long_topic_is_read_in_little_memory(settings: Settings, reward: str) -> None:
    many = 200_000
    produce(settings, reward, *(b"%0200d" % number for number in range(many)))
    call = [sys.executable, "-c", GROWN, settings.kafka["bootstrap.servers"], reward]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60)
    read, grown_mb = map(int, done.stdout.split())
    assert read == many
    assert grown_mb < 45, done


def test_a_table_has_what_lies_behind_an_open_transaction(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(settings, None)
    topic = Names(settings.topic_prefix).cursor
    killed = Producer({**settings.kafka_properties(), "transactional.id": topic})
    killed.init_transactions()
    killed.begin_transaction()
    killed.produce(topic, b"never", b"killed", 0)
    killed.flush(5)
    other = Transactions(settings, f"{topic}.other")
    other.open()
    other.write([Outgoing(topic, b"sent", 0, b"mark")])
    with monkeypatch.context() as patched:
        patched.setattr("cjo_stream.kafka.client.contents.OPEN_MAX_S", 0.2)
        with pytest.raises(RetryError, match=r"has been open for 0 s.* the same command again"):
            table(settings, topic)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(table, settings, topic)
        with pytest.raises(TimeoutError):
            reading.result(1.0)
        killed.abort_transaction()  # as the broker does in time
        assert reading.result(20.0) == {b"mark": b"sent"}
