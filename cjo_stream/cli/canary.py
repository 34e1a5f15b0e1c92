"""What is said of guarded canaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cjo_stream.cli.terminal import count, moment, say

if TYPE_CHECKING:
    from cjo_stream.installation.answer import Decided

_BECAME: Final = {
    "back": "stopped, nobody enters it any more",
    "hold": "held, its share stays",
    "promote": "promoted, everybody enters it",
}


def side(number: int, value: float | None) -> str:
    """Return the value of one side of a canary, and of how many it is."""
    return f"{value:.4g} of {count(number)}" if value is not None else "nobody yet"


def say_decided(verdicts: Sequence[Decided]) -> None:
    """Print the verdicts of guards: what, when and why."""
    for one in verdicts:
        say(
            f"canary: {one.journey} {one.version}: {_BECAME[one.verdict]}, by its guards at "
            f"{moment(one.time)} UTC"
        )
        inside = side(one.inside.customers, one.inside.value)
        outside = side(one.outside.customers, one.outside.value)
        say(f"  {one.metric}: {inside}; outside {outside}; {_bounds(one)}")


def _bounds(one: Decided) -> str:
    """Return the bounds of the difference, and of the guard, in words."""
    worse = f" (worse_than {one.worse_than * 100:.4g}%)" if one.worse_than is not None else ""
    if one.interval is None:
        return f"too few to compare{worse}"
    low, high = one.interval
    return f"the difference is between {low:.4g} and {high:.4g}{worse}"
