import re
import socket
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cjo_stream.errors import CjoError, HoleError, RefusalError, RetryError, StopError, UsageError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.local.broker import free_port
from cjo_stream.kafka.process import stage
from cjo_stream.kafka.process.stage import (
    STANDSTILL_S,
    STEADY_S,
    Linger,
    Standstill,
    Stopping,
    begins_anew,
    measuring,
    work,
)
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Health, Metrics


def test_an_outage_is_waited_for_within_the_process_however_often_it_comes() -> None:
    assert begins_anew(RetryError("away"), ran_s=0.0)
    assert begins_anew(RetryError("away"), ran_s=STEADY_S)


@pytest.mark.parametrize("error", [StopError("fenced"), HoleError("a hole")])
def test_what_may_come_of_an_outage_begins_anew_once_and_then_ends_the_process(
    error: CjoError,
) -> None:
    assert begins_anew(error, ran_s=STEADY_S)
    assert not begins_anew(error, ran_s=STEADY_S - 1)


@pytest.mark.parametrize("error", [RefusalError("missing"), UsageError("wrong")])
def test_what_somebody_has_to_mend_ends_the_process(error: CjoError) -> None:
    assert not begins_anew(error, ran_s=10 * STEADY_S)


def test_a_process_that_begins_anew_drops_what_it_holds_and_counts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Admin, "ping", lambda _: None)
    monkeypatch.setattr(stage, "end_once_away", lambda _: None)
    done: list[str] = []
    shown: list[Metrics] = []

    class Process:
        vitals = SimpleNamespace(
            problem=lambda: None,
            ready=lambda _: lambda: None,
            start=lambda: None,
            stop=lambda: None,
        )

        def __init__(self, _: Settings, metrics: Metrics, stopping: Stopping) -> None:
            self._stopping = stopping
            shown.append(metrics)

        def open(self) -> None:
            done.append("open")

        def turn(self) -> None:
            done.append("turn")
            if done.count("turn") < 3:
                raise RetryError("away")
            self._stopping.ask()

        def close(self) -> None:
            done.append("close")

        def abandon(self) -> None:
            done.append("abandon")

        def not_ready(self) -> None:
            return None

    assert work(Settings(data_dir=tmp_path), "intake", cast(Any, Process)) == 0
    again = ["open", "turn", "abandon"]
    assert done == [*again, *again, "open", "turn", "close"]
    assert shown[0] is shown[-1]
    assert "cjo_begun_anew_total 2.0" in shown[0].render().decode()


def test_a_process_says_what_it_is_and_which_libraries_decide_in_it() -> None:
    shown = measuring("dispatch").render().decode()
    assert 'cjo_stage_info{stage="dispatch"} 1.0' in shown
    libraries = dict(re.findall(r'cjo_library_info{library="(\w+)",version="(.*)"} 1.0', shown))
    assert libraries == {name: metadata.version(name) for name in ("tzdata", "phonenumbers")}


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize("falls", ["before the check", "after the check", "between two turns"])
def test_a_standstill_is_seen_wherever_in_a_turn_it_falls(falls: str) -> None:
    clock = Clock()
    standstill = Standstill(clock)

    def turns() -> None:
        for _ in range(2):
            standstill.moved()
            clock.now_s += falls == "before the check" and STANDSTILL_S + 1
            standstill.check()
            clock.now_s += falls == "after the check" and STANDSTILL_S + 1
        clock.now_s += falls == "between two turns" and STANDSTILL_S + 1
        standstill.moved()

    with pytest.raises(StopError, match="stood still for 9 s"):
        turns()


def test_who_moves_or_was_just_given_its_partitions_goes_on() -> None:
    clock = Clock()
    standstill = Standstill(clock)
    clock.now_s += 3_600  # it waited for the first set
    for _ in range(10):
        standstill.moved()
        clock.now_s += STANDSTILL_S - 1
        standstill.check()
    clock.now_s += 60  # the group took its time, and said then what is whose
    standstill.given()
    standstill.check()
    standstill.moved()
    standstill.check()


def test_a_step_waits_longer_under_load_less_what_its_records_have_waited_already() -> None:
    clock = Clock()
    linger = Linger(0.002, 0.020, 200.0, clock)
    assert linger.seconds == 0.002
    for _ in range(100):
        clock.now_s += 0.020
        linger.took(records=8)
    assert linger.seconds == pytest.approx(0.020)
    clock.now_s += 0.015
    assert linger.seconds == pytest.approx(0.005)
    clock.now_s += 0.100
    assert linger.seconds == 0.002


OTHER = "127.0.0.2"
"""An address of this host that is not the one of `CJO_METRICS_HOST`'s default."""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_a_process_that_is_given_only_a_port_serves_on_one_address_of_its_own_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CJO_METRICS_HOST", raising=False)
    port = free_port()

    def answers(address: str, **more: Any) -> bool:
        settings = Settings(metrics_port=port, data_dir=tmp_path, **more)
        with stage.served(settings, Metrics(), Health()):
            try:
                socket.create_connection((address, port), timeout=5).close()
            except ConnectionRefusedError:
                return False
            return True

    assert answers("127.0.0.1")
    assert not answers(OTHER)
    assert answers(OTHER, metrics_host=OTHER)
