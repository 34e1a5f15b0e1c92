"""Retention: of the customers whose first event lies in one period, how many come in later ones.

A cohort is a period of first events. Only periods that are over count, as of the last event of the
layer: in others, customers may still come.
"""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

from cjo_stream.errors import UsageError
from cjo_stream.insight.figure.attribute import no_event
from cjo_stream.insight.figure.interval import wilson

PERIODS_MAX: Final = 1_000
_DAY_MS: Final = 86_400_000
_EXTENT: Final = """
SELECT
    min("time") FILTER (
        "type" = $on AND customer_id IS NOT NULL AND ($until IS NULL OR "time" < $until)
    ),
    max("time")
FROM "event"
"""
_LOW, _HIGH = wilson("retained", "customers")
COUNTING: Final = f"""
SELECT *, retained / customers AS share, {_LOW} AS low, {_HIGH} AS high
FROM (
    SELECT cohort, period, count(*) AS customers, count_if(retained) AS retained
    FROM list
    GROUP BY cohort, period
)
ORDER BY cohort, period
"""
"""The query that counts the table `list`."""


def open_retention(
    connection: Any, on: str, every_ms: int, from_ms: int | None, until_ms: int | None
) -> int | None:
    """Make the list of retention: the table `list`; return where the open period begins, if any.

    Cohorts are those from `from_ms` on, else from the midnight (UTC) before the first event.
    Raises UsageError where there is no such event, or too many periods.
    """
    first, last = connection.execute(_EXTENT, {"on": on, "until": until_ms}).fetchone()
    if first is None:
        raise no_event(connection, on)
    start = first // _DAY_MS * _DAY_MS if from_ms is None else from_ms
    end = last + 1 if until_ms is None else min(last + 1, until_ms)
    periods = max(0, (end - start) // every_ms)
    if periods > PERIODS_MAX:
        raise UsageError(
            f"{periods:,} periods, and at most {PERIODS_MAX:,} are counted: take a longer --every"
        )
    text = resources.files(__package__).joinpath("retention.sql").read_text()
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE list AS {text}",
        {"on": on, "start": start, "every": every_ms, "periods": periods, "until": until_ms},
    )
    open_ms = int(start + periods * every_ms)
    return open_ms if open_ms < end else None
