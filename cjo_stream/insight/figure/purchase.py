"""Purchases as the value of customers needs them: from events to one row a customer.

A purchase is a day, in UTC, with events of one type: their values are added. Weeks count from the
day of a customer's first purchase, to that of the last one (recency) and to the last day of the
calibration (age). Values are sorted before they are added, so the order of events is of no matter.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cjo_stream.insight.figure.attribute import Left, open_numbers
from cjo_stream.insight.value import (
    Fit,
    Numbers,
    expected_purchases,
    expected_value,
    factors_of_interval,
    fit_purchases,
    fit_spend,
    probability_alive,
)

WEEK_MS: Final = 604_800_000
_DAY_MS: Final = 86_400_000
_PURCHASES: Final = """
SELECT customer_id, floor("time" / $day_ms)::BIGINT AS day, value
FROM found
WHERE value IS NOT NULL
ORDER BY ALL
"""
_LIST: Final = """
CREATE OR REPLACE TEMP TABLE list AS
SELECT * REPLACE (
    frequency::BIGINT AS frequency,
    CASE WHEN isfinite(expected_value) THEN expected_value END AS expected_value,
    CASE WHEN isfinite(clv) THEN clv END AS clv,
    CASE WHEN isfinite(clv_low) THEN clv_low END AS clv_low,
    CASE WHEN isfinite(clv_high) THEN clv_high END AS clv_high
)
FROM customer
"""


class Value(NamedTuple):
    """What was fitted, and what is expected of all customers."""

    purchases: Fit
    spend: Fit
    left: list[Left]
    customers: int
    again: int
    """Customers with a repeat purchase."""
    expected_purchases: float
    clv: float
    """Of all customers together."""
    clv_limits: tuple[float, float] | None
    """Its 95 % interval; None if the data leave it open."""
    without_value: int
    """Customers of whose purchases no value can be expected."""


def open_value(
    connection: Any, on: str, attribute: str, from_ms: int | None, until_ms: int, horizon_ms: int
) -> Value:
    """Fit the models to the purchases of a period, and make the list of customers: `list`.

    The calibration ends before `until_ms`; what is expected lies in the time behind it. Raises
    UsageError where there is nothing to fit.
    """
    left = open_numbers(connection, on, attribute, from_ms, until_ms)
    found = connection.execute(_PURCHASES, {"day_ms": _DAY_MS}).fetchnumpy()
    last_day = (until_ms - 1) // _DAY_MS
    rows = by_customer(found["customer_id"], found["day"], found["value"], last_day)
    of = rows["frequency"], rows["recency"], rows["age"]
    purchases, spend = fit_purchases(*of), fit_spend(of[0], rows["monetary"])
    rows["p_alive"] = probability_alive(purchases.estimates, *of)
    expected = expected_purchases(purchases.estimates, *of, horizon_ms / WEEK_MS)
    worth = expected_value(spend.estimates, of[0], rows["monetary"])
    clv = expected * worth
    factors, of_total = factors_of_interval(
        (purchases, spend),
        (
            lambda fit: expected_purchases(fit, *of, horizon_ms / WEEK_MS),
            lambda fit: expected_value(fit, of[0], rows["monetary"]),
        ),
    )
    total = float(np.nansum(clv))
    limits = clv / factors, clv * factors
    rows |= {"expected_purchases": expected, "expected_value": worth, "clv": clv}
    rows |= {"clv_low": np.minimum(*limits), "clv_high": np.maximum(*limits)}
    connection.register("customer", rows)
    connection.execute(_LIST)
    connection.unregister("customer")
    return Value(
        purchases=purchases,
        spend=spend,
        left=left,
        customers=purchases.customers,
        again=int((of[0] > 0).sum()),
        expected_purchases=float(expected.sum()),
        clv=total,
        clv_limits=None if np.isnan(of_total) else (total / of_total, total * of_total),
        without_value=int(np.isnan(worth).sum()),
    )


def by_customer(
    customers: NDArray[Any], days: NDArray[np.int64], values: Numbers, last_day: int
) -> dict[str, NDArray[Any]]:
    """Return the columns customer_id, frequency, recency, age and monetary, a row a customer.

    The arrays have a place for each event, ordered by customer and day; days count from any day.
    """
    is_first = np.append(True, customers[1:] != customers[:-1])
    starts = np.flatnonzero(is_first | np.append(True, days[1:] != days[:-1]))
    of_days = np.add.reduceat(values, starts)
    first = np.flatnonzero(is_first[starts])
    bought = days[starts]
    last = np.append(first[1:], starts.size) - 1
    frequency = (last - first).astype(np.float64)
    of_days[first] = 0.0
    return {
        "customer_id": customers[starts[first]],
        "frequency": frequency,
        "recency": (bought[last] - bought[first]) / 7.0,
        "age": (last_day - bought[first]) / 7.0,
        "monetary": np.add.reduceat(of_days, first) / np.maximum(frequency, 1.0),
    }


def parameters(value: Value) -> str:
    """Return the query for the parameters."""
    rows = [
        f"('{name}', {', '.join(map(_double, numbers))})"
        for fit in (value.purchases, value.spend)
        for name, *numbers in zip(fit.names, fit.estimates, fit.lows, fit.highs, strict=True)
    ]
    columns = "parameter, estimate, low, high"
    return f"SELECT * FROM (VALUES {', '.join(rows)}) AS fitted ({columns})"


def _double(number: float | None) -> str:
    return "NULL::DOUBLE" if number is None else f"{number!r}::DOUBLE"
