"""Dead letters sent again over a real broker: 100,000 of them, under kill -9, each once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from cjo_stream.ingest.mending import Mending
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.operator import redrive
from cjo_stream.kafka.operator.records import TopicRecords
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from tests.kafka.conftest import TENANT_KEY
from tests.kafka.stages import make_topology, publish, read_all

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user_id}]}
"""
EDIT = "time = row.attributes.at"
LETTERS = 100_000


@pytest.fixture
def installation(settings: Settings, tmp_path: Path) -> Settings:
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    return settings


def refuse(
    settings: Settings, numbers: Iterable[int], reason: str = "invalid", **header: str
) -> None:
    """Put letters of visits without a time into the topic of dead letters."""
    names = Names(settings.topic_prefix)
    producer = Producer({**settings.kafka_properties(), "linger.ms": 50})
    at = int(time.time() * 1000)
    for number in numbers:
        value = {
            "type": "visit",
            "identifiers": {"user_id": f"u{number}"},
            "attributes": {"at": at, "number": number},
        }
        headers = {
            "reason": reason,
            "detail": "no `time`",
            "topic": f"{settings.topic_prefix}event.web.v1",
            "partition": str(number % 2),
            "offset": str(number),
            **header,
        }
        while True:
            try:
                producer.produce(
                    names.dead_letter, json.dumps(value), b"k%d" % number, headers=headers
                )
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


def came(settings: Settings) -> list[Any]:
    return read_all(settings, f"{settings.topic_prefix}event.web.v1")


def test_letters_go_to_where_they_came_from_mended_and_each_once(installation: Settings) -> None:
    refuse(installation, [*range(4), 3])  # one again, by intake that was killed
    refuse(installation, range(4, 5), "loop")
    refuse(installation, range(5, 6), topic="elsewhere")
    dry = redrive.redrive(installation, Mending(edits=[EDIT]), is_dry=True)
    assert (dry.sent, dry.letters) == (4, {"invalid": 6, "loop": 1})
    assert came(installation) == []
    some = Mending(where="row.attributes.number == 2", edits=[EDIT])
    assert redrive.redrive(installation, some, is_dry=False).sent == 1
    (message,) = came(installation)
    assert (message.partition(), message.key()) == (0, b"k2")
    assert json.loads(message.value())["time"] == json.loads(message.value())["attributes"]["at"]
    ((name, origin),) = message.headers()
    assert (name, origin.startswith(Names(installation.topic_prefix).dead_letter.encode())) == (
        "dead_letter",
        True,
    )
    rest = redrive.redrive(installation, Mending(edits=[EDIT]), is_dry=False)
    assert (rest.sent, rest.before) == (3, 2)
    assert {(one.reason, one.number) for one in rest.left} == {("loop", 1), ("invalid", 1)}
    unmended = redrive.redrive(installation, Mending(), is_dry=False)
    assert (unmended.sent, unmended.before) == (0, 5)
    assert sorted(json.loads(m.value())["attributes"]["number"] for m in came(installation)) == [
        *range(4)
    ]
    assert len(list(TopicRecords(installation).refused())) == 7


def test_a_hundred_thousand_letters_under_kill_9(installation: Settings, tmp_path: Path) -> None:
    refuse(installation, range(LETTERS))
    draw = random.Random(3)
    admin = Admin(installation)
    places = [(f"{installation.topic_prefix}event.web.v1", number) for number in range(2)]
    command = [sys.executable, "-m", "cjo_stream", "dead-letters", "redrive", "--yes", "--json",
               "--reason", "invalid", "--edit", EDIT]  # fmt: skip
    env = {
        **os.environ,
        "CJO_KAFKA__BOOTSTRAP_SERVERS": installation.kafka_properties()["bootstrap.servers"],
        "CJO_TOPIC_PREFIX": installation.topic_prefix,
        "CJO_TENANT_KEY": TENANT_KEY,
        "CJO_PARTITIONS": "2",
    }
    kills = 0
    while True:
        height = sum(admin.ends(places).values())
        with (tmp_path / "told.json").open("wb") as told:
            process = subprocess.Popen(command, env=env, stdout=told)
        while kills < 5 and process.poll() is None:
            if sum(admin.ends(places).values()) > height:
                time.sleep(draw.uniform(0, 1))
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.05)
        if process.wait(300) == 0:
            break
        assert process.returncode == -signal.SIGKILL
    told_last = json.loads((tmp_path / "told.json").read_text())
    assert kills >= 3
    assert told_last["sent"] + told_last["before"] == LETTERS
    assert told_last["before"] > 0
    values = (json.loads(message.value()) for message in came(installation))
    assert Counter(value["attributes"]["number"] for value in values) == Counter(range(LETTERS))
    again = redrive.redrive(installation, Mending(edits=[EDIT]), is_dry=False)
    assert (again.sent, again.before) == (0, LETTERS)


def test_the_latest_letters_are_the_newest_of_all_partitions(installation: Settings) -> None:
    records = TopicRecords(installation)
    assert records.latest_refused(2) == []
    refuse(installation, range(3))
    time.sleep(0.01)  # the broker's clock goes by ms
    refuse(installation, [7], "loop")
    found = records.latest_refused(3)
    assert (found[0].reason, found[0].offset) == ("loop", 7)
    assert len(found) == 3
    assert [one.time for one in found] == sorted((one.time or 0 for one in found), reverse=True)
