"""Event types and attributes that definitions name, held against those that `events` declares.

Without `events` anything may come in. Then only types that begin with `cjo.` are checked, which
are the engine's own, and attributes of the events that it raises itself; what surely misspells
another of its words is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from cjo_stream.core.expression.literal import compared, results
from cjo_stream.core.likeness import surely
from cjo_stream.core.profile.consent import EVERY_CHANNEL, EVERYWHERE
from cjo_stream.core.program.program import ENGINE_TYPES
from cjo_stream.core.vocabulary import BUILT_IN, OWN, status_of, word_of
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.kind import built_in_words
from cjo_stream.definition.build.use import Given, Named, Reading, Types, Uses
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Item
from cjo_stream.definition.text.report import quoted, unknown

_ENGINE_ATTRIBUTES: Final = frozenset(("journey", "key", "outcome"))
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
    for named in _types(uses):
        if named.name in known:
            continue
        if named.name.startswith(OWN):
            finding = unknown("event type", named.name, known)
            context.refuse(named.item, named.offset, named.name, *finding)
        elif is_whole:
            _report(named.item, named.offset, "event type", named.name, known, context)
        elif near := _raised_type(named.name):
            _warn(named.item, "event type", named.name, near, context)
    for reading in uses.readings:
        if is_whole or (reading.types and reading.types <= ENGINE_TYPES):
            _check_reading(reading, known, context)
        elif reading.types:
            _warn_of_reading(reading, context)
    for given in uses.given:
        pair, expression, types, _ = given
        key = pair.key
        if is_whole:
            _check(key, 0, key.value, types, known, context)
        elif types:
            _warn_of(key, key.value, types, context)
        if expression is not None and types is not None:
            _check_words(given, types, context)


def _check_words(given: Given, types: frozenset[str], context: Context) -> None:
    """Report fixed texts that no record can be right with, such as an `outcome` of none.

    The channel of an outcome that names its command by `action_id` is not read.
    """
    pair, name = given.pair, given.pair.key.value
    words = built_in_words(name, types, context)
    is_open = name == "action" or (
        name == "channel" and ("action_id" in given.names or not context.declared.is_known)
    )
    if words is None or is_open or not isinstance(pair.value, str):
        return
    is_consent = types == {"cjo.consent"}
    for written, offset in results(pair.value):
        if (_consent_word(name, written) if is_consent else written) not in words:
            context.refuse(pair, offset, written, *unknown(name, written, words))


def _consent_word(name: str, written: str) -> str | None:
    """Return what a sender's word for the status or the channel of a consent stands for."""
    if name == "status":
        return status_of(written)
    word = word_of(written)
    return EVERYWHERE if word in EVERY_CHANNEL else word


def _types(uses: Uses) -> Iterator[Named]:
    """Yield the event types that are named, and those that an expression compares."""
    yield from uses.types
    for reading in uses.readings:
        if (reading.root, "type") in reading.expression.reads:
            for name, column in compared(reading.expression.text, reading.root):
                yield Named(reading.item, name, column)


def _raised_type(name: str) -> str | None:
    """Return the type of the engine's events that a name surely misspells."""
    kind, _, what = name.partition(".")
    near = surely(what, sorted(type_.partition(".")[2] for type_ in ENGINE_TYPES))
    return f"{kind}.{near}" if kind == "journey" and near is not None else None


def _known(raised: Mapping[str, Collection[str]], context: Context) -> Known:
    """Return what is known; without `events`, all other types may come in, too.

    A stored set may declare types of the engine's own, as earlier releases took them.
    """
    declared = context.declared
    known = dict.fromkeys(ENGINE_TYPES, _RAISED_FIELDS | _ENGINE_ATTRIBUTES)
    known |= {type_: _FIELDS.union(of) for type_, of in BUILT_IN.items()}
    known["cjo.profile"] |= declared.facts
    for events in (declared.events or {}, raised):
        for type_, attributes in events.items():
            is_free = events is raised or context.is_stored or not type_.startswith(OWN)
            if is_free or type_ in known:
                known[type_] = known.get(type_, _FIELDS).union(attributes)
    return known


def _warn_of_reading(reading: Reading, context: Context) -> None:
    for path in sorted(reading.expression.reads):
        if path[0] == reading.root and len(path) > 1:
            _warn_of(reading.item, path[1], reading.types, context)


def _warn_of(item: Item, name: str, types: Types, context: Context) -> None:
    """Warn of a name that surely misspells an attribute of a type of built-in meaning."""
    if types is None or not types <= BUILT_IN.keys() - {"cjo.profile"}:
        return
    words = _FIELDS.union(*(BUILT_IN[type_] for type_ in types))
    near = None if name in words else surely(name, sorted(words))
    if near is not None:
        _warn(item, f"attribute of {', '.join(sorted(types))}", name, near, context)


def _warn(item: Item, what: str, name: str, near: str, context: Context) -> None:
    message = f"unknown {what} {quoted(name)}; did you mean {quoted(near)}?"
    context.report.warn(item.node, Code.UNKNOWN, message)


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
