"""What a process says of itself while the broker is away, and while it ends."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cjo_stream.errors import RetryError
from cjo_stream.kafka.process.stage import Process, Stopping, Vitals
from cjo_stream.kafka.process.watchdog import Watchdog
from cjo_stream.kafka.worker.process import _Worker
from cjo_stream.telemetry import Metrics

AWAY = "the broker has not answered for 0 s"


def no_answer(*_: object) -> Mapping[int, int]:
    raise RetryError("the broker does not answer (Timed out); is it up?")


def test_while_the_broker_is_away_that_is_the_reason_and_not_what_follows_from_it() -> None:
    admin: Any = SimpleNamespace(ping=no_answer)
    vitals = Vitals("intake", admin, dict, dict, Metrics(), Stopping())
    process: Any = SimpleNamespace(not_ready=lambda: "the group has not assigned partitions yet")
    ready = vitals.ready(cast(Process, process))
    assert ready() == "the group has not assigned partitions yet"
    vitals._watchdog._look()
    assert ready() == AWAY


def test_the_lag_of_a_partition_that_another_process_has_is_shown_no_more() -> None:
    ends = {("web", 0): 10, ("web", 1): 7}
    standings = {("web", 0): 4, ("web", 1): 7}
    admin: Any = SimpleNamespace(
        ends=lambda places, **_: {one: ends[one] for one in places},
        describe=lambda _: {},
        ping=lambda: None,
    )
    metrics = Metrics()

    def shown() -> dict[str, float]:
        lines = re.findall(
            r'^cjo_lag.*partition="(.*?)".* (\S+)$', metrics.render().decode(), re.M
        )
        return {partition: float(lag) for partition, lag in lines}

    vitals = Vitals("intake", admin, lambda: standings, dict, metrics, Stopping())
    vitals._watchdog._look()
    assert shown() == {"web/0": 6, "web/1": 0}
    del standings["web", 0]
    vitals._watchdog._look()
    assert shown() == {"web/1": 0}
    standings.clear()
    Vitals("intake", admin, lambda: standings, dict, metrics, Stopping())._watchdog._look()
    assert shown() == {}, "a process that began anew shows nothing of before"


def test_a_worker_without_partitions_says_so_if_the_broker_answers() -> None:
    watchdog = Watchdog(dict, no_answer, {})
    worker: Any = SimpleNamespace(_assignment=SimpleNamespace(ready=False))
    ready = _Worker._ready(worker, watchdog)
    assert ready() == "partitions are being assigned or opened"
    watchdog._look()
    assert ready() == AWAY


def test_that_the_broker_does_not_answer_is_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What was said by an earlier test is no news.
    monkeypatch.setattr(logging.getLogger("cjo_stream.kafka.process"), "filters", [])
    with caplog.at_level(logging.WARNING):
        Watchdog(dict, no_answer, {})._look()
    assert caplog.messages == [
        "a question to the broker failed: the broker does not answer (Timed out); is it up?"
    ]


@pytest.mark.parametrize("is_ending", [False, True])
def test_threads_are_shown_of_a_part_that_died_and_not_of_a_process_that_ends(
    is_ending: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    watchdog = Watchdog(dict, dict, {"a part": lambda: False})
    if is_ending:
        watchdog.stop()
    watchdog._look()
    assert ("most recent call first" in capfd.readouterr().err) is not is_ending
