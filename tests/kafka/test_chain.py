"""The whole chain on a real broker, killed at random: nothing lost, nothing twice, in order."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.kafka.broker import start_broker
from tests.kafka.chain import TENANT_KEY, TOPOLOGY, Chain, Load, judge, wait_until_quiet

pytestmark = pytest.mark.kafka


@pytest.fixture
def chain(bootstrap: str, tmp_path: Path) -> Iterator[Chain]:
    """Yield a running installation with two workers."""
    chain = Chain(bootstrap, tmp_path, workers=2)
    chain.create()
    chain.start()
    yield chain
    chain.stop()


def test_nothing_is_lost_or_done_twice_whatever_is_killed(chain: Chain) -> None:
    draw = random.Random(7)
    load = Load(chain, rate=300, seconds=45)
    load.start()
    victims = [*chain.names, *draw.choices(chain.names, k=4)]
    draw.shuffle(victims)
    for name in victims:
        time.sleep(draw.uniform(3, 6))
        chain.kill(name)
    load.join()
    assert load.failed == 0
    wait_until_quiet(chain, seconds=90)
    verdict = judge(chain)
    assert verdict.events == load.sent
    assert verdict.commands > 100
    assert sum(chain.restarts.values()) >= len(victims)


def test_a_broker_killed_and_restarted_costs_time_and_nothing_else(tmp_path: Path) -> None:
    with start_broker(tmp_path / "broker") as broker:
        chain = Chain(broker.bootstrap, tmp_path)
        chain.create()
        chain.start()
        try:
            load = Load(chain, rate=200, seconds=35)
            load.start()
            time.sleep(8)
            broker.kill()
            time.sleep(5)
            broker.start()
            load.join()
            wait_until_quiet(chain, seconds=120)
            assert load.failed == 0
            assert judge(chain).events == load.sent
        finally:
            chain.stop()


@pytest.mark.parametrize("partitions", [1, 4, 16])
def test_kafka_gives_each_customer_the_sequence_that_run_gives(
    bootstrap: str, tmp_path: Path, partitions: int
) -> None:
    """Comparison (b): paced so that no event lies within two seconds of a timer."""
    chain = Chain(bootstrap, tmp_path, partitions=partitions)
    chain.create()
    chain.start()
    try:
        _compare_with_run(chain, tmp_path)
    finally:
        chain.stop()


def _compare_with_run(chain: Chain, tmp_path: Path) -> None:
    draw = random.Random(4)
    users = [f"u{n}" for n in range(60)]
    producer = Producer({"bootstrap.servers": chain.bootstrap, "linger.ms": 0, "log_level": 0})
    lines: list[str] = []

    def send(type_: str, user: str, cart: str, total: int) -> None:
        event = {
            "type": type_,
            "time": int(time.time() * 1000),
            "channel": "web",
            "id": f"e{len(lines)}",
            "identifiers": {"user": user},
            "attributes": {"cart": cart, "total": total},
        }
        lines.append(json.dumps(event))
        producer.produce(f"{chain.prefix}event.web.v1", lines[-1].encode(), key=user)

    # Timers of the topology: 3 s, then 4 s and 2 s, 1 s: rounds 12 s apart meet none of them.
    for _ in range(2):
        for user in users:
            send("cart", user, draw.choice("ab"), draw.randrange(1, 5))
            if draw.random() < 0.4:
                send("order", user, "a", 7)
        producer.flush(10)
        time.sleep(12)
    wait_until_quiet(chain, seconds=40, quiet=5)
    events = tmp_path / "events.jsonl"
    events.write_text("\n".join(lines) + "\n")
    for partitions in ("1", "4", "16"):
        out = tmp_path / f"out-{partitions}"
        base = [sys.executable, "-m", "cjo_stream", "run", str(TOPOLOGY), str(events)]
        done = subprocess.run(
            [*base, "--out", str(out), "--drain", "1h", "--partitions", partitions],
            env={**chain.env(), "CJO_TENANT_KEY": TENANT_KEY},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in (out / "actions.jsonl").read_text().splitlines()]
        assert sequences(rows) == sequences(
            [
                json.loads(message.value())
                for messages in chain.read("action.mail.v1").values()
                for message in messages
            ]
        )


def sequences(actions: list[dict[str, Any]]) -> dict[str, list[tuple[str, str, str, str]]]:
    """Return (action, channel, journey, state) of each customer, in order."""
    found: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for action in actions:
        journey = action["journey"]
        found[action["customer_id"]].append(
            (action["action"], action["channel"], journey["name"], journey["state"])
        )
    return dict(found)
