"""Figures over a layer of many records: how long each command takes.

The layer has copies of the shop's recorded run, each of other customers and a minute later than
the one before; DuckDB makes the copies. With each cart stand a measure and a
prediction.

    python -m tests.bench.insight --records 10000000 --layer /tmp/layer

`--layer` keeps the layer there, and takes it again. Each filter and each command is asked of
periods drawn at random, in this process: so a time has the opening of the layer and what is
printed, but no start of Python. `tests.bench.sink` measures what fills a layer.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import msgspec

from cjo_stream.cli.app import call
from cjo_stream.core.catalogue import FILES, MEASURE, PREDICTION
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.filling.sink import ROWS_MAX, Sink
from cjo_stream.insight.filling.stays import with_stays
from cjo_stream.insight.layer.manifest import Manifest, Part, latest, publish
from cjo_stream.insight.layer.reading import connect
from tests.world.command_line import EVENTS, ROOT, copied

RUN: Final = ROOT / "topologies" / "shop" / "expected"
COUNTED: Final = (
    "transition", "action", "decision", "outcome", "identity", "event", "measure", "prediction",
)  # fmt: skip
"""Tables whose rows are records; a candidate is part of a decision's."""
STEP_MS: Final = 60_000
OF_A_COPY: Final = (
    "customer_id", "instance_id", "transition_id", "action_id", "decision_id", "id", "event_id",
    "prediction_id",
)  # fmt: skip
TIMES: Final = ("time", "issued_at", "expires_at", "deferred_until", "opened_at")
FILTERS: Final = {
    "transition": "journey = 'cart_recovery' AND reason = 'goal'",
    "action": "channel = 'email'",
    "decision": "suppressed IS NOT NULL",
    "event": "type = 'order_placed'",
    "stay": "journey = 'cart_recovery' AND state = 'reminded'",
}
"""By view, a condition that holds of some of its rows."""
PERIOD: Final = "--from {first} --until {last}"
COMMANDS: Final = {
    "people": "people --at {last}",
    "flows of states": f"flows --of states {PERIOD}",
    "flows of journeys": f"flows --of journeys {PERIOD}",
    "dwell": f"dwell {PERIOD}",
    "outcomes": f"outcomes {PERIOD}",
    "goals": f"goals {PERIOD}",
    "measures": f"measures {PERIOD}",
    "measures by day": f"measures --every 1d {PERIOD}",
    "funnel": "funnel cart_recovery:entered action:cart_reminder cart_recovery:goal "
    f"--within 7d {PERIOD}",
    "spectrum": f"spectrum {PERIOD}",
    "process dfg": f"process dfg {PERIOD}",
    "process variants": f"process variants {PERIOD}",
    "process throughput": f"process throughput {PERIOD}",
    "process ends": f"process ends {PERIOD}",
    "attribution": f"attribution --goal cart_recovery --by channel {PERIOD}",
    "retention": f"retention --on order_placed --every 7d {PERIOD}",
    "satisfaction": "satisfaction --on survey_answered --score score --by journey --scale 0..10",
    "worth": f"worth --on order_placed --value total {PERIOD}",
    "value": "value --on order_placed --value total --horizon 13w --until {until}",
    "predictions": f"predictions {PERIOD}",
    "next": "next --at {last}",
    "automation": f"automation --by-hand desk {PERIOD}",
    "friction": "friction",
}
OFTEN: Final = 20
"""Repeats of filters and people, which are to take less than half a second."""


class Times(NamedTuple):
    """How long some repeats took, s."""

    name: str
    median: float
    p95: float
    cpu: float
    """Median of all threads together."""
    repeats: int


def run(layer: Path, records: int, repeats: int, only: str) -> Iterator[Times]:
    """Yield the times of each filter and each command over a layer, which is made if need be."""
    if not latest(Folder(str(layer))).generation:
        make(layer, records)
    connection, manifest = connect(str(layer))
    yield Times(
        "records", sum(one.rows for one in manifest.parts if one.table in COUNTED), 0, 0, 0
    )
    (shares,) = connection.execute(
        f'SELECT quantile_disc("time", {[one / 100 for one in range(101)]}) FROM event'
    ).fetchone()
    draw = random.Random(1)

    def period() -> tuple[int, int]:
        first, last = sorted(draw.sample(shares, 2))
        return first, last

    def filter_(view: str) -> None:
        at = {"action": "issued_at", "stay": "since"}.get(view, "time")
        connection.execute(
            f"SELECT count(*), count(DISTINCT customer_id) FROM {view} "
            f'WHERE {FILTERS[view]} AND "{at}" >= ? AND "{at}" < ?',
            period(),
        ).fetchall()

    def command(words: str) -> None:
        first, last = period()
        asked = words.format(first=first, last=last, until=manifest.until).split()
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = call(["insight", *asked, "--layer", str(layer)])
        assert code == 0, err.getvalue()

    works: dict[str, Callable[[], None]] = {
        **{f"filter of {view}": partial(filter_, view) for view in FILTERS},
        **{name: partial(command, words) for name, words in COMMANDS.items()},
    }
    for name, work in works.items():
        if only in name:
            often = name.startswith("filter") or name == "people"
            yield _time(name, work, OFTEN if often else repeats)


