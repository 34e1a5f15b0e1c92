"""The example of a channel system in Python, on a real broker, killed again and again."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from cjo_stream.kafka.client.admin import Admin
from cjo_stream.settings import Settings
from tests.kafka.stages import read_all
from tests.kafka.test_webhook import action

pytestmark = pytest.mark.kafka

CONSUMER = Path(__file__).parents[2] / "examples/consumers/python/consumer.py"
WITHIN_S = 120.0


class Channel:
    """The topics of one channel, and a process of the example."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self.table = folder / "channel.db"
        self.commands = f"{settings.topic_prefix}action.mail.v1"
        self.outcomes = f"{settings.topic_prefix}outcome.v1"
        admin = Admin(settings)
        new = [NewTopic(name, 2, 1) for name in (self.commands, self.outcomes)]
        for future in admin.client.create_topics(new).values():
            admin.result(future)
        own = {"transactional.id": uuid.uuid4().hex, "compression.type": "lz4"}
        self._producer = Producer({**settings.kafka_properties(), **own})
        self._producer.init_transactions(20)

    def send(self, *commands: Any, commit: bool = True) -> None:
        """Write commands in a transaction, as dispatch does."""
        self._producer.begin_transaction()
        for one in commands:
            key, value = one.customer_id.encode(), msgspec.json.encode(one)
            self._producer.produce(self.commands, value, key)
        self._producer.flush(20)
        if commit:
            self._producer.commit_transaction(20)
        else:
            self._producer.abort_transaction(20)

    @contextmanager
    def consumer(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the example."""
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(CONSUMER), "--bootstrap",
                 self._settings.kafka["bootstrap.servers"], "--group", self.commands,
                 "--instance", "one", "--outcomes", self.outcomes,
                 "--table", str(self.table), self.commands],
                stderr=log,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def reported(self) -> dict[str, list[Any]]:
        """Return the events of outcomes by command."""
        found = defaultdict(list)
        for message in read_all(self._settings, self.outcomes):
            event = json.loads(message.value())
            found[event["attributes"]["action_id"]].append(event)
        return found

    def sent(self) -> list[tuple[str, str]]:
        """Return what was acted on: action and customer, in order."""
        with closing(sqlite3.connect(self.table)) as table:
            return list(table.execute("SELECT action_id, customer_id FROM sent ORDER BY rowid"))


@pytest.mark.slow
def test_each_command_is_acted_on_once_whenever_the_process_is_killed(
    settings: Settings, tmp_path: Path
) -> None:
    channel = Channel(settings, tmp_path)
    live = [action(number, "mail", f"c{number % 20}") for number in range(400)]
    expired = [action(number, "mail", f"c{number % 20}", -1) for number in range(400, 420)]
    aborted = [action(number, "mail", f"c{number % 20}") for number in range(420, 440)]
    channel.send(*live[:200])
    channel.send(*aborted, commit=False)
    channel.send(*expired)
    for more in range(200, 400, 50):
        channel.send(*live[more : more + 50])
        with channel.consumer() as process:
            until = time.monotonic() + 10
            before = len(channel.sent()) if channel.table.exists() else 0
            while time.monotonic() < until and not _grew(channel, before):
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
    channel.send(*live[390:])  # once more, under the same ids
    with channel.consumer() as process:
        end_s = time.monotonic() + WITHIN_S
        while len(channel.sent()) < len(live) or len(channel.reported()) < len(live):
            assert time.monotonic() < end_s, (tmp_path / "log").read_text()
            time.sleep(0.5)
        process.terminate()
        assert process.wait(timeout=30) == 0

    sent = channel.sent()
    assert sorted(id_ for id_, _ in sent) == sorted(one.action_id for one in live)
    by_customer = defaultdict(list)
    for id_, customer in sent:
        by_customer[customer].append(int(id_.rpartition("-a")[2]))
    assert all(numbers == sorted(numbers) for numbers in by_customer.values())
    for id_, events in channel.reported().items():
        assert {event["id"] for event in events} == {f"{id_}-delivered"}
        assert events[0]["type"] == "cjo.outcome"
        assert events[0]["attributes"] == {"action_id": id_, "outcome": "delivered"}


def _grew(channel: Channel, before: int) -> bool:
    try:
        return channel.table.exists() and len(channel.sent()) > before
    except sqlite3.OperationalError:  # the tables are not there yet
        return False


def test_what_is_no_command_holds_nobody_up(settings: Settings, tmp_path: Path) -> None:
    channel = Channel(settings, tmp_path)
    producer = Producer(settings.kafka_properties())
    for odd in (b"\xff", b"[]", None, b'{"schema": "cjo.decision.v1"}'):
        producer.produce(channel.commands, odd, b"k")
    producer.flush(10)
    channel.send(action(1, "mail"))
    with channel.consumer():
        end_s = time.monotonic() + WITHIN_S
        while not channel.reported():
            assert time.monotonic() < end_s, (tmp_path / "log").read_text()
            time.sleep(0.2)
    assert (tmp_path / "log").read_text().count("no command:") == 4
