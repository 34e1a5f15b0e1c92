"""What a schema says of all its records, so that nobody looks again at each."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

VALUE_BYTES_MAX: Final = 30
"""JSON bytes of a number or a moment, with what stands around a value."""
BYTES_PER_BYTE_MAX: Final = 30
"""JSON bytes of what takes a byte of a record: at most a character's escape, or a small value."""


class Kind(enum.Enum):
    """What a field of the outermost object is in every record, if it is there."""

    TEXT = enum.auto()
    INTEGER = enum.auto()
    TEXTS = enum.auto()
    """An object of texts and nulls."""
    FLAT = enum.auto()
    """An object of texts, numbers of 64 bits, booleans and nulls."""
    OTHER = enum.auto()


class Outline(msgspec.Struct, frozen=True):
    """The kinds of an outermost object's fields, by name."""

    kinds: dict[str, Kind]
    names_bytes: int
    """JSON bytes at most, beyond BYTES_PER_BYTE_MAX for each byte of a record, of FLAT fields."""


Read = Callable[[bytes], Any]
"""Returns the values of a record; raises InputError."""


class Reading(msgspec.Struct, frozen=True):
    """How records of one type are read: those that begin with the same `header_bytes`."""

    read: Read
    header_bytes: int
    outline: Outline


Find = Callable[[bytes], Reading]
"""Returns how a record of a schema is read; raises InputError where it names no type of it."""


def bytes_of_names(names: Iterable[str]) -> int:
    """Return the JSON bytes at most of an object's fields without what a record says of them."""
    return sum(6 * len(name.encode()) + VALUE_BYTES_MAX for name in names)
