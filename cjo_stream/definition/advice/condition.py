"""Whether conditions can be true together: a search for contradictions, without a solver.

A condition becomes alternatives, each a list of constraints that must all hold. A constraint is of
one *term*: a part of an expression that is compared with a literal, or is true or false itself. An
alternative is impossible where the constraints of one term contradict each other: a text that is
two texts, a number above 10 and below 5, a value that is there and is not.

The answer is exact in one direction. A condition that is called impossible is never true, whatever
the values are; one that is not may be impossible all the same.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from cjo_stream.core.expression import (
    MISSING,
    Expression,
    ExpressionError,
    Names,
    Place,
    Scope,
    compile_expression,
)
from cjo_stream.core.expression.parser import parse
from cjo_stream.core.expression.value import BINARY, NUMBERS

ALTERNATIVES_MAX: Final = 200
"""Conditions with more are taken as possible."""

_NAMES: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "equal",
    ast.NotEq: "unequal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.In: "within",
    ast.NotIn: "not_within",
}
_OPPOSITES: Final = {
    "equal": "unequal",
    "less": "greater_equal",
    "less_equal": "greater",
    "within": "not_within",
    "true": "false",
}
_OPPOSITE: Final = {**_OPPOSITES, **{b: a for a, b in _OPPOSITES.items()}}
_MIRRORED: Final = {
    "equal": "equal",
    "unequal": "unequal",
    "less": "greater",
    "less_equal": "greater_equal",
    "greater": "less",
    "greater_equal": "less_equal",
}
_CONSTANTS: Final = ("true", "false", "null")


class Constraint(NamedTuple):
    """A demand on a term: an operation with a value, or that it is `true` or `false`.

    A term with a constraint is not missing. `root` is the name at which its path begins; None if
    it is no path.
    """

    term: str
    operation: str
    value: Any = None
    root: str | None = None


Alternative = tuple[Constraint, ...]


class _TooManyError(Exception):
    """More alternatives than are looked at."""


def can_hold(
    conditions: Iterable[Expression | None],
    given: Sequence[Constraint] = (),
    missing: Collection[str] = (),
) -> bool:
    """Return False if the conditions are never true together; None is always true.

    All are evaluated at one moment. `given` also holds; `missing` are the names that
    have no value there.
    """
    ways: list[Alternative] = [tuple(given)]
    try:
        for condition in conditions:
            ways = _both(ways, _of_expression(condition))
    except _TooManyError:
        return True
    return any(_is_possible(way, missing) for way in ways)


def one_of(term: str, values: Iterable[str]) -> Constraint:
    """Return the constraint that a path has one of some values."""
    return Constraint(term, "within", sorted(values), term.partition(".")[0])


def _of_expression(condition: Expression | None) -> list[Alternative]:
    if condition is None:
        return [()]
    if condition.is_constant:
        return [()] if condition.holds(Scope(now=0)) else []
    return _alternatives(parse(condition.text), is_true=True)


def _alternatives(node: ast.expr, *, is_true: bool) -> list[Alternative]:
    """Return the ways in which an expression can be true; else those to be false, not missing."""
    value = _literal(node)
    if value is not None:
        return [()] if value is not MISSING and bool(value) is is_true else []
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _alternatives(node.operand, is_true=not is_true)
    if isinstance(node, ast.BoolOp):
        parts = [_alternatives(one, is_true=is_true) for one in node.values]
        return _all(parts) if isinstance(node.op, ast.And) is is_true else _any(parts)
    if isinstance(node, ast.IfExp):
        first = _both(
            _alternatives(node.test, is_true=True), _alternatives(node.body, is_true=is_true)
        )
        return _any([first, _alternatives(node.orelse, is_true=is_true)])
    if isinstance(node, ast.Compare):
        sides = itertools.pairwise((node.left, *node.comparators))
        parts = [
            _compared(left, op, right, is_true=is_true)
            for op, (left, right) in zip(node.ops, sides, strict=True)
        ]
        return _all(parts) if is_true else _any(parts)
    return [(_itself(node, is_true=is_true),)]


def _compared(
    left: ast.expr, op: ast.cmpop, right: ast.expr, *, is_true: bool
) -> list[Alternative]:
    operation = _NAMES[type(op)]
    values = _literal(left), _literal(right)
    if MISSING in values:
        return []
    if None not in values:
        return _alternatives(ast.Compare(left, [op], [right]), is_true=is_true)
    if values[0] is not None and values[1] is None and operation in _MIRRORED:
        operation, left, values = _MIRRORED[operation], right, (None, values[0])
    if values[0] is not None or values[1] is None:
        if isinstance(op, ast.NotEq | ast.NotIn):
            op, is_true = ast.Eq() if isinstance(op, ast.NotEq) else ast.In(), not is_true
        return [(_itself(ast.Compare(left, [op], [right]), is_true=is_true),)]
    wanted = operation if is_true else _OPPOSITE[operation]
    return [(Constraint(ast.unparse(left), wanted, values[1], _root(left)),)]


def _itself(node: ast.expr, *, is_true: bool) -> Constraint:
    return Constraint(ast.unparse(node), "true" if is_true else "false", None, _root(node))


def _root(node: ast.expr) -> str | None:
    """Return the name at which a path of attributes and elements begins."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _literal(node: ast.expr) -> Any:
    """Return the value of an expression that reads nothing, MISSING if it has none; else None."""
    called = {id(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and id(one) not in called and one.id not in _CONSTANTS:
            return None
    try:
        compiled = compile_expression(ast.unparse(node), Place.JOURNEY, Names())
    except ExpressionError:
        return None
    return compiled.evaluate(Scope(now=0)) if compiled.is_constant else None


def _all(parts: Sequence[list[Alternative]]) -> list[Alternative]:
    ways: list[Alternative] = [()]
    for part in parts:
        ways = _both(ways, part)
    return ways


def _both(first: list[Alternative], second: list[Alternative]) -> list[Alternative]:
    if len(first) * len(second) > ALTERNATIVES_MAX:
        raise _TooManyError
    return [(*a, *b) for a in first for b in second]


def _any(parts: Sequence[list[Alternative]]) -> list[Alternative]:
    ways = [way for part in parts for way in part]
    if len(ways) > ALTERNATIVES_MAX:
        raise _TooManyError
    return ways


def _is_possible(way: Alternative, missing: Collection[str]) -> bool:
    terms: dict[str, list[Constraint]] = {}
    for one in way:
        if one.root in missing:
            return False
        terms.setdefault(one.term, []).append(one)
    for term, constraints in terms.items():
        absent = terms.get(f"has({term})", ())
        if any(one.operation == "false" for one in absent) or not _agree(constraints):
            return False
    return True


def _agree(constraints: Sequence[Constraint]) -> bool:
    """Return whether one value may fulfil all constraints of a term."""
    operations = {one.operation for one in constraints}
    if {"true", "false"} <= operations:
        return False
    values = _values(constraints)
    if values is None:
        values = _between(constraints)
    return values is None or any(
        all(_fulfils(value, one) for one in constraints) for value in values
    )


def _values(constraints: Sequence[Constraint]) -> list[Any] | None:
    """Return the values that a term may have by an equality; None if there is none."""
    for one in constraints:
        if one.operation == "equal":
            return [one.value]
        if one.operation == "within" and isinstance(one.value, list):
            return one.value
    return None


def _between(constraints: Sequence[Constraint]) -> list[Any] | None:
    """Return the values between bounds: none, one, or None for many."""
    low = [one.value for one in constraints if one.operation.startswith("greater")]
    high = [one.value for one in constraints if one.operation.startswith("less")]
    kinds = {"number" if type(value) in NUMBERS else type(value) for value in low + high}
    if len(kinds) > 1 or kinds - {"number", str}:
        return []
    if not low or not high or max(low) < min(high):
        return None
    return [max(low)] if max(low) == min(high) else []


def _fulfils(value: Any, constraint: Constraint) -> bool:
    if constraint.operation in ("true", "false"):
        return bool(value) is (constraint.operation == "true")
    return bool(BINARY[constraint.operation](Scope(now=0), value, constraint.value))
