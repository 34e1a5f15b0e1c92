"""How fast the embedded runtime is: events through decode, tasks and output, on one core."""

from __future__ import annotations

import itertools
import random
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.definition import DefinitionSet, compile_content, load
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.run import drain, feed, finish
from cjo_stream.engine.frame import control_frame
from cjo_stream.engine.intake import Intake
from cjo_stream.engine.port import DecodedRecord, Log, LogRecord, RawRecord
from cjo_stream.engine.task import Task
from cjo_stream.ingest import decoder
from cjo_stream.simulate import traffic
from cjo_stream.store.rocks import RocksStore

ROOT = Path(__file__).parents[2]
KEY = b"a key for measuring"
START_MS = 1_772_323_200_000
STEPS = 20
"""Between two commits, as in a worker that has fallen behind."""


def measure(definitions: DefinitionSet, records: list[RawRecord]) -> dict[str, Any]:
    """Return events/s and microseconds of CPU an event over one run."""
    decode = decoder(definitions.program, KEY)

    def decoded() -> Iterator[DecodedRecord]:
        for record in records:
            yield record, decode(record)

    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        with open_installation(definitions, Path(folder) / "out", state=None) as installation:
            feed(installation, "bench", decoded())
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
            drain(installation, 86_400_000)
            summary = finish(installation, took)
    return {
        "events": len(records),
        "events_per_second": round(len(records) / took),
        "cpu_us_an_event": round(cpu / len(records) * 1e6, 1),
        "customers": summary.customers,
        "actions": summary.actions,
        "transitions": summary.transitions,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def shop(events: int) -> dict[str, Any]:
    """The bundled shop on simulated traffic."""
    definitions = load(ROOT / "topologies" / "shop")
    simulated = traffic(
        "shop",
        people=max(100, events // 25),
        seed=5,
        start_ms=START_MS,
        duration_ms=14 * 86_400_000,
    )
    records = [
        RawRecord(one.channel, "bench", 0, n, one.arrives_ms, one.value, one.key, (), one.channel)
        for n, one in enumerate(itertools.islice(simulated, events))
    ]
    return measure(definitions, records)


def yardstick(events: int, customers: int = 5_000) -> dict[str, Any]:
    """The job that other engines were measured on."""
    definitions = load(ROOT / "tests" / "bench" / "yardstick")
    records = list(yardstick_records(events, customers))
    return measure(definitions, records)


def restore(events: int, customers: int = 20_000) -> dict[str, Any]:
    """A task's log replayed into an empty RocksDB, as after the loss of a host."""
    definitions = load(ROOT / "tests" / "bench" / "yardstick")
    intake = Intake(decoder(definitions.program, KEY), 1, 1)
    intake.resume(Log("bench", 0))
    sets = control_frame(
        [("", StoreSet(1, definitions.content)), ("", ActivateSet(1))],
    )
    records = [LogRecord(0, START_MS, sets)]
    raw = list(yardstick_records(events, customers))
    for start in range(0, events, 500):
        batch = raw[start : start + 500]
        for _, frame in intake.process(batch).frames:
            records.append(LogRecord(len(records), batch[-1].time, frame))
    with tempfile.TemporaryDirectory() as folder:
        store = RocksStore(Path(folder) / "store")
        task = Task(0, 1, Log("internal", 0), store, compile_content)
        began = time.perf_counter()
        for step, start in enumerate(range(0, len(records), 8), 1):
            task.process(records[start : start + 8])
            if step % STEPS == 0:
                task.commit()
        task.commit()
        took = time.perf_counter() - began
        kept = sum(len(key) + len(value) for key, value in store.scan(b"s", b"t"))
        figures = {
            "events": events,
            "customers": customers,
            "events_per_second": round(events / took),
            "state_bytes_a_customer": round(kept / customers),
        }
        store.close()
    return figures


def yardstick_records(events: int, customers: int) -> Iterable[RawRecord]:
    """Yield native events of random customers, 2,000 a second of event time."""
    draw = random.Random(3)
    encode = msgspec.json.Encoder().encode
    for number in range(events):
        time_ms = START_MS + number // 2
        event = yardstick_event(draw, time_ms, customers)
        yield RawRecord("web", "bench", 0, number, time_ms, encode(event), None, (), "web")


def yardstick_event(draw: random.Random, time_ms: int, customers: int) -> dict[str, Any]:
    """Return one event of the job."""
    return {
        "type": draw.choice(("cart_updated", "cart_updated", "page_viewed", "order_placed")),
        "time": time_ms,
        "identifiers": {"user": f"u{draw.randrange(customers)}"},
        "attributes": {"total": draw.randrange(1000), "sent": time_ms},
    }
