"""Stays that are kept, because they take an order of all records of each instance.

They are worked out when enough rows of transitions are new, for all instances. The view `stay`
takes them for instances without a newer record, and works out the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.layer.manifest import Part
from cjo_stream.insight.layer.part import write_batches
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.table import STAYED, TRANSITIONS

NEWER_MAX: Final = 50_000
"""Rows that may be newer than the stays that are kept; of a large layer, a share."""
SHARE: Final = 0.05
_BATCH_ROWS: Final = 1_000_000


def with_stays(
    folder: Folder, stored: Sequence[Part], kept: Sequence[Part], generation: int
) -> Iterator[Part]:
    """Yield the stored parts and those of stays: the kept ones, or new ones if it is time.

    A file is made as it is yielded.
    """
    of = [one for one in stored if one.table == TRANSITIONS.name]
    newer = sum(one.rows for one in of if not one.is_stayed)
    if newer <= max(NEWER_MAX, SHARE * sum(one.rows for one in of)):
        yield from stored
        yield from kept
        return
    for one in stored:
        is_one = one.table == TRANSITIONS.name
        yield msgspec.structs.replace(one, is_stayed=True) if is_one else one
    layer = Layer(folder, of).with_views()
    columns = ", ".join(f'"{name}"' for name in STAYED.columns)
    found = layer.connection.sql(f"SELECT {columns} FROM part.stays_of('part.{TRANSITIONS.name}')")
    batches = found.to_arrow_reader(_BATCH_ROWS)
    yield from write_batches(folder, STAYED, generation, batches)


def without_stays(stored: Sequence[Part]) -> list[Part]:
    """Return the parts with no stays kept: rows have left them."""
    return [msgspec.structs.replace(one, is_stayed=False) for one in stored]
