"""What holdouts measured: conversions, or value, that treated customers had because of a journey.

Where a journey holds customers out, what the treated gained a customer, less what the held-out
ones did, times the treated customers. A channel is measured by the journeys that use it,
if all of its commands come from journeys with a holdout that use no other channel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final, NamedTuple

from cjo_stream.insight.estimate import Estimate
from cjo_stream.insight.lift import (
    SIZES_MIN,
    Group,
    Mixed,
    chance_of_sizes,
    compare_rates,
    compare_values,
    gained,
)

_TABLE: Final = (
    "CREATE OR REPLACE TEMP TABLE measured "
    "(touch VARCHAR, measured DOUBLE, low DOUBLE, high DOUBLE)"
)
_CONVERSIONS: Final = """
CREATE OR REPLACE TEMP TABLE gain AS
SELECT customer_id, "time", 1.0::DOUBLE AS value
FROM "transition"
WHERE
    journey = $goal AND reason = 'goal'
    AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)
"""
_VALUES: Final = """
CREATE OR REPLACE TEMP TABLE gain AS
SELECT customer_id, "time", value FROM found WHERE value IS NOT NULL
"""
BESIDE: Final = """
SELECT
    f.*,
    CASE
        WHEN m.touch IS NOT NULL
            THEN format('{{:,.1f}} ({{:,.1f}} to {{:,.1f}})', m.measured, m.low, m.high)
        WHEN f.touch IS DISTINCT FROM '(none)' THEN 'not measured'
    END AS measured,
    CASE WHEN m.measured > 0 THEN f.conversions / m.measured END AS ratio
FROM ({figure}) AS f
LEFT JOIN measured AS m USING (touch)
"""
"""The figure with what holdouts measured, and how many times that it credits."""
_OUTSIDE: Final = """
SELECT touch, m.measured, low, high, list(model), list(f.conversions)
FROM ({figure}) AS f
JOIN measured AS m USING (touch)
WHERE f.conversions NOT BETWEEN low AND high
GROUP BY ALL
ORDER BY touch
"""


class Contradiction(NamedTuple):
    """A touch that models credit with more or fewer conversions than its holdout allows."""

    touch: str
    measured: Estimate
    credited: dict[str, float]
    """By model."""


class Withheld(NamedTuple):
    """A journey whose groups have sizes that its holdout does not explain."""

    journey: str
    treated: int
    held_out: int
    share: float
    chance: float


class LeftOut(NamedTuple):
    """What holdouts have not measured: journeys, and of others the customers of both groups."""

    withheld: list[Withheld]
    mixed: dict[str, Mixed]
    """By journey."""


def open_measured(
    connection: Any,
    goal: str,
    by: str,
    shares: Mapping[str, float],
    from_ms: int | None = None,
    until_ms: int | None = None,
) -> LeftOut:
    """Make the table `measured`: touches, by journey or channel, that holdouts measured.

    `shares`: by journey, the share that is held out, where it is known. Journeys whose groups do
    not have it are not measured.
    """
    connection.execute(_CONVERSIONS, {"goal": goal, "from": from_ms, "until": until_ms})
    of, mixed = groups(connection, until_ms)
    found, withheld = _of_journeys(of, shares)
    if by == "channel":
        found = _of_channels(connection, found)
    _keep(connection, found)
    return LeftOut(withheld, mixed)


def open_measured_value(
    connection: Any, shares: Mapping[str, float], until_ms: int | None = None
) -> LeftOut:
    """Make the table `measured`: by journey, the value that its holdout measured.

    Values are those of the table `found`.
    """
    connection.execute(_VALUES)
    of, mixed = groups(connection, until_ms)
    found, withheld = _of_journeys(of, shares)
    _keep(connection, found)
    return LeftOut(withheld, mixed)


def groups(
    connection: Any, until_ms: int | None = None
) -> tuple[dict[tuple[str, bool], Group], dict[str, Mixed]]:
    """Return the groups by journey and whether they are held out, and what they gained.

    With them, the customers of both groups, by journey.
    """
    text = resources.files(__package__).joinpath("groups.sql").read_text()
    rows = connection.execute(text, {"until": until_ms}).fetchall()
    found: dict[tuple[str, bool], Group] = {}
    mixed: dict[str, Mixed] = {}
    for journey, is_mixed, held_out, *group in rows:
        if not is_mixed:
            found[journey, held_out] = Group(*group)
        elif held_out:
            mixed.setdefault(journey, Mixed()).held_out = group[0]
        else:
            mixed.setdefault(journey, Mixed()).treated = group[0]
    return found, mixed


def _keep(connection: Any, found: Mapping[str, Estimate]) -> None:
    connection.execute(_TABLE)
    values = [(touch, one.value, one.low, one.high) for touch, one in found.items()]
    if values:
        connection.executemany("INSERT INTO measured VALUES (?, ?, ?, ?)", values)


def contradictions(connection: Any, figure: str) -> list[Contradiction]:
    """Return the touches for which models credit what lies outside the measured interval."""
    return [
        Contradiction(touch, Estimate(value, low, high), dict(zip(models, credited, strict=True)))
        for touch, value, low, high, models, credited in connection.execute(
            _OUTSIDE.format(figure=figure)
        ).fetchall()
    ]


def _of_journeys(
    of: Mapping[tuple[str, bool], Group], shares: Mapping[str, float]
) -> tuple[dict[str, Estimate], list[Withheld]]:
    """Return what was measured of each journey of which both groups have customers."""
    found, withheld = {}, []
    for journey in sorted({journey for journey, _ in of}):
        treated = of.get((journey, False), Group())
        held_out = of.get((journey, True), Group())
        share = shares.get(journey, 0.0)
        chance = chance_of_sizes(treated, held_out, share) if share else 1.0
        if chance < SIZES_MIN:
            sizes = (treated.customers, held_out.customers)
            withheld.append(Withheld(journey, *sizes, share, chance))
            continue
        # Newcombe's interval, good for rare goals too, where each who gained has gained 1.
        once = all(one.value == one.squares == one.goals for one in (treated, held_out))
        difference = (compare_rates if once else compare_values)(treated, held_out)
        if difference is not None:
            found[journey] = gained(difference, treated)
    return found, withheld


def _of_channels(connection: Any, journeys: dict[str, Estimate]) -> dict[str, Estimate]:
    """Return the sums over the journeys of each channel whose commands are all theirs alone."""
    uses = connection.execute('SELECT DISTINCT channel, journey FROM "action"').fetchall()
    channels: dict[str | None, set[str]] = {}
    for channel, journey in uses:
        channels.setdefault(journey, set()).add(channel)
    found = {}
    for channel in sorted({channel for channel, _ in uses}):
        of = [journey for used, journey in uses if used == channel]
        if all(one in journeys and len(channels[one]) == 1 for one in of):
            found[channel] = _sum([journeys[one] for one in of])
    return found


def _sum(estimates: list[Estimate]) -> Estimate:
    """Return the sum of independent estimates; the distances to their limits add in squares."""
    value = sum(one.value for one in estimates)
    return Estimate(
        value,
        value - math.hypot(*(one.value - one.low for one in estimates)),
        value + math.hypot(*(one.high - one.value for one in estimates)),
    )
