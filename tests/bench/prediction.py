"""How good predictions are where people do as the simulated shop lets them.

    python -m tests.bench.prediction --people 500 --days 300

The shop's own predictions are of three days, for which the four weeks of a demo suffice. A copy of
it has two others: who buys within a week of filling a cart, and who leaves after an order. The
first BURN_IN days are left out, in which counts of 90 days are not full, and predictions whose
time was not over at the end.
A calibration error has a floor: that which probabilities without any fault have by chance, since
few outcomes came of each bin. `floor` is its mean, `floor_95` what it exceeds in one of 20 cases.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from cjo_stream.cli.demo import DAY_MS, START_MS
from cjo_stream.cli.option import topology_folder
from cjo_stream.core.learning.calibration import calibration_error
from cjo_stream.insight.figure.prediction import counting, open_predictions
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.reading import connect

BURN_IN: Final = 90
WORLDS: Final = 200
WITHIN: Final = {"buys": 7, "leaves": 30}
"""By prediction, its days."""
TRAITS: Final = """  traits:
    orders_30d: {count: order_placed, per: 30d}
    orders_90d: {count: order_placed, per: 90d}
    carts_30d:  {count: cart_updated, per: 30d}
"""
OWN_PREDICT: Final = r"^predict:\n(?:  .*\n)*\n"
"""What the shop predicts itself, with the empty line behind it."""
PREDICT: Final = """predict:
  buys:
    on: cart_updated
    event: order_placed
    within: 7d
    prior: 0.5
    features: [profile.orders_30d, profile.orders_90d, profile.carts_30d, profile.last_channel]
  leaves:
    on: order_placed
    without: order_placed
    within: 30d
    prior: 0.5
    features: [profile.orders_30d, profile.orders_90d, profile.carts_30d, profile.last_channel]

"""


def main() -> None:
    """Run the demo, unless its folder is there; print a row for each prediction."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--days", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/prediction"))
    asked = parser.parse_args()
    run = asked.out / "run"
    if not (run / "summary.json").exists():
        topology = predicting(topology_folder("shop"), asked.out / "topology")
        options = [f"--{name}={getattr(asked, name)}" for name in ("people", "days", "seed")]
        options += [f"--out={run}", f"--topology={topology}"]
        subprocess.run(
            [sys.executable, "-m", "cjo_stream", "demo", *options], check=True, stdout=sys.stderr
        )
    layer = asked.out / "layer"
    shutil.rmtree(layer, ignore_errors=True)
    sink = Sink(str(layer))
    sink.take_run(run)
    sink.publish()
    connection, _ = connect(str(layer))
    rows = csv.writer(sys.stdout, lineterminator="\n")
    for place, row in enumerate(measured(connection, asked.days)):
        if place == 0:
            rows.writerow(row)
        rows.writerow(row.values())


def predicting(shop: Path, to: Path) -> Path:
    """Copy the shop's topology, and let it predict; return the copy's folder."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(shop, to)
    main = to / "topology.yaml"
    text = main.read_text()
    for mark, more in (("  traits:\n", TRAITS), (OWN_PREDICT, PREDICT)):
        text, found = re.subn(mark, more, text, flags=re.MULTILINE)
        assert found == 1, f"the shop's topology has changed: {mark!r}"
    main.write_text(text)
    return to


def measured(connection: Any, days: int) -> Iterator[dict[str, Any]]:
    """Yield the figures of each prediction, over the days in which all was known."""
    for name, within in WITHIN.items():
        until_ms = START_MS + (days - within) * DAY_MS
        open_predictions(connection, START_MS + BURN_IN * DAY_MS, until_ms)
        connection.execute(f"DELETE FROM list WHERE predict <> '{name}'")
        found = connection.execute(counting())
        columns = [column[0] for column in found.description]
        row = dict(zip(columns, found.fetchall()[-1], strict=True))
        list_ = connection.execute("SELECT probability FROM list").fetchall()
        mean, high = floor([one for (one,) in list_])
        shown = ("calibration_error", "log_loss", "log_loss_base_rate", "log_loss_last_state")
        yield {
            "predict": name,
            "count": row["count"],
            "came_true": f"{row['came_true']:.3f}",
            **{one: f"{row[one]:.4f}" for one in shown},
            "floor": f"{mean:.4f}",
            "floor_95": f"{high:.4f}",
        }


def floor(probabilities: Sequence[float]) -> tuple[float, float]:
    """Return mean and 95 % quantile of the error that right probabilities have by chance."""
    draw = random.Random(1).random
    ranked = sorted(probabilities)
    found = sorted(
        calibration_error(ranked, [int(draw() < p) for p in ranked]) for _ in range(WORLDS)
    )
    return sum(found) / WORLDS, found[WORLDS * 95 // 100]


if __name__ == "__main__":
    main()
