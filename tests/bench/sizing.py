"""What an installation needs on a broker of its own, by its size: a table as JSON.

    customers    10,000 to 2,000,000 of them in one installation: bytes of each in the store, in
                 checkpoints and in memory; events a second; how long a worker is away that was
                 killed, with its state folder and without it
    partitions   4 to 256 of them: CPU at rest, memory, events a second, the same two pauses
    moving       10,000 to 500,000 customers: how long their base takes to an installation with
                 twice the partitions, and with how much memory

`python -m tests.bench.sizing customers --sizes 10000,100000`. The job is the yardstick's.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import signal
import subprocess
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
from tests.bench.peak import peak_bytes
from tests.world.broker import start_broker
from tests.world.chain import Chain

SIZES = {
    "customers": (10_000, 100_000, 500_000, 2_000_000),
    "partitions": (4, 16, 64, 256),
    "moving": (10_000, 100_000, 500_000),
}
PARTITIONS = 4
CUSTOMERS = 10_000
"""Of an installation whose number of partitions is looked at."""
SATURATING = 100_000
REST_S = 30.0
CHECKPOINT_INTERVAL_S = 60
"""More often than by default: nothing here waits five minutes for one."""
CHECKPOINT_S = 70.0
"""By then a checkpoint has all that came before."""
REMINDED_S = 15.0
"""By then every reminder has been sent, and the installation is at rest."""
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

    def end_in_order(self) -> None:
        """End all processes, so that nothing is on its way."""
        time.sleep(REMINDED_S)
        for name in self.chain.names:
            self.chain.hold_down(name, signal.SIGTERM)

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


def by_moving(sizes: list[int]) -> Iterator[dict[str, Any]]:
    """Yield a row for each number of customers, whose base moves to an installation of its own."""
    for size in sizes:
        with site(PARTITIONS) as place:
            place.grow(size)
            place.end_in_order()
            old = place.chain
            export, folder = old.folder / "export", old.folder / "new"
            left = measured(old, "base", "export", str(export))
            folder.mkdir()
            new = Chain(old.bootstrap, folder, partitions=2 * PARTITIONS)
            new.create(TOPOLOGY)
            arrived = measured(new, "base", "import", str(export))
            yield {
                "customers": size,
                "export": left,
                "export, bytes a customer": round(_bytes(export) / size),
                "import": arrived,
                "until its first command, s": first_command_s(new),
            }


def measured(chain: Chain, *command: str) -> dict[str, float]:
    """Return what a command took: seconds, and its largest memory."""
    call = [sys.executable, "-m", "cjo_stream", *command]
    began_s = time.monotonic()
    process = subprocess.Popen(call, env=chain.env(), stdout=subprocess.DEVNULL)
    memory = peak_bytes(process)
    assert process.returncode == 0, f"{command}: {process.returncode}"
    return {"s": round(time.monotonic() - began_s, 1), "memory": memory}


def first_command_s(chain: Chain) -> float:
    """Start an installation; return how long it takes until it answers an event."""
    began_s, traffic = time.monotonic(), Traffic(chain, 0)
    ear = Ear(commands_of(chain), traffic)
    ear.start()
    chain.start(TOPOLOGY)
    try:
        traffic.greet(0)
        traffic.flush()
        ear.wait_for_all(WITHIN_S)
        return round(time.monotonic() - began_s, 1)
    finally:
        ear.end()
        chain.stop()


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
    measures = {
        "customers": functools.partial(by_customers, partitions=asked.partitions),
        "partitions": by_partitions,
        "moving": by_moving,
    }
    for row in measures[asked.of](sorted(sizes)):
        print(json.dumps(row), flush=True)
        rows.append(row)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / f"sizing-{asked.of}.json").write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
