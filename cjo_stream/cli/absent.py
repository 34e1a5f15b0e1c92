"""Columns that a `map` reads and no row has, at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cjo_stream.cli.terminal import note, numbered, warn

if TYPE_CHECKING:
    from cjo_stream.embedded.absent import AbsentSummary

LINES_MAX: Final = 10
_CHARACTERS_MAX: Final = 60


def tell_absent(found: Sequence[AbsentSummary]) -> None:
    """Print a line a column: as a warning, unless it is optional or a mere attribute."""
    for one in found[:LINES_MAX]:
        is_attribute = one.part.startswith("attributes.")
        is_mere = one.optional or (is_attribute and not one.is_misspelt)
        (note if is_mere else warn)(f"{sentence(one)}. {cure(one)}")
    if len(found) > LINES_MAX:
        more = numbered(len(found) - LINES_MAX, "more column")
        note(f"{more} that no row has: see `absent` in summary.json")


def sentence(one: AbsentSummary) -> str:
    """Return which column is missing, and what reads it."""
    return (
        f"channel.{one.channel}: no row has the column `{_cut(one.column)}`, which `{one.part}` "
        "of the `map` reads"
    )


def cure(one: AbsentSummary) -> str:
    """Return what to do: the column that is likely meant, or else those that there are."""
    if one.near is not None:
        return f"Did you mean `{_cut(one.near)}`?"
    return f"The rows have {', '.join(f'`{_cut(name)}`' for name in one.columns)}"


def _cut(name: str) -> str:
    return name if len(name) <= _CHARACTERS_MAX else f"{name[:_CHARACTERS_MAX]}…"
