"""When Python looks for cycles of objects (`gc`): rarely, because an event makes none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG_OBJECTS: Final = 100_000
"""New objects between two looks for cycles: an event makes hundreds, none of them in a cycle, and
Python's own 700 cost a tenth of the time."""
_NEVER: Final = 1 << 30


@contextmanager
def looking_among_young() -> Iterator[None]:
    """Look only among objects that are new, while recorded events run.

    Else Python goes through all customers again whenever there are a quarter more of them.
    """
    before = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, 10, _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
