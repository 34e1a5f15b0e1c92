"""The smallest form of what breaks: delta debugging (Zeller and Hildebrandt, 2002) over a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def smallest(things: Sequence[T], breaks: Callable[[list[T]], bool]) -> list[T]:
    """Return a part of `things` that still breaks, and no longer does without any one of them.

    The parts left out grow smaller from a half to a single thing. `breaks` must say the same of
    the same things each time; of all of them it says yes.
    """
    left = list(things)
    length = max(1, len(left) // 2)
    while left:
        start, found = 0, False
        while start < len(left):
            rest = left[:start] + left[start + length :]
            if breaks(rest):
                left, found = rest, True
            else:
                start += length
        if length == 1 and not found:
            break
        length = max(1, length // 2)
    return left
