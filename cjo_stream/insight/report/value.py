"""The report on value: what customers are expected to buy, and for how much."""

from __future__ import annotations

import shlex
from typing import Final

from cjo_stream.insight.figure.purchase import Value, open_value
from cjo_stream.insight.report import word
from cjo_stream.insight.report.asking import Asking
from cjo_stream.insight.report.content import (
    Bar,
    Bars,
    Box,
    Cell,
    Findings,
    Report,
    Section,
    Sentence,
    Table,
)
from cjo_stream.insight.report.customer import retained, satisfied, worth_of_journeys
from cjo_stream.insight.value import Fit

MOST: Final = 20
"""Customers that are named."""
TENTHS: Final = """
SELECT tenth, count(*) AS customers, sum(clv) AS clv
FROM (SELECT clv, ntile(10) OVER (ORDER BY clv DESC, customer_id) AS tenth FROM list
      WHERE clv IS NOT NULL)
GROUP BY tenth
ORDER BY tenth
"""
_MOST: Final = f"""
SELECT customer_id, frequency + 1 AS days, p_alive, expected_purchases, clv
FROM list WHERE clv IS NOT NULL ORDER BY clv DESC, customer_id LIMIT {MOST}
"""


def value(
    asking: Asking,
    on: str,
    attribute: str,
    horizon: str,
    horizon_ms: int,
    score: str | None = None,
) -> Report:
    """Return the report: of the purchases of the period, for the time behind it.

    `score` is TYPE.ATTRIBUTE of a survey; without it nothing is said of satisfaction.
    """
    begin_ms, end_ms = asking.period.begin, asking.end
    found = open_value(asking.connection, on, attribute, begin_ms, end_ms, horizon_ms)
    named = f"value --on {shlex.quote(on)} --value {shlex.quote(attribute)}"
    begin = "" if begin_ms is None else f" --from {begin_ms}"
    command = asking.command(f"{named} --horizon {horizon}{begin} --until {end_ms}", timed=False)
    missing = [
        *asking.missing(),
        *(
            f"{word.many(one.events, 'event')} {on} {one.why.replace('`', '')}"
            for one in found.left
        ),
    ]
    tenths = asking.query(TENTHS)
    bars = [
        Bar(f"tenth {row['tenth']} ({word.many(row['customers'], 'customer')})", row["clv"],
            f"{row['clv']:,.0f}")
        for row in tenths
    ]  # fmt: skip
    return Report(
        title="Value of customers",
        period=asking.period.text,
        as_of=asking.manifest.until,
        missing=missing,
        boxes=boxes(found, horizon),
        sections=[
            Section("What stands out", [Findings(sentences(found, horizon, command))]),
            Section(
                "Who is expected to bring it",
                [
                    Bars(
                        "Expected value by tenths of the customers, the most valuable first",
                        bars,
                        command,
                    ),
                    _most(asking, command),
                ],
            ),
            retained(asking, on),
            worth_of_journeys(asking, on, attribute),
            *([] if score is None else [satisfied(asking, score)]),
            Section("The models", [_fits(found, command)]),
        ],
    )


def boxes(found: Value, horizon: str) -> list[Box]:
    """Return the numbers at the head."""
    within = ""
    if found.clv_limits is not None:
        within = ", {:,.0f} to {:,.0f} (95 %)".format(*found.clv_limits)
    return [
        Box("Customers who bought", f"{found.customers:,}", f"{found.again:,} of them again"),
        Box("Expected purchases", f"{found.expected_purchases:,.0f}", f"in the next {horizon}"),
        Box("Expected value", f"{found.clv:,.0f}", f"in the next {horizon}{within}"),
    ]


def sentences(found: Value, horizon: str, command: str) -> list[Sentence]:
    """Return what the models say, and where they say nothing."""
    bought = f"{word.many(found.customers, 'customer')} bought, {found.again:,} of them again"
    times, worth = f"{found.expected_purchases:,.0f} times", f"{found.clv:,.0f}"
    told = [f"{bought}; in the next {horizon} they are expected to buy {times}, for {worth}."]
    if found.without_value:
        told.append(
            f"{word.many(found.without_value, 'customer')} have no expected value: the purchases "
            "do not say what a mean purchase is worth."
        )
    told += [
        f"{model}: quite other values of {' and '.join(fit.open)} fit these purchases about as "
        "well, so there are no intervals."
        for model, fit in (("BG/NBD", found.purchases), ("Gamma-Gamma", found.spend))
        if fit.open
    ]
    return [Sentence(one, command) for one in told]


def _most(asking: Asking, command: str) -> Table:
    rows: list[list[Cell]] = [
        [row["customer_id"], row["days"], word.share(row["p_alive"]),
         f"{row['expected_purchases']:,.1f}", f"{row['clv']:,.2f}"]
        for row in asking.query(_MOST)
    ]  # fmt: skip
    columns = ["customer", "#days with purchases", "#still a customer", "#expected purchases",
               "#expected value"]  # fmt: skip
    return Table(f"The {MOST} most valuable customers", columns, rows, command,
                 "With --customers FILE, the command writes all of them.")  # fmt: skip


def _fits(found: Value, command: str) -> Table:
    rows: list[list[Cell]] = []
    for model, fit in (("BG/NBD", found.purchases), ("Gamma-Gamma", found.spend)):
        rows += _rows(model, fit)
    columns = ["model", "parameter", "#estimate", "#from", "#to (95 %)"]
    return Table("Parameters", columns, rows, command)


def _rows(model: str, fit: Fit) -> list[list[Cell]]:
    columns = (fit.names, fit.estimates, fit.lows, fit.highs)
    return [
        [model, name, *("" if one is None else f"{one:.6g}" for one in numbers)]
        for name, *numbers in zip(*columns, strict=True)
    ]
