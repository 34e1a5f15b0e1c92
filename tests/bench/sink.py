"""How fast the sink of insight takes records: a second of CPU, and a second.

Its records are those of the shop's run, over and over: transitions, decisions, commands, rewards
and identity changes.

    python -m tests.bench.sink --records 1000000             from memory, and from a run's folder
    python -m tests.bench.sink --records 300000 --kafka      from topics of a broker of its own
    python -m tests.bench.sink --fresh 30                    how long a transition waits on Kafka

On Kafka it is the whole process that is measured, `insight sink --once`, its client's threads
and its start included. A transition waits from its append to the first manifest that has it; for
so many seconds a whole installation takes about 200 events a second.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from confluent_kafka import Producer

from cjo_stream.core.catalogue import ACTION, FILES
from cjo_stream.insight.filling.sink import Sink, Sunk, seldom_collected
from cjo_stream.insight.layer.table import SOURCES, Source
from tests.bench.peak import peak_bytes
from tests.kafka.stages import until
from tests.kafka.test_insight import start_sink, traffic, waits_s
from tests.world.broker import start_broker
from tests.world.chain import Chain
from tests.world.command_line import SHOP

RUN: Final = SHOP / "expected"
Rates = dict[str, int]


def lines() -> dict[Source, list[bytes]]:
    """Return the records of the shop's run, by kind."""
    of = [(one, RUN / FILES[one.kind.name]) for one in SOURCES if one.kind.name in FILES]
    return {one: path.read_bytes().splitlines() for one, path in of if path.exists()}


def in_process(records: int) -> Iterator[tuple[str, Rates]]:
    """Yield how fast the sink takes so many records: from memory, then from a folder."""
    of = lines()
    copies = -(-records // sum(map(len, of.values())))
    number = copies * sum(map(len, of.values()))
    with tempfile.TemporaryDirectory() as folder:
        into = Sink(str(Path(folder) / "layer"))

        def from_memory() -> Sunk:
            position = 0
            for _ in range(copies):
                for source, values in of.items():
                    for value in values:
                        position += 1
                        into.add(source, "lane", position, value)
            return into.publish()

        yield "from memory", _rate(from_memory, number)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        out.mkdir()
        for source, values in of.items():
            text = b"".join(one + b"\n" for one in values)
            (out / FILES[source.kind.name]).write_bytes(text * copies)
        other = Sink(str(Path(folder) / "layer"))

        def from_run() -> Sunk:
            other.take_run(out)
            return other.publish()

        yield "from a run", _rate(from_run, number)


def on_kafka(records: int) -> Iterator[tuple[str, Rates]]:
    """Yield how fast the sink's process takes so many records of topics."""
    of = {source: values for source, values in lines().items() if source.kind is not ACTION}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "chain").mkdir()
        with start_broker(place / "broker") as broker:
            chain = Chain(broker.bootstrap, place / "chain")
            chain.create(SHOP)
            chain.start(SHOP)
            chain.stop()
            number = _produce(chain, of, records)
            yield "from Kafka", _rate_of_process(chain, place / "layer", number)
            yield "its start alone", _rate_of_process(chain, place / "layer", 0)


def fresh(seconds: float) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield how long transitions wait for their manifest, at the usual interval."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "chain").mkdir()
        with start_broker(place / "broker") as broker:
            chain = Chain(broker.bootstrap, place / "chain", partitions=2)
            chain.create()
            chain.start()
            sink = start_sink(chain, place / "layer")
            traffic(chain, 5, random.Random(1))
            until((place / "layer").exists, within_s=60)
            since_s = time.time()
            traffic(chain, seconds, random.Random(2))
            time.sleep(10)
            waited_s = sorted(waits_s(chain, place / "layer", since_s))
            sink.terminate()
            sink.wait(60)
            chain.stop()
    at = {"p50_s": 0.5, "p95_s": 0.95, "p99_s": 0.99}
    found = {name: round(waited_s[int(len(waited_s) * q)], 2) for name, q in at.items()}
    yield "waits", {"transitions": len(waited_s), **found, "longest_s": round(waited_s[-1], 2)}


def _produce(chain: Chain, of: dict[Source, list[bytes]], records: int) -> int:
    producer = Producer({"bootstrap.servers": chain.bootstrap, "linger.ms": 20})
    copies = -(-records // sum(map(len, of.values())))
    for _ in range(copies):
        for source, values in of.items():
            topic = f"{chain.prefix}{source.kind.name}.v1"
            for value in values:
                producer.produce(topic, value, msgspec.json.decode(value)["customer_id"].encode())
            producer.flush(60)
    return copies * sum(map(len, of.values()))


def _rate_of_process(chain: Chain, layer: Path, records: int) -> Rates:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.perf_counter()
    call = [sys.executable, "-m", "cjo_stream", "insight", "sink", "--once", "--json"]
    process = subprocess.Popen(
        [*call, "--layer", str(layer)], env={**os.environ, **chain.env()}, stdout=subprocess.PIPE
    )
    peak = {"peak_mb": peak_bytes(process) >> 20}
    said, _ = process.communicate()
    assert process.returncode == 0, said
    wall_s = time.perf_counter() - began_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows = msgspec.json.decode(said, type=Sunk).rows
    return _rates(records, sum(rows.values()), cpu_s, wall_s) | peak


def _rate(work: Callable[[], Sunk], records: int) -> Rates:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    with seldom_collected():
        sunk = work()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    peak = {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    return _rates(records, sum(sunk.rows.values()), cpu_s, wall_s) | peak


def _rates(records: int, rows: int, cpu_s: float, wall_s: float) -> Rates:
    return {
        "records": records,
        "rows": rows,
        "cpu_ms": round(cpu_s * 1000),
        "records_a_second_of_cpu": round(records / cpu_s),
        "records_s": round(records / wall_s),
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--fresh", type=float, metavar="SECONDS")
    asked = parser.parse_args()
    measure = on_kafka if asked.kafka else in_process
    for name, value in fresh(asked.fresh) if asked.fresh else measure(asked.records):
        print(f"{name:24} {value}", flush=True)


if __name__ == "__main__":
    main()
