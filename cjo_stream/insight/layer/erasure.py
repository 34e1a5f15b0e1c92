"""What leaves a layer with a customer who was erased: each row, out of each file that has one.

A row is of the customer whom the views give it: of an instance that an unmerge moved, of the one
to whom it moved, as far as a record shows it by then. The record of the erasure stays, with all
ids that the customer had: the merges that show them are gone, and records may yet come. Of a merge
with somebody who left again it stays who and when, without identifiers: whose profile that other
one had meanwhile depends on it. Identity changes of others stay too, without what they name of
the customer. An event leaves that came, or happened, up to the erasure; what comes later under
the same identifier is somebody's anew. One that names a command in place of a person leaves
whenever it came.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

import msgspec

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

Until = Callable[[str], int | None]
"""Returns until when an identifier was an erased customer's, ms; None if it never was."""
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_TIME: Final = IDENTITIES.places["time"]
_IDENTIFIERS: Final = EVENTS.places["identifiers"]
_ATTRIBUTES: Final = EVENTS.places["attributes"]
_NAMES_NOBODY: Final = "identifiers_number = 0"
_COMMAND: Final = "json_extract_string(attributes, '$.action_id')"
"""What an event names in place of a person."""
_COMMANDED: Final = f"regexp_replace({_COMMAND}, '-[^-]*$', '')"
"""The id under which the command was given."""


def without_erased(folder: Folder, parts: Sequence[Part], who: Who, generation: int) -> list[Part]:
    """Return the parts without the rows of customers who were erased; those concerned are new."""
    asked = _asked(folder, [one for one in parts if one.table == ACTIONS.name], who)
    found = []
    for table in STORED:
        of = [one for one in parts if one.table == table.name]
        concerned = _concerned(folder, table, of, who, asked)
        left = partial(left_of, table, who=who, until=who.people.erased_names.get, asked=asked)
        for part in of:
            if part not in concerned:
                found.append(part)
            elif (new := changed(folder, table, part, generation, left)) is not None:
                found.append(new)
    return found


def left_of(
    table: Table, row: Row, who: Who, until: Until, asked: Mapping[str, str] = _NONE
) -> Row | None:
    """Return what erasures leave of a row: mostly all, or nothing.

    `asked`: command -> the instance that asked for it, which a reward does not name.
    """
    if table is IDENTITIES:
        return _left_of_change(row, who, until)
    return None if _is_of_erased(table, row, who, until, asked) else row


def _left_of_change(row: Row, who: Who, until: Until) -> Row | None:
    kind, customer, absorbed, identifiers, _, *rest = row
    erased = who.people.erased
    if kind == "erased":
        return (kind, customer, who.people.gone_with(customer, absorbed), *row[3:])
    others = [one for one in absorbed if one not in erased]
    if customer in erased:
        return (kind, customer, others, [], None, *rest) if others else None
    # In the very ms of the erasure only who begins with an identifier is known to come after it.
    own = identifiers[:1] if kind in ("created", "unmerged") else []
    names = [
        one for one in identifiers if (at := until(one)) is None or at < row[_TIME] + (one in own)
    ]
    if (others, names) == (absorbed, identifiers):
        return row
    return (kind, customer, others, names, None, *rest)


def _is_of_erased(
    table: Table, row: Row, who: Who, until: Until, asked: Mapping[str, str]
) -> bool:
    """Return whether a row is of an erased customer."""
    if table is EVENTS:
        if not (names := row[_IDENTIFIERS]):
            command = _command_of(row)
            return who.owner(command.rpartition("-")[0], asked.get(command)) in who.people.erased
        first = min(row[table.places["time"]], row[table.places["received"]])
        return any((at := until(name)) is not None and first <= at for name in names)
    instance = None
    if table is OUTCOMES:
        instance = asked.get(row[table.places["action_id"]])
    elif "instance_id" in table.places:
        instance = row[table.places["instance_id"]]
    return who.owner(row[table.places["customer_id"]], instance) in who.people.erased


def _command_of(row: Row) -> str:
    """Return the command that an event names in place of a person; empty if it names none."""
    attributes = msgspec.json.decode(row[_ATTRIBUTES])
    command = attributes.get("action_id") if isinstance(attributes, dict) else None
    return command if isinstance(command, str) else ""


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
    gone = {instance for instance in who.moved if who.owner("", instance) in people.erased}
    commands = {command for command, instance in asked.items() if instance in gone}
    wanted: list[tuple[str, Collection[str], str]] = [("customer_id", people.erased, "true")]
    if table is EVENTS:
        wanted = [
            ("identifiers", people.erased_names, "true"),
            (_COMMANDED, people.erased, _NAMES_NOBODY),
            (_COMMAND, commands, _NAMES_NOBODY),
        ]
    elif table is IDENTITIES:
        wanted += [
            ("absorbed", people.erased, "true"),
            ("identifiers", people.erased_names, "true"),
        ]
    elif table is OUTCOMES:
        wanted.append(("action_id", commands, "true"))
    elif "instance_id" in table.places:
        wanted.append(("instance_id", gone, "true"))
    return [
        part
        for column, values, where in wanted
        if values
        for part in Layer.holding(folder, table, parts, column, values, where)
    ]
