"""Times, spans and shares as readers of reports have them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_ROUNDING: Final = 1e-9
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def span(ms: int | None) -> str:
    """Return a span in its largest unit.

    >>> span(90_000), span(36 * 3_600_000), span(400), span(0), span(None)
    ('1.5 min', '1.5 d', '400 ms', '0', '')
    """
    if ms is None:
        return ""
    if ms == 0:
        return "0"
    for unit, size in _UNITS:
        if ms >= size:
            return f"{ms / size:,.1f}".removesuffix(".0") + f" {unit}"
    return f"{ms} ms"


def day(ms: int) -> str:
    """Return the date of a time, in UTC.

    >>> day(1_772_323_200_000)
    '2026-03-01'
    """
    return f"{_EPOCH + dt.timedelta(milliseconds=ms):%Y-%m-%d}"


def minute(ms: int) -> str:
    """Return a time to the minute, in UTC.

    >>> minute(1_772_323_200_000)
    '2026-03-01 00:00'
    """
    return f"{_EPOCH + dt.timedelta(milliseconds=ms):%Y-%m-%d %H:%M}"


def share(part: float | None) -> str:
    """Return a share, 0..1, in per cent.

    >>> share(0.1234), share(1), share(None)
    ('12.3 %', '100 %', '')
    """
    return "" if part is None else f"{part * 100:.1f}".removesuffix(".0") + " %"


def spark(values: Sequence[float]) -> str:
    """Return a line of blocks, as high as the values, from 0 or the lowest one.

    >>> spark([0, 4, 8]), spark([-2, 0, 2]), spark([0, 84.74])
    ('▁▄█', '▁▄█', '▁█')
    """
    lowest = min([*values, 0])
    height = max([*values, 0]) - lowest or 1
    steps = len(_SPARKS) - 1
    return "".join(_SPARKS[int((value - lowest) / height * steps + _ROUNDING)] for value in values)


def many(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1.

    >>> many(1, "customer"), many(1200, "customer")
    ('1 customer', '1,200 customers')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
