"""The texts that stand literally in an expression: types of events, purposes of consent.

Each is given with its column: where the text itself begins, behind its quote.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from cjo_stream.core.expression.parser import parse

Literal = tuple[str, int]
"""A text, and its column."""


def results(text: str) -> list[Literal]:
    """Return the texts that an expression can give; empty if it can give anything else.

    >>> results("'bought' if row.paid else 'seen'"), results("row.kind")
    ([('bought', 1), ('seen', 27)], [])
    """
    waiting, found = [parse(text)], []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.IfExp):
            waiting += [node.orelse, node.body]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(_literal(node))
        elif not (isinstance(node, ast.Name) and node.id == "null"):
            return []
    return found


def compared(text: str, root: str) -> Iterator[Literal]:
    """Yield the texts that an expression compares with `event.type`, or `entry.type`.

    >>> list(compared("event.type in ['a', 'b'] and event.total > 1", "event"))
    [('a', 16), ('b', 21)]
    """
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(_is_type(side, root) for side in sides):
                for side in sides:
                    elements = side.elts if isinstance(side, ast.List) else [side]
                    yield from (
                        _literal(one)
                        for one in elements
                        if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    )


def asked(text: str) -> Iterator[tuple[Literal | None, Literal | None]]:
    """Yield the purpose and the channel of each `consented`; None for what is no literal.

    >>> list(asked("consented('News', event.channel)"))
    [(('News', 11), None)]
    """
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "consented":
            purpose, channel = (
                _literal(one)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
                else None
                for one in node.args
            )
            yield purpose, channel


def purposes(text: str) -> frozenset[str] | None:
    """Return the purposes that an expression asks for by `consented`; None if it may be any.

    It may be any where the purpose is no literal, and where `purpose` is read of something.

    >>> purposes("consented('News', 'email')"), purposes("1 < 2")
    (frozenset({'news'}), frozenset())
    >>> purposes("consented(event.topic, 'email')"), purposes("event.purpose == 'news'")
    (None, None)
    """
    if "purpose" in text and any(_reads_purpose(node) for node in ast.walk(parse(text))):
        return None
    found = set[str]()
    for purpose, _ in asked(text) if "consented" in text else ():
        if purpose is None:
            return None
        found.add(purpose[0].lower())
    return frozenset(found)


def _reads_purpose(node: ast.AST) -> bool:
    """Return whether a node reads `purpose` of something, by either notation."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "purpose"
    return isinstance(node, ast.Attribute) and node.attr == "purpose"


def _is_type(node: ast.expr, root: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "type"
        and isinstance(node.value, ast.Name)
        and node.value.id == root
    )


def _literal(node: ast.Constant) -> Literal:
    return str(node.value), node.col_offset + 1
