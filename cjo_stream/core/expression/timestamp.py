"""`timestamp(x, format, zone)`: times as exports write them, in ms since the epoch, cut to ms.

    without a format   RFC 3339 and what is close to it, RFC 2822, a number of ms
    a unit             's', 'ms', 'us', 'ns' since the epoch; 'excel': days as spreadsheets count
    a pattern          of Python's `strptime` (`pattern`)

A time without an offset is local to the zone: in a gap it moves forward by the gap, of a repeated
one the earlier is meant. Times outside of the years 1 to 9999 are missing.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal
from typing import Any, Final

from cjo_stream.core.expression.pattern import (
    DAYS,
    MONTHS,
    Parts,
    compile_pattern,
    pattern_problem,
)
from cjo_stream.core.expression.scope import Scope
from cjo_stream.core.expression.value import NUMBERS, doubted, fault, unread
from cjo_stream.core.expression.zone import LEAP_MS, UTC, to_ms, zone, zone_name, zone_names
from cjo_stream.core.likeness import nearest

UNITS: Final = ("s", "ms", "us", "ns", "excel")
TEXT_CHARACTERS_MAX: Final = 100
EARLIEST_MS: Final = -62_135_596_800_000
LATEST_MS: Final = 253_402_300_799_999
SECONDS_MIN: Final = 978_307_200
SECONDS_MAX: Final = 4_102_444_800
_MS_DIGITS: Final = 12
"""A text of fewer digits is no number of ms: it could as well be seconds, or 20260301."""
_SCALE: Final = {
    "s": Decimal(1000),
    "ms": Decimal(1),
    "us": Decimal("1e-3"),
    "ns": Decimal("1e-6"),
}
_DAY_MS: Final = Decimal(86_400_000)
_FIRST_DAY: Final = dt.date(1899, 12, 30)
"""Day 0 of spreadsheets, for days after 28 February 1900."""
_DAY_NEVER: Final = 60
"""Spreadsheets count 29 February 1900, a day that never was."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,2})?")
_WHOLE: Final = re.compile(rf"-?[0-9]{{{_MS_DIGITS},16}}")
_NEAR_RFC_3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"(?: ?(?:([Zz]|UTC|GMT)|([+-])([0-9]{2})(?::?([0-9]{2}))?))?"
)
_USUAL: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-5][0-9](?:\.[0-9]{3})?Z"
)
"""What Python's own reader takes as it is, in a third of the time. It reads 24:00:00 from 3.14 on,
and no result may depend on Python's release."""
_RFC_2822: Final = re.compile(
    r"(?:(mon|tue|wed|thu|fri|sat|sun), *)?([0-9]{1,2}) "
    r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) ([0-9]{4}|[0-9]{2}) "
    r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?"
    r"(?: (?:([+-])([0-9]{2})([0-9]{2})|(utc?|gmt|z|[ecmp][sd]t)))?(?: \([a-z0-9 +:-]{0,40}\))?",
    re.IGNORECASE,
)
_MONTHS: Final = tuple(name[:3] for name in MONTHS)
_DAYS: Final = tuple(name[:3] for name in DAYS)
_AMERICAN_HOURS: Final = {"e": -5, "c": -6, "m": -7, "p": -8}
"""Of standard time, by the first letter of RFC 2822's zones (section 4.3)."""


def timestamp(s: Scope, x: Any, form: Any = None, where: Any = None) -> Any:
    """`timestamp(row.at, '%d.%m.%Y %H:%M', 'Europe/Berlin')`: ms since the epoch."""
    kind = type(x)
    if kind is not str and kind not in NUMBERS:
        return fault(s, x)
    if form is not None and type(form) is not str:
        return fault(s, form)
    if where is not None and type(where) is not str:
        return fault(s, where)
    found = read(x, form, where)
    is_count = form == "ms" or (form is None and kind in NUMBERS)
    if is_count and found is not None and are_seconds(found):
        return doubted(s, x, found)
    if found is None and (kind is not str or x.strip()):
        return unread(s, x)
    return found


def are_seconds(ms: int | float) -> bool:
    """Return whether a number of ms can only be one of seconds: of the years 2001 to 2100."""
    return SECONDS_MIN <= ms <= SECONDS_MAX


def read(x: Any, form: str | None, where: str | None) -> int | None:
    """Return the ms of a text or number; None if it is none, or for an unknown format or zone."""
    tzinfo = UTC if where is None else _zone(where)
    if tzinfo is None or (type(x) is str and len(x) > TEXT_CHARACTERS_MAX):
        return None
    try:
        if form is None:
            ms = _without_format(x, tzinfo)
        elif form in UNITS:
            ms = _in_unit(x, form, tzinfo)
        else:
            ms = _by_pattern(x, form, tzinfo)
    except (ValueError, OverflowError):
        return None
    return ms if ms is not None and EARLIEST_MS <= ms <= LATEST_MS else None


def _zone(where: str) -> dt.tzinfo | None:
    name = zone_name(where)
    return None if name is None else zone(name)


