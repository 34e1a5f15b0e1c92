"""Columns that a channel's `map` reads, and that no row of a run had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from cjo_stream.core.likeness import surely
from cjo_stream.ingest import Decoder
from cjo_stream.ingest.format.column import near

NAMES_MAX: Final = 12


class AbsentSummary(msgspec.Struct, frozen=True):
    """A column that no row of a channel had (summary.json)."""

    channel: str
    part: str
    """The part of the `map` that reads it, as `identifiers.email`."""
    column: str
    near: str | None
    """The column of the rows that may be meant: of those that nothing reads, the nearest."""
    columns: list[str]
    """Those of the rows, the first of them."""
    optional: bool = False
    """Whether in all that reads it another column may stand in that rows have: `coalesce`."""

    @property
    def is_misspelt(self) -> bool:
        """Whether the rows surely have it under another name."""
        is_meant = self.near is not None and surely(self.column, [self.near]) is not None
        return is_meant and not self.optional


def absent_in(decoder: Decoder) -> Iterator[AbsentSummary]:
    """Yield the columns that no row had, of channels that had rows."""
    for channel, columns in decoder.columns.items():
        unused = [name for name in columns.seen if name not in columns.read]
        for column in columns.absent():
            yield AbsentSummary(
                channel,
                columns.read[column],
                column,
                near(column, unused),
                list(columns.seen)[:NAMES_MAX],
                columns.is_optional(column),
            )
