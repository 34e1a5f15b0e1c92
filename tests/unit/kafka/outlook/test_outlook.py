"""What a process asks the broker for its metrics, and what it makes of the answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from cjo_stream.errors import RefusalError, RetryError
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.outlook import channel
from cjo_stream.kafka.outlook.asking import Asking
from cjo_stream.kafka.outlook.channel import GROUPS_MAX, Groups, Unread
from cjo_stream.kafka.outlook.clock import Skew
from cjo_stream.telemetry import Metrics

NOW_MS = 1_772_323_200_000


# --- the clock


@pytest.mark.parametrize(
    ("ahead_ms", "said"), [(0, 0.0), (1_900, 0.0), (7_000, 7.0), (-1, -0.001), (-7_000, -7.0)]
)
def test_this_host_s_clock_is_compared_with_the_newest_record(ahead_ms: int, said: float) -> None:
    skew = Skew()
    assert skew.seconds(NOW_MS - 10_000, NOW_MS - 10_000 - ahead_ms, NOW_MS - 10_000) is None
    assert skew.seconds(NOW_MS, NOW_MS - ahead_ms, NOW_MS) == said


def test_a_broker_that_knows_of_no_record_says_nothing_of_the_clock() -> None:
    skew = Skew()
    for passed_ms, newest_ms in ((0, NOW_MS), (10_000, -1), (20_000, NOW_MS)):
        now_ms = NOW_MS + passed_ms
        assert skew.seconds(now_ms, newest_ms, now_ms) is None
    assert skew.seconds(NOW_MS + 30_000, NOW_MS + 29_500, NOW_MS + 30_000) == 0.0


def test_a_partition_that_stands_still_says_nothing_of_the_clock() -> None:
    skew = Skew()
    for passed_ms in range(0, 600_000, 10_000):
        assert skew.seconds(NOW_MS + passed_ms, NOW_MS, NOW_MS + passed_ms) is None
    # As soon as it goes on, its newest record is new.
    assert skew.seconds(NOW_MS + 600_000, NOW_MS + 599_500, NOW_MS + 600_000) == 0.0


# --- channels


def looks(*standings: tuple[int, int]) -> list[float]:
    """Return for how long a channel is unread, each 30 s, by its end and what was taken."""
    unread = Unread()
    return [
        unread.look(30.0 * number, {"mail": standing})["mail"]
        for number, standing in enumerate(standings)
    ]


def test_a_channel_is_unread_since_commands_went_out_that_no_group_takes() -> None:
    assert looks((5, 5), (5, 5), (9, 5), (9, 5), (12, 5)) == [0, 0, 0, 30, 60]


def test_a_channel_is_read_once_any_offset_moves_though_a_lag_of_markers_stays() -> None:
    assert looks((6, 5), (9, 5), (9, 8), (9, 8), (9, 8)) == [0, 0, 0, 0, 0]
    assert looks((6, 5), (9, 5), (12, 6), (15, 7), (15, 7)) == [0, 0, 0, 0, 0]


def test_a_channel_that_nothing_goes_to_is_not_unread_however_much_waits() -> None:
    assert looks((900, 0), (900, 0), (900, 0)) == [0, 0, 0]


def test_each_channel_is_told_for_itself_and_one_that_is_gone_no_more() -> None:
    unread = Unread()
    unread.look(0, {"mail": (1, 0), "push": (1, 0)})
    assert unread.look(30, {"mail": (2, 0), "push": (2, 1)}) == {"mail": 0, "push": 0}
    assert unread.look(60, {"mail": (2, 0), "push": (2, 1)}) == {"mail": 30, "push": 0}
    assert unread.look(90, {"push": (2, 1)}) == {"push": 0}
    assert unread.look(120, {"mail": (3, 0), "push": (2, 1)}) == {"mail": 0, "push": 0}


class Broker:
    """What a broker says of a topic of two partitions and of its groups."""

    def __init__(self, groups: dict[str, int]) -> None:
        self.offsets = groups
        self.end = 0
        self.asked: list[str] = []
        self.client = self
        self.error: Exception | None = None
        self.hides = False
        """Whether it has an authorizer, which lets us see these groups and no others."""

    def groups(self) -> list[str]:
        if self.error is not None:
            raise self.error
        return sorted(self.offsets)

    def describe(self, names: Iterable[str]) -> dict[str, Any]:
        return {name: SimpleNamespace(partitions=2) for name in names}

    def ends(self, places: Iterable[Place], *, committed: bool) -> dict[Place, int]:
        assert committed
        return dict.fromkeys(places, self.end)

    def committed(self, group: str, places: Iterable[Place]) -> dict[Place, Any]:
        if group == channel.ANY_GROUP:
            if self.hides:
                raise RefusalError("the broker forbids to see the group")
            return {}
        self.asked.append(group)
        at = self.offsets[group]
        return {} if at < 0 else {next(iter(places)): SimpleNamespace(offset=at)}


def test_thousands_of_groups_are_asked_in_turn_and_readers_each_time() -> None:
    broker = Broker({f"g{number:03}": -1 for number in range(3 * GROUPS_MAX)} | {"zz": 7})
    groups = Groups(broker)  # type: ignore[arg-type] # what it asks of an Admin is there
    found = [groups.taken([("t.mail", 0), ("t.mail", 1)]) for _ in range(5)]
    assert {("t.mail", 0): 7} in found
    assert found[-1] == {("t.mail", 0): 7}
    assert set(broker.asked) == set(broker.offsets)
    assert len(broker.asked) <= 5 * (GROUPS_MAX + 1)


def test_unread_channels_are_shown_and_what_is_forbidden_is_not_guessed(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [0.0]
    monkeypatch.setattr(channel.time, "monotonic", lambda: now_s[0])
    broker, metrics, topics = Broker({"crm": 0}), Metrics(), {"mail": "t.mail"}
    asking = channel.watching(broker, lambda: topics, metrics)  # type: ignore[arg-type] # as above

    def look(passed_s: float, end: int, taken: int) -> str:
        now_s[0] += passed_s
        broker.end, broker.offsets["crm"] = end, taken
        asking.once()
        lines = metrics.render().decode().splitlines()
        return next((one for one in lines if one.startswith("cjo_channel_unread")), "")

    assert look(0, 0, 0).endswith('{channel="mail"} 0.0')
    assert look(30, 2, 0).endswith(" 0.0")
    assert look(30, 2, 0).endswith(" 30.0")
    broker.error = RetryError("away")
    assert look(30, 2, 0).endswith(" 30.0"), "the broker's outage is reported elsewhere"
    broker.error = RefusalError("you may not")
    assert look(30, 2, 0).endswith(" NaN")
    assert look(30, 2, 0).endswith(" NaN")
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING] == [
        "who takes the commands is not shown in the metrics: you may not"
    ]
    broker.error = None
    assert look(30, 2, 2).endswith(" 0.0")
    topics.clear()
    assert look(30, 2, 2) == ""


def test_a_channel_is_not_unread_where_the_broker_may_hide_who_reads_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [0.0]
    monkeypatch.setattr(channel.time, "monotonic", lambda: now_s[0])
    broker, metrics = Broker({"seen": -1}), Metrics()
    topics = {"mail": "t.mail"}
    asking = channel.watching(broker, lambda: topics, metrics)  # type: ignore[arg-type] # as above

    def look() -> str:
        now_s[0] += 30
        broker.end += 1
        asking.once()
        lines = metrics.render().decode().splitlines()
        return next(one for one in lines if one.startswith("cjo_channel_unread"))

    broker.hides = True
    assert [look().split()[-1] for _ in range(4)] == ["NaN"] * 4
    (said,) = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert "allow it to Describe the group *" in said
    broker.hides = False
    assert [look().split()[-1] for _ in range(3)] == ["0.0", "0.0", "30.0"]
    broker.hides = True
    assert look().endswith(" NaN"), "the right was taken away"


def test_a_thread_asks_until_it_is_stopped() -> None:
    asked, given_up = threading.Event(), threading.Event()

    def ask() -> None:
        if asked.is_set():
            raise ValueError("no answer of a kind we know")
        asked.set()

    asking = Asking("something", ask, given_up.set, 0.001)
    asking.start()
    assert asked.wait(10)
    assert given_up.wait(10)
    asking.stop()
    asking._thread.join(10)
    assert not asking._thread.is_alive()
