"""The columns that the maps of a channel read, and those that its rows have.

A column that no row has gives nothing, as an empty cell does: an `id` that reads it is none.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cjo_stream.core.expression import Expression
from cjo_stream.core.likeness import folded_name, surely
from cjo_stream.core.program.topology import RowMap

NAMES_MAX: Final = 1_000
"""Columns of a channel's rows that are kept besides those that its maps read."""


class Columns:
    """Notes which columns the rows of a channel have, for as long as one that is read lacks.

    Rows that are refused do not count: without a header, their names may be values.
    """

    __slots__ = ("_together", "lacking", "read", "seen")

    def __init__(self, maps: Sequence[RowMap]) -> None:
        self.read = columns_of(maps)
        self._together = [set(columns) for _, columns in _reads(maps)]
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
        """Tell whether all that reads a column reads another one, too, that a row had.

        So of `coalesce(row.order_id, row.orderId)` rows may have either.
        """
        return all(columns - self.lacking for columns in self._together if name in columns)


def columns_of(maps: Sequence[RowMap]) -> dict[str, str]:
    """Return the columns that maps read, each with the first part of a map that reads it."""
    found: dict[str, str] = {}
    for part, columns in _reads(maps):
        for column in columns:
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


def _reads(maps: Sequence[RowMap]) -> Iterator[tuple[str, list[str]]]:
    """Yield each part of the maps that reads columns, with these."""
    for one in maps:
        for part, expression in _parts(one):
            paths = (path for path in expression.paths if path[0] == "row" and len(path) > 1)
            if columns := [str(path[1]) for path in paths]:
                yield part, columns


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