def problem(position: int, fixed: Any) -> str | None:
    """Return the problem of a literal format (position 1) or zone (2), or None.

    >>> problem(1, "sec")
    "'sec' is no unit (s, ms, us, ns, excel) and no pattern, as '%d.%m.%Y %H:%M'; write 's'?"
    """
    if type(fixed) is not str:
        return None
    if position == 1 and fixed not in UNITS:
        if "%" not in fixed:
            near = _near(fixed, UNITS) or (fixed[:1] if fixed[:1] == "s" else "")
            hint = f"; write {near!r}?" if near else ""
            units = ", ".join(UNITS)
            return f"{fixed!r} is no unit ({units}) and no pattern, as '%d.%m.%Y %H:%M'{hint}"
        return pattern_problem(fixed)
    if position == 2 and zone_name(fixed) is None:
        near = _near(fixed, zone_names())
        hint = f"; did you mean {near!r}?" if near else ", as 'Europe/Berlin'"
        return f"{fixed!r} is not a time zone{hint}"
    return None


def _near(text: str, known: Any) -> str:
    return nearest(text, known) or ""


def _without_format(x: str | int | float, tzinfo: dt.tzinfo) -> int | None:
    if not isinstance(x, str):
        return math.floor(x)
    if _USUAL.fullmatch(x):
        return to_ms(dt.datetime.fromisoformat(x))
    match = _NEAR_RFC_3339.fullmatch(x)
    if match is not None:
        return _near_rfc_3339(match, tzinfo)
    match = _RFC_2822.fullmatch(x)
    if match is not None:
        return _rfc_2822(match, tzinfo)
    return int(x) if _WHOLE.fullmatch(x) else None


def _near_rfc_3339(match: re.Match[str], tzinfo: dt.tzinfo) -> int | None:
    year, month, day, hour, minute, second, fraction, utc, sign, hours, minutes = match.groups()
    leap_ms = 0
    if second == "60":
        second, leap_ms = "59", LEAP_MS
    ms = int((fraction or "0")[:3].ljust(3, "0"))
    written = dt.datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=UTC
    )
    offset = dt.timedelta() if utc else _offset(sign, hours, minutes)
    return _moment(written, offset, tzinfo) + ms + leap_ms


def _rfc_2822(match: re.Match[str], tzinfo: dt.tzinfo) -> int | None:
    weekday, day, month, year, hour, minute, second, sign, hours, minutes, name = match.groups()
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 50 else 1900
    leap_ms = 0
    if second == "60":
        second, leap_ms = "59", LEAP_MS
    written = dt.datetime(
        number,
        _MONTHS.index(month.lower()) + 1,
        int(day),
        int(hour),
        int(minute),
        int(second or 0),
        tzinfo=UTC,
    )
    if weekday is not None and _DAYS[written.weekday()] != weekday.lower():
        return None
    if name is None:
        offset = _offset(sign, hours, minutes)
    else:
        letters = name.lower()
        standard = _AMERICAN_HOURS[letters[0]] if letters[1:] in ("st", "dt") else 0
        offset = dt.timedelta(hours=standard + (letters[1:] == "dt"))
    return _moment(written, offset, tzinfo) + leap_ms


def _offset(sign: str | None, hours: str, minutes: str | None) -> dt.timedelta | None:
    """Return an offset; None if none is written; raises ValueError for one beyond a day."""
    if sign is None:
        return None
    if int(hours) > 23 or int(minutes or 0) > 59:
        raise ValueError(hours)
    offset = dt.timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -offset if sign == "-" else offset


def _moment(written: dt.datetime, offset: dt.timedelta | None, tzinfo: dt.tzinfo) -> int:
    """Return the ms of a time as written, which is at the offset, or local to a zone."""
    if offset is not None:
        return to_ms(written.replace(tzinfo=UTC)) - offset // dt.timedelta(milliseconds=1)
    # `fold` is 0: the offset before the clocks change. In a gap that leads behind the gap.
    return to_ms(written.replace(tzinfo=tzinfo))


def _in_unit(x: Any, unit: str, tzinfo: dt.tzinfo) -> int | None:
    if type(x) is int:
        number = Decimal(x)
    elif type(x) is str:
        text = x.strip()
        if not _NUMBER.fullmatch(text):
            return None
        number = Decimal(text)
    elif not math.isfinite(x):
        return None
    else:
        number = Decimal(repr(x))
    if abs(number) > Decimal(10) ** 25:
        return None
    if unit != "excel":
        return math.floor(number * _SCALE[unit])
    return _of_spreadsheet(number, tzinfo)


def _of_spreadsheet(number: Decimal, tzinfo: dt.tzinfo) -> int | None:
    """Return the ms of days since 1900, rounded: such numbers are sums of rounded fractions."""
    day = math.floor(number)
    if day < 0 or day == _DAY_NEVER:
        return None
    ms = round((number - day) * _DAY_MS)
    date = _FIRST_DAY + dt.timedelta(days=day + (day < _DAY_NEVER))
    moment = dt.datetime.combine(date, dt.time()) + dt.timedelta(milliseconds=ms)
    return _moment(moment, None, tzinfo)


def _by_pattern(x: Any, form: str, tzinfo: dt.tzinfo) -> int | None:
    pattern = compile_pattern(form)
    if pattern is None:
        return None
    if type(x) is not str:
        if type(x) is float and not x.is_integer():
            return None
        x = str(int(x))
    parts: Parts | None = pattern(x)
    if parts is None:
        return None
    moment, offset, leap_ms = parts
    return _moment(moment, offset, tzinfo) + leap_ms
