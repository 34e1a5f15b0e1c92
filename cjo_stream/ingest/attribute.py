"""The bounds of an event's attributes (docs/events.md)."""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.errors import InputError

DEPTH_MAX = 5
"""Nested objects and lists, including the attributes themselves."""

ATTRIBUTES_BYTES_MAX = 64 * 1024
"""Size of the attributes as compact JSON."""

_encode = msgspec.json.Encoder().encode
_INTEGER_MIN = -(2**63)
_INTEGER_MAX = 2**64 - 1


def check_attributes(attributes: dict[str, Any]) -> None:
    """Raise InputError `invalid` if values are nested too deeply, or an integer exceeds 64 bits.

    Such an integer is not rounded, because two long order numbers could become equal.
    """
    for value in attributes.values():
        kind = type(value)
        if kind is not str:
            _check_value(value, kind, 1)


def check_size(attributes: dict[str, Any]) -> int:
    """Raise InputError `invalid` if `attributes` are too large; return their bytes as JSON."""
    size = len(_encode(attributes))
    if size > ATTRIBUTES_BYTES_MAX:
        raise InputError("invalid", f"attributes of {size} bytes; {ATTRIBUTES_BYTES_MAX} at most")
    return size


def _check_value(value: Any, kind: type, depth: int) -> None:
    if kind is int:
        if not _INTEGER_MIN <= value <= _INTEGER_MAX:
            raise InputError("invalid", "an attribute holds an integer beyond 64 bits")
    elif kind is dict or kind is list:
        if depth == DEPTH_MAX:
            raise InputError("invalid", f"attributes nested deeper than {DEPTH_MAX} levels")
        for inner in value.values() if kind is dict else value:
            _check_value(inner, type(inner), depth + 1)
