"""What the columns of a table hold, or the fields of JSON objects, also of those inside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from cjo_stream.core.expression.path import text_of_path
from cjo_stream.core.word import AttributeType
from cjo_stream.ingest.format.name import snake_case
from cjo_stream.ingest.placeholder import Placeholders
from cjo_stream.ingest.sketch.vocabulary import words_of

DISTINCT_MAX: Final = 100_000
"""Different values of a column that are counted one by one."""
COLUMNS_MAX: Final = 500
_DEPTH_MAX: Final = 3
_NUMBER: Final = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
_LEADING_ZERO: Final = re.compile(r"[+-]?0[0-9]+")
_LONG: Final = re.compile(r"\s*[+-]?[0-9]{16}")
_TRUTH: Final = frozenset(("true", "false"))
_NOBODY: Final = Placeholders()

Path = tuple[str, ...]


@dataclass(eq=False)
class Column:
    """One column: its path, as ('user', 'id'), and its values. What is derived is kept."""

    path: Path
    values: Counter[str] = field(default_factory=Counter)
    """The values as text, without absent and empty ones."""
    kinds: Counter[AttributeType] = field(default_factory=Counter)
    """The types of the values as JSON has them; all text in CSV."""
    empty: int = 0
    """Rows in which it is null, absent or an empty text."""
    is_full: bool = False
    """Whether it has more different values than are counted."""

    @property
    def expression(self) -> str:
        """Return how an expression reads it.

        >>> Column(("user", "e mail")).expression
        "row.user['e mail']"
        """
        return text_of_path(("row", *self.path))

    @cached_property
    def name(self) -> str:
        """Return its name as an attribute or an identifier type has it; empty without letters."""
        name = snake_case("_".join(self.path[-2:]))[:60]
        return name if name[:1].isalpha() else ""

    @cached_property
    def words(self) -> list[str]:
        """Return the words of its name, without articles, compounds parted."""
        return words_of(self.name.split("_"))

    @property
    def rows(self) -> int:
        """Return how many rows have a value."""
        return self.kinds.total()

    @property
    def placeholders(self) -> int:
        """Return how many values are placeholders, which name nobody."""
        return sum(self.values[value] for value in self.odd)

    @cached_property
    def odd(self) -> list[str]:
        """Return the different placeholders."""
        return [value for value in self.values if _NOBODY.holds("", value)]

    @cached_property
    def meant(self) -> Counter[str]:
        """Return the values without placeholders."""
        odd = {*self.odd}
        return Counter({value: n for value, n in self.values.items() if value not in odd})

    @cached_property
    def are_numbers_from_zero(self) -> bool:
        """Return whether placeholders of it, such as `0`, are no more frequent than other numbers.

        Then `0` is somebody's number.
        """
        odd = self.odd
        if not odd or not all(one.isdigit() for one in (*odd, *self.meant)) or not self.meant:
            return False
        return self.placeholders <= max(self.meant.values())

    @cached_property
    def blanks(self) -> list[str]:
        """Return the placeholders that are no numbers, nor true or false."""
        return [
            one for one in self.odd if not _NUMBER.fullmatch(one) and one.lower() not in _TRUTH
        ]

    @property
    def distinct(self) -> str:
        """Return how many different values there are, in words."""
        return f"over {DISTINCT_MAX:,}" if self.is_full else f"{len(self.values):,}"


def columns_of(rows: Iterable[dict[str, Any]]) -> tuple[int, list[Column]]:
    """Return the number of rows, and the columns in order of first sight."""
    found: dict[Path, Column] = {}
    number = 0
    for row in rows:
        number += 1
        for path, value in _leaves(row, ()):
            column = found.get(path)
            if column is None:
                if len(found) >= COLUMNS_MAX:
                    continue
                column = found[path] = Column(path)
            _add(column, value)
    for column in found.values():
        column.empty = number - column.rows
    return number, list(found.values())


def type_of_texts(column: Column) -> AttributeType:
    """Return what the texts of a column are: numbers, true and false, or text.

    Texts with leading zeros, or with more digits than a number keeps, are text: they are numbers
    of accounts or articles.
    """
    meant = column.values.keys() - set(column.blanks)
    if meant and not column.is_full and {value.lower() for value in meant} <= _TRUTH:
        return AttributeType.BOOLEAN
    are_numbers = bool(meant) and all(_NUMBER.fullmatch(value) for value in meant)
    if are_numbers and not any(_LEADING_ZERO.fullmatch(one) or _LONG.match(one) for one in meant):
        return AttributeType.NUMBER
    return AttributeType.STRING


def _leaves(row: dict[str, Any], before: Path) -> Iterator[tuple[Path, Any]]:
    for name, value in row.items():
        path = (*before, name)
        if type(value) is dict and value and len(path) < _DEPTH_MAX:
            yield from _leaves(value, path)
        else:
            yield path, value


_KINDS: Final[dict[type, AttributeType]] = {
    str: AttributeType.STRING,
    bool: AttributeType.BOOLEAN,
    int: AttributeType.NUMBER,
    float: AttributeType.NUMBER,
    list: AttributeType.LIST,
    dict: AttributeType.OBJECT,
}


def _add(column: Column, value: Any) -> None:
    if value is None or value == "":
        return
    column.kinds[_KINDS[type(value)]] += 1
    if isinstance(value, list | dict):
        return
    text = value if type(value) is str else str(value)
    if text in column.values or len(column.values) < DISTINCT_MAX:
        column.values[text] += 1
    else:
        column.is_full = True


def numbered(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
