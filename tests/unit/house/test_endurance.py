"""The instruments of a long run: what was lost or came twice is a fault, and growth is seen."""

from __future__ import annotations

import json
import sys
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from tests.bench.endurance import traffic
from tests.bench.endurance.traffic import Ear, Traffic
from tests.bench.endurance.watch import drawing, growth


def ear(large: set[int], events: int) -> Ear:
    sent = SimpleNamespace(large=large, sent_s=[float(at) for at in range(events)])
    return Ear(cast(Any, None), cast(Traffic, sent))


def command(number: int, action: str = "large_cart") -> bytes:
    return json.dumps({"action": action, "payload": {"sent": number}}).encode()


def test_each_command_once_is_no_fault_and_reminders_are_only_counted() -> None:
    heard = ear({1, 3}, 4)
    for value in (command(1), command(3), command(0, "reminder"), command(0, "reminder")):
        heard.hear(value, 10.0)
    assert (heard.faults(), heard.reminders) == ([], 2)


def test_what_is_missing_came_twice_or_came_of_nothing_is_told() -> None:
    heard = ear({1, 2, 3}, 5)
    for number in (1, 1, 4):
        heard.hear(command(number), 10.0)
    assert heard.faults() == [
        "2 commands are missing",
        "1 commands came twice",
        "1 commands are of no event",
    ]


def test_two_threads_that_produce_give_no_number_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: list[int] = []

    def produce(_: str, value: bytes, **__: Any) -> None:
        numbers.append(json.loads(value)["attributes"]["sent"])

    stub = SimpleNamespace(produce=produce, poll=lambda *_: 0, flush=lambda *_: 0)
    monkeypatch.setattr(traffic, "Producer", lambda _: stub)
    chain = SimpleNamespace(prefix="p.", bootstrap="none")
    made = Traffic(cast(Any, chain), 0)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [Thread(target=made.produce, args=(5_000,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sorted(numbers) == list(range(20_000))


def test_the_latency_is_of_the_time_that_is_asked_for_and_the_longest_since_the_mark() -> None:
    heard = ear(set(range(60)), 60)
    for number in range(30):
        heard.hear(command(number), number + 1.0)
    heard.mark()
    for number in range(30, 60):
        heard.hear(command(number), number + 3.5)
    found = heard.latency_ms(0, 31)
    assert found is not None
    assert (found["p50"], found["commands"]) == (1000.0, 30)
    assert heard.latency_ms(0, 5) is None
    assert heard.longest_s == 0.0, "the mark is behind all events that were sent"


def test_growth_is_of_the_last_quarter_over_the_second() -> None:
    flat = [(float(at), 5.0) for at in range(100)]
    assert growth(flat) == 1.0
    assert growth([(at, value + (at >= 75) * 5) for at, value in flat]) == 2.0


def test_the_drawing_is_of_every_series() -> None:
    panels = {"memory": {"worker": [(0.0, 1.0), (60.0, 2.0)]}, "none yet": {"p50": []}}
    found = ElementTree.fromstring(drawing(panels))
    assert len(found.findall("{http://www.w3.org/2000/svg}polyline")) == 2
