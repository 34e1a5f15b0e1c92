"""What measuring costs a worker, as a share of all the CPU that it takes.

A task works through the yardstick's job over RocksDB in a worker's steps and commits, and tells a
`WorkerReport` all that a worker tells. Each of these calls is timed by the clock of the CPU, and
so is a scrape of /metrics, of which there is one every 15 s. What the client of Kafka takes is not
in it; it would make the share smaller.

    full steps      500 events each, as in a worker that has much to do
    single events   each in a step and a commit of its own: the most that is told of an event

Exits with 1 where measuring takes more than PERCENT_MAX of a worker with full steps.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.definition import DefinitionSet, compile_content, load
from cjo_stream.engine.frame import control_frame
from cjo_stream.engine.intake import Intake
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.ingest import decoder
from cjo_stream.kafka.worker.report import WorkerReport
from cjo_stream.kafka.worker.steps import COMMIT_STEPS_MAX
from cjo_stream.store.rocks import RocksStore
from cjo_stream.telemetry import METRICS, Metrics
from cjo_stream.telemetry.bound import SETS_MAX
from tests.bench.embedded import KEY, ROOT, START_MS, yardstick_records

SCRAPED_EVERY_S = 15.0
SCRAPES = 20
PARTITIONS = 16
PERCENT_MAX: Final = 3.0
"""Of the CPU of a worker that has much to do, as docs/metrics.md promises."""
FULL: Final = "full steps"


class Timed:
    """The report of a worker, with the seconds of CPU that its calls take."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.cpu_s = 0.0
        self._report = WorkerReport(self.metrics, "internal")
        self._beats_at_s = 0.0
        self._clock_s = min(_look_s() for _ in range(1_000))
        """What the clock itself takes."""

    def of(self, call: Callable[[WorkerReport], None]) -> None:
        began_s = time.thread_time()
        call(self._report)
        self.cpu_s += time.thread_time() - began_s - self._clock_s

    def beat(self, task: Task, worked_s: float) -> None:
        """Tell once a second how partitions stand; here one task stands for each of them."""
        if worked_s < self._beats_at_s:
            return
        self._beats_at_s = worked_s + 1.0
        partitions = [_partition(number, task) for number in range(PARTITIONS)]
        assignment: Any = SimpleNamespace(partitions=partitions, assigned=1)
        ends = dict.fromkeys(range(PARTITIONS), 1_000)
        self.of(lambda report: report.standing(assignment, ends))
        self.of(lambda report: report.cached(1 << 20))


def run(events: int, events_a_step: int, steps_a_commit: int) -> dict[str, Any]:
    """Return the share of the CPU that goes into measuring, and what one scrape takes."""
    definitions = load(ROOT / "tests" / "bench" / "yardstick")
    records = list(_records(definitions, events, events_a_step))
    timed = Timed()
    with tempfile.TemporaryDirectory() as folder:
        store = RocksStore(Path(folder) / "store")
        task = Task(0, 1, Log("internal", 0), store, compile_content)
        began_s = time.thread_time()
        for step, record in enumerate(records, 1):
            stepped_s = time.perf_counter()
            task.process([record])
            took_s = time.perf_counter() - stepped_s
            timed.of(lambda report, took_s=took_s: report.step(took_s, 0, 1, ()))
            if step % steps_a_commit == 0 or step == len(records):
                task.commit()
                timed.of(lambda report: report.commit(task.take_counts(), task.delays, 0.01))
            timed.beat(task, time.thread_time() - began_s)
        cpu_s = time.thread_time() - began_s
        store.close()
    scrape_s = _scrape_s(timed.metrics)
    scrapes_s = cpu_s / SCRAPED_EVERY_S * scrape_s
    return {
        "events": events,
        "cpu_us_an_event": round(cpu_s / events * 1e6, 1),
        "adding_percent": round(100 * timed.cpu_s / cpu_s, 2),
        "scraping_percent": round(100 * scrapes_s / (cpu_s + scrapes_s), 3),
        "scrape_ms": round(scrape_s * 1e3, 1),
    }


def scrape_of_most() -> dict[str, Any]:
    """Return what a scrape takes of a process that has nearly all the series that it may have."""
    metrics = Metrics()
    for metric in METRICS:
        if metric.name.startswith("cjo_webhook_"):
            continue  # another process
        for number in range(SETS_MAX.get(metric.name, 1)):
            labels = tuple(f"name_{number}" for _ in metric.labels)
            if metric.kind == "counter":
                metrics.add({(metric.name, *labels): 1})
            elif metric.kind == "gauge":
                metrics.set(metric.name, labels, 1)
            else:
                metrics.observe(metric.name, labels, 1)
    lines = sum(not line.startswith(b"#") for line in metrics.render().splitlines())
    scrape_s = _scrape_s(metrics)
    return {
        "series": lines,
        "scrape_ms": round(scrape_s * 1e3, 1),
        "percent_of_a_core": round(100 * scrape_s / SCRAPED_EVERY_S, 3),
    }


def _records(definitions: DefinitionSet, events: int, events_a_step: int) -> Iterator[LogRecord]:
    intake = Intake(decoder(definitions.program, KEY), 1, 1)
    intake.resume(Log("bench", 0))
    sets = control_frame([("", StoreSet(1, definitions.content)), ("", ActivateSet(1))])
    yield LogRecord(0, START_MS, sets)
    raw = list(yardstick_records(events, 5_000))
    number = 0
    for start in range(0, events, events_a_step):
        batch = raw[start : start + events_a_step]
        for _, frame in intake.process(batch).frames:
            number += 1
            yield LogRecord(number, batch[-1].time, frame)


def _partition(number: int, task: Task) -> Any:
    return SimpleNamespace(
        number=number,
        next_offset=0,
        live=task.live,
        canaries=task.canaries,
        state_bytes=1 << 20,
        checkpoint_age_s=None,
    )


def _look_s() -> float:
    began_s = time.thread_time()
    return time.thread_time() - began_s


def _scrape_s(metrics: Metrics) -> float:
    metrics.render()
    began_s = time.thread_time()
    for _ in range(SCRAPES):
        metrics.render()
    return (time.thread_time() - began_s) / SCRAPES


def costs_too_much(figures: dict[str, dict[str, Any]]) -> bool:
    """Return whether measuring takes more of a worker with full steps than it may."""
    full = figures[FULL]
    return bool(full["adding_percent"] + full["scraping_percent"] > PERCENT_MAX)


def main() -> int:
    """Measure, print and judge."""
    figures = {
        FULL: run(200_000, 500, COMMIT_STEPS_MAX),
        "single events": run(20_000, 1, 1),
        "most series": scrape_of_most(),
    }
    for name, value in figures.items():
        print(f"{name:16} {json.dumps(value)}")
    if costs_too_much(figures):
        print(f"FAILED: {FULL}: measuring takes more than {PERCENT_MAX:g} % of the CPU")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
