"""`cjo-stream insight attribution`: the figure, and what holdouts measured beside it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cjo_stream.cli.option import read_duration
from cjo_stream.cli.relation import Form
from cjo_stream.cli.terminal import count, note, warn
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.core.program.program import Program
    from cjo_stream.insight.figure.incremental import LeftOut


class By(enum.StrEnum):
    """What a command counts for."""

    CHANNEL = "channel"
    ACTION = "action"
    JOURNEY = "journey"


def attribute(
    connection: Any,
    goal: str,
    by: By,
    spans: tuple[str, str],
    period: Mapping[str, int | None],
    topology: str | None,
    form: Form,
) -> str:
    """Make the list of the figure; return the query of its rows, for a form.

    `spans` are the lookback and the half-life. What contradicts holdouts is said on stderr.
    """
    from cjo_stream.insight.figure.attribution import counting, open_attribution
    from cjo_stream.insight.figure.incremental import BESIDE, open_measured

    lookback, half_life = spans
    lookback_ms, half_life_ms = _span(lookback, "--lookback"), _span(half_life, "--half-life")
    begin, end = period["from"], period["until"]
    shares = {} if topology is None else shares_of(topology)
    open_attribution(connection, goal, by.value, lookback_ms, half_life_ms, begin, end)
    if by is By.ACTION:
        return counting()
    note_left_out(open_measured(connection, goal, by.value, shares, begin, end))
    # Credits are summed once for both.
    connection.execute(f"CREATE OR REPLACE TEMP TABLE credited AS {counting()}")
    _note_contradictions(connection, "FROM credited")
    return BESIDE.format(figure="FROM credited") if form is Form.TABLE else "FROM credited"


def note_left_out(left: LeftOut) -> None:
    """Warn of the journeys whose groups are not comparable; say who of both groups is left out."""
    for one in left.withheld:
        warn_of_sizes(one.journey, (one.treated, one.held_out), (one.share, one.chance))
    for journey, mixed in left.mixed.items():
        note(f"{journey}: of what its holdout measured, {mixed.told}")


def warn_of_sizes(journey: str, sizes: tuple[int, int], test: tuple[float, float]) -> None:
    """Warn that the groups of a holdout are not comparable.

    `sizes`: treated and held out; `test`: the share held out, and the chance of such sizes.
    """
    treated, held_out = sizes
    share, chance = test
    warn(
        f"what the holdout of {journey} measured is withheld: {count(treated)} treated and "
        f"{count(held_out)} held-out customers are no holdout of {share:.2%} (chance "
        f"{chance:.1g}); something loses customers of one group"
    )


def _note_contradictions(connection: Any, figure: str) -> None:
    from cjo_stream.insight.figure.incremental import contradictions

    for one in contradictions(connection, figure):
        found = one.measured
        models = ", ".join(f"{model} ({credit:,.1f})" for model, credit in one.credited.items())
        note(
            f"{one.touch}: holdouts measured {found.value:,.1f} conversions, from "
            f"{found.low:,.1f} to {found.high:,.1f}; these models contradict: {models}"
        )


def shares_of(topology: str) -> dict[str, float]:
    """Return the share that each journey of a topology holds out."""
    from cjo_stream.cli.option import topology_folder
    from cjo_stream.definition import load

    return shares_in(load(topology_folder(topology)).program)


def shares_in(program: Program) -> dict[str, float]:
    """Return the share that each journey of a program holds out."""
    return {name: journey.holdout for name, journey in program.journeys.items()}


def _span(text: str, option: str) -> int:
    span_ms = read_duration(text, option)
    if not span_ms:
        raise UsageError(f"{option} 0: no time at all; write a duration such as 7d")
    return span_ms
