"""Quiet hours: windows of local time in which nothing is sent.

Quiet hours end at the first instant whose local time lies in no window of the channel. Between
clock changes local time runs evenly, so only the ends of windows and the clock changes have to be
checked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from cjo_stream.core.expression.zone import clock_change, instants, local
from cjo_stream.core.program.policy import QuietWindow
from cjo_stream.core.word import Then

MINUTES_A_DAY = 1_440
_DAYS_A_WEEK = 7
_LOOKS_MAX = 100_000


def quiet_at(windows: Sequence[QuietWindow], here: dt.datetime) -> QuietWindow | None:
    """Return the window that contains a local time; windows that drop come before others."""
    held = None
    for window in windows:
        if holds(window, here):
            if window.then is Then.DROP:
                return window
            held = held or window
    return held


def quiet_end(windows: Sequence[QuietWindow], now: int, zone: str) -> int:
    """Return the first ms from `now` on whose local time lies in none of the windows."""
    marks = [dt.time(*divmod(window.end_minute % MINUTES_A_DAY, 60)) for window in windows]
    at = now
    for _ in range(_LOOKS_MAX):
        here = local(at, zone)
        assert here is not None, "quiet hours end within the calendar"
        if quiet_at(windows, here) is None:
            return at
        at = _next_look(at, here, marks, zone)
    raise AssertionError("quiet hours that never end do not load")


def holds(window: QuietWindow, here: dt.datetime) -> bool:
    """Return whether a local time lies in a window."""
    minute, weekday = here.hour * 60 + here.minute, here.weekday()
    if window.start_minute < window.end_minute:
        return weekday in window.days and window.start_minute <= minute < window.end_minute
    began_today = minute >= window.start_minute and weekday in window.days
    began_yesterday = minute < window.end_minute and (weekday - 1) % _DAYS_A_WEEK in window.days
    return began_today or began_yesterday


def _next_look(at: int, here: dt.datetime, marks: Sequence[dt.time], zone: str) -> int:
    """Return the next instant after `at` at which some window may end."""
    days = (here.date(), here.date() + dt.timedelta(days=1))
    following = min(
        instant
        for day in days
        for mark in marks
        for instant in instants(day, mark, zone)
        if instant > at
    )
    change = clock_change(at, following, zone)
    return following if change is None else change
