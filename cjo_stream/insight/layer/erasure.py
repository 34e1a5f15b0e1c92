"""What leaves a layer with a customer who was erased: each row, out of each file that has one.

A row is of the customer whom the views give it: of an instance that an unmerge moved, of the one
to whom it moved, as far as a record shows it by then. The record of the erasure stays, with all
ids that the customer had: the merges that show them are gone, and records may yet come. Of a merge
with somebody who left again it stays who and when, without identifiers: whose profile that other
one had meanwhile depends on it. An event leaves that came, or happened, up to the erasure; what
comes later under the same identifier is somebody's anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.layer.manifest import Part
from cjo_stream.insight.layer.part import changed
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.table import (
    ACTIONS,
    EVENTS,
    IDENTITIES,
    OUTCOMES,
    STORED,
    Row,
    Table,
)
from cjo_stream.insight.layer.who import Who

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def without_erased(folder: Folder, parts: Sequence[Part], who: Who, generation: int) -> list[Part]:
    """Return the parts without the rows of customers who were erased; those concerned are new."""
    asked = _asked(folder, [one for one in parts if one.table == ACTIONS.name], who)
    found = []
    for table in STORED:
        of = [one for one in parts if one.table == table.name]
        concerned = _concerned(folder, table, of, who, asked)
        left = partial(left_of, table, who=who, asked=asked)
        for part in of:
            if part not in concerned:
                found.append(part)
            elif (new := changed(folder, table, part, generation, left)) is not None:
                found.append(new)
    return found


def left_of(table: Table, row: Row, who: Who, asked: Mapping[str, str] = _NONE) -> Row | None:
    """Return what erasures leave of a row: mostly all, or nothing.

    `asked`: command -> the instance that asked for it, which a reward does not name.
    """
    if table is IDENTITIES and row[0] == "erased":
        kind, customer, absorbed, *rest = row
        return (kind, customer, who.people.gone_with(customer, absorbed), *rest)
    if not _is_of_erased(table, row, who, asked):
        return row
    if table is IDENTITIES and row[0] == "merged":
        kind, customer, absorbed, _, _, *rest = row
        if others := [one for one in absorbed if one not in who.people.erased]:
            return (kind, customer, others, [], None, *rest)
    return None


def _is_of_erased(table: Table, row: Row, who: Who, asked: Mapping[str, str]) -> bool:
    """Return whether a row is of an erased customer."""
    if table is EVENTS:
        first = min(row[table.places["time"]], row[table.places["received"]])
        return any(
            first <= who.people.erased_names.get(name, first - 1)
            for name in row[table.places["identifiers"]]
        )
    instance = None
    if table is OUTCOMES:
        instance = asked.get(row[table.places["action_id"]])
    elif "instance_id" in table.places:
        instance = row[table.places["instance_id"]]
    return who.owner(row[table.places["customer_id"]], instance) in who.people.erased


def _asked(folder: Folder, actions: Sequence[Part], who: Who) -> dict[str, str]:
    """Return of each command that a moved instance asked for, that instance."""
    if not who.moved:
        return {}
    where = "instance_id IN (SELECT unnest($moved::VARCHAR[]))"
    rows = Layer.rows_of(folder, ACTIONS, actions, where, {"moved": sorted(who.moved)})
    command, instance = ACTIONS.places["action_id"], ACTIONS.places["instance_id"]
    return {row[command]: row[instance] for row in rows}


def _concerned(
    folder: Folder, table: Table, parts: Sequence[Part], who: Who, asked: Mapping[str, str]
) -> list[Part]:
    """Return the parts with a row that may be of an erased customer."""
    people = who.people
    if table is EVENTS:
        return Layer.holding(folder, table, parts, "identifiers", people.erased_names)
    found = Layer.holding(folder, table, parts, "customer_id", people.erased)
    gone = {instance for instance in who.moved if who.owner("", instance) in people.erased}
    if gone and table is OUTCOMES:
        gone = {command for command, instance in asked.items() if instance in gone}
        found += Layer.holding(folder, table, parts, "action_id", gone)
    elif gone and "instance_id" in table.places:
        found += Layer.holding(folder, table, parts, "instance_id", gone)
    return found
