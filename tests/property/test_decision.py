"""Decisions: caps hold whatever is asked when; quiet hours end when a look at each minute says."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cjo_stream.core.command.cap import period_start
from cjo_stream.core.decision.quiet import quiet_end
from cjo_stream.core.expression.zone import local
from cjo_stream.core.program.policy import QuietWindow
from cjo_stream.core.word import Period, Then
from tests.world.desk import Desk

SURE: Any = {"deadline": None, "derandomize": True, "database": None}
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Pacific/Apia",
    "UTC",
)
# Spring and autumn 2026 of both hemispheres, and the day that Samoa left out.
SEASONS_MS = (
    1_774_000_000_000,
    1_775_000_000_000,
    1_792_000_000_000,
    1_793_000_000_000,
    1_325_100_000_000,
)


# --- quiet hours


@st.composite
def windows(draw: st.DrawFn) -> QuietWindow:
    minutes = st.sampled_from([*range(0, 1440, 15), 1439, 1, 121, 179])
    start, end = draw(minutes), draw(minutes)
    assume(start != end)
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    return QuietWindow(
        rule="", days=frozenset(days), start_minute=start, end_minute=end, then=Then.DELAY
    )


def is_quiet(listed: list[QuietWindow], at: int, zone: ZoneInfo) -> bool:
    """Tell it anew from the page: each window is a span of local time that begins on its day."""
    here = dt.datetime.fromtimestamp(at / 1000, zone).replace(tzinfo=None)
    for window in listed:
        for back in (0, 1):
            day = here.date() - dt.timedelta(days=back)
            if day.weekday() not in window.days:
                continue
            begin = dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=window.start_minute)
            length = (window.end_minute - window.start_minute) % 1440
            if begin <= here < begin + dt.timedelta(minutes=length):
                return True
    return False


@settings(max_examples=150, **SURE)
@given(
    listed=st.lists(windows(), min_size=1, max_size=3),
    zone=st.sampled_from(ZONES),
    season=st.sampled_from(SEASONS_MS),
    into=st.integers(0, 14 * DAY_MS),
)
def test_quiet_hours_end_at_the_first_minute_that_lies_in_no_window(
    listed: list[QuietWindow], zone: str, season: int, into: int
) -> None:
    now, here = season + into, ZoneInfo(zone)
    assume(is_quiet(listed, now, here))
    looked = (now // MINUTE_MS + 1) * MINUTE_MS
    while is_quiet(listed, looked, here):
        looked += MINUTE_MS
        assume(looked < now + 9 * DAY_MS)
    assert quiet_end(listed, now, zone) == looked


# --- calendar periods


@settings(max_examples=150, **SURE)
@given(
    zone=st.sampled_from(ZONES),
    season=st.sampled_from(SEASONS_MS),
    into=st.integers(0, 40 * DAY_MS),
    period=st.sampled_from(list(Period)),
    week_starts=st.integers(0, 6),
)
def test_a_calendar_period_begins_with_its_first_local_instant(
    zone: str, season: int, into: int, period: Period, week_starts: int
) -> None:
    def number(ms: int) -> Any:
        here = local(ms, zone)
        assert here is not None
        day = here.date()
        if period is Period.DAY:
            return day
        if period is Period.MONTH:
            return (day.year, day.month)
        return day - dt.timedelta(days=(day.weekday() - week_starts) % 7)

    now = season + into
    start = period_start(period, now, zone, week_starts)
    assert start <= now
    assert number(start) == number(now)
    assert number(start - 1) != number(now)


# --- caps

CAPS = (
    ("all", 4, 3 * HOUR_MS, lambda c: True),
    ("marketing_day", 3, "day", lambda c: c["class"] == "marketing"),
    ("push", 2, 90 * MINUTE_MS, lambda c: c["channel"] == "push"),
    ("service_week", 9, "week", lambda c: c["class"] == "service"),
    ("news_month", 11, "month", lambda c: c["action"] == "news"),
)
POLICY = """
caps:
  - {name: all, max: 4, per: 3h}
  - {name: marketing_day, class: marketing, max: 3, per: day}
  - {name: push, channel: push, max: 2, per: 90m}
  - {name: service_week, class: service, max: 9, per: week}
  - {name: news_month, action: news, max: 11, per: month}
