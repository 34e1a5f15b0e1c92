"""What events had that the topology's `events` does not declare, at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cjo_stream.cli.terminal import count, note, numbered
from cjo_stream.core.word import Undeclared

if TYPE_CHECKING:
    from cjo_stream.embedded.undeclared import UndeclaredSummary

LINES_MAX: Final = 10


def tell_undeclared(found: Sequence[UndeclaredSummary], topology: str) -> None:
    """Print a line a kind, and the command that names all of it."""
    for one in found[:LINES_MAX]:
        note(sentence(one))
    if len(found) > LINES_MAX:
        more = numbered(len(found) - LINES_MAX, "more kind")
        note(f"{more} of what is not declared: see `undeclared` in summary.json")
    if any(one.reason is not Undeclared.VALUE for one in found):
        note(f"`cjo-stream validate {topology} --events FILE` names what is not declared")


def sentence(one: UndeclaredSummary) -> str:
    """Return what was not declared, and where."""
    if one.reason is Undeclared.TYPE:
        what = f"{numbered(one.times, 'event')} of a type that `events` does not declare"
    elif one.reason is Undeclared.ATTRIBUTE:
        what = f"{numbered(one.times, 'attribute')} of {one.event} that `events` does not declare"
    else:
        what = (
            f"{numbered(one.times, 'value')} of {one.event}.{one.attribute} of another type than "
            "`events` declares"
        )
    where = f"first in {one.file}, line {count(one.line)}"
    return f"channel {one.channel or '(none)'}: {what}, {where}"
