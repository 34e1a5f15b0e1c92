"""The Kafka chain, measured: CPU of each process saturated, latency at fixed rates."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.bench.embedded import ROOT, yardstick_event
from tests.world.broker import start_broker
from tests.world.chain import Chain, wait_until_quiet

TOPOLOGY = ROOT / "tests" / "bench" / "yardstick"
RATES = (500, 1_000, 3_000)
LATENCY_S = 25.0
WARM_S = 25.0
"""Before it, at the highest rate: the broker's code is compiled while it runs. In its first half
minute 99 of 100 commands took 130 to 160 ms, later 80."""
AHEAD_MS = 60_000
"""How far the times of a backlog's events are ahead. A reminder is due 5 s after its event, by the
clock of intake's appends, and the floor's clock is that of the raw records: with times of the past
most reminders of a backlog are due at once, and the engine sends five times the floor's commands.
"""
CHECKPOINT_S = 300
"""The product's default. Each copy of a store keeps a worker for some 10 to 20 ms. Every 5 s, as
other tests have it, those of four partitions alone would keep one event in a hundred waiting."""
QUIET_S = 6.0
LARGE = 750
"""From here on a cart is large, as the yardstick's definition says."""
_ENCODE = msgspec.json.Encoder().encode


def run(
    saturating_events: int = 200_000, workers: int = 1, rates: Sequence[int] = RATES
) -> dict[str, Any]:
    """Return the figures of one installation on a broker of its own, and of the floor there."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with start_broker(place / "broker") as broker:
            chain = Chain(
                broker.bootstrap,
                place / "chain",
                workers=workers,
                checkpoint_interval_s=CHECKPOINT_S,
            )
            (place / "chain").mkdir()
            chain.create(TOPOLOGY)
            chain.start(TOPOLOGY)
            try:
                if rates:
                    _produce(chain, max(rates), WARM_S)
                figures: dict[str, Any] = {
                    "latency_ms": {rate: _latency(chain, rate) for rate in rates},
                    "saturated": _saturate(chain, saturating_events),
                }
            finally:
                chain.stop()
            figures["floor"] = floor = _floor(chain, place / "floor")
            speed = figures["saturated"]["events_per_second"]
            figures["of the floor"] = round(speed / floor["events_per_second"], 3)
            return figures


def _floor(chain: Chain, folder: Path) -> dict[str, Any]:
    """Return the figures of the bare loop over all events that the chain had."""
    source, target = f"{chain.prefix}event.web.v1", f"{chain.prefix}floor.v1"
    admin = AdminClient({"bootstrap.servers": chain.bootstrap})
    admin.create_topics([NewTopic(target, chain.partitions, 1)])[target].result(30)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.floor", chain.bootstrap, source, target, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = msgspec.json.decode(done.stdout)
    return figures


def _produce(chain: Chain, rate: float, seconds: float) -> int:
    producer = Producer(
        {"bootstrap.servers": chain.bootstrap, "linger.ms": 2, "enable.idempotence": True}
    )
    draw = random.Random(1)
    began, number = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        while number < elapsed * rate:
            event = yardstick_event(draw, int(time.time() * 1000), 5_000)
            event["attributes"]["sent"] = time.time() * 1000
            producer.produce(f"{chain.prefix}event.web.v1", _ENCODE(event))
            number += 1
        producer.poll(0.001)
    producer.flush(30)
    return number


def tail(chain: Chain, topic: str) -> Consumer:
    """Return a consumer of all that comes to a topic from here on."""
    consumer = Consumer(
        {
            "bootstrap.servers": chain.bootstrap,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,
        }
    )
    numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, n))[1] for n in numbers]
    consumer.assign([TopicPartition(topic, n, end) for n, end in zip(numbers, ends, strict=True)])
    return consumer


def percentiles(waits: list[float]) -> dict[str, float]:
    """Return how long half of them took, and the longest, ms."""
    waits = sorted(waits)
    at = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    return {
        **{name: round(waits[int(len(waits) * share)], 1) for name, share in at.items()},
        "commands": len(waits),
    }


def _latency(chain: Chain, rate: int) -> dict[str, float]:
    consumer = tail(chain, f"{chain.prefix}action.mail.v1")
    load = threading.Thread(target=_produce, args=(chain, rate, LATENCY_S))
    load.start()
    began = time.monotonic()
    waits = []
    while load.is_alive() or time.monotonic() - began < LATENCY_S + 3:
        for message in consumer.consume(500, 0.02):
            if message.error() is None:
                action = msgspec.json.decode(message.value())
                if action["action"] == "large_cart" and time.monotonic() - began > 5:
                    waits.append(time.time() * 1000 - action["payload"]["sent"])
    consumer.close()
    assert waits, f"no command came at {rate} events/s"
    return percentiles(waits)


def _saturate(chain: Chain, events: int) -> dict[str, Any]:
    """Let a backlog pile up in the raw topic, then measure the chain over it.

    From the first command of a large cart to the last: intake has started then, as the floor has
    when it begins to count. Each large cart has one.
    """
    chain.hold_down("intake")
    producer = Producer(
        {"bootstrap.servers": chain.bootstrap, "linger.ms": 20, "enable.idempotence": True}
    )
    draw = random.Random(2)
    large = 0
    for number in range(events):
        event = yardstick_event(draw, int(time.time() * 1000) + AHEAD_MS, 5_000)
        large += event["type"] == "cart_updated" and event["attributes"]["total"] >= LARGE
        producer.produce(f"{chain.prefix}event.web.v1", _ENCODE(event))
        if number % 1_000 == 0:
            producer.poll(0.01)
    producer.flush(60)
    wait_until_quiet(chain, quiet=QUIET_S)
    consumer = tail(chain, f"{chain.prefix}action.mail.v1")
    before = last = chain.height("action.")
    chain.let_up("intake")
    while (last := chain.height("action.")) == before:
        time.sleep(0.05)
    cpu_before = cpu_s(chain)
    done_at = time.monotonic()
    while time.monotonic() - done_at < 3:
        time.sleep(0.2)
        if (sent := chain.height("action.")) != last:
            last, done_at = sent, time.monotonic()
    cpu_after = cpu_s(chain)
    sent_ms = _sent_at_once(consumer)
    assert len(sent_ms) == large, f"{len(sent_ms)} commands of {large} large carts"
    assert last - before < events // 4, "reminders of the backlog were late"
    cpu = {name: cpu_after[name] - used for name, used in cpu_before.items()}
    return {
        "events": events,
        "events_per_second": round(events / (max(sent_ms) - min(sent_ms)) * 1000),
        "cpu_us_an_event": {name: round(s / events * 1e6, 1) for name, s in cpu.items()},
        "cpu_us_an_event_in_all": round(sum(cpu.values()) / events * 1e6, 1),
    }


def _sent_at_once(consumer: Consumer) -> list[int]:
    """Return when each command of a large cart was sent, ms. Reminders come 5 s later."""
    times = []
    while messages := consumer.consume(1_000, 2.0):
        times += [
            message.timestamp()[1]
            for message in messages
            if message.error() is None and b'"large_cart"' in (message.value() or b"")
        ]
    consumer.close()
    return times


def cpu_s(chain: Chain) -> dict[str, float]:
    """Return the CPU that each process has used, seconds."""
    used = {}
    for name, process in chain.processes.items():
        times = psutil.Process(process.pid).cpu_times()
        used[name] = times.user + times.system
    return used
