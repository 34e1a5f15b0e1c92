"""Figures over a layer of many records: how long each takes.

The layer has copies of the shop's recorded run, each of other customers and a minute later than
the one before. DuckDB makes the copies.

    python -m tests.bench.insight --records 10000000

With `--sink` it says how fast the sink takes the records of that run, over and over from memory,
and those of a folder with as many: records of transitions, decisions, commands, rewards, and
identity changes, a second of CPU.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb

from cjo_stream.core.catalogue import FILES
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.figure import attribution, figure, retention
from cjo_stream.insight.figure.attribute import open_numbers
from cjo_stream.insight.figure.attribution import open_attribution
from cjo_stream.insight.figure.figure import counting, open_list
from cjo_stream.insight.figure.funnel import counting as counting_funnel
from cjo_stream.insight.figure.funnel import open_funnel
from cjo_stream.insight.figure.place import means, open_places
from cjo_stream.insight.figure.purchase import open_value
from cjo_stream.insight.figure.retention import open_retention
from cjo_stream.insight.friction.finding import findings
from cjo_stream.insight.layer.live import GARBAGE
from cjo_stream.insight.layer.manifest import Manifest, Part, latest, publish
from cjo_stream.insight.layer.reading import connect
from cjo_stream.insight.layer.sink import ROWS_MAX, Sink, Sunk
from cjo_stream.insight.layer.stays import with_stays
from cjo_stream.insight.layer.table import SOURCES
from tests.world.command_line import EVENTS, ROOT

REPEATS: Final = 5
COUNTED: Final = ("transition", "action", "decision", "outcome", "identity", "event")
"""Tables whose rows are records; a candidate is part of a decision's."""
STEP_MS: Final = 60_000
OF_A_COPY: Final = (
    "customer_id",
    "instance_id",
    "transition_id",
    "action_id",
    "decision_id",
    "id",
)
WEEK_MS: Final = 7 * 86_400_000
FIGURES: Final = (
    "PEOPLE", "FLOWS_OF_STATES", "FLOWS_OF_JOURNEYS", "DWELL", "OUTCOMES", "GOALS", "SPECTRUM",
    "DFG", "AUTOMATION",
)  # fmt: skip
FILTERS: Final = {
    "transition": "journey = 'cart_recovery' AND reason = 'goal'",
    "action": "channel = 'email'",
    "decision": "suppressed IS NOT NULL",
    "event": "type = 'order_placed'",
}
"""By view, a condition that holds of some of its rows."""


