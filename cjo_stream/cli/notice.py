"""What was not as it was meant, at the end of a run: a line a kind, with an example's place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from cjo_stream.cli.absent import tell_absent
from cjo_stream.cli.terminal import count, note, numbered
from cjo_stream.cli.unread import tell_unread
from cjo_stream.core.word import Ignored, Skipped

if TYPE_CHECKING:
    from cjo_stream.embedded.notice import IgnoredSummary
    from cjo_stream.embedded.refused import RefusedSummary
    from cjo_stream.embedded.run import Summary

LINES_MAX: Final = 20
_Row = TypeVar("_Row")

_NAMES_NOBODY: Final = {
    Ignored.UNDECLARED: "the topology has no identifier of that type",
    Ignored.BLOCKED: "a placeholder, or a value of `blocked`",
    Ignored.UNUSABLE: "no such address or number, or too long",
    Ignored.AMBIGUOUS: "may stand for more than one: write phone numbers with + and the country "
    "code, numbers above 2^53 as text",
}
_SKIPPED: Final = {
    Skipped.TOMBSTONE: "tombstones, which follow a delete",
    Skipped.HEARTBEAT: "heartbeats",
    Skipped.TRANSACTION: "beginnings and ends of transactions",
    Skipped.SCHEMA_CHANGE: "changes of the schema",
    Skipped.MESSAGE: "logical messages, which change no row",
}
_FACTS: Final = {
    "unknown": "not declared in `facts`",
    "type": "not of the declared type",
    "timezone": "no time zone; write an IANA name such as Europe/Berlin",
}
_CONSENT: Final = {
    "unusable": "no statement, or no room for more",
    "unasked": "neither the policy's `consent` nor an expression asks for the purpose",
}


def tell_notices(summary: Summary) -> None:
    """Print what definitions could not use, what was ignored, and what was refused.

    Type errors are among the first, by field.
    """
    if summary.events or summary.repeated:  # else the likely cause names the columns
        tell_absent(summary.absent or ())
    tell_unread(summary.unread)
    tell_ignored(summary.ignored)
    _tell(summary.refused, _refused, "cause", "refused")


def tell_ignored(rows: Sequence[IgnoredSummary]) -> None:
    """Print what had no effect."""
    _tell(rows, _ignored, "kind", "ignored")


def _tell(rows: Sequence[_Row], text: Callable[[_Row], str], noun: str, field: str) -> None:
    for row in rows[:LINES_MAX]:
        note(text(row))
    if len(rows) > LINES_MAX:
        more = numbered(len(rows) - LINES_MAX, f"more {noun}")
        note(f"{more}: see `{field}` in summary.json")


def _ignored(one: IgnoredSummary) -> str:
    where = place(one.file, one.line)
    times = one.times
    if one.what == "identifier":
        why = _NAMES_NOBODY[Ignored(one.reason)]
        of = f"`{one.name}`" if one.name else "types of odd names"
        return (
            f"identifiers: {numbered(times, 'value')} of {of} ignored, {one.reason}{where}: {why}"
        )
    if one.what == "fact":
        of = f"`{one.name}`" if one.name else "other names"
        return f"facts: {numbered(times, 'value')} of {of} ignored{where}: {_FACTS[one.reason]}"
    if one.what == "consent":
        if one.reason in ("attribute", "map"):
            of = f"{numbered(times, 'statement')} for every channel, without `channel`"
            why = f"`{one.name}` is not read" if one.name else "its `map` gave none"
            return f"consent: {of}{where}: {why}"
        of = f"{numbered(times, 'statement')} without effect"
        return f"consent: {of}{where}: {_CONSENT[one.reason]}"
    if one.what == "event":
        return (
            f"events of {one.name or 'no channel'}: {count(times)} from before an erasure{where}"
        )
    if one.what == "field":
        return _fields(one, where)
    if one.what == "record":
        return (
            f"channel.{one.name}: {numbered(times, 'record')} skipped{where}: "
            f"{_SKIPPED[Skipped(one.reason)]}"
        )
    if one.what == "measure":
        of = f"{numbered(times, 'event')} without a number, or with one beyond 1e15"
        return f"measure.{one.name}: {of}{where}"
    if one.what == "case":
        return f"service.{one.name}: {numbered(times, 'event')} without the `key` of a case{where}"
    if one.what == "entry":
        return f"journey.{one.name}: {count(times)} refused at the entry, no room{where}"
    return f"bound `{one.name}` reached {numbered(times, 'time')}{where}: see docs/limits.md"


def _fields(one: IgnoredSummary, where: str) -> str:
    names = one.name.split(", ") if one.name else []
    shown = ", ".join(name if name == "…" else f"`{name}`" for name in names) or "odd names"
    said = f"events: {numbered(one.times, 'event')} with fields that are not read, {shown}{where}"
    near = field_meant(one)
    return f"{said}: {near}" if near else f"{said}. Attributes are read from `attributes`"


def field_meant(one: IgnoredSummary) -> str:
    """Return which fields are likely meant by those that are not read; empty: none."""
    from cjo_stream.ingest.field import MISSPELT
    from cjo_stream.ingest.format.native import meant

    if one.what != "field" or one.reason != MISSPELT:
        return ""
    fields = dict.fromkeys(field for name in one.name.split(", ") if (field := meant(name)))
    return f"did you mean {' and '.join(f'`{field}`' for field in fields)}?" if fields else ""


def _refused(one: RefusedSummary) -> str:
    return (
        f"refused: {numbered(one.records, 'record')} {one.reason}: "
        f"{one.detail or 'other causes'}{place(one.file, one.line)}"
    )


def place(file: str | None, line: int | None) -> str:
    """Return where an example stands."""
    return f", first in {file}, line {count(line or 0)}" if file else ""
