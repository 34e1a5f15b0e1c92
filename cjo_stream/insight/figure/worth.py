"""What journeys and states are worth: values of events or outcomes, by where customers were.

What stands beside a journey as incremental is measured by its holdout: the value that the treated
customers had because of it.
"""

from __future__ import annotations

from typing import Final

from cjo_stream.insight.figure.place import By, means

_BESIDE: Final = """
SELECT
    coalesce(f.journey, m.touch) AS journey,
    coalesce(f.count, 0) AS count,
    coalesce(f.customers, 0) AS customers,
    coalesce(f.sum, 0) AS sum,
    f.mean,
    f.low,
    f.high,
    {measured}
FROM ({figure}) AS f
FULL JOIN measured AS m ON m.touch = f.journey
ORDER BY 1
"""
_NUMBERS: Final = "m.measured AS incremental, m.low AS incremental_low, m.high AS incremental_high"
_SHOWN: Final = """
CASE
    WHEN m.touch IS NOT NULL
        THEN format('{:,.0f} ({:,.0f} to {:,.0f})', m.measured, m.low, m.high)
    WHEN f.journey <> '(none)' THEN 'not measured'
END AS incremental
"""


def counting(by: By, *, is_measured: bool = False, is_shown: bool = False) -> str:
    """Return the query that counts the table `list`; beside it the table `measured`, if made.

    `is_shown`: what was measured is one column, for people.
    """
    figure = means(by)
    if not is_measured:
        return f"{figure} ORDER BY ALL"
    return _BESIDE.format(figure=figure, measured=_SHOWN if is_shown else _NUMBERS)
