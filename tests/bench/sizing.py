"""What an installation needs on a broker of its own, by its size: a table as JSON.

    customers    10,000 to 2,000,000 of them in one installation: bytes of each in the store, in
                 checkpoints and in memory; events a second; how long a worker is away that was
                 killed, with its state folder and without it
    partitions   4 to 256 of them: CPU at rest, memory, events a second, the same two pauses

`python -m tests.bench.sizing customers --sizes 10000,100000`. The job is the yardstick's.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.bench.endurance.traffic import Ear, Traffic, commands_of
from tests.bench.kafka import TOPOLOGY, cpu_s
from tests.world.broker import start_broker
from tests.world.chain import Chain

SIZES = {"customers": (10_000, 100_000, 500_000, 2_000_000), "partitions": (4, 16, 64, 256)}
PARTITIONS = 4
CUSTOMERS = 10_000
"""Of an installation whose number of partitions is looked at."""
SATURATING = 100_000
REST_S = 30.0
CHECKPOINT_INTERVAL_S = 60
"""More often than by default: nothing here waits five minutes for one."""
CHECKPOINT_S = 70.0
"""By then a checkpoint has all that came before."""
TRICKLE = 100.0
"""Events a second, to see how long nothing comes."""
TRICKLE_S = 10.0
WITHIN_S = 1_200.0


class Site:
    """An installation, and who talks with it."""

    def __init__(self, chain: Chain, broker: Path) -> None:
        self.chain = chain
        self.broker = broker
        self.traffic = Traffic(chain, 0)
        self.ear = Ear(commands_of(chain), self.traffic)
        self.customers = 0

    def grow(self, customers: int) -> float:
        """Let so many customers be known, each by one event with a command; return events/s."""
        began_s, more = time.monotonic(), range(self.customers, customers)
        for number in more:
            self.traffic.greet(number)
        self.customers = self.traffic.customers = customers
        self._wait()
        return len(more) / (time.monotonic() - began_s)

    def saturate(self) -> dict[str, float]:
        """Let a backlog pile up before intake; return events/s and CPU of each process."""
        self.chain.hold_down("intake")
        self.traffic.produce(SATURATING)
        self.traffic.flush()
        self.chain.let_up("intake")
        before, began_s = self._cpu_s(), time.monotonic()
        self._wait()
        took_s = time.monotonic() - began_s
        used = {name: cpu - before[name] for name, cpu in self._cpu_s().items()}
        return {
            "events/s": round(SATURATING / took_s),
            **{f"{name}, us": round(s / SATURATING * 1e6, 1) for name, s in used.items()},
        }

    def pause_s(self, *, without_folder: bool) -> float:
        """Kill the worker; return how long the slowest command then took, s."""
        if without_folder:
            time.sleep(CHECKPOINT_S)
        self.chain.hold_down("worker-0")
        if without_folder:
            shutil.rmtree(self.chain.folder / "data" / "worker")
        self.ear.mark()
        self.chain.let_up("worker-0")
        end_s = time.monotonic() + TRICKLE_S
        while time.monotonic() < end_s or not self.ear.longest_s:
            self.traffic.produce(int(TRICKLE / 10))
            time.sleep(0.1)
        self._wait()
        return round(self.ear.longest_s, 2)

    def held(self) -> dict[str, float]:
        """Return bytes, by what holds them."""
        worker = psutil.Process(self.chain.processes["worker-0"].pid)
        return {
            "store": _bytes(self.chain.folder / "data"),
            "checkpoints": _bytes(self.chain.folder / "checkpoints"),
            "broker": _bytes(self.broker),
            "worker's memory": worker.memory_info().rss,
        }

    def at_rest(self) -> dict[str, float]:
        """Return the share of a core that each process takes while nothing comes."""
        before = self._cpu_s()
        time.sleep(REST_S)
        used = {name: cpu - before[name] for name, cpu in self._cpu_s().items()}
        return {name: round(s / REST_S, 4) for name, s in used.items()}

    def _cpu_s(self) -> dict[str, float]:
        """Return the CPU that each process has used, the broker's too, seconds."""
        ours = psutil.Process().children(recursive=True)
        times = [one.cpu_times() for one in ours if one.name() == "java"]
        return {**cpu_s(self.chain), "broker": sum(one.user + one.system for one in times)}

    def _wait(self) -> None:
        self.traffic.flush()
        self.ear.wait_for_all(WITHIN_S)
        assert not (faults := self.ear.faults()), faults


def _bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512 if path.is_file() else 0
        except FileNotFoundError:
            continue  # a compaction took it
    return total


@contextmanager
def site(partitions: int) -> Iterator[Site]:
    """Yield an installation on a broker of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with start_broker(place / "broker") as broker:
            (place / "chain").mkdir()
            chain = Chain(
                broker.bootstrap,
                place / "chain",
                partitions=partitions,
                checkpoint_interval_s=CHECKPOINT_INTERVAL_S,
            )
            chain.create(TOPOLOGY)
            chain.start(TOPOLOGY)
            made = Site(chain, place / "broker")
            try:
                made.ear.start()
                yield made
            finally:
                made.ear.end()
                chain.stop()


def by_customers(sizes: list[int], partitions: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each number of customers, in one installation that grows."""
    with site(partitions) as place:
        empty = place.held()
        for size in sizes:
            grown = place.grow(size)
            time.sleep(CHECKPOINT_S)
            held = place.held()
            yield {
                "customers": size,
                "new customers/s": round(grown),
                "bytes a customer": {
                    name: round((value - empty[name]) / size) for name, value in held.items()
                },
                "saturated": place.saturate(),
                "pause, s": place.pause_s(without_folder=False),
                "pause without state folder, s": place.pause_s(without_folder=True),
            }


def by_partitions(sizes: list[int]) -> Iterator[dict[str, Any]]:
    """Yield a row for each number of partitions, an installation each."""
    for size in sizes:
        with site(size) as place:
            place.grow(CUSTOMERS)
            time.sleep(CHECKPOINT_S)
            yield {
                "partitions": size,
                "cores at rest": place.at_rest(),
                "worker's memory": place.held()["worker's memory"],
                "saturated": place.saturate(),
                "pause, s": place.pause_s(without_folder=False),
                "pause without state folder, s": place.pause_s(without_folder=True),
            }


def main() -> int:
    """Measure; print each row as it is found, and write all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("of", choices=sorted(SIZES))
    parser.add_argument("--sizes", help="as 10000,100000: instead of the usual ones, ascending")
    parser.add_argument("--partitions", type=int, default=PARTITIONS, help="of `customers`")
    parser.add_argument("--out", type=Path, default=Path("build"))
    asked = parser.parse_args()
    sizes = [int(size) for size in asked.sizes.split(",")] if asked.sizes else SIZES[asked.of]
    rows = []
    found = (
        by_customers(sorted(sizes), asked.partitions)
        if asked.of == "customers"
        else by_partitions(sorted(sizes))
    )
    for row in found:
        print(json.dumps(row), flush=True)
        rows.append(row)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / f"sizing-{asked.of}.json").write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
