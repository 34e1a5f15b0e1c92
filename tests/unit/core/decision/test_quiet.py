"""docs/decisions.md: quiet hours, in which requests are dropped or wait."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.world.desk import Desk, gates, second, stops, when
from tests.world.scene import Scene

BERLIN = "Europe/Berlin"
NEWS = """
action: news
applicable: coalesce(profile.wanted, true)
treatments:
  push: {payload: {n: data.n, own: data.own, type: event.type, a: event.a, at: event.time}}
  mail: {}
---
action: urgent
class: transactional
treatments: {push: {}}
"""
FACTS = "profile: {facts: {timezone: string, wanted: boolean}}\n"
NIGHT = '{channel: push, from: "21:00", until: "08:00", then: delay}'
PUSH = "act: {action: news, channels: [push]}"


def desk_of(folder: Path, quiet: str = NIGHT, **more: Any) -> Desk:
    options = {"step": PUSH, "actions": NEWS, "other": "act: urgent", "profile": FACTS}
    policy = f"quiet_hours: [{quiet}]\n{more.pop('policy', '')}"
    return Desk(folder, policy=policy, **{**options, **more})


def probe(folder: Path, quiet: str, at: float, zone: str | None = None) -> str | None:
    """Return the gate at which a request for push stands at a second."""
    desk = desk_of(folder, quiet, step="act: {action: news, channels: [push]}", joined=at - 3600)
    if zone is not None:
        desk.send("cjo.profile", at - 60, timezone=zone)
    return gates(desk.ask(at))["news/push"]


# --- windows


@pytest.mark.parametrize(
    ("quiet", "local", "is_quiet"),
    [
        ('{from: "09:00", until: "17:00", then: drop}', "2026-03-04 08:59:59.999", False),
        ('{from: "09:00", until: "17:00", then: drop}', "2026-03-04 09:00", True),
        ('{from: "09:00", until: "17:00", then: drop}', "2026-03-04 16:59:59.999", True),
        ('{from: "09:00", until: "17:00", then: drop}', "2026-03-04 17:00", False),
        ('{from: "21:00", until: "08:00", then: drop}', "2026-03-04 20:59:59", False),
        ('{from: "21:00", until: "08:00", then: drop}', "2026-03-04 21:00", True),
        ('{from: "21:00", until: "08:00", then: drop}', "2026-03-04 00:00", True),
        ('{from: "21:00", until: "08:00", then: drop}', "2026-03-04 07:59", True),
        ('{from: "21:00", until: "08:00", then: drop}', "2026-03-04 08:00", False),
        ('{from: "21:00", until: "00:00", then: drop}', "2026-03-04 23:59", True),
        ('{from: "21:00", until: "00:00", then: drop}', "2026-03-04 00:00", False),
        ('{from: "00:00", until: "06:00", then: drop}', "2026-03-04 00:00", True),
        # 2026-03-06 is a Friday
        ('{days: [fri], from: "21:00", until: "08:00", then: drop}', "2026-03-06 07:00", False),
        ('{days: [fri], from: "21:00", until: "08:00", then: drop}', "2026-03-06 22:00", True),
        ('{days: [fri], from: "21:00", until: "08:00", then: drop}', "2026-03-07 07:00", True),
        ('{days: [fri], from: "21:00", until: "08:00", then: drop}', "2026-03-07 22:00", False),
        ('{days: sun, from: "21:00", until: "08:00", then: drop}', "2026-03-09 07:00", True),
        ("{days: [sun], then: drop}", "2026-03-08 00:00", True),
        ("{days: [sun], then: drop}", "2026-03-08 23:59:59.999", True),
        ("{days: [sun], then: drop}", "2026-03-09 00:00", False),
        ("{days: [sun], then: drop}", "2026-03-07 23:59", False),
        ('{days: [mon], from: "09:00", until: "10:00", then: drop}', "2026-03-10 09:30", False),
        ('{days: [mon], from: "09:00", until: "10:00", then: drop}', "2026-03-09 09:30", True),
    ],
)
def test_a_window_holds_from_its_start_until_before_its_end(
    tmp_path: Path, quiet: str, local: str, is_quiet: bool
) -> None:
    gate = probe(tmp_path, quiet, when(local, BERLIN))
    assert gate == ("quiet_hours" if is_quiet else None)


@pytest.mark.parametrize(
    ("channel", "stopped"),
    [
        ("", {"news/push", "news/mail"}),
        ("channel: push,", {"news/push"}),
        ("channel: [mail, web],", {"news/mail"}),
    ],
)
def test_a_window_without_a_channel_is_for_all(
    tmp_path: Path, channel: str, stopped: set[str]
) -> None:
    quiet = f'{{{channel} from: "09:00", until: "17:00", then: drop}}'
    desk = desk_of(tmp_path, quiet, step="act: news")
    found = gates(desk.ask(when("2026-03-04 10:00", BERLIN)))
    assert {name for name, gate in found.items() if gate == "quiet_hours"} == stopped


def test_quiet_hours_are_in_the_customers_time_zone_at_that_moment(tmp_path: Path) -> None:
    desk = desk_of(tmp_path)
    desk.send("cjo.profile", 0, timezone="America/New_York")
    at = when("2026-03-04 22:00", BERLIN)
    assert stops(desk.ask(at)) == {None}
    desk.send("cjo.profile", at, timezone="Asia/Tokyo")
    assert stops(desk.ask(at + 1)) == {"quiet_hours"}
    desk.send("cjo.profile", at + 1, timezone="Nowhere/Atlantis")
    assert stops(desk.ask(at + 2)) == {"quiet_hours"}, (
        "the topology's, where there is no such zone"
    )


def test_transactional_passes(tmp_path: Path) -> None:
    desk = desk_of(tmp_path)
    assert stops(desk.ask(when("2026-03-04 22:00", BERLIN), "other")) == {None}


# --- what becomes of the request


def test_drop_drops(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, NIGHT.replace("delay", "drop"))
    at = when("2026-03-04 22:00", BERLIN)
    decision = desk.ask(at)
    assert (decision["chosen"], decision["deferred_until"]) == (None, None)
    desk.scene.to(at + 86_400)
    assert desk.decisions() == [decision]


def test_delay_waits_until_the_window_ends_and_decides_afresh(tmp_path: Path) -> None:
    desk = desk_of(tmp_path)
    at, end = when("2026-03-04 22:00", BERLIN), when("2026-03-05 08:00", BERLIN)
    decision = desk.ask(at, id="e1", a=7)
    assert second(decision["deferred_until"]) == end
    assert (decision["chosen"], decision["probability"]) == (None, None)
    desk.scene.to(end - 0.001)
    assert desk.sent() == []
    desk.scene.to(end)
    assert desk.sent() == [(end, "news", "push")]
    assert desk.log() == [
        (at, None, {"news/push": "quiet_hours"}),
        (end, "news/push", {"news/push": None}),
    ]
    again = desk.decisions()[1]
    assert again["deferred_until"] is None
    assert again["request"] == decision["request"]
    assert again["journey"] == decision["journey"]
    instance = decision["journey"]["instance_id"]
    assert decision["trigger"] == {"kind": "event", "id": "e1", "type": "ask"}
    assert again["trigger"] == {"kind": "timer", "id": instance, "type": None}
    desk.scene.to(end + 86_400)
    assert desk.decisions() == [decision, again]


def test_where_a_window_that_drops_holds_it_drops(tmp_path: Path) -> None:
    for order in (0, 1):
        quiet = [NIGHT, "{days: [thu], then: drop}"]
        desk = desk_of(tmp_path, ", ".join(quiet[::-1] if order else quiet))
        decision = desk.ask(when("2026-03-05 22:00", BERLIN))
        assert (stops(decision), decision["deferred_until"]) == ({"quiet_hours"}, None)
        assert decision["candidates"][0]["rule"] == "thu drop"


def test_a_window_ends_where_no_other_that_applies_holds(tmp_path: Path) -> None:
    quiet = f'{NIGHT}, {{from: "08:00", until: "09:30", then: delay}}, {{days: fri, then: drop}}'
    desk = desk_of(tmp_path, quiet)
    decision = desk.ask(when("2026-03-03 22:00", BERLIN))
    assert second(decision["deferred_until"]) == when("2026-03-04 09:30", BERLIN)
    # Thursday night runs into Friday, that into its own night: all end on Saturday.
    decision = desk.ask(when("2026-03-05 22:00", BERLIN))
    assert second(decision["deferred_until"]) == when("2026-03-07 09:30", BERLIN)


def test_the_earliest_end_of_the_channels_counts(tmp_path: Path) -> None:
    quiet = f'{NIGHT}, {{channel: mail, from: "20:00", until: "23:00", then: delay}}'
    desk = desk_of(tmp_path, quiet, step="act: news")
    decision = desk.ask(when("2026-03-04 22:00", BERLIN))
    end = when("2026-03-04 23:00", BERLIN)
    assert second(decision["deferred_until"]) == end
    desk.scene.to(end)
    assert desk.sent() == [(end, "news", "mail")]


def test_a_candidate_that_is_free_now_wins_over_waiting(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, step="act: news")
    at = when("2026-03-04 22:00", BERLIN)
    decision = desk.ask(at)
    assert gates(decision) == {"news/push": "quiet_hours", "news/mail": None}
    assert decision["deferred_until"] is None
    assert desk.sent() == [(at, "news", "mail")]


def test_who_is_stopped_by_another_gate_does_not_wait(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, policy="consent: {marketing: opt_in}")
    decision = desk.ask(when("2026-03-04 22:00", BERLIN))
    assert (stops(decision), decision["deferred_until"]) == ({"consent"}, None)


def test_all_gates_are_asked_again(tmp_path: Path) -> None:
    desk = desk_of(tmp_path)
    desk.ask(when("2026-03-04 22:00", BERLIN))
    desk.send("cjo.profile", when("2026-03-05 07:00", BERLIN), wanted=False)
    desk.scene.to(when("2026-03-05 08:00", BERLIN))
    assert [stops(one) for one in desk.decisions()] == [{"quiet_hours"}, {"applicable"}]
    assert desk.sent() == []


def test_a_fresh_decision_may_wait_again(tmp_path: Path) -> None:
    desk = desk_of(tmp_path)
    desk.ask(when("2026-03-04 22:00", BERLIN))
    desk.send("cjo.profile", when("2026-03-05 07:00", BERLIN), timezone="America/New_York")
    ends = [when("2026-03-05 08:00", BERLIN), when("2026-03-05 08:00", "America/New_York")]
    desk.scene.to(ends[1])
    deferred = [d["deferred_until"] and second(d["deferred_until"]) for d in desk.decisions()]
    assert deferred == [*ends, None]
    assert desk.sent() == [(ends[1], "news", "push")]


def test_a_request_keeps_its_event_and_reads_the_data_as_it_is_then(tmp_path: Path) -> None:
    step = "act: {action: news, channels: push, data: {own: data.n}}"
    desk = desk_of(tmp_path, step=step, other="assign: {n: event.n}")
    at, end = when("2026-03-04 22:00", BERLIN), when("2026-03-05 08:00", BERLIN)
    desk.send("other", at - 1, n=1)
    desk.ask(at, a=7, unread=8)
    desk.ask(at + 60, "other", n=2)
    desk.scene.to(end)
    (command,) = desk.scene.driver.actions()
    expected = {"n": 2, "own": 1, "type": "ask", "a": 7, "at": Scene.DAY_MS + int(at * 1000)}
    assert command["payload"] == expected


# --- clocks that change


@pytest.mark.parametrize(
    ("quiet", "asked", "end"),
    [
        # Spring: 02:00 becomes 03:00 on 29 March.
        (NIGHT, ("2026-03-28 22:00", 0), ("2026-03-29 08:00", 0)),
        (
            '{from: "01:00", until: "02:30", then: delay}',
            ("2026-03-29 01:30", 0),
            ("2026-03-29 03:00", 0),
        ),
        (
            '{from: "01:00", until: "02:00", then: delay}',
            ("2026-03-29 01:30", 0),
            ("2026-03-29 03:00", 0),
        ),
        (
            '{from: "01:00", until: "03:30", then: delay}',
            ("2026-03-29 01:30", 0),
            ("2026-03-29 03:30", 0),
        ),
        # Autumn: 03:00 becomes 02:00 on 25 October.
        (NIGHT, ("2026-10-24 22:00", 0), ("2026-10-25 08:00", 0)),
        (
            '{from: "01:00", until: "02:30", then: delay}',
            ("2026-10-25 01:30", 0),
            ("2026-10-25 02:30", 0),
        ),
        (
            '{from: "01:00", until: "02:30", then: delay}',
            ("2026-10-25 02:10", 1),
            ("2026-10-25 02:30", 1),
        ),
        (
            '{from: "02:45", until: "03:30", then: delay}',
            ("2026-10-25 02:50", 0),
            ("2026-10-25 02:00", 1),
        ),
        (
            '{from: "02:45", until: "03:30", then: delay}',
            ("2026-10-25 02:50", 1),
            ("2026-10-25 03:30", 0),
        ),
    ],
)
def test_a_window_ends_by_the_clock_on_the_wall(
    tmp_path: Path, quiet: str, asked: tuple[str, int], end: tuple[str, int]
) -> None:
    at = when(asked[0], BERLIN, fold=asked[1])
    desk = desk_of(tmp_path, quiet, joined=at - 3600)
    decision = desk.ask(at)
    assert second(decision["deferred_until"]) == when(end[0], BERLIN, fold=end[1])


def test_the_bound_of_waiting_requests_is_counted(tmp_path: Path) -> None:
    desk = desk_of(tmp_path)
    at = when("2026-03-04 22:00", BERLIN)
    for n in range(103):
        desk.ask(at + n)
    deferred = [decision["deferred_until"] is not None for decision in desk.decisions()]
    assert deferred == [True] * 100 + [False] * 3
    desk.scene.to(when("2026-03-05 08:00", BERLIN))
    assert len(desk.sent()) == 100
