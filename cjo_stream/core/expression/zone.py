"""Time zones from the `tzdata` package alone: the same on every machine."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from functools import cache, lru_cache
from importlib import resources

UTC = dt.UTC
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
_MS = dt.timedelta(milliseconds=1)
# A leap second is written :60 (RFC 3339 section 5.7); Python's calendar knows none.
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|(60))"
    r"(?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


@cache
def _names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


@lru_cache(maxsize=1024)
def zone(name: str) -> dt.tzinfo | None:
    """Return the zone of an IANA name, or None where there is no such zone."""
    if name not in _names():
        return None
    resource = resources.files("tzdata.zoneinfo").joinpath(*name.split("/"))
    with resource.open("rb") as file:
        return zoneinfo.ZoneInfo.from_file(file, key=name)


def local(ms: float, name: str) -> dt.datetime | None:
    """Return the local time of `ms` since the epoch; None outside of the calendar.

    A name that is no zone's is read as UTC.
    """
    try:
        return (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(zone(name) or UTC)
    except (OverflowError, ValueError):
        return None


def to_ms(moment: dt.datetime) -> int:
    """Return ms since the epoch of an aware time, cut to ms."""
    return (moment - _EPOCH) // _MS


def read_timestamp(text: str) -> int | None:
    """Return an RFC 3339 time in ms since the epoch, cut to ms; None where it is none.

    A space for the `T` is read too; an offset is required.

    >>> read_timestamp("2026-03-01 00:00:00Z")
    1772323200000
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    leap_ms = 0
    if match[1]:
        text, leap_ms = text[:17] + "59" + text[19:], 1000
    try:
        return to_ms(dt.datetime.fromisoformat(text.upper())) + leap_ms
    except (ValueError, OverflowError):
        return None
