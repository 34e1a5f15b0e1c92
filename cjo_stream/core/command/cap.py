"""Caps: how many commands a customer may get in a period.

A sliding window is `(now - per, now]`. A calendar period begins at its first local instant in the
customer's time zone, also on days when the clocks change. Commands already issued at the same
instant count.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from cjo_stream.core.command.coverage import covers_command
from cjo_stream.core.expression.zone import first_of_day, local
from cjo_stream.core.program.policy import Cap
from cjo_stream.core.state import Command
from cjo_stream.core.word import Period

DAYS_A_WEEK = 7


def is_full(cap: Cap, commands: Sequence[Command], now: int, zone: str, week_starts: int) -> bool:
    """Return whether a cap has no room at `now`; `commands` are in order of issue."""
    if isinstance(cap.per, int):
        since = now - cap.per
    else:
        since = period_start(cap.per, now, zone, week_starts) - 1
    left = cap.most
    for command in reversed(commands):
        if left <= 0 or command.at <= since:
            break
        left -= covers_command(cap.coverage, command)
    return left <= 0


def period_start(period: Period, now: int, zone: str, week_starts: int) -> int:
    """Return the first ms of the calendar period that contains `now`.

    `week_starts` is the first weekday of a week; 0 is Monday.
    """
    here = local(now, zone)
    assert here is not None, "the stream clock lies in the calendar"
    day = here.date()
    if period is Period.WEEK:
        day -= dt.timedelta(days=(day.weekday() - week_starts) % DAYS_A_WEEK)
    elif period is Period.MONTH:
        day = day.replace(day=1)
    return first_of_day(day, zone)
