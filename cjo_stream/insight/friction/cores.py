"""What is done at once, on several cores: NumPy and DuckDB wait for none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

CORES: Final = min(4, os.cpu_count() or 1)
_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def at_once(work: Callable[[_Item], _Found], items: Iterable[_Item]) -> list[_Found]:
    """Return what comes of each item, in their order."""
    with ThreadPoolExecutor(CORES) as threads:
        return list(threads.map(work, items))
