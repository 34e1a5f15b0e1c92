"""Warnings of comparisons with what a term never is: an unknown word, a value of another type."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cjo_stream.core.expression.parser import parse
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.kind import BOOLEAN, LIST, NUMBER, OBJECT, TEXT, Kind, Known
from cjo_stream.definition.build.use import Types, Uses
from cjo_stream.definition.code import Code
from cjo_stream.definition.text.report import quoted, unknown

_NAMES: Final = {str: TEXT, int: NUMBER, float: NUMBER, bool: BOOLEAN}
_BOOLEANS: Final = {"true": True, "false": False}
_WHOLES: Final = frozenset((TEXT, LIST, OBJECT))
"""What has a length, and may contain something."""
_OF_WHOLES: Final = frozenset(("len", "contains"))

Finding = tuple[Code, str, str]
"""Code, message, and what may stand instead."""


def warn_of_comparisons(uses: Uses, known: Known, context: Context) -> None:
    """Warn of the comparisons of all expressions."""
    types: dict[int, dict[str, Types]] = {}
    for item, _, root, of in uses.readings:
        roots = types.setdefault(id(item), {})
        before = roots.get(root, frozenset())
        roots[root] = None if of is None or before is None else of | before
    for item in uses.expressions:
        for finding in _findings(parse(item.value), known, types.get(id(item), {})):
            context.report.warn(item.node, *finding)


def _findings(root: ast.expr, known: Known, types: Mapping[str, Types]) -> Iterator[Finding]:
    for node in ast.walk(root):
        if isinstance(node, ast.Compare):
            sides = itertools.pairwise((node.left, *node.comparators))
            for op, (left, right) in zip(node.ops, sides, strict=True):
                yield from _compared(left, op, right, known, types)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in _OF_WHOLES and node.args:
            kind = known.kind(node.args[0], types)
            if kind is not None and kind.type not in _WHOLES:
                yield _other(
                    node.args[0], kind, f"{ast.unparse(node.func)}() takes a text or a list"
                )


def _compared(
    left: ast.expr, op: ast.cmpop, right: ast.expr, known: Known, types: Mapping[str, Types]
) -> Iterator[Finding]:
    kind, other = known.kind(left, types), known.kind(right, types)
    if isinstance(op, ast.In | ast.NotIn):
        if kind is not None and isinstance(right, ast.List):
            for element in right.elts:
                yield from _held_against(left, kind, element)
        if other is not None and other.type not in _WHOLES:
            yield _other(right, other, "`in` takes a text or a list")
        return
    if kind is not None:
        yield from _held_against(left, kind, right)
    elif other is not None:
        yield from _held_against(right, other, left)


def _held_against(term: ast.expr, kind: Kind, literal: ast.expr) -> Iterator[Finding]:
    """Yield what is wrong with a literal that a term is compared with."""
    value = _value_of(literal)
    type_ = LIST if isinstance(literal, ast.List) else _NAMES.get(type(value))
    if type_ is None:
        return
    if type_ != kind.type:
        yield _other(term, kind, f"{quoted(ast.unparse(literal), '`')} is a {type_}")
    elif kind.words and value not in kind.words:
        code, message, near = unknown(kind.what, value, kind.words)
        if near or not kind.is_open:
            yield code, message, ""


def _other(term: ast.expr, kind: Kind, but: str) -> Finding:
    is_of = kind.type if kind.words else kind.what or kind.type
    return Code.TYPE, f"{quoted(ast.unparse(term), '`')} is a {is_of}, and {but}", ""


def _value_of(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return _BOOLEANS.get(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return node.value if isinstance(node, ast.Constant) else None
