"""Event types and attributes that definitions name, held against those that `events` declares.

Without `events` anything may come in. Then only attributes of the events that the engine itself
raises are checked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from cjo_stream.core.expression.literal import compared
from cjo_stream.core.program.program import ENGINE_TYPES
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.use import Reading, Types, Uses
from cjo_stream.definition.grammar.item import Item
from cjo_stream.definition.text.report import quoted, unknown

_ENGINE_ATTRIBUTES: Final = frozenset(("journey", "key", "outcome"))
_CONSENT: Final = ("purpose", "channel", "status")
_OUTCOME: Final = ("action_id", "action", "channel", "outcome", "value", "issue", "group")
_RAISED_FIELDS: Final = frozenset(("type", "time"))
_FIELDS: Final = _RAISED_FIELDS | {"id", "channel"}
_LISTED_MAX: Final = 5

Known = Mapping[str, frozenset[str]]
"""Names that `event.NAME` may have, by event type."""


def check_events(uses: Uses, raised: Mapping[str, Collection[str]], context: Context) -> None:
    """Report event types that are not declared, and attributes that no such event has.

    `raised` are the attributes of events that journeys raise, by type.
    """
    known = _known(raised, context)
    is_whole = context.declared.events is not None
    for named in uses.types if is_whole else ():
        if named.name not in known:
            _report(named.item, named.offset, "event type", named.name, known, context)
    for reading in uses.readings:
        if is_whole:
            _check_compared(reading, known, context)
        if is_whole or (reading.types and reading.types <= ENGINE_TYPES):
            _check_reading(reading, known, context)
    for key, types in uses.given if is_whole else ():
        _check(key, 0, key.value, types, known, context)


def _known(raised: Mapping[str, Collection[str]], context: Context) -> Known:
    declared = context.declared
    known = dict.fromkeys(ENGINE_TYPES, _RAISED_FIELDS | _ENGINE_ATTRIBUTES)
    if declared.events is None:
        return known
    known["cjo.profile"] = _FIELDS | declared.facts
    known["cjo.consent"] = _FIELDS.union(_CONSENT)
    known["cjo.outcome"] = _FIELDS.union(_OUTCOME)
    for events in (declared.events, raised):
        for type_, attributes in events.items():
            known[type_] = known.get(type_, _FIELDS).union(attributes)
    return known


def _check_compared(reading: Reading, known: Known, context: Context) -> None:
    """Report the types that an expression compares with that of its event."""
    if (reading.root, "type") in reading.expression.reads:
        for name, column in compared(reading.expression.text, reading.root):
            if name not in known:
                _report(reading.item, column, "event type", name, known, context)


def _check_reading(reading: Reading, known: Known, context: Context) -> None:
    root = reading.root
    for path in sorted(reading.expression.reads):
        if path[0] == root and len(path) > 1:
            offset = _offset(reading.item, root, path[1])
            _check(reading.item, offset, path[1], reading.types, known, context)


def _check(
    item: Item, offset: int, name: str, types: Types, known: Known, context: Context
) -> None:
    """Report a name that no event of some types has; types not known were reported themselves."""
    meant = known.keys() if types is None else types
    if not meant or not meant <= known.keys():
        return
    valid = frozenset[str]().union(*(known[type_] for type_ in meant))
    if name not in valid:
        what = f"attribute of {', '.join(_shown(meant))}" if types else "attribute of any event"
        _report(item, offset, what, name, valid, context)


def _shown(types: Collection[str]) -> Iterator[str]:
    yield from sorted(types)[:_LISTED_MAX]
    if len(types) > _LISTED_MAX:
        yield "…"


def _offset(item: Item, root: str, name: str) -> int:
    """Return where an expression reads a member of its event, in any spelling."""
    member = rf"(?:\.\s*|\[\s*['\"])({re.escape(name)})\b"
    found = re.search(rf"\b{root}\s*(?:\.\s*attributes\s*)?{member}", item.value)
    return found.start(1) if found else 0


def _report(
    item: Item, offset: int, what: str, name: str, valid: Collection[str], context: Context
) -> None:
    code, message, near = unknown(what, name, valid)
    if context.declared.is_sample:
        message = f"the sample has no {what} {quoted(name)}"
        message += f"; the nearest is {quoted(near)}" if near else ""
    context.error_in(item, offset, name, code, message, near)
