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


def purposes(text: str) -> frozenset[str] | None:
    """Return the purposes of consent that an expression may ask for; None if it may be any.

    >>> sorted(purposes("event.purpose in ['A', 'b']")), purposes("consented('news', 'email')")
    (['a', 'b'], frozenset({'news'}))
    >>> purposes("event.purpose"), purposes("consented(event.topic, 'email')"), purposes("1 < 2")
    (None, None, frozenset())
    """
    if "purpose" not in text and "consented" not in text:
        return frozenset()
    tree, found = parse(text), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "consented":
            named = [one for one, _ in results(ast.unparse(node.args[0]))]
        elif _is_purpose(node):
            named = [
                one.value
                for one in ast.walk(tree)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
                if one.value != "purpose"
            ]
        else:
            continue
        if not named:
            return None
        found.update(name.lower() for name in named)
    return frozenset(found)


def _is_purpose(node: ast.AST) -> bool:
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
