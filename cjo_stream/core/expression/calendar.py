"""Functions of time: of `now`, and of the customer's local calendar.

On days when the clocks change, each local time occurs once for `next_time`: a skipped one is
taken with the offset before the change (02:30 becomes 03:30), a repeated one at its first
occurrence.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from cjo_stream.core.expression.scope import Scope
from cjo_stream.core.expression.value import NUMBERS, bounded, fault
from cjo_stream.core.expression.zone import UTC, local, to_ms

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVERY_DAY = frozenset(range(7))
_DAY_NUMBERS = {name: number for number, name in enumerate(WEEKDAYS)}
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
# Two weeks: a zone may have skipped the wanted day of the first (Samoa, 30 December 2011).
_DAYS_AHEAD = 15


def _since(unit_ms: int) -> Callable[[Scope, Any], Any]:
    def since(s: Scope, x: Any) -> Any:
        if type(x) not in NUMBERS:
            return fault(s, x)
        try:
            return bounded((s.now - x) / unit_ms)
        except OverflowError:
            return None

    return since


days_since: Callable[[Scope, Any], Any] = _since(DAY_MS)
hours_since: Callable[[Scope, Any], Any] = _since(HOUR_MS)


def _local(read: Callable[[dt.datetime], Any]) -> Callable[..., Any]:
    def read_local(s: Scope, *given: Any) -> Any:
        at = given[0] if given else s.now
        if type(at) not in NUMBERS:
            return fault(s, at)
        moment = local(at, zone_of(s))
        return read(moment) if moment is not None else None

    return read_local


weekday: Callable[..., Any] = _local(lambda moment: WEEKDAYS[moment.weekday()])
hour: Callable[..., Any] = _local(lambda moment: moment.hour)
date: Callable[..., Any] = _local(lambda moment: moment.date().isoformat())


def zone_of(s: Scope) -> str:
    """Return the name of the customer's time zone."""
    return s.profile.zone if s.profile is not None else "UTC"


def next_time(s: Scope, clock: Any, *given: Any) -> Any:
    """`next_time('09:00', ['mon'])`: the next such local time, strictly after now."""
    days = given[0] if given else None
    if type(clock) is not str or (given and type(days) is not list):
        return fault(s, clock, days)
    wanted = _EVERY_DAY if days is None else _days(days)
    match = _CLOCK.fullmatch(clock)
    here = local(s.now, zone_of(s))
    if match is None or not wanted or here is None:
        return None
    time = dt.time(int(match[1]), int(match[2]))
    try:
        for ahead in range(_DAYS_AHEAD):
            day = here.date() + dt.timedelta(days=ahead)
            if day.weekday() not in wanted:
                continue
            moment = dt.datetime.combine(day, time, here.tzinfo).astimezone(UTC)
            due = to_ms(moment)
            if due > s.now and moment.astimezone(here.tzinfo).date() == day:
                return due
    except OverflowError:
        return None
    return None


def _days(names: list[Any]) -> frozenset[int]:
    """Return the numbers of the days; empty if a name is not the name of a day."""
    if not all(type(name) is str and name in _DAY_NUMBERS for name in names):
        return frozenset()
    return frozenset(_DAY_NUMBERS[name] for name in names)


def clock_problem(text: str) -> str | None:
    """Return the problem of the text of a local time, or None."""
    return None if _CLOCK.fullmatch(text) else f"{text!r} is not a time of day: write '09:00'"


def days_problem(names: list[Any]) -> str | None:
    """Return the problem of a list of days, or None."""
    known = ", ".join(WEEKDAYS)
    wrong = [name for name in names if name not in WEEKDAYS]
    return f"{wrong[0]!r} is not a day: {known}" if wrong else None
