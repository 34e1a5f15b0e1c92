"""Purchases as the value of customers needs them: from events to one row a customer.

A purchase is a day, in UTC, with events of one type: their values are added. Weeks count from the
day of a customer's first purchase, to that of the last one (recency) and to the last day of the
calibration (age). Values are sorted before they are added, so the order of events is of no matter.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cjo_stream.errors import UsageError
from cjo_stream.insight.value import (
    Fit,
    Numbers,
    expected_purchases,
    expected_value,
    fit_purchases,
    fit_spend,
    probability_alive,
)

WEEK_MS: Final = 604_800_000
_DAY_MS: Final = 86_400_000
_FOUND: Final = """
CREATE OR REPLACE TEMP TABLE found AS
SELECT
    customer_id,
    floor("time" / $day_ms)::BIGINT AS day,
    json_type(attributes, $pointer) AS kind,
    CASE WHEN customer_id IS NOT NULL AND kind IN ('BIGINT', 'UBIGINT', 'DOUBLE')
        THEN json_extract(attributes, $pointer)::DOUBLE
    END AS value,
    "time",
    lane,
    position,
    id
FROM "event"
WHERE "type" = $on AND ($from IS NULL OR "time" >= $from) AND "time" < $until
"""
_LEFT: Final = """
SELECT
    CASE
        WHEN customer_id IS NULL THEN 'without an identifier'
        WHEN coalesce(kind, 'NULL') = 'NULL' THEN 'without `' || $attribute || '`'
        WHEN kind = 'VARCHAR' THEN 'with a text at `' || $attribute || '`'
        ELSE 'with no number at `' || $attribute || '`'
    END AS why,
    count(*),
    first(coalesce(id, lane || ', row ' || position) ORDER BY "time", lane, position)
FROM found
WHERE value IS NULL
GROUP BY why
ORDER BY why
"""
_PURCHASES: Final = (
    "SELECT customer_id, day, value FROM found WHERE value IS NOT NULL ORDER BY ALL"
)
_LIST: Final = """
CREATE OR REPLACE TEMP TABLE list AS
SELECT * REPLACE (
    frequency::BIGINT AS frequency,
    CASE WHEN isfinite(expected_value) THEN expected_value END AS expected_value,
    CASE WHEN isfinite(clv) THEN clv END AS clv
)
FROM customer
"""


class Left(NamedTuple):
    """Events of the type that are no purchases."""

    why: str
    events: int
    example: str
    """The first of them: its id, or its place in the files."""


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
    without_value: int
    """Customers of whose purchases no value can be expected."""


def open_value(
    connection: Any, on: str, attribute: str, from_ms: int | None, until_ms: int, horizon_ms: int
) -> Value:
    """Fit the models to the purchases of a period, and make the list of customers: `list`.

    The calibration ends before `until_ms`; what is expected lies in the time behind it. Raises
    UsageError where there is nothing to fit.
    """
    pointer = "".join(
        "/" + name.replace("~", "~0").replace("/", "~1") for name in attribute.split(".")
    )
    connection.execute(
        _FOUND,
        {"day_ms": _DAY_MS, "pointer": pointer, "on": on, "from": from_ms, "until": until_ms},
    )
    left = [Left(*row) for row in connection.execute(_LEFT, {"attribute": attribute}).fetchall()]
    found = connection.execute(_PURCHASES).fetchnumpy()
    if not found["value"].size:
        raise _nothing(connection, on, attribute, left)
    last_day = (until_ms - 1) // _DAY_MS
    rows = by_customer(found["customer_id"], found["day"], found["value"], last_day)
    of = rows["frequency"], rows["recency"], rows["age"]
    purchases, spend = fit_purchases(*of), fit_spend(of[0], rows["monetary"])
    rows["p_alive"] = probability_alive(purchases.estimates, *of)
    expected = expected_purchases(purchases.estimates, *of, horizon_ms / WEEK_MS)
    worth = expected_value(spend.estimates, of[0], rows["monetary"])
    rows |= {"expected_purchases": expected, "expected_value": worth, "clv": expected * worth}
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
        clv=float(np.nansum(rows["clv"])),
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
        f"('{name}', {estimate!r}::DOUBLE)"
        for fit in (value.purchases, value.spend)
        for name, estimate in zip(fit.names, fit.estimates, strict=True)
    ]
    return f"SELECT * FROM (VALUES {', '.join(rows)}) AS fitted (parameter, estimate)"


def _nothing(connection: Any, on: str, attribute: str, left: Sequence[Left]) -> UsageError:
    """Return the error for a period without a purchase."""
    if left:
        names = _names(
            connection,
            'SELECT DISTINCT unnest(json_keys(attributes)) FROM event WHERE "type" = $on',
            {"on": on},
        )
        why = " and ".join(f"{one.events:,} {one.why}" for one in left)
        has = f"they have {', '.join(names)}" if names else "they have no attributes"
        return UsageError(
            f"of the events `{on}` there are only {why}: {_near(attribute, names)}{has}; float(…) "
            "in the `map` of a channel makes a number of a text"
        )
    types = _names(connection, 'SELECT DISTINCT "type" FROM event', {})
    if not types:
        return UsageError(
            "the layer holds no events: add them with `cjo-stream insight sink RUN --events FILE`"
        )
    if on not in types:
        return UsageError(
            f"no event is of type `{on}`: {_near(on, types)}there are {', '.join(types)}"
        )
    return UsageError(f"no event `{on}` lies in the period: change --from or --until")


def _names(connection: Any, query: str, values: dict[str, Any]) -> list[str]:
    return sorted(name for (name,) in connection.execute(query, values).fetchall())


def _near(name: str, names: Sequence[str]) -> str:
    near = [] if name in names else difflib.get_close_matches(name, names, 1)
    return f"did you mean {near[0]}? " if near else ""
