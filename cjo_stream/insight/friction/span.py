"""The hours of a layer: from a midnight (UTC) on, whole hours of stream time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from cjo_stream.insight.friction.event import DAY_MS, HOUR_MS, Events, Integers
from cjo_stream.insight.friction.rate import BASE_DAYS_MIN, Numbers

WARM_MS: Final = 7 * DAY_MS
"""In which nothing can be found yet: from it is taken what follows what."""
_NEVER: Final = np.iinfo(np.int64).max
_HOURS: Final = f"""
SELECT "time" // {HOUR_MS} AS hour, min("time") AS first_at FROM part."transition" GROUP BY 1
"""
_FIRST: Final = "CREATE OR REPLACE TEMP TABLE friction_first AS SELECT $first::BIGINT AS first_at"


class Span(NamedTuple):
    """Hours that are counted from the first one on."""

    from_hour: int
    hours: int
    comes: Integers
    """By hour, the time of the first record in it or later: then the stream has come so far."""

    def ms(self, hour: int) -> int:
        """Return when an hour begins."""
        return (self.from_hour + hour) * HOUR_MS

    def hourly(self, hour: Any) -> Numbers:
        """Return how many of some hours since 1970 are each hour."""
        hour = hour - self.from_hour
        fits = (hour >= 0) & (hour < self.hours)
        return np.bincount(hour[fits], minlength=self.hours).astype(np.float64)


def open_span(connection: Any, events: Events) -> Span | None:
    """Return the hours with a record; None where the layer holds nothing."""
    found = connection.cursor().sql(_HOURS).to_arrow_table()
    hours, times = (found[name].to_numpy() for name in ("hour", "first_at"))
    begin = int(min(hours.min(initial=_NEVER), events.hour.min(initial=_NEVER)))
    end = int(max(hours.max(initial=begin - 1), events.hour.max(initial=begin - 1)))
    first = int(min(times.min(initial=_NEVER), events.time.min(initial=_NEVER)))
    connection.execute(_FIRST, {"first": None if end < begin else first})
    if end < begin:
        return None
    begin = begin // 24 * 24
    comes = np.full(end - begin + 1, _NEVER)
    for hour, time in ((hours, times), (events.hour, events.time)):
        np.minimum.at(comes, hour - begin, time)
    return Span(begin, end - begin, np.minimum.accumulate(comes[::-1])[::-1])


def first_look(connection: Any) -> int | None:
    """Return when the first look is possible, ms: after a day of warming up, and a baseline."""
    (begin,) = connection.execute("SELECT first_at FROM friction_first").fetchone()
    return None if begin is None else begin // DAY_MS * DAY_MS + (2 + BASE_DAYS_MIN) * DAY_MS


def grouped(found: dict[str, Any], by: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the rows of a query as columns, by one of them, which orders them."""
    keys = np.asarray(found.pop(by))
    if not keys.size:
        return
    edges = [0, *(np.flatnonzero(keys[1:] != keys[:-1]) + 1), keys.size]
    for begin, end in pairwise(edges):
        yield keys[begin], {name: column[begin:end] for name, column in found.items()}
