"""The columns that the maps of a channel read, and those that its rows have.

A column that no row has gives nothing, as an empty cell does: an `id` that reads it is none.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
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
        found = [
            _reads(parse(one.text), self.lacking)
            for one in self._expressions
            if name in _columns(one)
        ]
        return all(is_read and name not in lacking for lacking, is_read in found)


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


def _reads(node: ast.AST, lacking: Set[str]) -> tuple[list[str], bool]:
    """Return the `lacking` columns for which no other one stands in, and whether one is there."""
    if isinstance(node, ast.IfExp) and (guards := _guards(node.test)):
        return _of_guarded(node, guards, lacking)
    if _is_call(node, "has"):
        return [], not set(_guards(node)) <= lacking
    if (name := _column(node)) is not None:
        return ([name], False) if name in lacking else ([], True)
    found = [_reads(child, lacking) for child in ast.iter_child_nodes(node)]
    is_or = isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)
    if (is_or or _is_call(node, "coalesce")) and any(is_read and not of for of, is_read in found):
        return [], True
    return [name for of, _ in found for name in of], any(is_read for _, is_read in found)


def _of_guarded(node: ast.IfExp, guards: list[str], lacking: Set[str]) -> tuple[list[str], bool]:
    """As `_reads`, of `row.a if has(row.a) else row.b`: rows may have either."""
    needed, _ = _reads(node.test, lacking)
    of_body, _ = _reads(node.body, lacking)
    if not set(guards) <= lacking:
        return [*needed, *(name for name in of_body if name not in guards)], True
    other, is_read = _reads(node.orelse, lacking)
    if is_read and not other:
        return needed, True
    return [*needed, *guards, *of_body, *other], is_read


def _guards(node: ast.AST) -> list[str]:
    """Return the columns of which a condition asks whether a row has them."""
    calls = [one for one in ast.walk(node) if _is_call(one, "has")]
    inside = [_column(one) for call in calls for one in ast.walk(call)]
    return [name for name in inside if name is not None]


def _column(node: ast.AST) -> str | None:
    """Return the column that a node reads, if it does nothing else."""
    if not isinstance(node, ast.Attribute | ast.Subscript):
        return None
    root, steps = path_of(node)
    return str(steps[0].name) if isinstance(root, ast.Name) and root.id == "row" else None


def _is_call(node: ast.AST, *names: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
