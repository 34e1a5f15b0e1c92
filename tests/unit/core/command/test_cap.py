"""docs/decisions.md: caps, in sliding windows and calendar periods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.world.desk import Desk, gates, stops, when

DAY = 86_400
ACTIONS = """
action: news
issue: sales
group: cards
treatments: {mail: {}, push: {}}
---
action: tip
issue: care
group: loans
class: service
treatments: {mail: {}}
---
action: receipt
issue: care
group: loans
class: transactional
treatments: {mail: {}}
"""
FACTS = "profile: {facts: {timezone: string}}\n"


def desk_of(folder: Path, cap: str, **more: Any) -> Desk:
    options = {"step": "act: news", "actions": ACTIONS, "other": "act: tip", "profile": FACTS}
    return Desk(folder, policy=f"caps: [{cap}]\n{more.pop('policy', '')}", **{**options, **more})


def sent_at(desk: Desk, *asks: float) -> list[float]:
    """Ask at each second; return those at which something was sent."""
    for at in asks:
        desk.ask(at)
    return [at for at, _, _ in desk.sent()]


def test_a_sliding_cap_counts_the_window_that_ends_now(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{name: c, max: 2, per: 100s}")
    assert sent_at(desk, 1, 2, 3, 100.999, 101, 101.5, 102, 200) == [1, 2, 101, 102]


def test_at_its_max_a_cap_stops(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{name: c, max: 0, per: 1h}")
    assert sent_at(desk, 1, 2) == []
    desk = desk_of(tmp_path, "{name: c, max: 3, per: 1h}")
    assert sent_at(desk, 1, 2, 3, 4) == [1, 2, 3]


def test_commands_of_the_same_instant_count_in_order(tmp_path: Path) -> None:
    step = "act: {action: news, channels: push}}, {act: tip}, {act: {action: news, channels: mail}"
    desk = desk_of(tmp_path, "{name: c, max: 2, per: 1s}", step=step)
    desk.ask(5)
    assert desk.sent() == [(5, "news", "push"), (5, "tip", "mail")]
    assert [stops(decision) for decision in desk.decisions()] == [{None}, {None}, {"caps"}]


@pytest.mark.parametrize(
    ("scope", "counts_news_push", "counts_news_mail", "counts_tip"),
    [
        ("", True, True, True),
        ("class: marketing,", True, True, False),
        ("class: [marketing, service],", True, True, True),
        ("class: service,", False, False, True),
        ("channel: push,", True, False, False),
        ("channel: [push, mail],", True, True, True),
        ("issue: sales,", True, True, False),
        ("group: loans,", False, False, True),
        ("action: news,", True, True, False),
        ("action: [tip, news],", True, True, True),
        ("action: news, channel: push,", True, False, False),
        ("issue: care, group: cards,", False, False, False),
    ],
)
def test_a_cap_counts_and_stops_what_matches_its_scope(
    tmp_path: Path,
    scope: str,
    counts_news_push: bool,
    counts_news_mail: bool,
    counts_tip: bool,
) -> None:
    cap = f"{{name: c, {scope} max: 1, per: 1h}}"
    step = "act: {action: news, channels: [push, mail]}"
    desk = desk_of(tmp_path, cap, step=step)
    assert gates(desk.ask(1)) == {"news/push": None, "news/mail": None}
    again = gates(desk.ask(2))
    assert again["news/push"] == ("caps" if counts_news_push else None)
    assert again["news/mail"] == ("caps" if counts_news_push and counts_news_mail else None)
    tip = desk.ask(3, "other")
    assert stops(tip) == ({"caps"} if counts_news_push and counts_tip else {None})
    assert stops(desk.ask(4, "other")) == ({"caps"} if counts_tip else {None})


def test_a_cap_that_does_not_name_transactional_neither_stops_nor_counts_it(
    tmp_path: Path,
) -> None:
    desk = desk_of(tmp_path, "{name: c, max: 1, per: 1h}", other="act: receipt")
    for at in (1, 2):
        assert stops(desk.ask(at, "other")) == {None}
    assert stops(desk.ask(3)) == {None}
    assert stops(desk.ask(4, "other")) == {None}
    assert stops(desk.ask(5)) == {"caps"}


def test_a_cap_that_names_transactional_stops_and_counts_it(tmp_path: Path) -> None:
    cap = "{name: c, class: [transactional, marketing], max: 1, per: 1h}"
    desk = desk_of(tmp_path, cap, other="act: receipt")
    assert stops(desk.ask(1, "other")) == {None}
    assert stops(desk.ask(2)) == {"caps"}
    assert stops(desk.ask(3, "other")) == {"caps"}


def test_what_was_held_back_counts_for_nothing(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{name: c, max: 1, per: 1h}", holdout="100%")
    for at in (1, 2, 3):
        decision = desk.ask(at)
        assert decision["chosen"] == {"action": "news", "channel": "mail"}
        assert decision["suppressed"] == "holdout"
    assert desk.sent() == []


def test_the_first_full_cap_is_named(tmp_path: Path) -> None:
    caps = (
        "{name: a, channel: push, max: 0, per: 1h}, {max: 1, per: 1h}, {name: b, max: 1, per: 2h}"
    )
    desk = desk_of(tmp_path, caps)
    desk.ask(1)
    decision = desk.ask(2)
    assert [candidate["rule"] for candidate in decision["candidates"]] == ["cap_2", "a"]


# --- calendar periods


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("per", "last_before", "first_after"),
    [
        ("day", "2026-03-02 23:59:59.999", "2026-03-03 00:00"),
        ("week", "2026-03-08 23:59:59.999", "2026-03-09 00:00"),
        ("month", "2026-03-31 23:59:59.999", "2026-04-01 00:00"),
    ],
)
def test_a_calendar_cap_counts_the_customers_running_period(
    tmp_path: Path, per: str, last_before: str, first_after: str
) -> None:
    desk = desk_of(tmp_path, f"{{name: c, max: 1, per: {per}}}")
    asks = [when("2026-03-02 00:00", BERLIN), when(last_before, BERLIN), when(first_after, BERLIN)]
    assert sent_at(desk, *asks) == [asks[0], asks[2]]


def test_weeks_start_when_the_policy_says(tmp_path: Path) -> None:
    cap = "{name: c, max: 1, per: week}"
    desk = desk_of(tmp_path, cap, policy="week_starts: thu")
    wednesday, thursday = when("2026-03-04 23:59", BERLIN), when("2026-03-05 00:00", BERLIN)
    assert sent_at(desk, DAY, wednesday, thursday) == [DAY, thursday]


def test_a_calendar_cap_is_in_the_customers_time_zone_at_that_moment(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{name: c, max: 1, per: day}")
    desk.send("cjo.profile", 1, timezone="America/New_York")
    late, midnight = when("2026-03-02 23:00", BERLIN), when("2026-03-03 00:00", "America/New_York")
    assert sent_at(desk, late, midnight - 1, midnight) == [late, midnight]
    # In Tokyo it is the 3rd already, and what was sent at midnight in New York was sent that day.
    desk.send("cjo.profile", midnight + 1, timezone="Asia/Tokyo")
    tokyo = when("2026-03-04 00:00", "Asia/Tokyo")
    assert sent_at(desk, tokyo - 1, tokyo)[2:] == [tokyo]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
def test_a_day_on_which_the_clocks_change_is_one_day(tmp_path: Path, day: str, hours: int) -> None:
    desk = desk_of(tmp_path, "{name: c, max: 1, per: day}")
    midnight = when(f"{day} 00:00", BERLIN)
    end = midnight + hours * 3600
    assert sent_at(desk, midnight - 1, midnight, end - 1, end) == [midnight - 1, midnight, end]


def test_a_day_begins_with_the_change_where_its_midnight_is_skipped(tmp_path: Path) -> None:
    """In Beirut clocks go from 00:00 to 01:00."""
    desk = desk_of(tmp_path, "{name: c, max: 1, per: day}")
    desk.send("cjo.profile", 1, timezone="Asia/Beirut")
    change = when("2026-03-29 01:00", "Asia/Beirut")
    assert when("2026-03-28 23:59", "Asia/Beirut") == change - 60
    asks = (change - 0.001, change, change + 22 * 3600, change + 23 * 3600)
    assert sent_at(desk, *asks) == [change - 0.001, change, change + 23 * 3600]


def test_long_caps_count_what_is_long_past(tmp_path: Path) -> None:
    """Far beyond the reward window, and with many other commands in between."""
    desk = desk_of(
        tmp_path, "{name: year, class: marketing, max: 2, per: 365d}", other="act: receipt"
    )
    assert sent_at(desk, 1, 2) == [1, 2]
    for n in range(300):
        desk.send("other", 10 + n * DAY)
    assert stops(desk.ask(365 * DAY)) == {"caps"}
    assert stops(desk.ask(365 * DAY + 1)) == {None}
