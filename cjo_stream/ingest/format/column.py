"""The columns that the maps of a channel read, and those that its rows have.

A column that no row has gives nothing, as an empty cell does: an `id` that reads it is none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cjo_stream.core.expression import Expression
from cjo_stream.core.program.topology import RowMap

NAMES_MAX: Final = 1_000
"""Columns of a channel's rows that are kept besides those that its maps read."""


class Columns:
    """Notes which columns the rows of a channel have, for as long as one that is read lacks.

    Rows that are refused do not count: without a header, their names may be values.
    """

    __slots__ = ("lacking", "read", "seen")

    def __init__(self, maps: Sequence[RowMap]) -> None:
        self.read = columns_of(maps)
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


def columns_of(maps: Sequence[RowMap]) -> dict[str, str]:
    """Return the columns that maps read, each with the first part of a map that reads it."""
    found: dict[str, str] = {}
    for one in maps:
        for part, expression in _parts(one):
            for path in expression.paths:
                if path[0] == "row" and len(path) > 1:
                    found.setdefault(str(path[1]), part)
    return found


def near(name: str, names: Iterable[str]) -> str | None:
    """Return the column whose name is nearest, by letters and digits; None if none is near.

    >>> near("order_no", ["amount", "Order-ID"])
    'Order-ID'
    """
    folded = {_folded(one): one for one in names}
    close = difflib.get_close_matches(_folded(name), folded, 1)
    return folded[close[0]] if close else None


def _folded(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _parts(one: RowMap) -> Iterator[tuple[str, Expression]]:
    """Yield the parts of a map, by what they make."""
    alone: Mapping[str, Expression | None] = {
        "type": one.type,
        "time": one.time,
        "id": one.id,
        "each": one.each,
    }
    yield from ((part, made) for part, made in alone.items() if made is not None)
    yield from ((f"identifiers.{name}", made) for name, made in one.identifiers.items())
    yield from ((f"attributes.{name}", made) for name, made in one.attributes.items())
