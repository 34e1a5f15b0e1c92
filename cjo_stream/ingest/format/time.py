"""Times as producers write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

EARLIEST_MS = -62_135_596_800_000
"""The start of the year 1."""

NOT_A_TIME = (
    "`time` is not RFC 3339 with an offset, as 2026-03-01T10:00:00Z, nor a whole number of ms"
)
"""What is said of a native event's time that cannot be read."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A leap second is written :60 (RFC 3339 section 5.7), which Python's calendar does not have.
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|(60))(?:\.\d+)?"
    r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def read_time(text: str) -> int | None:
    """Return an RFC 3339 time in ms since the epoch, cut to ms; None for any other text.

    A space is accepted in place of the `T` (note in section 5.6); an offset is required.

    >>> read_time("2024-03-01T10:00:00.0019Z")
    1709287200001
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    leap_ms = 0
    if match[1]:
        text = text[:17] + "59" + text[19:]
        leap_ms = 1000
    try:
        since = datetime.fromisoformat(text.upper()) - _EPOCH
    except ValueError:
        return None
    time = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000 + leap_ms
    return time if time >= EARLIEST_MS else None
