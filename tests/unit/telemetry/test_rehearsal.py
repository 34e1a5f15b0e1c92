"""The drill without an installation: what it judges, what goes on in it, what its people send."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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
from tests.drill import __main__ as drill_main
from tests.drill import drilling
from tests.drill.__main__ import judged
from tests.drill.drilling import Drill
from tests.drill.fault import Fault, Hand, Run
from tests.drill.faults import FAULTS, broker, content, folder, process
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
        self.fires: list[dict[str, str]] = []
        self.lag = 0.0
        watching: Any = SimpleNamespace(
            notices=self.told,
            shown=lambda: self.fires,
            firing=lambda: {one["alertname"] for one in self.fires},
            value=lambda _: self.lag,
            discover=lambda _: None,
        )
        shop = Shop(self._sent)
        traffic: Any = SimpleNamespace(mode=None, rate=0, shop=shop, send=self._sent)
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
        self.started: list[list[str]] = []
        self.folder = self.topology = self.layer = self.endpoints = Path("here")

    def start(self, name: str, *_: object, words: Sequence[str] = ()) -> None:
        self.started.append([name, *words])

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


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be waited for long."""
    monkeypatch.setattr(drilling, "STILL_S", 0.02)
    monkeypatch.setattr(drill_main, "QUIET_S", 0.0)
    monkeypatch.setattr(drill_main, "AFTER_S", 0.0)
    monkeypatch.setattr(content, "REFUSED_WITHIN_S", 0.0)
    monkeypatch.setattr(broker, "HELD_WITHIN_S", 0.0)


def one_like(name: str, **changes: Any) -> Fault:
    """Return a fault of the drill in which nothing is caused or mended but what a test says."""
    empty = {"cause": lambda _: None, "mend": (), "prepare": None, "proof": lambda _: None}
    return killed(name)._replace(**{**empty, **changes})


FIRES: Final = {"alertname": "CjoTargetDown", "process": "dispatch"}


def test_a_fault_that_ends_by_itself_is_a_miss_whatever_mends_it() -> None:
    drill, fault = Rehearsal(), one_like("dispatch-killed")
    assert drill.run(fault).misses == ["ended by itself"]
    drill.fires = [{**FIRES, "process": "intake"}]
    assert drill.run(fault).misses == ["ended by itself"], "another process's says nothing"
    drill.fires = [FIRES]
    assert drill.run(fault).misses == []


def test_an_alert_that_comes_and_goes_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drilling, "STILL_S", 0.5)
    drill, fault = Rehearsal(), killed("dispatch-killed")
    looks = iter([False, True, True, *[False] * 20])
    began_s = time.monotonic()
    drill.watching.firing = lambda: {fault.alert} if next(looks) else set()  # type: ignore[method-assign] # a stand-in's
    resolved_s = Drill._resolved(drill, fault, began_s)
    assert resolved_s is not None
    assert resolved_s > 0.5, "not at the first look"


def failing(_: threading.Event) -> None:
    raise AssertionError("cjo-stream hold: no broker")


def test_what_should_go_on_and_fails_is_a_miss() -> None:
    drill = Rehearsal()
    drill.fires = [FIRES]
    fault = one_like("dispatch-killed", cause=lambda drill: drill.go_on(failing, "the holder"))
    said = "the holder ended: AssertionError: cjo-stream hold: no broker"
    assert drill.run(fault).misses == [said]
    assert drill.run(one_like("dispatch-killed")).misses == [], "it is told once"


def test_of_what_goes_on_one_is_ended_by_its_name() -> None:
    drill, ended = Rehearsal(), []
    for name in ("robot", "other work"):

        def go(stop: threading.Event, name: str = name) -> None:
            stop.wait()
            ended.append(name)

        drill.go_on(go, name)
    drill.stop("robot")
    assert ended == ["robot"]
    drill.stop()
    assert ended == ["robot", "other work"]


def unmended(drill: Drill) -> None:
    raise AssertionError("the robot is still let in")


def test_what_mending_does_not_do_is_a_miss() -> None:
    drill = Rehearsal()
    drill.fires = [FIRES]
    by_hand = one_like("dispatch-killed", mend=(Hand("Block it", unmended),))
    assert drill.run(by_hand).misses == ["Block it: the robot is still let in"]
    proven = one_like("dispatch-killed", proof=unmended)
    assert drill.run(proven).misses == ["not mended: the robot is still let in"]


