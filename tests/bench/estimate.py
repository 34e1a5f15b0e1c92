"""The first estimate of docs/capacity.md, held against an installation: a line of JSON.

`python -m tests.bench.estimate shop`: the traffic of a bundled topology is read from a file by
`cjo-stream run`, whose events a second give the worker's CPU an event as that page says; then it
goes through an installation on a broker of its own, whose worker's CPU is measured.
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
from cjo_stream.simulate import Simulated, traffic, write_native
from tests.bench.kafka import CHECKPOINT_S, cpu_s
from tests.world.broker import start_broker
from tests.world.chain import Chain, wait_until_quiet

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
EVENTS = 60_000
HOURS = 2
"""All come within so long before now: on Kafka what is older would be late."""
WITHIN_S = 600


def main() -> int:
    """Measure both, and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("topology", nargs="?", default="shop", choices=["shop", "lending"])
    parser.add_argument("--events", type=int, default=EVENTS)
    asked = parser.parse_args()
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
        estimated_us = of_files(chain, TOPOLOGIES / asked.topology, events)
        measured_us = on_kafka(chain, TOPOLOGIES / asked.topology, events)
    found = {
        "topology": asked.topology,
        "events": len(events),
        "estimated: worker, us": round(estimated_us, 1),
        "measured, us": {name: round(us, 1) for name, us in measured_us.items()},
        "measured over estimated": round(measured_us["worker-0"] / estimated_us, 2),
    }
    print(json.dumps(found))
    return 0


def of_files(chain: Chain, topology: Path, events: list[Simulated]) -> float:
    """Return the worker's CPU an event as a run over files says it, us."""
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
        before = cpu_s(chain)
        chain.let_up("intake")
        before["intake"] = 0.0
        wait_until_quiet(chain, WITHIN_S)
        used = {name: s - before[name] for name, s in cpu_s(chain).items()}
    finally:
        chain.stop()
    return {name: s / len(events) * 1e6 for name, s in used.items()}


if __name__ == "__main__":
    sys.exit(main())
