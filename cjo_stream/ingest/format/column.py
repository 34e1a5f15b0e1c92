"""The columns that the maps of a channel read, and those that its rows have.

A column that no row has gives nothing, as an empty cell does: an `id` that reads it is none.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cjo_stream.core.expression import Expression
from cjo_stream.core.expression.parser import parse
from cjo_stream.core.expression.reader import path_of
from cjo_stream.core.likeness import folded_name, surely
from cjo_stream.core.program.topology import RowMap

NAMES_MAX: Final = 1_000
"""Columns of a channel's rows that are kept besides those that its maps read."""


class Columns:
    """Notes which columns the rows of a channel have, for as long as one that is read lacks.

    Rows that are refused do not count: without a header, their names may be values.
    """

    __slots__ = ("_expressions", "lacking", "read", "seen")

    def __init__(self, maps: Sequence[RowMap]) -> None:
        self.read = columns_of(maps)
        self._expressions = [expression for _, expression in _parts(maps)]
        self.seen: dict[str, None] = {}
        """In the order of their first rows."""
        self.lacking = set(self.read)
        """Columns that are read, and that no row has had yet."""

    def add(self, names: Iterable[str]) -> None:
        """Note the columns of a row."""
        seen = self.seen
        for name in names:
            if name not in seen and (len(seen) < NAMES_MAX or name in self.lacking):
                seen[name] = None
                self.lacking.discard(name)

    def take(self) -> list[str]:
        """Return the columns that were noted since the last call; forget them."""
        names = list(self.seen)
        self.seen = {}
        self.lacking = set(self.read)
        return names

    def absent(self) -> list[str]:
        """Return the columns that are read, and that no row had; none where there was no row."""
        return [name for name in self.read if name in self.lacking] if self.seen else []

    def is_optional(self, name: str) -> bool:
        """Tell whether for all that reads a column another one may stand in that a row had.

        So of `coalesce(row.order_id, row.orderId)` rows may have either; of a text that is joined
        of two columns they must have both.
        """
        reading = [one for one in self._expressions if name in _columns(one)]
        return all(
            not self.lacking.issuperset(_columns(one)) and name not in _needed(parse(one.text))
            for one in reading
        )


def columns_of(maps: Sequence[RowMap]) -> dict[str, str]:
    """Return the columns that maps read, each with the first part of a map that reads it."""
    found: dict[str, str] = {}
    for part, expression in _parts(maps):
        for column in _columns(expression):
            found.setdefault(column, part)
    return found


def near(name: str, names: Iterable[str]) -> str | None:
    """Return the column whose name is nearest, for a hint; None if none is near.

    One that is surely meant comes first, then the nearest by letters and digits.

    >>> near("order_no", ["amount", "Order-ID"])
    'Order-ID'
    """
    folded = {folded_name(one): one for one in names}
    close = difflib.get_close_matches(folded_name(name), folded, 1)
    return surely(name, folded.values()) or (folded[close[0]] if close else None)


def _parts(maps: Sequence[RowMap]) -> Iterator[tuple[str, Expression]]:
    """Yield the parts of maps, by what they make."""
    for one in maps:
        alone: Mapping[str, Expression | None] = {
            "type": one.type,
            "time": one.time,
            "id": one.id,
            "each": one.each,
        }
        yield from ((part, made) for part, made in alone.items() if made is not None)
        yield from ((f"identifiers.{name}", made) for name, made in one.identifiers.items())
        yield from ((f"attributes.{name}", made) for name, made in one.attributes.items())


def _columns(expression: Expression) -> list[str]:
    """Return the columns that an expression reads."""
    return [str(path[1]) for path in expression.paths if path[0] == "row" and len(path) > 1]


def _needed(node: ast.AST) -> Iterator[str]:
    """Yield the columns for which nothing stands in where they are missing."""
    if _is_choice(node):
        return
    if isinstance(node, ast.Attribute | ast.Subscript):
        root, steps = path_of(node)
        if isinstance(root, ast.Name) and root.id == "row":
            yield steps[0].name
    for child in ast.iter_child_nodes(node):
        yield from _needed(child)


def _is_choice(node: ast.AST) -> bool:
    """Tell whether a node may have a value though a column in it is missing."""
    if isinstance(node, ast.IfExp):  # `row.a if has(row.a) else row.b`
        return any(_is_call(one, "has") for one in ast.walk(node.test))
    is_or = isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)
    return is_or or _is_call(node, "coalesce", "has")


def _is_call(node: ast.AST, *names: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
