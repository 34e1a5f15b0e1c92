"""How the cost of an event grows, one dimension at a time: `python -m tests.bench.growth`.

Each case is a task of its own, fed as a worker feeds it: frames of intake, 500 events each, and a
commit every 20 steps. What fills the state is not measured, nor is the decoding of raw events.
The cost is CPU of the process an event, the least of REPEATS parts.
"""

from __future__ import annotations

import argparse
import gc
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.definition import DefinitionSet, compile_content, load
from cjo_stream.embedded.collector import YOUNG_OBJECTS
from cjo_stream.engine.frame import control_frame
from cjo_stream.engine.intake import Intake
from cjo_stream.engine.port import Log, LogRecord, RawRecord
from cjo_stream.engine.task import Task
from cjo_stream.ingest import decoder
from cjo_stream.store.rocks import RocksStore

KEY = b"a key for measuring"
START_MS = 1_772_323_200_000
FRAME_EVENTS = 500
STEPS = 20
"""Frames between two commits."""
REPEATS = 5
WIDTH, HEIGHT = 640, 330
Found = dict[str, dict[int, float]]
"""CPU an event, in microseconds, by dimension and size."""
GROWTH_MAX = 1.25
"""How much more an event may cost with 200 journeys that do not concern it than with 10."""

HEAD = """\
topology: growth
channels:
  web:  {in: {}}
  mail: {out: {address: user}}
identity:
  identifiers:
    - {type: user, limit: 1}
profile:
  traits:
    events: {count: [seen, asked, moved]}
    spent: {sum: event.total, on: [seen, asked, moved]}
"""
STAYING = """\
---
journey: staying_NUMBER
version: 1
entry: {on: opened, key: event.n}
initial: waiting
states:
  waiting:
    on: {moved: {when: event.n == key, to: waiting}}
    after: {90d: done}
  done: {end: done}
"""
OTHER = """\
---
journey: other_NUMBER
version: 1
entry: {on: begins_NUMBER, when: event.total > NUMBER}
exit: {on: ends_NUMBER, as: over}
initial: waiting
states:
  waiting:
    on: {goes_on_NUMBER: waiting}
    after: {1h: done}
  done: {end: done}
"""
ASKING = """\
---
journey: asking
version: 1
entry: {on: asked, reentry: always}
initial: ask
states:
  ask:
    enter: [{decide: {}}]
    always: [{to: done}]
  done: {end: done}
"""
ACTION = """\
---
action: action_NUMBER
class: service
eligible: profile.spent LEAST
value: NUMBER + 1
treatments: {mail: {template: action_NUMBER}}
"""


class Case(NamedTuple):
    """A job: its definitions, what fills the state, and the events that are measured."""

    topology: str
    before: Iterable[dict[str, Any]]
    events: Iterator[dict[str, Any]]


def customers(number: int) -> Case:
    """So many customers in state, each with one live instance; an event is of any of them."""
    draw = random.Random(number)
    before = (_event("opened", user, n=0) for user in range(number))
    events = (_event("moved", draw.randrange(number), n=0) for _ in iter(int, 1))
    return Case(HEAD + _numbered(STAYING, 1), before, events)


def instances(number: int, type_: str = "moved") -> Case:
    """So many live instances a customer, of two journeys; each hears the event, and two move."""
    draw, people = random.Random(number), 500
    each = number // 2
    before = (_event("opened", user, n=n) for n in range(each) for user in range(people))
    events = (_event(type_, draw.randrange(people), n=draw.randrange(each)) for _ in iter(int, 1))
    return Case(HEAD + _numbered(STAYING, 2), before, events)


def unheard(number: int) -> Case:
    """So many live instances a customer, of two journeys, and none hears the event."""
    return instances(number, "seen")


def actions(number: int) -> Case:
    """A decision among so many actions, of which five can apply."""
    draw = random.Random(number)
    written = "".join(
        ACTION.replace("NUMBER", str(one)).replace("LEAST", ">= 0" if one < 5 else "< 0")
        for one in range(number)
    )
    events = (_event("asked", draw.randrange(500)) for _ in iter(int, 1))
    return Case(HEAD + ASKING + written, (), events)


def journeys(number: int) -> Case:
    """So many journeys that do not concern the event, beside one that does."""
    draw, people = random.Random(number), 500
    before = (_event("opened", user, n=0) for user in range(people))
    events = (_event("moved", draw.randrange(people), n=0) for _ in iter(int, 1))
    return Case(HEAD + _numbered(STAYING, 1) + _numbered(OTHER, number), before, events)


DIMENSIONS: dict[str, tuple[Callable[[int], Case], Sequence[int], int]] = {
    "live instances a customer, all of which hear the event": (instances, (2, 10, 50), 2_500),
    "live instances a customer, none of which hears it": (unheard, (2, 10, 50), 2_500),
    "actions of a decision, five of which can apply": (actions, (10, 100, 500), 500),
    "journeys that do not concern the event": (journeys, (10, 50, 200), 10_000),
    "customers in state": (customers, (5_000, 50_000, 500_000), 10_000),
}
"""Each with its sizes, and how many events each part measures."""


