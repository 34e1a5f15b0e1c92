"""The hours of a layer: from a midnight (UTC) on, whole hours of stream time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from cjo_stream.insight.friction.event import DAY_MS, HOUR_MS, Events
from cjo_stream.insight.friction.rate import BASE_DAYS_MIN, Numbers

WARM_MS: Final = 7 * DAY_MS
"""In which nothing can be found yet: from it is taken what follows what."""
_NEVER: Final = np.iinfo(np.int64).max
_HOURS: Final = f"""
CREATE OR REPLACE TEMP TABLE friction_hour AS
SELECT "time" // {HOUR_MS} AS hour, min("time") AS first_at FROM part."transition" GROUP BY 1
UNION ALL
SELECT unnest($hours::BIGINT[]), unnest($first_at::BIGINT[])
"""


class Span(NamedTuple):
    """Hours that are counted from the first one on."""

    from_hour: int
    hours: int

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
    begin = int(events.hour.min(initial=_NEVER))
    first_at = np.full(int(events.hour.max(initial=begin - 1)) + 1 - begin, _NEVER)
    np.minimum.at(first_at, events.hour - begin, events.time)
    hours = np.flatnonzero(first_at < _NEVER)
    asked = {"hours": (begin + hours).tolist(), "first_at": first_at[hours].tolist()}
    connection.execute(_HOURS, asked)
    begin, end = connection.execute("SELECT min(hour), max(hour) FROM friction_hour").fetchone()
    if begin is None:
        return None
    first_hour = begin // 24 * 24
    return Span(first_hour, end - first_hour)


def first_look(connection: Any) -> int | None:
    """Return when the first look is possible, ms: after a day of warming up, and a baseline."""
    (begin,) = connection.execute("SELECT min(first_at) FROM friction_hour").fetchone()
    return None if begin is None else begin // DAY_MS * DAY_MS + (2 + BASE_DAYS_MIN) * DAY_MS


def first_at(connection: Any, span: Span, hour: int) -> int:
    """Return the time of the first record in an hour or later: then the stream has come so far."""
    (found,) = connection.execute(
        "SELECT min(first_at) FROM friction_hour WHERE hour >= $hour",
        {"hour": span.from_hour + hour},
    ).fetchone()
    return int(found)


def grouped(found: dict[str, Any], by: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the rows of a query as columns, by one of them, which orders them."""
    keys = np.asarray(found.pop(by))
    if not keys.size:
        return
    edges = [0, *(np.flatnonzero(keys[1:] != keys[:-1]) + 1), keys.size]
    for begin, end in pairwise(edges):
        yield keys[begin], {name: column[begin:end] for name, column in found.items()}
