"""Attribution against the truth: what models credit, what holdouts measured, what commands did.

    python -m tests.bench.attribution --people 1500 --days 28

The people of the shop answer by a hidden model, so the truth is known here, as nowhere else. For
each cart that is bought (a goal of `cart_recovery`), only the two actions about that cart can have
made somebody buy it. `expected` are the acceptances of commands by the hidden model's chances;
`made` counts the accepted ones whose cart was bought after them: some had been bought meanwhile.
Commands of other journeys have made none, whatever models credit to them.
"""

from __future__ import annotations

import argparse
import bisect
import csv
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from cjo_stream import definition
from cjo_stream.cli.demo import DAY_MS, QUIET_MS, START_MS
from cjo_stream.cli.option import topology_folder
from cjo_stream.insight.figure.attribution import MODELS, counting, open_attribution
from cjo_stream.insight.figure.incremental import open_measured
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.reading import connect
from cjo_stream.simulate import Received, open_world
from cjo_stream.simulate.answer import Fatigue, person_of
from cjo_stream.simulate.world import Hidden

GOAL: Final = "cart_recovery"
ABOUT_CARTS: Final = ("cart_reminder", "cart_voucher")
_HOUR_MS: Final = 3_600_000
_LOOKBACK_MS: Final = 30 * DAY_MS
_HALF_LIFE_MS: Final = 7 * DAY_MS

Touch = str | None


def main() -> None:
    """Run the demo, unless its folder is there; print rows by journey, then by channel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_500)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/attribution"))
    asked = parser.parse_args()
    if not (asked.out / "summary.json").exists():
        options = [
            f"--{name}={getattr(asked, name)}" for name in ("people", "days", "seed", "out")
        ]
        subprocess.run([sys.executable, "-m", "cjo_stream", "demo", *options], check=True)
    world = open_world(
        "shop", people=asked.people, seed=asked.seed, start_ms=START_MS,
        duration_ms=asked.days * DAY_MS, quiet_ms=QUIET_MS,
    )  # fmt: skip
    assert world.hidden is not None
    sink = Sink(str(asked.out / "layer"))
    sink.take_run(asked.out)
    sink.publish()
    connection, _ = connect(str(asked.out / "layer"))
    for by in ("journey", "channel"):
        show(connection, by, Truth(by, asked.out, world.hidden))


class Truth:
    """What commands did, by journey or channel."""

    def __init__(self, by: str, run: Path, hidden: Hidden) -> None:
        self.expected: dict[Touch, float] = defaultdict(float)
        self.made: Counter[Touch] = Counter()
        fatigue = Fatigue()
        read = msgspec.json.Decoder(Received).decode
        touches: dict[str, tuple[Touch, str]] = {}
        for line in (run / "actions.jsonl").open("rb"):
            command, record = read(line), msgspec.json.decode(line)
            person = person_of(command, hidden.owners)
            if person is None:
                continue
            lately = fatigue.lately(person, command.issued_at)
            fatigue.note(person, command)
            if command.action in ABOUT_CARTS and record["journey"] is not None:
                touch = record["journey"]["name"] if by == "journey" else command.channel
                chance = hidden.response.chance(person, command.action, command.channel, lately)
                self.expected[touch] += chance
                touches[command.action_id] = touch, record["journey"]["instance_id"]
        goals = self._goals(run)
        for reward in _records(run / "rewards.jsonl"):
            if reward["reward"] and reward["action_id"] in touches:
                touch, instance = touches[reward["action_id"]]
                times = goals.get(instance, [])
                place = bisect.bisect_left(times, reward["issued_at"])
                self.made[touch] += place < len(times)

    @staticmethod
    def _goals(run: Path) -> dict[str, list[int]]:
        goals: dict[str, list[int]] = defaultdict(list)
        for one in _records(run / "transitions.jsonl"):
            if one["journey"] == GOAL and one["reason"] == "goal":
                goals[one["instance_id"]].append(one["time"])
        return goals


def show(connection: Any, by: Any, truth: Truth) -> None:
    """Print each touch with its credited, and how many times the made goals they are."""
    open_attribution(connection, GOAL, by, _LOOKBACK_MS, _HALF_LIFE_MS)
    credited: dict[Touch, dict[str, float]] = defaultdict(dict)
    for model, touch, number in connection.execute(counting()).fetchall():
        credited[touch][model] = number
    shares = {
        name: one.holdout
        for name, one in definition.load(topology_folder("shop")).program.journeys.items()
    }
    open_measured(connection, GOAL, by, shares)
    measured = {
        touch: tuple(f"{one:.1f}" for one in limits)
        for touch, *limits in connection.execute("FROM measured").fetchall()
    }
    names = ("holdout", "low", "high", "expected", "made")
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow([by, *MODELS, *names])
    for touch in sorted(credited, key=str):
        models = [f"{credited[touch].get(model, 0.0):.1f}" for model in MODELS]
        truths = f"{truth.expected[touch]:.1f}", truth.made[touch]
        rows.writerow([touch, *models, *measured.get(touch, ("", "", "")), *truths])


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line)


if __name__ == "__main__":
    main()
