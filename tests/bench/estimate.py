"""What the formula of docs/capacity.md comes from, measured again: a line of JSON.

The traffic of a bundled topology is read from a file by `cjo-stream run`, whose events a second
give the CPU of an event as that page says; then it goes through an installation on a broker of its
own, whose CPU is measured. Exits with 1 where it takes half as much again as was estimated.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from cjo_stream.definition import load
from cjo_stream.kafka.topic.name import Names
from cjo_stream.simulate import Simulated, models, traffic, write_native
from tests.bench.kafka import CHECKPOINT_S, cpu_s
from tests.world.broker import start_broker
from tests.world.chain import Chain, wait_until_quiet

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
WORKER, OTHERS = 1.3, 0.5
"""What the worker, and intake and dispatch together, take of an event: times that of a run. Found
by this program with the shop; another topology is a check of them."""
TOO_MUCH = 1.5
EVENTS = 60_000
HOURS = 2
"""All come within so long before now: on Kafka what is older would be late."""
WITHIN_S = 600


def main() -> int:
    """Measure both, and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--topology", choices=models(), default="shop")
    asked = parser.parse_args()
    topology = TOPOLOGIES / asked.topology
    duration_ms = HOURS * 3_600_000
    simulated = traffic(
        asked.topology,
        people=asked.events // 20,
        seed=1,
        start_ms=int(time.time() * 1000) - duration_ms,
        duration_ms=duration_ms,
        rate=asked.events / duration_ms * 1000,
    )
    events = [one for one in simulated if one.arrives_ms < time.time() * 1000]
    with tempfile.TemporaryDirectory() as folder, start_broker(Path(folder) / "broker") as broker:
        place = Path(folder) / "chain"
        place.mkdir()
        chain = Chain(broker.bootstrap, place, checkpoint_interval_s=CHECKPOINT_S)
        run_us = of_files(chain, topology, events)
        measured_us = on_kafka(chain, topology, events)
    worker = measured_us["worker-0"] / (WORKER * run_us)
    whole = sum(measured_us.values()) / ((WORKER + OTHERS) * run_us)
    found = {
        "topology": asked.topology,
        "events": len(events),
        "run, us": round(run_us, 1),
        "measured, us": {name: round(us, 1) for name, us in measured_us.items()},
        "worker over estimate": round(worker, 2),
        "all over estimate": round(whole, 2),
    }
    print(json.dumps(found))
    return 1 if max(worker, whole) > TOO_MUCH else 0


def of_files(chain: Chain, topology: Path, events: list[Simulated]) -> float:
    """Return the CPU an event of a run over files, us."""
    write_native(events, chain.folder)
    given, out = chain.folder / "events.jsonl", chain.folder / "out"
    said = chain.command(
        "run", str(topology), str(given), "--out", str(out), "--json", timeout=WITHIN_S
    )
    return 1_000_000 / float(msgspec.json.decode(said)["events_per_second"])


def on_kafka(chain: Chain, topology: Path, events: list[Simulated]) -> dict[str, float]:
    """Return the CPU an event of each process of an installation, us."""
    names, program = Names(chain.prefix), load(topology).program
    topics = {c.name: names.source(c.input) for c in program.channels.values() if c.input}
    chain.create(topology)
    chain.start(topology)
    try:
        chain.hold_down("intake")
        producer = Producer(
            {"bootstrap.servers": chain.bootstrap, "linger.ms": 20, "enable.idempotence": True}
        )
        for number, one in enumerate(events):
            producer.produce(topics[one.channel], one.value, one.key)
            if number % 1_000 == 0:
                producer.poll(0.01)
        producer.flush(60)
        chain.let_up("intake")
        before = {**cpu_s(chain), "intake": 0.0}
        wait_until_quiet(chain, WITHIN_S)
        used = {name: s - before[name] for name, s in cpu_s(chain).items()}
    finally:
        chain.stop()
    return {name: s / len(events) * 1e6 for name, s in used.items()}


if __name__ == "__main__":
    sys.exit(main())
