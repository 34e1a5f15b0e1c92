"""Durations as definitions write them: `90s`, `30m`, `2h`, `3d`, `1w`, or joined, `1d12h`."""

from __future__ import annotations

import re

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_WHOLE = re.compile(r"(?:[0-9]+[smhdw])+")
_TOO_MANY_DIGITS = re.compile(r"[0-9]{10}")
TOO_LONG = "too long: a duration is at most 1,000 years, 365250d"
_PART = re.compile(r"([0-9]+)([smhdw])")


def duration_text(duration_ms: int) -> str:
    """Return a duration as definitions write it, in the largest unit that gives a whole number.

    >>> duration_text(129_600_000), duration_text(2_592_000_000)
    ('36h', '30d')
    """
    for unit in ("d", "h", "m", "s"):
        if duration_ms % _UNITS_MS[unit] == 0:
            return f"{duration_ms // _UNITS_MS[unit]}{unit}"
    raise AssertionError("durations are whole seconds")


def parse_duration(text: str) -> int:
    """Return a duration in ms, at least 1,000; raises ValueError."""
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise ValueError("not a duration: write 90s, 30m, 2h, 3d, 1w, or joined, 1d12h")
    if _TOO_MANY_DIGITS.search(text):
        raise ValueError(TOO_LONG)
    total = sum(int(number) * _UNITS_MS[unit] for number, unit in _PART.findall(text))
    if total < 1_000:
        raise ValueError("a duration is at least 1s")
    return total
