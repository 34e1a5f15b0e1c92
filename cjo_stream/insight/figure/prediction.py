"""How good predictions were: calibration by bins, and log-loss beside two plain guesses."""

from __future__ import annotations

from typing import Any, Final

from cjo_stream.insight.figure.figure import Figure, open_list

_PREDICTIONS: Final = Figure("predictions", ("prediction", "transition"), (), {})
_LEAST: Final = 1e-6
"""No guess is taken as surer than this, so that one surprise does not cost without bound."""


def _mean(column: str) -> str:
    return f"fsum({column}) / count(*)"


def _loss(column: str) -> str:
    """Return the mean log-loss of a column of probabilities, in nats."""
    p = f"greatest({_LEAST}, least(1 - {_LEAST}, {column}))"
    return _mean(f"-ln(CASE outcome WHEN 1 THEN {p} ELSE 1 - {p} END)")


_FIGURE: Final = f"""
WITH
bins AS (
    SELECT predict, definition, bin, count(*) AS count, {_mean("probability")} AS mean_probability,
        {_mean("outcome")} AS came_true
    FROM list GROUP BY predict, definition, bin
),
errors AS (
    SELECT predict, definition, bin, count, abs(mean_probability - came_true) AS error FROM bins
    UNION ALL
    SELECT predict, definition, NULL, sum(count),
        fsum(count * abs(mean_probability - came_true)) / sum(count)
    FROM bins GROUP BY predict, definition
),
sums AS (
    SELECT predict, definition, bin, count(*) AS count, count(DISTINCT customer_id) AS customers,
        {_mean("probability")} AS mean_probability, {_mean("outcome")} AS came_true,
        {_loss("probability")} AS log_loss, {_loss("base_rate")} AS log_loss_base_rate,
        {_loss("state_rate")} AS log_loss_last_state
    FROM list GROUP BY GROUPING SETS ((predict, definition, bin), (predict, definition))
)
SELECT s.predict, s.definition, s.bin, s.count, s.customers, s.mean_probability, s.came_true,
    e.error AS calibration_error, s.log_loss, s.log_loss_base_rate, s.log_loss_last_state
FROM sums AS s
JOIN errors AS e ON e.predict = s.predict AND e.definition = s.definition
    AND e.bin IS NOT DISTINCT FROM s.bin
ORDER BY s.predict, s.definition, s.bin NULLS LAST
"""


def open_predictions(connection: Any, from_ms: int | None, until_ms: int | None) -> None:
    """Make the list of predictions made in a period, as the table `list`."""
    open_list(connection, _PREDICTIONS, {"from": from_ms, "until": until_ms})


def counting() -> str:
    """Return the query that counts the table `list`: each bin, and all without one."""
    return _FIGURE