@pytest.mark.parametrize("name", ["hot-partition", "endpoint-refuses"])
def test_a_block_that_blocks_nothing_and_a_release_that_releases_nothing_are_misses(
    name: str,
) -> None:
    """The alert ends without them: because nothing more is sent, or the endpoint is mended."""
    drill, fault = Rehearsal(), one_like(name, proof=killed(name).proof)
    drill.fires = [{"alertname": fault.alert, **fault.labels}]
    (miss,) = drill.run(fault).misses
    assert miss.startswith("not mended: ")


def test_a_hold_that_holds_nothing_is_a_miss() -> None:
    fault, drill = killed("endpoint-refuses"), Rehearsal()
    mended = fault._replace(cause=lambda _: None, mend=fault.mend[1:2], proof=lambda _: None)
    drill.fires = [{"alertname": fault.alert, **fault.labels}]
    drill.installation.endpoint = drill.calls
    (miss,) = drill.run(mended).misses
    assert "what is held is posted still" in miss
    assert drill.calls.made == ["behave"], "it is mended all the same"


def test_pages_after_the_last_fault_are_a_miss_as_those_before_the_first() -> None:
    drill, fault = Rehearsal(), one_like("dispatch-killed")
    drill.fires = [FIRES]
    assert [one.fault for one in judged(drill, [fault])] == ["dispatch-killed"]
    drill.told.append(at(0.0, "CjoNotReady"))
    results = judged(drill, [fault])
    assert next(results).misses == ["other pages: CjoNotReady"]
    assert next(results).misses == []
    drill.told += [at(0.0, "CjoLagGrowing"), at(0.0, "CjoCheckpointOld")._replace(receiver="no")]
    assert [one.misses for one in results] == [["other pages: CjoLagGrowing"]]


STARTS: Final = {
    step.line: step
    for fault in FAULTS
    for step in fault.mend
    if isinstance(step, Run) and step.process is not None
}


@pytest.mark.parametrize("line", STARTS)
def test_a_process_is_started_as_its_page_says(line: str) -> None:
    """An option that the command does not know is so found."""
    drill, step = Rehearsal(), STARTS[line]
    drill.run(one_like("webhook-killed", mend=(step._replace(line=f"{line} --no-such"),)))
    words = line.replace("LAYER", "here").replace("ENDPOINTS.yaml", "here").split()
    assert drill.calls.started == [[step.process, *words[1:], "--no-such"]]


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
    monkeypatch.setattr(content, "LOOKS_EVERY_S", 0.01)
    monkeypatch.setattr(content, "HOT_WAVE", 10)
    assert goes_on(killed("handler-broken"), lambda drill: drill.sent)
    expired = killed("commands-expired")
    assert goes_on(expired._replace(mend=()), lambda drill: drill.calls.made.count("must"))
    assert goes_on(killed("hot-partition")._replace(mend=()), lambda drill: drill.sent)


def test_a_robot_stops_only_where_it_is_stopped() -> None:
    """What else slows intake goes on: the mending is not to do more than the page says."""
    for name in ("hot-partition", "flood"):
        drill, fault = Rehearsal(), killed(name)
        fault.cause(drill)
        step = fault.mend[0]
        assert isinstance(step, Hand)
        step.do(drill)
        sent, stalls = drill.sent, drill.calls.made.count("signal")
        until_s = time.monotonic() + 10
        while drill.calls.made.count("signal") < stalls + 4 and time.monotonic() < until_s:
            time.sleep(0.01)
        assert drill.calls.made.count("signal") >= stalls + 4
        assert drill.sent == sent > 0
        drill.stop()


def test_a_full_disk_is_filled_again_until_what_fills_it_is_deleted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A worker that begins anew deletes its store: there was room again, and the alert ended."""
    poured: list[Path] = []
    monkeypatch.setattr(folder, "FILLS_EVERY_S", 0.01)
    monkeypatch.setattr(folder, "_pour", poured.append)
    fault, drill = killed("disk-full"), Rehearsal()
    drill.calls.data = {"worker-1": tmp_path}
    fault.cause(drill)
    until_s = time.monotonic() + 10
    while len(poured) < 5 and time.monotonic() < until_s:
        time.sleep(0.01)
    assert len(poured) >= 5
    (step,) = fault.mend
    assert isinstance(step, Hand)
    step.do(drill)
    drill.stop()
    monkeypatch.undo()
    folder._pour(poured[0])
    assert not poured[0].exists()


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
