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
_AGAIN: Final = f"""
CREATE TEMP VIEW entry AS
SELECT instance_id, "to" AS state, "time" AS since, hash(instance_id, "to") AS pair
FROM part."{TRANSITIONS.name}"
WHERE reason IN ('entered', 'moved');
CREATE TEMP TABLE pairs AS SELECT pair FROM entry GROUP BY pair HAVING count(*) > 1;
CREATE TEMP VIEW entered_again AS SELECT * FROM entry SEMI JOIN pairs USING (pair);
CREATE TEMP TABLE again AS
SELECT DISTINCT instance_id, state, since, times
FROM part.counted('entered_again')
WHERE times > 1;
"""
"""Most states are entered once, so few entries have to be put in order to be counted."""
_COLUMNS: Final = ", ".join(f'"{name}"' for name in STAYED.columns)
_KEPT: Final = f"""
SELECT {_COLUMNS}
FROM (
    SELECT s.*, coalesce(a.times, 1) AS times
    FROM part.stays_of('part.{TRANSITIONS.name}') AS s
    LEFT JOIN again AS a USING (instance_id, state, since)
)
ORDER BY journey, state, since
"""
"""In an order by which readers of a state, or of a period, leave out row groups."""
GROUP_ROWS: Final = 40_960
"""Rows of a row group: a few, since most states have several."""


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
    connection = Layer(folder, of).with_views(["stay"]).connection
    connection.execute(_AGAIN)
    batches = connection.sql(_KEPT).to_arrow_reader(_BATCH_ROWS)
    yield from write_batches(folder, STAYED, generation, batches, GROUP_ROWS)


def without_stays(stored: Sequence[Part]) -> list[Part]:
    """Return the parts with no stays kept: rows have left them."""
    return [msgspec.structs.replace(one, is_stayed=False) for one in stored]
