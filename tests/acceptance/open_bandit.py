"""The Open Bandit Dataset, small version: its rows as the tests want them."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "open_bandit_small"
FILES: Final = ("random_men", "random_women", "bts_men", "bts_women")
FEATURES: Final = (
    "item_id",
    "position",
    "user_feature_0",
    "user_feature_1",
    "user_feature_2",
    "user_feature_3",
)


def rows(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one file, in the order logged."""
    with gzip.open(FOLDER / f"{name}.csv.gz", "rt") as lines:
        yield from csv.DictReader(lines)
