"""Commands alone, over a real broker: the yardstick, and the bare loop that is its floor."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from cjo_stream.insight.filling import live
from cjo_stream.insight.layer.reading import connect
from cjo_stream.insight.report.asking import lacks
from cjo_stream.kafka.operator.records import TopicRecords
from cjo_stream.settings import Settings
from tests.kafka.conftest import make_settings
from tests.world.chain import Chain, wait_until_quiet

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[2]
YARDSTICK = ROOT / "tests" / "bench" / "yardstick"
CUSTOMERS = 50
EVENTS = 100_000


def events(number: int) -> list[dict[str, Any]]:
    """Return carts, of which every fourth is a large one."""
    now_ms = int(time.time() * 1000)
    return [
        {
            "type": "cart_updated",
            "time": now_ms,
            "identifiers": {"user": f"u{n % CUSTOMERS}"},
            "attributes": {"total": 900 if n % 4 == 0 else 10, "sent": n},
        }
        for n in range(number)
    ]


def produce(bootstrap: str, topic: str, number: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    for event in events(number):
        producer.produce(topic, json.dumps(event).encode())
        producer.poll(0)
    assert producer.flush(30) == 0


def values(found: dict[int, list[Any]]) -> list[Any]:
    return [json.loads(one.value()) for of in found.values() for one in of]


def test_an_installation_that_switches_records_off_sends_none(
    bootstrap: str, tmp_path: Path
) -> None:
    chain = Chain(bootstrap, tmp_path, partitions=2)
    chain.create(YARDSTICK)
    chain.start(YARDSTICK)
    try:
        produce(bootstrap, f"{chain.prefix}event.web.v1", 400)
        wait_until_quiet(chain, seconds=60)
        sent = values(chain.read("action.mail.v1"))
        actions = Counter(one["action"] for one in sent)
        assert actions["large_cart"] == 100
        assert len({one["action_id"] for one in sent}) == len(sent)
        for kind in ("transition", "decision", "profile", "reward"):
            assert not any(chain.read(f"{kind}.v1").values()), kind
        assert "transition records are switched off since 20" in chain.command("status")
        env = chain.env()
        history = subprocess.run(
            [sys.executable, "-m", "cjo_stream", "customer", "history", "user:u0"],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert history.returncode == 0, history.stderr
        assert "decision records are switched off since 20" in history.stderr
        assert " action " in history.stdout
        settings = make_settings(
            bootstrap,
            tmp_path,
            topic_prefix=chain.prefix,
            tenant_key=env["CJO_TENANT_KEY"],
        )
        assert TopicRecords(settings).switched()[-1].records["reward"] == "off"
        live.take(settings, str(tmp_path / "layer"))
        _, manifest = connect(str(tmp_path / "layer"))
        assert any("decision records are switched off since 20" in one for one in lacks(manifest))
    finally:
        chain.stop()


def test_the_floor_sends_each_command_once_though_it_is_killed(
    settings: Settings, bootstrap: str, tmp_path: Path
) -> None:
    source, target = f"{settings.topic_prefix}source", f"{settings.topic_prefix}target"
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    for made in admin.create_topics([NewTopic(source, 2, 1), NewTopic(target, 2, 1)]).values():
        made.result(30)
    produce(bootstrap, source, EVENTS)
    chain = Chain(bootstrap, tmp_path)
    chain.prefix = settings.topic_prefix
    place = str(tmp_path / "floor")
    command = [sys.executable, "-m", "tests.bench.floor", bootstrap, source, target, place]
    for _ in range(3):
        before, end_s = chain.height("target"), time.monotonic() + 60
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        while chain.height("target") == before and process.poll() is None:
            assert time.monotonic() < end_s, "the floor sends nothing"
            time.sleep(0.01)
        process.kill()
        process.wait()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    sent = values(chain.read("target"))
    assert Counter(one[0] for one in sent)["large_cart"] == EVENTS // 4