explore: 30%
"""
ACTIONS = """
action: news
value: event.n
treatments: {mail: {}, push: {}}
---
action: tip
class: service
value: 50
treatments: {push: {}, mail: {}}
"""


def window_start(per: int | str, at: int) -> int:
    """Return the first ms that counts at `at`, told anew from the page, in Berlin."""
    if isinstance(per, int):
        return at - per + 1
    here = dt.datetime.fromtimestamp(at / 1000, ZoneInfo("Europe/Berlin"))
    day = here.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if per == "week":
        day -= dt.timedelta(days=here.weekday())
    elif per == "month":
        day = day.replace(day=1)
    return round(day.timestamp() * 1000)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], **SURE)
@given(
    asks=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 60, 1_800, 3_600, 5_400, 10_800, 43_200, 86_400]),
            st.sampled_from(["ask", "other"]),
            st.integers(1, 100),
        ),
        min_size=20,
        max_size=120,
    )
)
def test_no_cap_is_ever_exceeded_and_none_stops_for_nothing(
    tmp_path: Path, asks: list[tuple[int, str, int]]
) -> None:
    desk = Desk(
        tmp_path,
        step="decide: {actions: [news, tip]}",
        other="act: news",
        actions=ACTIONS,
        policy=POLICY,
    )
    at = 27 * 86_400.0  # the clocks change on the 29th, and the month does soon
    for wait, type_, n in asks:
        at += wait
        desk.send(type_, at, n=n)
    commands = desk.scene.driver.actions()
    issued = [(c["issued_at"], c) for c in commands]
    for place, (when, _) in enumerate(issued):
        for _, most, per, counts in CAPS:
            since = window_start(per, when)
            inside = [c for at, c in issued[: place + 1] if at >= since and counts(c)]
            assert len(inside) <= most
    decisions = desk.decisions()
    for place, decision in enumerate(decisions):
        made = {earlier["decision_id"] for earlier in decisions[:place]}
        before = [command for command in commands if command["decision_id"] in made]
        for candidate in decision["candidates"]:
            if candidate["gate"] == "caps":
                _, most, per, counts = next(c for c in CAPS if c[0] == candidate["rule"])
                since = window_start(per, decision["time"])
                assert sum(c["issued_at"] >= since and counts(c) for c in before) >= most


# --- processes


RUN = """
import sys, json
from pathlib import Path
from tests.property.test_decision import busy
print(json.dumps(busy(Path(sys.argv[1]))))
"""


def busy(folder: Path) -> list[Any]:
    """Return everything that comes of a stretch of asking, waiting, capping and exploring."""
    quiet = (
        'quiet_hours: {channel: push, from: "21:00", until: "08:00", then: delay}\nholdout: 30%\n'
    )
    desk = Desk(
        folder,
        step="decide: {}",
        other="act: {action: news, channels: [push, mail]}",
        actions=ACTIONS,
        policy=POLICY + quiet + "consent: {marketing: opt_out}\n",
    )
    for n in range(200):
        ids = {"user": f"u{n % 9}", "email": f"u{n % 9}@x.de", "device": f"d{n % 9}"}
        desk.scene.send("joined", n * 900, identifiers=ids)
        desk.scene.send(("ask", "other")[n % 2], n * 900, identifiers=ids, n=n)
    desk.scene.to(200 * 900 + 86_400)
    return [desk.decisions(), desk.scene.driver.actions(), desk.scene.moves()]


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_decisions_are_the_same_whatever_the_hash_seed(tmp_path: Path, seed: str) -> None:
    place = tmp_path / "other"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(place)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps(busy(tmp_path)))
