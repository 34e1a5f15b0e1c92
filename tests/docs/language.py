"""The tables of the language: expressions and documents."""

from __future__ import annotations

import ast
import inspect
import itertools
from typing import Any, Final

from cjo_stream.core.decision.gate import GATES
from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Names, Place, Scope, compile_expression
from cjo_stream.core.expression.function import FUNCTIONS
from cjo_stream.core.word import ActionClass, TraitKind
from cjo_stream.definition import code as definition_code
from cjo_stream.definition.grammar import case, compound, scalar
from cjo_stream.definition.grammar.item import Shape
from tests.docs import word
from tests.docs.table import code, meanings, table


class _Ada:
    """A customer for the examples."""

    zone = "Europe/Berlin"

    def get(self, name: str) -> Any:
        return MISSING

    def identifiers(self, type_: str) -> list[str]:
        return []

    def consented(self, purpose: str, channel: str) -> bool:
        return True


NOW_MS: Final = 1_772_447_400_000
"""2026-03-02 10:30 UTC, a Monday."""


def functions() -> str:
    names = Names(frozenset({"debt"}), frozenset(), None)
    rows = []
    for name, (form, about, example) in meanings(FUNCTIONS, word.FUNCTIONS, "FUNCTIONS"):
        scope = Scope(NOW_MS, _Ada())
        scope.event = Event("page_view", NOW_MS, {"params": [{"key": "page", "value": "/home"}]})
        value = compile_expression(example, Place.JOURNEY, names, "docs").evaluate(scope)
        assert value is not MISSING, name
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        rows.append((code(form), about, f"{code(example)} is {code(shown)}"))
    return table(("function", "value", "example"), rows)


def syntax() -> str:
    names = Names(frozenset({"tier", "products"}), frozenset({"email"}), frozenset({"sent"}))
    for _, examples in word.SYNTAX:
        for example in examples:
            compile_expression(example, Place.JOURNEY, names, "docs")
    rows = ((form, " ".join(map(code, examples))) for form, examples in word.SYNTAX)
    return table(("form", "examples"), rows)


def places() -> str:
    rows = []
    for name, text in meanings((place.name for place in Place), word.PLACES, "PLACES"):
        names = sorted(Place[name].value)
        rows.append((text, " ".join(map(code, names))))
    return table(("where", "names"), rows)


def _form(shape: Shape) -> str:
    """Return what may stand at a place, in a few words."""
    if isinstance(shape, compound.Many):
        inner = _form(shape.of)
        return f"{inner}, or a list of such"
    if isinstance(shape, case.OrNull):
        return f"{_form(shape.of)}; or null"
    if isinstance(shape, compound.MapOf):
        return f"mapping of {_form(shape.key)} to {_form(shape.of)}"
    if isinstance(shape, compound.ScalarOr):
        return f"{_form(shape.scalar)}, or a mapping"
    if isinstance(shape, compound.Record):
        short = f"{_form(shape.fields[shape.short].of)}, or " if shape.short else ""
        return f"{short}{shape.subject}"
    if isinstance(shape, scalar.Choice):
        return ", ".join(map(code, shape.words))
    if isinstance(shape, scalar.DurationOr):
        return f"a duration, or {', '.join(map(code, shape.words))}"
    if isinstance(shape, scalar.Formula):
        return "a condition" if shape.is_condition else "an expression"
    if isinstance(shape, scalar.Number):
        return "a whole number" if shape.is_whole else "a number"
    if isinstance(shape, scalar.Text):
        return shape.wanted
    return {
        scalar.Flag: "`true` or `false`",
        scalar.Duration: "a duration",
        scalar.Share: "a share",
        scalar.Loose: "text or a number",
        scalar.Anything: "any value",
        case.Moment: "a time",
        case.Advance: "a duration, or a time",
    }[type(shape)]


def _inner(shape: Shape) -> compound.Record | None:
    """Return the record that stands somewhere within a shape, if any."""
    if isinstance(shape, compound.Record):
        return shape
    if isinstance(shape, compound.Many | compound.MapOf | case.OrNull):
        return _inner(shape.of)
    if isinstance(shape, compound.ScalarOr):
        return _inner(shape.mapping)
    return None


def document(first: compound.Record) -> str:
    """Return a table for each record of a document, the document itself first."""
    seen: list[compound.Record] = []
    waiting = [first]
    while waiting:
        record = waiting.pop(0)
        if any(record.fields == other.fields for other in seen):
            continue
        seen.append(record)
        inner = [one for row in record.fields.values() if (one := _inner(row.of))]
        waiting = inner + waiting
    drawn = []
    for record in seen:
        rows = (
            (code(name) + (" (required)" if row.is_required else ""), _form(row.of), row.about)
            for name, row in record.fields.items()
        )
        drawn.append(
            f"**{record.subject[:1].upper()}{record.subject[1:]}**\n\n"
            + table(("key", "value", "meaning"), rows)
        )
    return "\n".join(drawn)


def traits() -> str:
    rows = [
        (code(name), text, before)
        for name, (text, before) in meanings(TraitKind, word.TRAITS, "TRAITS")
    ]
    return table(("kind", "value", "before the first event"), rows)


def gates() -> str:
    texts = dict(meanings((gate.name for gate in GATES), word.GATES, "GATES"))
    rows = []
    for gate in GATES:
        classes = [code(one) for one in ActionClass if one in gate.classes]
        asked = "all" if len(classes) == len(ActionClass) else ", ".join(classes)
        rows.append((code(gate.name), texts[gate.name], asked))
    return table(("gate", "it stops a candidate if", "classes"), rows)


def diagnostics() -> str:
    """Return a section for each code, with the text below it in the source."""
    (body,) = (
        one.body
        for one in ast.parse(inspect.getsource(definition_code)).body
        if isinstance(one, ast.ClassDef)
    )
    sections = []
    for row, text in itertools.pairwise(body):
        if isinstance(row, ast.Assign) and isinstance(row.targets[0], ast.Name):
            found = definition_code.Code[row.targets[0].id]
            assert isinstance(text, ast.Expr), found
            assert isinstance(text.value, ast.Constant), found
            about = " ".join(str(text.value.value).split())
            sections.append(f"## {found}\n\n**{found.title}.** {about}\n")
    assert len(sections) == len(definition_code.Code)
    return "\n".join(sections)
