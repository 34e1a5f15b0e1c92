"""Facts, and the values that their types accept."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.expression.zone import read_timestamp
from cjo_stream.core.program.topology import Fact, slot
from cjo_stream.core.word import FactType
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Pair
from cjo_stream.definition.text.report import Report

_TYPES: dict[FactType, tuple[type, ...]] = {
    FactType.STRING: (str,),
    FactType.NUMBER: (int, float),
    FactType.BOOLEAN: (bool,),
    FactType.TIME: (int, str),
    FactType.LIST: (list,),
}
_WANTED = {FactType.TIME: "RFC 3339 text, or ms since the epoch"}


def build_fact(pair: Pair, era: int, report: Report) -> Fact:
    """Return a declared fact; report a default that does not fit its type."""
    fields: Fields = pair.value
    name, type_ = pair.key.value, fields.value("type", FactType.STRING)
    default = fields.get("default")
    if default is None or fields.get("type") is None:
        return Fact(name=name, type=type_, slot=slot(name, era))
    value = fit(type_, default.value)
    if value is None:
        wanted = _WANTED.get(type_, f"a {type_}")
        report.error(default.node, Code.TYPE, f"the default of a {type_} fact must be {wanted}")
    return Fact(name=name, type=type_, default=value, slot=slot(name, era))


def fit(type_: FactType, value: Any) -> Any:
    """Return `value` as a fact of this type keeps it (a time in ms), or None if it does not fit.

    >>> fit(FactType.TIME, "2026-03-01T00:00:00Z")
    1772323200000
    """
    if type(value) not in _TYPES[type_]:
        return None
    if type_ == FactType.TIME and isinstance(value, str):
        return read_timestamp(value)
    return value