def cost_us(case: Case, events: int) -> float:
    """Return CPU an event, in microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "topology.yaml").write_text(case.topology)
        definitions = load(Path(folder))
        store = RocksStore(Path(folder) / "store")
        feeder = _Feeder(definitions, Task(0, 1, Log("internal", 0), store, compile_content))
        feeder.feed(case.before)
        feeder.feed(islice(case.events, events))
        found = [feeder.feed(islice(case.events, events)) for _ in range(REPEATS)]
        store.close()
    return min(found)


class _Feeder:
    """Feeds a task with events, one a millisecond."""

    def __init__(self, definitions: DefinitionSet, task: Task) -> None:
        self._task = task
        self._intake = Intake(decoder(definitions.program, KEY), 1, 1)
        self._intake.resume(Log("bench", 0))
        self._events = self._records = 0
        self._process(control_frame([("", StoreSet(1, definitions.content))]))
        self._process(control_frame([("", ActivateSet(1))]))
        task.commit()

    def feed(self, events: Iterable[dict[str, Any]]) -> float:
        """Process events; return CPU an event, in microseconds."""
        cpu, number = 0.0, 0
        for step, frame in enumerate(self._frames(events), 1):
            began = time.process_time()
            self._process(frame)
            if step % STEPS == 0:
                self._task.commit()
            cpu += time.process_time() - began
            number = self._events
        began = time.process_time()
        self._task.commit()
        cpu += time.process_time() - began
        return cpu / max(1, number) * 1e6

    def _frames(self, events: Iterable[dict[str, Any]]) -> Iterator[bytes]:
        encode = msgspec.json.Encoder().encode
        rest = iter(events)
        self._events = 0
        while batch := list(islice(rest, FRAME_EVENTS)):
            raw = []
            for event in batch:
                at = self._records = self._records + 1
                value = encode({**event, "time": START_MS + at})
                raw.append(RawRecord("web", "bench", 0, at, START_MS + at, value, None, (), "web"))
            self._events += len(batch)
            for _, frame in self._intake.process(raw).frames:
                yield frame

    def _process(self, frame: bytes) -> None:
        record = LogRecord(self._task.processed + 1, START_MS + self._records, frame)
        self._task.process([record])


def _numbered(text: str, number: int) -> str:
    return "".join(text.replace("NUMBER", str(one)) for one in range(number))


def _event(type_: str, user: int, **attributes: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "identifiers": {"user": f"u{user}"},
        "attributes": {"total": 5, **attributes},
    }


def measure() -> Found:
    """Return what each case costs; print it as it is found."""
    found: Found = {}
    for name, (make, sizes, events) in DIMENSIONS.items():
        for size in sizes:
            cost = round(cost_us(make(size), events), 1)
            found.setdefault(name, {})[size] = cost
            print(f"{name:55} {size:>8,} {cost:>8}", flush=True)
    return found


def table(found: Found) -> str:
    """Return the figures as a table of a page."""
    rows = [
        f"| {name} | " + "; ".join(f"{size:,}: {cost:g}" for size, cost in costs.items()) + " |"
        for name, costs in found.items()
    ]
    return "\n".join(["| how many | CPU an event, us |", "|---|---|", *rows]) + "\n"


def plot(found: Found) -> str:
    """Return a drawing: by how much each dimension grew, and by how much the cost; both log."""
    lines = []
    for number, (name, costs) in enumerate(found.items()):
        (least, first), *_ = costs.items()
        places = [(_x(size / least), _y(cost / first)) for size, cost in costs.items()]
        tone = f"hsl({number * 67 % 360} 60% 40%)"
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{tone}" stroke-width="2"/>')
        lines.append(f'<text x="20" y="{HEIGHT + 20 + number * 16}" fill="{tone}">{name}</text>')
    for times in (1, 10, 100):
        lines.append(f'<text x="{_x(times):.0f}" y="{HEIGHT}">{times} times as many</text>')
        lines.append(f'<text x="4" y="{_y(times):.0f}">x{times}</text>')
    below = HEIGHT + 24 + 16 * len(found)
    box = f'viewBox="0 0 {WIDTH} {below}" font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *lines, "</svg>\n"])


def _x(times: float) -> float:
    return 40 + math.log10(times) * 220


def _y(times: float) -> float:
    return HEIGHT - 24 - math.log10(max(times, 0.5)) * 130


def main() -> int:
    """Measure, print, draw; fail where journeys that do not concern an event cost too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, help="where to draw what was found, as SVG")
    asked = parser.parse_args()
    gc.set_threshold(YOUNG_OBJECTS)
    found = measure()
    print(table(found))
    if asked.plot is not None:
        asked.plot.write_text(plot(found))
    costs = found["journeys that do not concern the event"]
    return 1 if costs[200] > GROWTH_MAX * costs[10] else 0


if __name__ == "__main__":
    sys.exit(main())
