"""What may be changed in a source: one operator, number, condition, statement or argument.

Texts, annotations, assertions, log lines and raised errors are left alone: they are no results.
So are arguments that only guard against a programmer's mistake, which no input can make.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

_COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COUNTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_OTHER_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
_IN_ANY_ORDER: Final = ("max", "min")
_GUARDS: Final = {"class": ("frozen", "gc", "kw_only"), "zip": ("strict",)}
"""Arguments of a class or a call that change no result of a program that mypy accepts."""
_LOGS: Final = ("_LOG", "log_failure")


class Mutation(NamedTuple):
    """One change: the bytes from `start` to `end` of a source become `text`."""

    kind: str
    line: int
    start: int
    end: int
    text: str


def mutations(source: str) -> list[Mutation]:
    """Return every change that may be made, in the order of the source."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: list[Mutation] = []
    for node, kind, changed in _walk(ast.parse(source), in_function=False):
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        text = changed if isinstance(changed, str) else f"({ast.unparse(changed)})"
        found.append(Mutation(kind, node.lineno, start, end, text))
    return sorted(set(found), key=lambda one: (one.start, one.end, one.text))


def mutated(source: str, mutation: Mutation) -> str:
    """Return the source with the change."""
    whole = source.encode()
    return (whole[: mutation.start] + mutation.text.encode() + whole[mutation.end :]).decode()


Found = tuple[ast.stmt | ast.expr, str, ast.expr | str]


def _walk(node: ast.AST, *, in_function: bool) -> Iterator[Found]:
    if isinstance(node, (ast.Assert, ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)):
        return
    if isinstance(node, ast.ClassDef) and any(_name(base) == "Protocol" for base in node.bases):
        return
    if isinstance(node, ast.Expr) and _is_left_alone(node.value):
        return
    if isinstance(node, (ast.stmt, ast.expr)):
        for kind, changed in _changes(node, in_function=in_function):
            yield node, kind, changed
    is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    guards = _guards(node)
    for name, field in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "type_comment"):
            continue
        for child in field if isinstance(field, list) else [field]:
            if isinstance(child, ast.AST) and child not in guards:
                yield from _walk(child, in_function=in_function or is_function)


def _is_left_alone(value: ast.expr) -> bool:
    """Return whether a statement is a text, an ellipsis, or tells the log something."""
    if isinstance(value, ast.Constant):
        return True
    return isinstance(value, ast.Call) and _name(value.func).startswith(_LOGS)


def _guards(node: ast.AST) -> list[ast.keyword]:
    """Return the arguments of a class or a call that only guard against a mistake."""
    if not isinstance(node, (ast.ClassDef, ast.Call)):
        return []
    name = "class" if isinstance(node, ast.ClassDef) else _name(node.func)
    return [keyword for keyword in node.keywords if keyword.arg in _GUARDS.get(name, ())]


def _name(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""


def _changes(
    node: ast.stmt | ast.expr, *, in_function: bool
) -> Iterator[tuple[str, ast.expr | str]]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in _COMPARED[type(operator)]:
                ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                yield "comparison", ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BoolOp):
        is_and = isinstance(node.op, ast.And)
        yield "and, or", ast.BoolOp(ast.Or() if is_and else ast.And(), node.values)
        yield "condition left out", ast.BoolOp(node.op, node.values[:-1])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not", node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _COUNTED and not _is_text(node):
        yield "arithmetic", ast.BinOp(node.left, _COUNTED[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield "number", ast.Constant(node.value + 1)
        if node.value > 0:
            yield "number", ast.Constant(node.value - 1)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield "boolean", ast.Constant(not node.value)
    elif isinstance(node, ast.IfExp):
        yield "choice", ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Call):
        yield from _called_otherwise(node)
    elif in_function:
        yield from _stated_otherwise(node)


def _is_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(isinstance(s, ast.JoinedStr) for s in sides) or any(
        isinstance(s, ast.Constant) and isinstance(s.value, (str, bytes)) for s in sides
    )


def _called_otherwise(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    name = _name(node.func)
    if name in _OTHER_CALLS:
        other = ast.Name(_OTHER_CALLS[name])
        keywords = [] if name == "sorted" else node.keywords
        yield "call", ast.Call(other, node.args, keywords)
    guards = _guards(node)
    for place, keyword in enumerate(node.keywords):
        if keyword in guards:
            continue
        rest = [*node.keywords[:place], *node.keywords[place + 1 :]]
        yield "argument left out", ast.Call(node.func, node.args, rest)
    if len(node.args) > 1 and name not in _IN_ANY_ORDER:
        first, second, *more = node.args
        is_starred = isinstance(first, ast.Starred) or isinstance(second, ast.Starred)
        if not is_starred and ast.dump(first) != ast.dump(second):
            yield "arguments swapped", ast.Call(node.func, [second, first, *more], node.keywords)


def _stated_otherwise(node: ast.stmt | ast.expr) -> Iterator[tuple[str, str]]:
    if (
        isinstance(node, (ast.Expr, ast.AugAssign, ast.Delete))
        or (
            isinstance(node, ast.Assign) and not any(isinstance(t, ast.Name) for t in node.targets)
        )
        or (isinstance(node, ast.Return) and node.value is None)
    ):
        yield "statement left out", "pass"
    elif isinstance(node, ast.Return) and node.value and not _is_nothing(node.value):
        yield "nothing returned", "return None"
    elif isinstance(node, ast.Continue):
        yield "loop", "break"
    elif isinstance(node, ast.Break):
        yield "loop", "continue"


def _is_nothing(value: ast.expr) -> bool:
    """Return whether None says no less: None itself, or that something is not so."""
    return isinstance(value, ast.Constant) and (value.value is None or value.value is False)
