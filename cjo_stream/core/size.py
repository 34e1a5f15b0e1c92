"""Bounds in bytes of the values in a customer's state, in addition to the bounds in number.

Every list and map of a state has a bound in number. Its elements are of a fixed size, or they are
*values*: anything that an attribute or an expression may give. A value is added to a part of a
state only if there is room:

    a small value     always; their number is bounded
    a large value     while all large values of this part stay within the part's bound

A value without room is treated as missing, and counted in `cjo_state_bounds_total{bound}`. Room is
checked when a value is added, and only a large value needs the sizes of the others.

    part         small       large, in all     without room
    facts        1 KiB       128 KiB           the fact stays as it was
    traits       4 KiB       256 KiB           the trait does not count the value
    instances    1 KiB       512 KiB           refused, as beyond 25 live; of `assign`: missing
    waiting      1 KiB       256 KiB           the request does not wait: dropped
    held         -           1 MiB             the oldest event goes on without its links
    asked        1 KiB       512 KiB           the event goes on without this link
    histories    -           512 KiB           the oldest keys of the longest history are dropped
    members      -           64 Ki characters  the link is refused: `limit`
    queue        -           1 Mi characters   the link is refused: `busy`

Sizes are those of compact JSON, which also bounds records in JSON. msgpack takes little more at
most (a number such as `0.0` nine bytes).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

SMALL_BYTES: Final = 1_024
FACTS_BYTES_MAX: Final = 128 * 1024
TRAITS_SMALL_BYTES: Final = 4 * 1024
TRAITS_BYTES_MAX: Final = 256 * 1024
INSTANCES_BYTES_MAX: Final = 512 * 1024
WAITING_BYTES_MAX: Final = 256 * 1024
HELD_BYTES_MAX: Final = 1024 * 1024
ASKED_BYTES_MAX: Final = 512 * 1024
HISTORIES_BYTES_MAX: Final = 512 * 1024
MEMBERS_CHARACTERS_MAX: Final = 64 * 1024
QUEUE_CHARACTERS_MAX: Final = 1024 * 1024

_ESCAPED_MAX: Final = 6
"""Most bytes of one character: a control character is written `\\u0001`."""
_NUMBERS: Final = frozenset((int, float, bool, type(None)))
_JSON: Final = msgspec.json.Encoder()


def size_of(value: Any) -> int:
    """Return how many bytes a value takes as compact JSON.

    >>> size_of({"a": [1, "x"]})
    13
    """
    return len(_JSON.encode(value))


def has_room(value: Any, others: Iterable[Any], most: int, small: int = SMALL_BYTES) -> bool:
    """Return whether `value` may be kept beside `others`; the large ones may take `most` bytes.

    >>> has_room("x" * 2_000, ["y" * 3_000, "small"], 5_100)
    True
    >>> has_room("x" * 2_000, ["y" * 3_000, "z" * 1_500], 5_100)
    False
    """
    kind = type(value)
    if kind in _NUMBERS or (kind is str and len(value) <= small // _ESCAPED_MAX - 1):
        return True
    size = size_of(value)
    if size <= small:
        return True
    return size + large_bytes(others, small) <= most


def large_bytes(values: Iterable[Any], small: int = SMALL_BYTES) -> int:
    """Return how many bytes the large values take in all.

    >>> large_bytes(["x" * 2_000, "small"])
    2002
    """
    return sum(size for size in map(size_of, values) if size > small)
