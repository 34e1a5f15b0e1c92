"""An installation over time, on a broker of its own: what holds, and what does not (exit 1).

    soak      MINUTES at a rate, a kill -9 of one process a minute: memory, handles, store and
              latency stay flat, each command comes once
    overload  TIMES the rate for MINUTES: how long until the latency is as before
    outage    all processes are down while events of MINUTES come: how long until all is caught up

Writes the figures as JSON and as a drawing into the folder that is named.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.endurance.traffic import CUSTOMERS, Ear, Traffic, commands_of
from tests.bench.endurance.watch import Series, Watch, drawing, growth
from tests.bench.kafka import CHECKPOINT_S, TOPOLOGY
from tests.world.broker import start_broker
from tests.world.chain import Chain

WARM_S = 60.0
WINDOW_S = 10.0
GROWTH_MAX = 1.15
"""The last quarter of a soak against its second, of memory, handles and store."""
SLOWER_MAX = 1.5
"""The same of the latency; and by how much it may be slower to be `as before`."""
SOAK_MINUTES_MIN = 30
"""A killed process fills its memory anew: a quarter of the time must have several kills."""
WITHIN_S = 900.0
"""The longest until all is caught up."""
AFTER_OVERLOAD_S = 120.0
"""The longest until the latency is as before, after an overload."""
FORGETS_SOON = """
---
policy: endurance
reward_window: 1m
"""
"""Within minutes a customer of a soak, or of an overload, has the events of years, and would grow
for all of the time: a command is remembered for the reward window and `max_late`, by default for
eight days."""


class Trial:
    """An installation under traffic: `run` a case, then `figures` and `panels`."""

    def __init__(self, chain: Chain, rate: float, customers: int) -> None:
        self.chain = chain
        self.rate = rate
        self.traffic = Traffic(chain, rate)
        self.traffic.customers = customers
        self.ear = Ear(commands_of(chain), self.traffic)
        self.watch = Watch(chain, 5.0)
        self.figures: dict[str, Any] = {"rate": rate, "customers": customers}
        self.faults: list[str] = []
        self.kills = 0
        self._began_s = time.time()

    def soak(self, minutes: float) -> None:
        """One process dies each minute."""
        draw = random.Random(1)
        until_s = time.monotonic() + minutes * 60
        while time.monotonic() < until_s:
            time.sleep(60)
            self.kills += 1
            self.chain.kill(draw.choice(self.chain.names))
        self._settle()
        self._check_flat()

    def overload(self, minutes: float, times: float) -> None:
        """Many more events come for a time."""
        time.sleep(WARM_S)
        before = self._p99(time.time() - WARM_S / 2)
        self.traffic.rate = self.rate * times
        time.sleep(minutes * 60)
        during = self._p99(time.time() - WARM_S)
        self.traffic.rate = self.rate
        self.figures |= {"times": times, "p99 before, ms": before, "p99 at its end, ms": during}
        self._until_as_before(before, AFTER_OVERLOAD_S)
        self._settle()

    def outage(self, minutes: float) -> None:
        """All processes are down; the events of that time are produced as fast as they can be."""
        time.sleep(WARM_S)
        before = self._p99(time.time() - WARM_S / 2)
        for name in self.chain.names:
            self.chain.hold_down(name)
        backlog = int(self.rate * minutes * 60)
        self.traffic.produce(backlog)
        for name in self.chain.names:
            self.chain.let_up(name)
        self.figures |= {"events of the outage": backlog, "p99 before, ms": before}
        self._until_as_before(before, WITHIN_S)
        took_s = self.figures["as before after, s"]
        self.figures["events/s while it catches up"] = round(backlog / took_s + self.rate)
        self._settle()

    def _until_as_before(self, before_ms: float, most_s: float) -> None:
        began_s = time.time()
        while time.time() - began_s < WITHIN_S:
            time.sleep(1)
            now_s = time.time()
            if now_s - began_s < WINDOW_S:
                continue
            found = self.ear.latency_ms(now_s - WINDOW_S, now_s)
            if found is not None and found["p99"] <= SLOWER_MAX * before_ms:
                took_s = self.figures["as before after, s"] = round(now_s - began_s - WINDOW_S)
                if took_s > most_s:
                    self.faults.append(f"the latency was as before after {took_s} s only")
                return
        self.figures["as before after, s"] = WITHIN_S
        self.faults.append(f"after {WITHIN_S:.0f} s the latency was not as before")

    def _p99(self, since_s: float) -> float:
        found = self.ear.latency_ms(since_s, time.time())
        assert found is not None, "hardly any command came"
        return found["p99"]

    def _settle(self) -> None:
        """End the traffic; wait for the last command, and look for what is missing or twice."""
        self.traffic.end()
        self.ear.wait_for_all(WITHIN_S)
        time.sleep(2 * WINDOW_S)  # what comes twice comes late
        self.watch.end()
        self.ear.end()
        self.faults += self.ear.faults()
        self.figures |= {
            "events": len(self.traffic.sent_s),
            "commands": sum(self.ear.heard.values()) + self.ear.reminders,
            "kills": self.kills,
            "latency, ms": self.ear.latency_ms(self._began_s, time.time()),
        }

    def _check_flat(self) -> None:
        flat = self.figures["last quarter over second"] = {}
        for title, series in self.panels().items():
            most = SLOWER_MAX if title.startswith("latency") else GROWTH_MAX
            for name, values in series.items():
                flat[f"{title}: {name}"] = grown = round(growth(values), 3)
                if grown > most:
                    self.faults.append(f"{title} of {name} grew: {grown} times")

    def panels(self) -> dict[str, Series]:
        """Return what is drawn, by title."""
        latency: Series = {"p50": [], "p99": []}
        minute_s = self._began_s
        while minute_s + 60 <= time.time():
            if found := self.ear.latency_ms(minute_s, minute_s + 60):
                for name, line in latency.items():
                    line.append((minute_s - self._began_s + 30, found[name]))
            minute_s += 60
        return {"latency a minute, ms": latency, **self.watch.found}


def forgetful(folder: Path) -> Path:
    """Return the yardstick whose customers forget within minutes, so that their states rest."""
    shutil.copytree(TOPOLOGY, folder)
    (path,) = folder.iterdir()
    text = path.read_text().replace("records: ", "grace: 1m\nmax_late: 2m\nrecords: ", 1)
    path.write_text(text + FORGETS_SOON)
    return folder


@contextmanager
def trial(rate: float, customers: int, workers: int, *, forgets: bool) -> Iterator[Trial]:
    """Yield an installation under traffic; `forgets`: of the topology that is `forgetful`."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with start_broker(place / "broker") as broker:
            (place / "chain").mkdir()
            chain = Chain(
                broker.bootstrap,
                place / "chain",
                workers=workers,
                checkpoint_interval_s=CHECKPOINT_S,
            )
            topology = forgetful(place / "topology") if forgets else TOPOLOGY
            chain.create(topology)
            chain.start(topology)
            try:
                made = Trial(chain, rate, customers)
                for thread in (made.ear, made.watch, made.traffic):
                    thread.start()
                yield made
            finally:
                chain.stop()


def main() -> int:
    """Run one case; print and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", choices=["soak", "overload", "outage"])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=3_000.0, help="events a second")
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--times", type=float, default=3.0, help="of an overload")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build"))
    asked = parser.parse_args()
    if asked.case == "soak" and asked.minutes < SOAK_MINUTES_MIN:
        parser.error(f"a soak of less than {SOAK_MINUTES_MIN} minutes shows nothing")
    forgets = asked.case != "outage"
    with trial(asked.rate, asked.customers, asked.workers, forgets=forgets) as made:
        if asked.case == "soak":
            made.soak(asked.minutes)
        elif asked.case == "overload":
            made.overload(asked.minutes, asked.times)
        else:
            made.outage(asked.minutes)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / f"{asked.case}.json").write_text(json.dumps(made.figures, indent=2) + "\n")
    (asked.out / f"{asked.case}.svg").write_text(drawing(made.panels()))
    print(json.dumps(made.figures, indent=2))
    for fault in made.faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if made.faults else 0


if __name__ == "__main__":
    sys.exit(main())
