"""Expressions that must give a number, and provably never do."""

from __future__ import annotations

import ast

from cjo_stream.core.expression import Expression, Scope
from cjo_stream.core.expression.parser import parse
from cjo_stream.core.program.topology import Fact
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Item

_NUMERIC_FACTS = frozenset(("number", "time"))
_TEXT_FUNCTIONS = frozenset(("lower", "upper", "slug", "str", "weekday", "date"))
_YES_OR_NO_FUNCTIONS = frozenset(("has", "contains", "starts_with", "consented"))
_OTHER_FIELDS = frozenset(("id", "identifiers", "last_channel"))


def check_number(
    item: Item, expression: Expression, context: Context, least: float, most: float, wanted: str
) -> None:
    """Report an expression that provably never gives the wanted number."""
    if expression.is_constant:
        value = expression.evaluate(Scope(now=0))
        is_wrong = type(value) not in (int, float) or not least <= value <= most
    else:
        is_wrong = is_never_a_number(expression.text, context.facts)
    if is_wrong:
        context.report.error(
            item.node, Code.VALUE, f"must be {wanted}, or an expression that gives one"
        )


def is_never_a_number(text: str, facts: dict[str, Fact]) -> bool:
    """Return whether an expression, which compiles, never gives a number.

    >>> is_never_a_number("event.total > 5", {}), is_never_a_number("event.total * 5", {})
    (True, False)
    """
    return _is_other(parse(text), facts)


def _is_other(node: ast.expr, facts: dict[str, Fact]) -> bool:
    if isinstance(node, ast.Compare | ast.List):
        return True
    if isinstance(node, ast.Constant):
        return type(node.value) not in (int, float)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not)
    if isinstance(node, ast.BoolOp):
        return all(_is_other(value, facts) for value in node.values)
    if isinstance(node, ast.IfExp):
        return _is_other(node.body, facts) and _is_other(node.orelse, facts)
    if isinstance(node, ast.BinOp):
        return _is_other(node.left, facts) or _is_other(node.right, facts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in _TEXT_FUNCTIONS | _YES_OR_NO_FUNCTIONS
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id == "profile" and _is_other_field(node.attr, facts)
    return False


def _is_other_field(name: str, facts: dict[str, Fact]) -> bool:
    fact = facts.get(name)
    return fact.type not in _NUMERIC_FACTS if fact is not None else name in _OTHER_FIELDS
