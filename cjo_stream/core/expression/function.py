"""The functions of expressions: a table of name -> (implementation, fewest, most arguments).

Each takes the scope and its arguments, and gives a value or MISSING. Missing arguments make the
result missing, save for `coalesce` and `has`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import msgspec

from cjo_stream.core.duration import parse_duration
from cjo_stream.core.expression.scope import MISSING, Scope
from cjo_stream.core.expression.value import (
    INT_MAX,
    NUMBERS,
    TEXT_MAX,
    bounded,
    fault,
    present,
    within,
)
from cjo_stream.core.expression.zone import local, to_ms

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?")

Function = Callable[..., Any]


def _len(s: Scope, x: Any) -> Any:
    return len(x) if type(x) in (str, list, dict) else fault(s)


def _text(change: Callable[[str], str]) -> Function:
    def changed(s: Scope, x: Any) -> Any:
        if type(x) is not str:
            return fault(s)
        result = change(x)
        return result if len(result) <= TEXT_MAX else MISSING

    return changed


def slug(text: str) -> str:
    """Return text fit for an event type: `W_Nabellen offertes` is `w_nabellen_offertes`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_SLUG.sub("_", plain).strip("_")


def _abs(s: Scope, x: Any) -> Any:
    return abs(x) if type(x) in NUMBERS else fault(s)


def _extreme(choose: Callable[[Any], Any]) -> Function:
    def chosen(s: Scope, *values: Any) -> Any:
        if len(values) == 1 and type(values[0]) is list:
            values = tuple(values[0])
            if not values:
                return MISSING
        kinds = {type(value) for value in values}
        if kinds <= NUMBERS or kinds == {str}:
            return choose(values)
        return fault(s)

    return chosen


def _round(s: Scope, x: Any, digits: Any = 0) -> Any:
    if type(x) not in NUMBERS or type(digits) is not int or not -15 <= digits <= 15:
        return fault(s)
    return bounded(round(x, digits) if digits else round(x))


def _int(s: Scope, x: Any) -> Any:
    if type(x) is str:
        text = x.strip()
        return bounded(int(text)) if _WHOLE.fullmatch(text) else fault(s)
    if type(x) in NUMBERS:
        return bounded(int(x))
    return int(x) if type(x) is bool else fault(s)


def _float(s: Scope, x: Any) -> Any:
    if type(x) is str:
        text = x.strip()
        return bounded(float(text)) if _DECIMAL.fullmatch(text) else fault(s)
    return float(x) if type(x) in (int, float, bool) else fault(s)


def _str(_: Scope, x: Any) -> Any:
    if type(x) is str:
        return x
    if type(x) is float and x == int(x) and abs(x) < 1e15:
        return str(int(x))
    text = msgspec.json.encode(x).decode()
    return text if len(text) <= TEXT_MAX else MISSING


def _coalesce(_: Scope, *values: Any) -> Any:
    return next((value for value in values if value is not MISSING), MISSING)


def _has(_: Scope, x: Any) -> Any:
    return x is not MISSING


def _contains(s: Scope, whole: Any, part: Any) -> Any:
    return within(s, part, whole)


def _starts_with(s: Scope, text: Any, start: Any) -> Any:
    return text.startswith(start) if type(text) is str and type(start) is str else fault(s)


def _duration(s: Scope, text: Any) -> Any:
    try:
        return parse_duration(text)
    except ValueError:
        return fault(s)


def _since(unit_ms: int) -> Function:
    def since(s: Scope, x: Any) -> Any:
        return (s.now - x) / unit_ms if type(x) in NUMBERS else fault(s)

    return since


def _calendar(read: Callable[[dt.datetime], Any]) -> Function:
    def read_local(s: Scope, x: Any = None) -> Any:
        at = s.now if x is None else x
        if type(at) not in NUMBERS or s.profile is None:
            return fault(s)
        moment = local(int(at), s.profile.zone)
        return read(moment) if moment is not None else MISSING

    return read_local


def timestamp(s: Scope, x: Any) -> Any:
    """Return ms since the epoch of RFC 3339 text (a space for the `T` too)."""
    if type(x) is not str or not _RFC3339.fullmatch(x):
        return fault(s)
    try:
        return to_ms(dt.datetime.fromisoformat(x.upper().replace(" ", "T")))
    except (ValueError, OverflowError):
        return fault(s)


def _next_time(s: Scope, clock: Any, days: Any = None) -> Any:
    match = _CLOCK.fullmatch(clock) if type(clock) is str else None
    if match is None or s.profile is None:
        return fault(s)
    if days is None:
        wanted = frozenset(range(7))
    elif type(days) is list and days and all(day in WEEKDAYS for day in days):
        wanted = frozenset(WEEKDAYS.index(day) for day in days)
    else:
        return fault(s)
    here = local(s.now, s.profile.zone)
    if here is None:
        return MISSING
    hour, minute = int(match[1]), int(match[2])
    for ahead in range(9):
        try:
            day = here.date() + dt.timedelta(days=ahead)
        except OverflowError:
            return MISSING
        if day.weekday() in wanted:
            moment = dt.datetime.combine(day, dt.time(hour, minute), here.tzinfo)
            due = to_ms(moment.astimezone(dt.UTC))
            if due > s.now:
                return due
    return MISSING


def _bucket(s: Scope, x: Any, buckets: Any) -> Any:
    if type(buckets) is not int or not 0 < buckets <= INT_MAX:
        return fault(s)
    text = x if type(x) is str else msgspec.json.encode(x).decode()
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % buckets


def _consented(s: Scope, purpose: Any, channel: Any) -> Any:
    if type(purpose) is not str or type(channel) is not str or s.profile is None:
        return fault(s)
    return s.profile.consented(purpose, channel)


FUNCTIONS: dict[str, tuple[Function, int, int]] = {
    "len": (_len, 1, 1),
    "lower": (_text(str.lower), 1, 1),
    "upper": (_text(str.upper), 1, 1),
    "slug": (_text(slug), 1, 1),
    "abs": (_abs, 1, 1),
    "min": (_extreme(min), 1, 20),
    "max": (_extreme(max), 1, 20),
    "round": (_round, 1, 2),
    "int": (_int, 1, 1),
    "float": (_float, 1, 1),
    "str": (_str, 1, 1),
    "coalesce": (_coalesce, 1, 20),
    "has": (_has, 1, 1),
    "contains": (_contains, 2, 2),
    "starts_with": (_starts_with, 2, 2),
    "duration": (_duration, 1, 1),
    "days_since": (_since(DAY_MS), 1, 1),
    "hours_since": (_since(HOUR_MS), 1, 1),
    "weekday": (_calendar(lambda at: WEEKDAYS[at.weekday()]), 0, 1),
    "hour": (_calendar(lambda at: at.hour), 0, 1),
    "date": (_calendar(lambda at: at.date().isoformat()), 0, 1),
    "timestamp": (timestamp, 1, 1),
    "next_time": (_next_time, 1, 2),
    "bucket": (_bucket, 2, 2),
    "consented": (_consented, 2, 2),
}
TAKES_MISSING = frozenset(("coalesce", "has"))


def call(s: Scope, function: Function, *arguments: Any) -> Any:
    """Call a function; a missing argument makes the result missing."""
    for argument in arguments:
        if argument is MISSING:
            return MISSING
    try:
        return present(function(s, *arguments))
    except (ValueError, OverflowError, TypeError, UnicodeError, RecursionError, ArithmeticError):
        return fault(s)
