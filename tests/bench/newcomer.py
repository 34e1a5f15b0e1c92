"""The first event of a newcomer on Kafka: four identifiers, none yet linked with another.

Their device and their cookie were seen before, each alone, with a customer of its own. `alone` is
the same event with the user only: the difference is what it takes to find out who this is.
`python -m tests.bench.newcomer`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Producer

from tests.bench.embedded import ROOT
from tests.bench.kafka import percentiles, tail
from tests.world.broker import start_broker
from tests.world.chain import Chain

TOPOLOGY = ROOT / "tests" / "bench" / "newcomer"
RATES = (20, 100)
SECONDS = 15
_ENCODE = msgspec.json.Encoder().encode


def run() -> dict[str, Any]:
    """Return the figures of one installation on a broker of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with start_broker(place / "broker") as broker:
            chain = Chain(broker.bootstrap, place / "chain")
            (place / "chain").mkdir()
            chain.create(TOPOLOGY)
            chain.start(TOPOLOGY)
            try:
                figures = {}
                _latency(chain, "warm", RATES[0], ("user",))
                for rate in RATES:
                    alone = _latency(chain, f"a{rate}", rate, ("user",))
                    four = _latency(chain, f"f{rate}", rate, ("user", "email", "device", "cookie"))
                    figures[f"{rate} newcomers/s"] = {"alone": alone, "four": four}
                return figures
            finally:
                chain.stop()


def _latency(chain: Chain, name: str, rate: int, types: tuple[str, ...]) -> dict[str, float]:
    """Return the times from the login to the welcome, in ms, of newcomers at a rate."""
    producer = Producer({"bootstrap.servers": chain.bootstrap, "linger.ms": 2})
    topic = f"{chain.prefix}event.web.v1"
    newcomers = rate * SECONDS
    for number in range(newcomers):
        for type_ in ("device", "cookie"):
            seen = {type_: f"{type_}-{name}-{number}"}
            event = {"type": "seen", "time": _now(), "identifiers": seen}
            producer.produce(topic, _ENCODE(event))
        if number % 100 == 0:
            producer.poll(0.05)
    producer.flush(30)
    time.sleep(3)
    consumer = tail(chain, f"{chain.prefix}action.mail.v1")
    waits: list[float] = []
    began, sent = time.monotonic(), 0
    while len(waits) < newcomers and time.monotonic() - began < SECONDS + 20:
        while sent < newcomers and sent < (time.monotonic() - began) * rate:
            named = {type_: f"{type_}-{name}-{sent}" for type_ in types}
            if "email" in named:
                named["email"] += "@example.com"
            body = {"type": "login", "time": _now(), "identifiers": named}
            body["attributes"] = {"sent": time.time() * 1000}
            producer.produce(topic, _ENCODE(body))
            sent += 1
        producer.poll(0)
        for message in consumer.consume(500, 0.005):
            if message.error() is None:
                action = msgspec.json.decode(message.value())
                waits.append(time.time() * 1000 - action["payload"]["sent"])
    consumer.close()
    assert len(waits) == newcomers, f"{len(waits)} of {newcomers} newcomers were welcomed"
    return percentiles(waits)


def _now() -> int:
    return int(time.time() * 1000)


def main() -> None:
    """Measure, print."""
    print(json.dumps(run(), indent=2))


if __name__ == "__main__":
    sys.exit(main())
