"""What a document says, apart from how it is written."""

from __future__ import annotations

from collections.abc import Iterator

from cjo_stream.definition.grammar.compound import Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.item import Shape
from cjo_stream.definition.grammar.meant import DEFAULTS, EMPTY_IS_ABSENT, ORDERED, UNORDERED
from cjo_stream.definition.section import KINDS

_BY_OTHERS = {
    ("a channel's in", "topic"),
    ("a channel's out", "topic"),
    ("an identifier", "of"),
    ("a cap", "name"),
}
"""Defaults that depend on other parts: `meaning` fills them in."""
_NO_BOUND = (
    "all",
    "ever",
    "every",
    "none",
    "the",
    "they",
    "while",
    "Unicode's",
    "never",
    "now",
    "those",
)
"""How a default begins that means: without this field nothing is narrowed, or done."""


def records(shape: Shape, seen: set[str]) -> Iterator[Record]:
    """Yield all records of a form, each subject once."""
    if isinstance(shape, Record):
        if shape.subject not in seen:
            seen.add(shape.subject)
            yield shape
            for row in shape.fields.values():
                yield from records(row.of, seen)
    elif isinstance(shape, Many | MapOf):
        yield from records(shape.of, seen)
    elif isinstance(shape, ScalarOr):
        yield from records(shape.scalar, seen)
        yield from records(shape.mapping, seen)


def test_each_default_that_the_grammar_tells_is_filled_in() -> None:
    seen: set[str] = set()
    rows = {
        (record.subject, name): field.about
        for form in KINDS.values()
        for record in records(form, seen)
        for name, field in record.fields.items()
    }
    told = {
        row
        for row, about in rows.items()
        if "Default: " in about and not about.split("Default: ")[1].startswith(_NO_BOUND)
    }
    assert told - _BY_OTHERS <= DEFAULTS.keys()
    assert DEFAULTS.keys() | ORDERED | UNORDERED | EMPTY_IS_ABSENT <= rows.keys()
