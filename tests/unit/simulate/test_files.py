"""Simulated traffic in files, and let go at a pace."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cjo_stream.simulate import (
    Simulated,
    at_arrival,
    at_rate,
    in_steps,
    traffic,
    truth,
    write_channels,
    write_native,
    write_truth,
)

START_MS = 1_767_225_600_000


def records() -> Iterator[Simulated]:
    return traffic("shop", people=100, seed=3, start_ms=START_MS, duration_ms=7 * 86_400_000)


def test_one_file_tells_the_channel_of_every_good_record(tmp_path: Path) -> None:
    counts = write_native(records(), tmp_path)
    lines = (tmp_path / "events.jsonl").read_bytes().splitlines()
    assert len(lines) == sum(counts.values()) == len(list(records()))
    for record, line in zip(records(), lines, strict=True):
        if record.fault != "malformed":
            row = json.loads(line)
            assert row.pop("channel") == record.channel
            assert row == json.loads(record.value)


def test_a_file_a_channel_holds_what_its_topic_would(tmp_path: Path) -> None:
    counts = write_channels(records(), tmp_path)
    assert counts == Counter(record.channel for record in records())
    for channel in counts:
        values = [record.value for record in records() if record.channel == channel]
        assert (tmp_path / f"events-{channel}.jsonl").read_bytes().splitlines() == values


def test_the_truth_is_a_line_a_person(tmp_path: Path) -> None:
    assert write_truth(truth("shop", people=100, seed=3), tmp_path) == 100
    rows = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert len({row["person"] for row in rows}) == 100
    assert all(row["identifiers"]["email"] for row in rows)


class Clock:
    """Time by hand: it moves by sleeping only."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def simple(arrives_ms: int) -> Simulated:
    return Simulated("web", 0, arrives_ms, None, b"{}", "ann")


def test_at_rate_takes_as_long_as_the_rate_says() -> None:
    clock = Clock(50.0)
    given = [simple(0)] * 1_001
    assert list(at_rate(given, 100, clock.now, clock.sleep)) == given
    assert clock.now_s == pytest.approx(60.0, abs=0.01)


def test_at_rate_makes_up_for_a_short_delay_and_not_for_a_long_one() -> None:
    clock = Clock(0.0)
    times = []
    for number, _ in enumerate(at_rate([simple(0)] * 400, 100, clock.now, clock.sleep)):
        times.append(clock.now_s)
        clock.now_s += {100: 0.5, 200: 30.0}.get(number, 0.0)
    assert times[199] == pytest.approx(1.99, abs=0.01)
    assert times[399] - times[201] == pytest.approx(1.98, abs=0.02)


def test_at_arrival_waits_for_the_time_of_arrival() -> None:
    clock = Clock(10.0)
    let_go = [
        clock.now_s
        for _ in at_arrival(map(simple, (9_000, 10_500, 12_000)), clock.now, clock.sleep)
    ]
    assert let_go == pytest.approx([10.0, 10.5, 12.0])


def test_who_waits_long_for_a_record_is_woken_meanwhile() -> None:
    clock, left_s = Clock(10.0), list[float]()
    sleep = in_steps(clock.sleep, 0.5, left_s.append)
    assert len(list(at_arrival(map(simple, (10_000, 10_400, 12_000)), clock.now, sleep))) == 3
    assert clock.now_s == pytest.approx(12.0)
    assert left_s == pytest.approx([1.1, 0.6, 0.1])
