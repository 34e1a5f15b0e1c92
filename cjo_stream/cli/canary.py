"""What is said of guarded canaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cjo_stream.cli.terminal import count, moment, say

if TYPE_CHECKING:
    from cjo_stream.installation.answer import Decided

_NOW: Final = {
    "back": "nobody enters it any more",
    "hold": "its share stays",
    "promote": "everybody enters it",
}
_BECAME: Final = {"back": "taken back", "hold": "held", "promote": "promoted"}
_AT_THE_END: Final = "at the end of its time"


def became(verdict: str) -> str:
    """Return a verdict in words; only `back` may also be a guard's."""
    return _BECAME[verdict] if verdict == "back" else f"{_BECAME[verdict]} {_AT_THE_END}"


def side(number: int, value: float | None) -> str:
    """Return the value of one side of a canary, and of how many it is."""
    return f"{value:.4g} of {count(number)}" if value is not None else "nobody yet"


def say_decided(verdicts: Sequence[Decided]) -> None:
    """Print the verdicts of guards: what, when and why."""
    for one in verdicts:
        why = f"by its guard on {one.metric}" if one.has_tripped else _AT_THE_END
        say(
            f"canary: {one.journey} {one.version}: {_BECAME[one.verdict]} {why}, "
            f"{moment(one.time)} UTC; {_NOW[one.verdict]}"
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
