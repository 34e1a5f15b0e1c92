"""The drill without an installation: what it judges, what goes on in it, what its people send."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from cjo_stream.definition import compile_content, load
from cjo_stream.embedded.log import MemoryLog
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import decoder
from cjo_stream.store.memory import MemoryStore
from cjo_stream.telemetry import METRICS
from tests.differential.engine import Collected
from tests.drill.drilling import Drill
from tests.drill.fault import Fault, Hand
from tests.drill.faults import content, process
from tests.drill.installation import TOPOLOGY
from tests.drill.panel import QUERIES
from tests.drill.traffic import Mode, Shop, now_ms
from tests.drill.watching import Notice
from tests.unit.telemetry.test_drill import killed, notice


class Rehearsal(Drill):
    """A drill in which nothing runs: what a test says is told while it waits for rest."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.calls: Any = Calls()
        watching: Any = SimpleNamespace(notices=self.told)
        traffic: Any = SimpleNamespace(mode=None, rate=0, shop=Shop(self._sent))
        super().__init__(self.calls, watching, traffic, self.calls, lambda _: None)
        self.while_resting: list[list[Notice]] = []
        self.sent = 0

    def _sent(self, *_: object) -> None:
        self.sent += 1

    def rest(self, alert: str | None = None) -> None:
        self.told += self.while_resting.pop(0) if self.while_resting else []

    def _told(self, *_: object) -> float:
        return 0.0

    def _resolved(self, *_: object) -> float:
        return 0.0

    def _diagnosed(self, *_: object) -> Iterator[str]:
        return iter(())


class Calls:
    """An installation that notes what is asked of it."""

    faster = 20.0

    def __init__(self) -> None:
        self.made: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: self.made.append(name)


def at(seconds: float, alert: str, **labels: str) -> Notice:
    return notice(alert, **labels)._replace(at_s=seconds)


def test_a_page_between_two_faults_counts_whatever_it_is_about() -> None:
    drill = Rehearsal()
    before, now = at(-1.0, "CjoTargetDown", process="dispatch"), time.monotonic()
    drill.told.append(at(now, "CjoNotReady"))
    drill.while_resting = [[at(now, "CjoLagGrowing", stage="task")]]
    drill.warm_up()
    assert drill.news() == [], "what is told while all of it starts counts for nobody"
    fault = killed("dispatch-killed")._replace(mend=())
    later = at(now + 9_999, "CjoTargetDown", process="dispatch")
    drill.while_resting = [[], [later]]
    assert drill.run(fault).other_pages == []
    drill.told.append(at(now, "CjoCheckpointOld"))
    drill.while_resting = [[before], [later, at(now + 9_999, "CjoLagGrowing", stage="task")]]
    assert drill.run(fault).other_pages == [
        "CjoCheckpointOld", "CjoLagGrowing (task)", "CjoTargetDown (dispatch)",
    ]  # fmt: skip
    assert drill.run(fault).other_pages == [], "each page counts once"


def goes_on(fault: Fault, done: Callable[[Rehearsal], int]) -> bool:
    """Return whether a fault is caused again and again, also after all of its mending by hand."""
    drill = Rehearsal()
    fault.cause(drill)
    for step in fault.mend:
        if isinstance(step, Hand):
            step.do(drill)
    mended, until_s = done(drill), time.monotonic() + 10
    while done(drill) <= mended and time.monotonic() < until_s:
        time.sleep(0.01)
    has_gone_on = done(drill) > mended
    drill.stop()
    return has_gone_on


def test_a_fault_whose_alert_ends_by_itself_goes_on_until_it_is_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or a page whose mitigation does nothing would pass."""
    monkeypatch.setattr(process, "FAILS_EVERY_S", 0.01)
    monkeypatch.setattr(content, "HELD_S", 0.01)
    assert goes_on(killed("handler-broken"), lambda drill: drill.sent)
    expired = killed("commands-expired")
    assert goes_on(expired._replace(mend=()), lambda drill: drill.calls.made.count("must"))


NOT_OF_THE_ENGINE: Final = (
    "archive", "begun_anew", "commands_sent", "insight", "items", "process", "rebalances",
    "registry", "trace", "webhook",
)  # fmt: skip
"""Beginnings of counters that only processes on Kafka count, after `cjo_`."""
EVENTS: Final = 2_000


def counted_of(topology: Path) -> set[str]:
    """Return the counters that move while the drill's people shop, run in memory.

    Records of a schema registry are left out.
    """
    sent: list[tuple[str, bytes | None]] = []
    shop = Shop(lambda channel, value: sent.append((channel, value)))
    for _ in range(EVENTS):
        shop.send_one(Mode.SHOPPING)
    definitions = load(topology)
    decode = decoder(definitions.program, b"a key of tests")
    stores = [MemoryStore()]
    with Runtime(
        log=MemoryLog(), stores=stores, compile_=compile_content, output=Collected()
    ) as runtime:
        runtime.apply(1, definitions.content)
        for number, (channel, value) in enumerate(sent):
            if channel == "app":
                continue
            time, raw = now_ms(), value or b""
            event = decode(RawRecord(channel, "raw", 0, number, time, raw, channel=channel))
            if not isinstance(event, InputError):
                runtime.offer("lane", number, event)
        runtime.advance(runtime.high + 60_000)
        return {key[0] for key in (*runtime.take_counts(), *decode.take_counts())}


def test_the_drill_s_traffic_moves_every_counter_of_the_engine_that_a_dashboard_has() -> None:
    """Or `make drill` ends with NO DATA, as a counter has no series before it has counted."""
    begun = {metric.name for metric in METRICS if metric.from_zero}
    asked = {name for query in QUERIES for name in re.findall(r"cjo_\w+_total", query.expr)}
    asked = {name for name in asked if not name.removeprefix("cjo_").startswith(NOT_OF_THE_ENGINE)}
    assert len(asked) > 15
    assert asked - begun - counted_of(TOPOLOGY) == set()