def run(records: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the times of each figure over so many records: median and p95 of some repeats, s."""
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder) / "layer"
        made = make(layer, records)
        yield "records", {"rows": made}
        connection, manifest = connect(str(layer))
        yield from _timed(connection, manifest.until or 0)


def _timed(connection: Any, until: int) -> Iterator[tuple[str, dict[str, float]]]:
    (begin,) = connection.execute('SELECT min("time") FROM transition').fetchone()
    draw = random.Random(1)

    def times() -> tuple[int, int]:
        first, last = sorted(draw.randint(begin, until) for _ in range(2))
        return first, last

    def filter_(view: str) -> None:
        at = "issued_at" if view == "action" else "time"
        connection.execute(
            f"SELECT count(*), count(DISTINCT customer_id) FROM {view} "
            f'WHERE {FILTERS[view]} AND "{at}" >= ? AND "{at}" < ?',
            times(),
        ).fetchall()

    def shown(one: figure.Figure) -> None:
        first, last = times()
        asked = {
            "from": first, "until": last, "within": WEEK_MS, "at": [last],
            "channels": ["desk"], "apart": WEEK_MS,
        }  # fmt: skip
        open_list(connection, one, asked)
        connection.execute(counting(one)).fetchall()

    def funnel() -> None:
        first, last = times()
        steps = ["cart_recovery:entered", "action:cart_reminder", "cart_recovery:goal"]
        open_funnel(connection, steps, WEEK_MS, first, last)
        connection.execute(counting_funnel(steps)).fetchall()

    def retained() -> None:
        open_retention(connection, "order_placed", WEEK_MS, None, None)
        connection.execute(retention.COUNTING).fetchall()

    def worth() -> None:
        open_numbers(connection, "order_placed", "total", *times())
        open_places(connection, "journey", WEEK_MS)
        connection.execute(means("journey")).fetchall()

    def attributed() -> None:
        goal, day_ms = "cart_recovery", WEEK_MS // 7
        open_attribution(connection, goal, "channel", 30 * day_ms, WEEK_MS, *times())
        connection.execute(attribution.counting()).fetchall()

    for view in FILTERS:
        yield f"filter of {view}", _time(partial(filter_, view))
    for name in FIGURES:
        yield name.lower(), _time(partial(shown, getattr(figure, name)))
    yield "funnel", _time(funnel)
    yield "retention", _time(retained)
    yield "worth", _time(worth)
    value = partial(open_value, connection, "order_placed", "total", None, until, 13 * WEEK_MS)
    yield "value", _time(value)
    connection.execute("DROP TABLE list")
    yield "attribution", _time(attributed)
    yield "friction", _time(partial(findings, connection))


def _time(work: Any) -> dict[str, float]:
    spent = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begin)
    return {"median_s": round(statistics.median(spent), 3), "max_s": round(max(spent), 3)}


def make(layer: Path, records: int) -> int:
    """Make a layer of at least so many records; return how many it has."""
    small = layer.with_name("small")
    sink = Sink(str(small))
    sink.take_run(ROOT / "topologies" / "shop" / "expected")
    sink.take_events([str(EVENTS)], None, None, b"", 2**62)
    sink.publish()
    before = latest(Folder(str(small)))
    of_one = sum(one.rows for one in before.parts if one.table in COUNTED)
    copies = -(-records // of_one)
    parts = [one for name in {one.table for one in before.parts}
             for one in _copied(small, layer, before, name, copies)]  # fmt: skip
    until = (before.until or 0) + copies * STEP_MS
    folder = Folder(str(layer))
    parts = list(with_stays(folder, parts, (), 1))
    publish(folder, Manifest(generation=1, parts=parts, until=until))
    return of_one * copies


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
            yield Part(path=str(path.relative_to(layer)), table=table, rows=number)


def _column(name: str) -> str:
    if name in (*OF_A_COPY, "present"):
        return f'md5("{name}" || k) AS "{name}"'
    if name == "identifier":
        return f'"{name}" || \'-\' || k AS "{name}"'
    if name in ("time", "issued_at", "expires_at", "deferred_until"):
        return f'"{name}" + k * {STEP_MS} AS "{name}"'
    if name in ("identifiers", "absorbed"):
        return f'list_transform("{name}", lambda one: one || \'-\' || k) AS "{name}"'
    if name == "lane":
        return "lane || '-' || k AS lane"
    return f'"{name}"'


def sink(records: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield how fast the sink takes so many records."""
    gc.set_threshold(*GARBAGE)
    run = ROOT / "topologies" / "shop" / "expected"
    of = [(one, (run / FILES[one.kind.name])) for one in SOURCES if one.kind.name in FILES]
    lines = {one: path.read_bytes().splitlines() for one, path in of if path.exists()}
    copies = -(-records // sum(map(len, lines.values())))
    with tempfile.TemporaryDirectory() as folder:
        into = Sink(str(Path(folder) / "layer"))

        def from_memory() -> Sunk:
            position = 0
            for _ in range(copies):
                for source, values in lines.items():
                    for value in values:
                        position += 1
                        into.add(source, "lane", position, value)
            return into.publish()

        yield "sink from memory", _rate(from_memory, copies * sum(map(len, lines.values())))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        out.mkdir()
        for source, values in lines.items():
            text = b"".join(one + b"\n" for one in values)
            (out / FILES[source.kind.name]).write_bytes(text * copies)
        other = Sink(str(Path(folder) / "layer"))

        def from_run() -> Sunk:
            other.take_run(out)
            return other.publish()

        yield "sink from a run", _rate(from_run, copies * sum(map(len, lines.values())))


def _rate(work: Callable[[], Sunk], records: int) -> dict[str, float]:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    sunk = work()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    return {
        "records": records,
        "rows": sum(sunk.rows.values()),
        "records_a_second_of_cpu": round(records / cpu_s),
        "records_s": round(records / wall_s),
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--sink", action="store_true")
    asked = parser.parse_args()
    for name, value in (sink if asked.sink else run)(asked.records):
        print(f"{name:24} {value}", flush=True)


if __name__ == "__main__":
    main()
