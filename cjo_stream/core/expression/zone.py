"""Time zones from the `tzdata` package alone: the same on every machine."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from functools import lru_cache
from importlib import resources

UTC = dt.UTC
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
_MS = dt.timedelta(milliseconds=1)


@lru_cache(maxsize=1024)
def zone(name: str) -> dt.tzinfo | None:
    """Return the zone of an IANA name, or None where there is no such zone."""
    parts = name.split("/")
    if not all(
        part and part.replace("_", "").replace("-", "").replace("+", "").isalnum()
        for part in parts
    ):
        return None
    resource = resources.files("tzdata.zoneinfo").joinpath(*parts)
    try:
        with resource.open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file, key=name)
    except (OSError, ValueError):
        return None


def local(ms: int, name: str) -> dt.datetime | None:
    """Return the local time of `ms` since the epoch; None outside of the calendar."""
    try:
        return (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(zone(name) or UTC)
    except (OverflowError, ValueError):
        return None


def to_ms(moment: dt.datetime) -> int:
    """Return ms since the epoch of an aware time."""
    return (moment - _EPOCH) // _MS
