"""What definitions could not use, at the end of a run: a line a field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cjo_stream.cli.terminal import count, note, numbered, warn
from cjo_stream.core.word import Unread

if TYPE_CHECKING:
    from cjo_stream.embedded.unread import UnreadSummary

FIELDS_MAX: Final = 10


def tell_unread(fields: Sequence[UnreadSummary]) -> None:
    """Print the fields, those of which no value could be used first, as warnings."""
    ordered = sorted(fields, key=lambda one: not _is_warned(one))
    for one in ordered[:FIELDS_MAX]:
        (warn if _is_warned(one) else note)(sentence(one))
    if len(ordered) > FIELDS_MAX:
        more = numbered(len(ordered) - FIELDS_MAX, "more field")
        note(f"{more} had values that could not be used: see `unread` in summary.json")


def _is_warned(one: UnreadSummary) -> bool:
    return one.is_every or one.reason is Unread.SECONDS


def sentence(one: UnreadSummary) -> str:
    """Return what happened to a field's values, where, and what to write."""
    where = f", first in {one.file}, line {count(one.line or 0)}" if one.file else ""
    if one.reason is Unread.SECONDS:
        is_row = one.field.startswith(("row.", "item."))
        cure = f"timestamp({one.field if is_row else 'row.NAME'}, 's')"
        return (
            f"{one.definition}: {numbered(one.values, 'value')} of {one.field} can only be "
            f"seconds, and counted as ms, in the year 1970{where}. Send ms, or write `{cure}` in "
            "the channel's `map`"
        )
    how_many = "no value" if one.is_every else numbered(one.values, "value")
    verb = "could" if one.is_every else "could not"
    times = f" ({numbered(one.values, 'value')})" if one.is_every else ""
    said = f"{one.definition}: {how_many} of {one.field} {verb} be used{times}{where}"
    if one.reason is Unread.VALUE:
        return f"{said}: it is no number, time or duration as the expression wants it"
    return (
        f"{said}: it has the wrong type. float(x) makes a number of a text, in a channel's "
        "`map` or in the expression"
    )