def _time(name: str, work: Callable[[], None], repeats: int) -> Times:
    spent, used = [], []
    for _ in range(repeats):
        begin, cpu = time.perf_counter(), time.process_time()
        work()
        spent.append(time.perf_counter() - begin)
        used.append(time.process_time() - cpu)
    p95 = sorted(spent)[-(-95 * repeats // 100) - 1]
    return Times(name, statistics.median(spent), p95, statistics.median(used), repeats)


def make(layer: Path, records: int) -> None:
    """Make a layer of at least so many records."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "layer"
        _sink(small, Path(folder) / "out")
        before = latest(Folder(str(small)))
        of_one = sum(one.rows for one in before.parts if one.table in COUNTED)
        copies = -(-records // of_one)
        parts = [one for name in {one.table for one in before.parts}
                 for one in _copied(small, layer, before, name, copies)]  # fmt: skip
    until = (before.until or 0) + copies * STEP_MS
    parts = list(with_stays(Folder(str(layer)), parts, (), 1))
    publish(Folder(str(layer)), Manifest(generation=1, parts=parts, until=until))


def _sink(layer: Path, out: Path) -> None:
    """Fill a layer with the shop's run, and measures and predictions beside it."""
    copied(RUN, out)
    transitions = (out / FILES["transition"]).read_bytes().splitlines()
    entries = [one for one in map(msgspec.json.decode, transitions)
               if (one["journey"], one["reason"]) == ("cart_recovery", "entered")]  # fmt: skip
    _write(out / FILES[MEASURE.name], map(_measure, entries))
    _write(out / FILES[PREDICTION.name], map(_prediction, range(len(entries)), entries))
    sink = Sink(str(layer))
    sink.take_run(out)
    sink.take_events([str(EVENTS)], None, None, b"", 2**62)
    sink.publish()


def _measure(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": "cjo.measure.v1", "measure": "carts", "value": 1.5, "trigger": entry["trigger"],
        "state": None, "customer_id": entry["customer_id"], "journey": entry["journey"],
        "version": entry["version"], "instance_id": entry["instance_id"], "time": entry["time"],
    }  # fmt: skip


def _prediction(number: int, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": "cjo.prediction.v1", "prediction_id": f"p{number}", "predict": "buys",
        "definition": "d", "customer_id": entry["customer_id"], "probability": number % 10 / 10,
        "model_version": 1, "features": [], "outcome": int(number % 3 == 0),
        "opened_at": entry["time"], "time": entry["time"] + STEP_MS,
    }  # fmt: skip


def _write(path: Path, records: Iterable[dict[str, Any]]) -> None:
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in records))


def _copied(small: Path, layer: Path, before: Manifest, table: str, copies: int) -> Iterator[Part]:
    files = [str(small / one.path) for one in before.parts if one.table == table]
    with duckdb.connect() as connection:
        columns = [row[0] for row in connection.execute(
            "DESCRIBE SELECT * FROM read_parquet($f, hive_partitioning = false)", {"f": files}
        ).fetchall()]  # fmt: skip
        shown = ", ".join(_column(name) for name in columns)
        target = layer / table
        target.mkdir(parents=True)
        rows = sum(one.rows for one in before.parts if one.table == table)
        a_file = max(1, ROWS_MAX // max(1, rows))
        for begin in range(0, copies, a_file):
            path = target / f"{begin:020d}-x.parquet"
            connection.execute(
                f"COPY (SELECT {shown} FROM read_parquet($f, hive_partitioning = false), "
                f"range({begin}, {min(copies, begin + a_file)}) AS copy (k)) "
                "TO $path (FORMAT parquet, COMPRESSION zstd)",
                {"f": files, "path": str(path)},
            )
            number = rows * (min(copies, begin + a_file) - begin)
            crc = zlib.crc32(path.read_bytes())
            yield Part(path=str(path.relative_to(layer)), table=table, rows=number, crc=crc)


def _column(name: str) -> str:
    if name in (*OF_A_COPY, "present"):
        return f'md5("{name}" || k) AS "{name}"'
    if name == "identifier":
        return f'"{name}" || \'-\' || k AS "{name}"'
    if name in TIMES:
        return f'"{name}" + k * {STEP_MS} AS "{name}"'
    if name in ("identifiers", "absorbed"):
        return f'list_transform("{name}", lambda one: one || \'-\' || k) AS "{name}"'
    if name == "lane":
        return "lane || '-' || k AS lane"
    return f'"{name}"'


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--layer", type=Path, metavar="DIR", help="make it there, or take it")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", metavar="WORD", help="figures with it in their name")
    asked = parser.parse_args()
    print(f"{'':24} {'median s':>9} {'p95 s':>9} {'CPU s':>9} {'repeats':>9}")
    with tempfile.TemporaryDirectory() as folder:
        layer = asked.layer or Path(folder) / "layer"
        for name, median, p95, cpu, repeats in run(
            layer, asked.records, asked.repeats, asked.only
        ):
            figures = f"{median:9.2f} {p95:9.2f} {cpu:9.2f} {repeats:9}"
            if not repeats:
                figures = f"{median:39,}"
            print(f"{name:24} {figures}", flush=True)


if __name__ == "__main__":
    main()
