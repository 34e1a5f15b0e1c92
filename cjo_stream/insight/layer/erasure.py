"""What leaves a layer with a customer who was erased: each row, out of each file that has one.

The record of the erasure stays. An event leaves that came, or happened, up to the erasure; what
comes later under the same identifier is somebody's anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.layer.manifest import Part
from cjo_stream.insight.layer.part import without
from cjo_stream.insight.layer.people import People
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.table import EVENTS, IDENTITIES, STORED, Row, Table


def without_erased(
    folder: Folder, parts: Sequence[Part], people: People, generation: int
) -> list[Part]:
    """Return the parts without the rows of customers who were erased; those concerned are new."""
    found = []
    for table in STORED:
        of = [one for one in parts if one.table == table.name]
        if table is EVENTS:
            concerned = Layer.holding(folder, table, of, "identifiers", people.erased_names)
        else:
            concerned = Layer.holding(folder, table, of, "customer_id", people.erased)
        for part in of:
            if part not in concerned:
                found.append(part)
                continue
            is_gone = partial(is_of_erased, table, people=people)
            if (left := without(folder, table, part, generation, is_gone)) is not None:
                found.append(left)
    return found


def is_of_erased(table: Table, row: Row, people: People) -> bool:
    """Return whether a row is of an erased customer; the record of an erasure is not."""
    if table is EVENTS:
        first = min(row[table.places["time"]], row[table.places["received"]])
        return any(
            first <= people.erased_names.get(name, first - 1)
            for name in row[table.places["identifiers"]]
        )
    if table is IDENTITIES and row[0] == "erased":
        return False
    return row[table.places["customer_id"]] in people.erased
