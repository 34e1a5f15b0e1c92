"""When Python looks for cycles of objects (`gc`): rarely, because an event makes none."""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 100_000
"""New objects between two looks for cycles: an event makes hundreds, none of them in a cycle, and
Python's own 700 cost a tenth of the time."""
_OF_RECORDED: Final = 1_000_000
"""The same where recorded events run: those between two commits are some hundred thousand objects,
which go with the commit; to look at them took a sixteenth of the time."""
_NEVER: Final = 1 << 30


def look_seldom() -> None:
    """Look only among objects that are new, and seldom, until the process ends: it runs a record.

    Else Python goes through all customers again whenever there are a quarter more of them, and
    once more when the thresholds are back.
    """
    gc.set_threshold(_OF_RECORDED, 10, _NEVER)


def leave() -> None:
    """Let the process end without a last look: what it holds goes with it."""
    gc.freeze()
