"""Time zones from the `tzdata` package alone: the same on every machine."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from functools import cache, lru_cache
from importlib import resources

from cjo_stream.core.expression.zone_name import RAILS, WINDOWS

UTC = dt.UTC
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
_MS = dt.timedelta(milliseconds=1)
_DAY_MS = 86_400_000
LEAP_MS = 1_000
"""Of a leap second, which is read as :59 and a second more."""
# A leap second is written :60 (RFC 3339 section 5.7); Python's calendar knows none.
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|(60))"
    r"(?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])([0-9]{1,2})(?::?([0-5][0-9]))?")
_FIXED = re.compile(r"[+-][0-9]{2}:[0-9]{2}")
_OFFSET_MINUTES_MAX = 14 * 60
"""Of the zones there are, that of Kiribati."""


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all zones."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


@cache
def _aliases() -> dict[str, str]:
    """By a name in lower case, the IANA name: other cases, cities, Rails' and Windows' names."""
    found: dict[str, str] = {}
    cities: dict[str, set[str]] = {}
    for name in sorted(zone_names()):
        if "/" in name:
            cities.setdefault(_plain(name.rpartition("/")[2]), set()).add(name)
    found |= {city: min(names) for city, names in cities.items() if len(names) == 1}
    found |= {_plain(name): known for name, known in (RAILS | WINDOWS).items()}
    return found | {_plain(name): name for name in zone_names()}


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())


@lru_cache(maxsize=1024)
def zone_name(text: str) -> str | None:
    """Return how the zone that `text` names is called here; None if it names none.

    An IANA name in any case, a city of one, a Windows or Rails name, or an offset.

    >>> zone_name("europe/berlin"), zone_name("Pacific Standard Time"), zone_name("UTC-3")
    ('Europe/Berlin', 'America/Los_Angeles', '-03:00')
    """
    if text in zone_names():
        return text
    if known := _aliases().get(_plain(text)):
        return known
    offset = _OFFSET.fullmatch(text.strip().upper())
    if offset is None:
        return None
    sign, hours, minutes = offset[1], int(offset[2]), int(offset[3] or 0)
    if hours * 60 + minutes > _OFFSET_MINUTES_MAX:
        return None
    return f"{sign}{hours:02}:{minutes:02}" if hours or minutes else "UTC"


@lru_cache(maxsize=1024)
def zone(name: str) -> dt.tzinfo | None:
    """Return the zone of an IANA name or an offset `+HH:MM`; None if there is no such zone."""
    if _FIXED.fullmatch(name):
        offset = dt.timedelta(hours=int(name[1:3]), minutes=int(name[4:]))
        return dt.timezone(-offset if name[0] == "-" else offset)
    if name not in zone_names():
        return None
    resource = resources.files("tzdata.zoneinfo").joinpath(*name.split("/"))
    with resource.open("rb") as file:
        return zoneinfo.ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=64)
def local(ms: int | float, name: str) -> dt.datetime | None:
    """Return the local time of `ms` since the epoch; None outside the calendar.

    An unknown zone is read as UTC. One event asks for the same instant again and again.
    """
    try:
        return (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(zone(name) or UTC)
    except (OverflowError, ValueError):
        return None


def to_ms(moment: dt.datetime) -> int:
    """Return ms since the epoch of an aware time, cut to ms."""
    return (moment - _EPOCH) // _MS


def instants(day: dt.date, clock: dt.time, name: str) -> tuple[int, int]:
    """Return the first and the last ms of a local time; they differ if the clocks change there.

    A repeated time occurs at both. For a skipped time they are the instants by the offset before
    the change and by the offset after it.
    """
    zoned = dt.datetime.combine(day, clock, zone(name) or UTC)
    return to_ms(zoned), to_ms(zoned.replace(fold=1))


def clock_change(after: int, until: int, name: str) -> int | None:
    """Return the first ms in `(after, until]` at which the offset differs from that at `after`.

    None if the offsets at both ends are equal: changes that cancel out between are not seen.
    """
    offset = _offset(after, name)
    if _offset(until, name) == offset:
        return None
    low, high = after, until
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle, name) == offset:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=1024)
def first_of_day(day: dt.date, name: str) -> int:
    """Return the first ms of a local day; if the zone skipped it, of the day after it."""
    midnight = min(instants(day, dt.time(), name))
    change = clock_change(midnight - _DAY_MS, midnight + _DAY_MS, name)
    if change is None:
        return midnight
    # If midnight is skipped, or still belongs to the day before, the day begins at the change.
    for at in sorted({midnight, change}):
        here = local(at, name)
        if here is not None and here.date() >= day:
            return at
    return midnight


def _offset(ms: int, name: str) -> dt.timedelta | None:
    here = local(ms, name)
    return here.utcoffset() if here is not None else None


def read_timestamp(text: str) -> int | None:
    """Return an RFC 3339 time in ms since the epoch, cut to ms; None for any other text.

    A space is accepted in place of the `T`; an offset is required.

    >>> read_timestamp("2026-03-01 00:00:00Z")
    1772323200000
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    leap_ms = 0
    if match[1]:
        text, leap_ms = text[:17] + "59" + text[19:], LEAP_MS
    try:
        return to_ms(dt.datetime.fromisoformat(text.upper())) + leap_ms
    except (ValueError, OverflowError):
        return None
