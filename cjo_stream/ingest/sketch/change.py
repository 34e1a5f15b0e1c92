"""Change events of a table (Debezium): its rows become facts, and what happened to them events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cjo_stream.core.expression.function import slug
from cjo_stream.core.expression.place import PROFILE_FIELDS
from cjo_stream.core.word import AttributeType, Format
from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest.format.debezium import is_change, table_and_row
from cjo_stream.ingest.sketch import vocabulary
from cjo_stream.ingest.sketch.column import columns_of
from cjo_stream.ingest.sketch.layout import Layout, Line, declared, quoted, who_and_what
from cjo_stream.ingest.sketch.moment import Moment
from cjo_stream.ingest.sketch.role import Named, Roles, roles_of

_PEOPLE: Final = vocabulary.PERSON | {"people", "lead", "profile"}
_VERBS: Final = {"c": "created", "u": "updated", "d": "deleted", "r": "read"}
_OF_NO_FACT: Final = (AttributeType.LIST, AttributeType.OBJECT)


def changes_layout(records: Sequence[dict[str, Any]], channel: str) -> Layout:
    """Return the layout of changes of one table; raises UsageError for those of several."""
    tables: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for record in filter(is_change, records):
        try:
            table, row = table_and_row(record)
        except InputError:
            continue
        tables[table] += 1
        if row is not None:
            rows.append(row)
    if len(tables) > 1:
        names = ", ".join(sorted(one or "one without a name" for one in tables))
        raise UsageError(
            f"the sample holds changes of several tables ({names}): one channel takes one table, "
            "so name files of one"
        )
    table = slug(next(iter(tables), ""))[:60]
    table = table if table[:1].isalpha() else channel
    roles = _roles(rows, table)
    verbs = Counter(str(row.get("op")) for row in rows)
    seen = ", ".join(f"{_VERBS[op]} {number:,}" for op, number in verbs.most_common())
    facts = _of_facts(roles)
    lost = ", ".join(name for name in roles.attributes if name not in facts.attributes)
    lines: list[Line] = [
        ("format: debezium", f"change events of a table; rows {seen}"),
        ("map:", f"two events a change{f'; no fact is made of {lost}' if lost else ''}"),
        ("""  - type: "'cjo.profile'\"""", "facts; a null or a delete takes them back"),
        *_indented(who_and_what(facts, len(rows))),
        (f"  - type: {quoted(_type(table))}", "what happened; journeys begin by it"),
        *_indented(who_and_what(msgspec.structs.replace(roles, attributes={}), len(rows))),
    ]
    types = [f"{table}_{verb}" for verb in _VERBS.values()]
    return Layout(Format.DEBEZIUM, [channel], lines, declared(roles), types=types)


def _indented(lines: Sequence[Line]) -> list[Line]:
    return [(f"    {text}", comment) for text, comment in lines]


def _roles(rows: Sequence[dict[str, Any]], table: str) -> Roles:
    number, found = columns_of(rows)
    columns = [column for column in found if column.path != ("op",)]
    time = next((column for column in columns if column.path == ("ts_ms",) and column.rows), None)
    if time is None:
        raise UsageError(
            "no change of the sample tells when it was: `ts_ms` is missing in all. Take the "
            "records as the connector wrote them"
        )
    roles = roles_of(columns, number, (time, Moment("ms", 1.0)))
    return _with_key(roles, table)


def _with_key(roles: Roles, table: str) -> Roles:
    """Return roles in which the primary key of a table of people names them.

    A delete may tell no other column.
    """
    name = table.removesuffix("s")
    is_of_people = not _PEOPLE.isdisjoint({table, name, *name.split("_")})
    others = [one for one in roles.identifiers if one.column.path != ("id",)]
    key = next((one for one in roles.attributes.values() if one.path == ("id",)), None)
    key = next((one.column for one in roles.identifiers if one.column.path == ("id",)), key)
    has_person = any(one.normalise is None for one in others)
    if key is None or key.empty or has_person or not is_of_people:
        return roles
    return msgspec.structs.replace(
        roles,
        identifiers=[Named(f"{name}_id", key), *others],
        attributes={one: column for one, column in roles.attributes.items() if column is not key},
        is_by_row=False,
    )


def _of_facts(roles: Roles) -> Roles:
    return msgspec.structs.replace(
        roles,
        attributes={
            name: column
            for name, column in roles.attributes.items()
            if name not in PROFILE_FIELDS and column.kinds.keys().isdisjoint(_OF_NO_FACT)
        },
    )


def _type(table: str) -> str:
    """Return the expression of what happened."""
    *others, last = _VERBS.items()
    return "".join(f"'{table}_{verb}' if row.op == '{op}' else " for op, verb in others) + (
        f"'{table}_{last[1]}'"
    )
