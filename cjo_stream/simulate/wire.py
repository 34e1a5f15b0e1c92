"""Formats of events for all topologies: times as text, and the native form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

Write = Callable[[str, str, int, dict[str, str], dict[str, Any]], bytes]
"""Writes (id, type, time_ms, identifiers, attributes)."""

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
encode = msgspec.json.Encoder().encode


def rfc3339(time_ms: int) -> str:
    """Return a time as text, in UTC.

    >>> rfc3339(1_767_225_600_250)
    '2026-01-01T00:00:00.250Z'
    """
    day, ms = divmod(time_ms, DAY_MS)
    seconds, ms = divmod(ms, 1_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_date(day)}T{hour:02d}:{minute:02d}:{second:02d}.{ms:03d}Z"


@lru_cache(64)
def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def native(
    id_: str, type_: str, time_ms: int, identifiers: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    """Return the native form of docs/events.md, with integer times, as a tracker sends it."""
    return encode(
        {
            "id": id_,
            "type": type_,
            "time": time_ms,
            "identifiers": identifiers,
            "attributes": attributes,
        }
    )
