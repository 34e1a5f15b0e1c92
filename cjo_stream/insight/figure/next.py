"""Next states: where live instances are expected to go, and how good that was."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

STEPS: Final = 60
"""At how many earlier times instances are looked at; the times are a quarter of the span apart."""
LEAST: Final = 50
"""Cases with which a context counts."""
EXPECTED: Final = """
SELECT journey, version, state, next, count(*) AS instances,
    fsum(probability) AS expected, fsum(probability) / count(*) AS mean_probability,
    median(median_ms)::BIGINT AS median_ms
FROM list GROUP BY journey, version, state, next ORDER BY ALL
"""
"""The figure: for each state and next one, how many of the instances that are there it expects."""
CHECKED: Final = """
WITH bins AS (
    SELECT least(10, floor(probability * 10)::INTEGER + 1) AS bin, * FROM list
)
SELECT bin, count(*) AS count, count(DISTINCT customer_id) AS customers,
    fsum(probability) / count(*) AS mean_probability,
    count(*) FILTER (came_true) / count(*) AS came_true,
    abs(fsum(probability) / count(*) - count(*) FILTER (came_true) / count(*)) AS calibration_error
FROM bins GROUP BY bin ORDER BY bin
"""
"""The check: in tenths of the probability, the expected share and the one that came."""


def open_next(connection: Any, at_ms: int, within_ms: int) -> None:
    """Make the list of live instances at a time, each with its next states, as `list`.

    Only what happened before that time is used; `came_true` reads what came after it.
    """
    text = resources.files(__package__).joinpath("next.sql").read_text()
    parameters = {"at": at_ms, "within": within_ms, "steps": STEPS, "least": LEAST}
    connection.execute(f"CREATE OR REPLACE TEMP TABLE list AS {text}", parameters)
