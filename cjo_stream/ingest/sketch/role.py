"""What each column is for: the event's time, type, own id, the identifiers, attributes.

It goes by the words of names and by what the values are; where both leave a choice, the column
with more to say wins. The reason stands beside each line of the topology, for people to mend.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from cjo_stream.core.word import AttributeType, NormalForm
from cjo_stream.definition.grammar.scalar import EVENT_TYPE
from cjo_stream.errors import UsageError
from cjo_stream.ingest.sketch.column import Column, type_of_texts
from cjo_stream.ingest.sketch.moment import Moment, moment_of

ATTRIBUTES_MAX: Final = 60
_TYPES_MAX: Final = 300
_SHARE: Final = 0.9
_TIME: Final = (
    "timestamp", "event_timestamp", "event_time", "occurred_at", "occurred", "time_timestamp",
    "complete_timestamp", "datetime", "date_time", "ts", "time", "event_date", "created_at",
    "created", "invoice_date", "invoicedate", "order_date", "orderdate", "date", "sent_at",
    "received_at", "start_time", "start_timestamp",
)  # fmt: skip
_TIME_WORDS: Final = frozenset(
    ("time", "timestamp", "date", "datetime", "ts", "at", "on", "day", "when", "epoch", "unixtime")
)
_TYPE: Final = (
    "event_type", "event_name", "event", "eventtype", "eventname", "concept_name", "activity",
    "activity_name", "action", "action_type", "type", "interaction", "behavior", "behaviour",
    "behavior_type", "name", "task", "step", "page", "status", "kind",
)  # fmt: skip
_TYPE_WHOLE: Final = frozenset(("name", "page", "step", "status", "kind"))
"""Of them, those that mean something else as the last word of a name: `first_name`."""
_PERSON: Final = (
    "user", "customer", "client", "member", "subscriber", "account", "person", "contact",
    "patient", "player", "master", "household", "card", "cust", "uid", "visitorid", "userid",
    "customerid", "clientid", "memberid", "masterid", "accountid", "student", "applicant",
)  # fmt: skip
_BROWSER: Final = ("visitor", "anonymous", "cookie", "device", "browser", "installation", "idfa")
_SESSION: Final = ("session", "sessionid", "sess", "visit")
_CASE_NAMES: Final = frozenset(("case_concept_name", "case_name", "trace_concept_name"))
"""As process logs (IEEE 1849, XES) name them."""
_CASE: Final = ("case", "caseid", "trace", "ticket", "order", "application", "incident", "loan")
_ID: Final = frozenset(("id", "ids", "key", "no", "nr", "number", "uuid", "guid", "ref", "code"))
_THINGS: Final = frozenset(
    ("item", "product", "sku", "article", "page", "category", "campaign", "offer", "resource",
     "store", "shop", "position", "ad", "content", "movie", "song", "course")
)  # fmt: skip
"""What is offered, not who it is offered to."""
_OWN_ID: Final = ("event_id", "message_id", "messageid", "eventid", "event_uuid", "insert_id")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"\+?[0-9 ()./-]{7,20}")
_PHONE_NAMES: Final = frozenset(("phone", "mobile", "msisdn", "telephone", "cell", "tel"))
_NUMBERED: Final = re.compile(r"\S*[0-9]\S*")
_ROWS_EACH_MAX: Final = 100
"""Of a value of an identifier, on average."""
_ROWS_FEW: Final = 20
"""So few say nothing of values without digits."""
_IS_TYPE: Final = re.compile(EVENT_TYPE)


class Named(msgspec.Struct, frozen=True):
    """An identifier type and the column that holds it."""

    type: str
    column: Column
    normalise: NormalForm | None = None


class Roles(msgspec.Struct):
    """What the columns of a table are for."""

    time: Column
    moment: Moment
    type: Column | None
    """None: every row is of one type."""
    identifiers: list[Named]
    """The strongest first."""
    id: Column | None
    attributes: dict[str, Column]
    moments: dict[str, Moment]
    """Of attributes that are times."""
    left_out: int = 0
    """Columns beyond ATTRIBUTES_MAX."""
    is_by_row: bool = False
    """Whether no column names anybody twice, so that each row is a customer of its own."""


def roles_of(columns: Sequence[Column], rows: int) -> Roles:
    """Return what columns are for; raises UsageError without times or without identifiers."""
    named = ", ".join(column.expression for column in columns[:20])
    found = _time(columns)
    if found is None:
        raise UsageError(
            f"no column of the sample holds a time that can be read; it has {named}. Add one, "
            "such as `time` with 2026-03-01T10:00:00Z"
        )
    time, moment = found
    others = [column for column in columns if column is not time and column.rows]
    type_ = _type(others, rows)
    others = [column for column in others if column is not type_]
    identifiers, is_by_row = _identifiers(others, rows)
    if not identifiers:
        raise UsageError(
            f"no column of the sample names anybody; it has {named}. Add one, such as `user_id`"
        )
    own = _own_id(others, rows)
    taken = [own, *(one.column for one in identifiers)]
    free = [column for column in others if not any(column is one for one in taken)]
    attributes: dict[str, Column] = {}
    for column in free[:ATTRIBUTES_MAX]:
        name = column.name or f"column_{columns.index(column) + 1}"
        attributes[_unused(name, attributes)] = column
    moments = {
        name: one
        for name, column in attributes.items()
        if (one := moment_of(column, is_named=_is_time_name(column))) is not None
    }
    left_out = len(free) - len(attributes)
    return Roles(time, moment, type_, identifiers, own, attributes, moments, left_out, is_by_row)


def is_event_type(text: str) -> bool:
    """Return whether a text is an event type as it stands."""
    return _IS_TYPE.fullmatch(text) is not None


def _is_time_name(column: Column) -> bool:
    return column.name in _TIME or not _TIME_WORDS.isdisjoint(column.words)


def _time(columns: Sequence[Column]) -> tuple[Column, Moment] | None:
    best: tuple[tuple[float, ...], Column, Moment] | None = None
    for position, column in enumerate(columns):
        is_named = _is_time_name(column)
        moment = moment_of(column, is_named=is_named)
        if moment is None:
            continue
        name = len(_TIME) - _TIME.index(column.name) if column.name in _TIME else 0
        score = (
            float(column.empty == 0), float(not moment.is_day), float(is_named), float(name),
            -len(column.path), -position,
        )  # fmt: skip
        if best is None or score > best[0]:
            best = score, column, moment
    return None if best is None else best[1:]


def _type(columns: Sequence[Column], rows: int) -> Column | None:
    """Return the column with the types of events, by its name."""
    found = []
    has_person = any(_contact(one) is not None or _group(one) == "person" for one in columns)
    for column in columns:
        if column.name == "name" and (has_person or len(column.values) * 2 > column.rows):
            continue  # names of people
        place = _place_of_type(column)
        if place is None or column.kinds.keys() != {AttributeType.STRING}:
            continue
        if column.is_full or len(column.values) > _TYPES_MAX or column.rows < rows * _SHARE:
            continue
        if type_of_texts(column) is AttributeType.STRING:
            is_varied = len(column.values) > 1
            found.append((not is_varied, place, column))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _place_of_type(column: Column) -> tuple[int, int, int] | None:
    """Return how well a name fits a column of types, the best first; None if it does not."""
    for is_part, name in enumerate((column.name, column.words[-1])):
        if name in _TYPE and not (is_part and name in _TYPE_WHOLE):
            return is_part, len(column.path), _TYPE.index(name)
    return None


def _identifiers(columns: Sequence[Column], rows: int) -> tuple[list[Named], bool]:
    """Return the identifiers; and whether they are of rows, not of people."""
    groups: dict[str, list[Column]] = {"person": [], "browser": [], "session": [], "case": []}
    contacts: list[Named] = []
    for column in columns:
        if not column.name or _is_composite(column) or _is_time_name(column):
            continue
        contact = _contact(column)
        if contact is not None:
            contacts.append(Named(contact.value, column, contact))
        elif (group := _group(column)) is not None:
            groups[group].append(column)
    chosen = sorted(groups["person"], key=lambda one: (one.empty, len(one.path)))
    is_covered = any(column.empty == 0 for column in chosen)
    if not is_covered:  # else they say no more than the account does, and only cost links
        chosen += groups["browser"]
    if not chosen and not contacts:
        chosen += groups["session"]
    if not chosen and not contacts:
        chosen = groups["case"][:1]
    named: dict[str, Named] = {one.type: one for one in contacts}
    strong = [Named(_unused(one.name, named), one) for one in chosen[:6]]
    if strong or contacts:
        return [*strong[:1], *named.values(), *strong[1:]], False
    return _fallback(columns, rows)


def _fallback(columns: Sequence[Column], rows: int) -> tuple[list[Named], bool]:
    """Return a column that looks like an id: one with repeats, or else one that numbers rows."""
    ids = [
        column
        for column in columns
        if not _is_composite(column)
        and column.empty == 0
        and _THINGS.isdisjoint(column.words)
        and (not column.name or not _ID.isdisjoint(column.words) or column.name.endswith("id"))
    ]
    repeated = [one for one in ids if one.name and 1 < len(one.values) < rows and one.rows > 1]
    telling = [one for one in repeated if len(one.values) * 100 > rows]
    if telling:
        best = max(telling, key=lambda one: len(one.values))
        return [Named(best.name, best)], False
    single = [one for one in ids if len(one.values) == rows or one.is_full]
    return ([Named(single[0].name or "row", single[0])] if single else []), bool(single)


def _is_composite(column: Column) -> bool:
    return not column.kinds.keys() <= {AttributeType.STRING, AttributeType.NUMBER}


def _contact(column: Column) -> NormalForm | None:
    meant = column.meant
    if not meant:
        return None
    if sum(_EMAIL.fullmatch(one.strip()) is not None for one in meant) >= _SHARE * len(meant):
        return NormalForm.EMAIL
    if not _PHONE_NAMES.isdisjoint(column.words):
        fits = sum(_PHONE.fullmatch(one.strip()) is not None for one in meant)
        if fits >= _SHARE * len(meant):
            return NormalForm.PHONE
    return None


def _group(column: Column) -> str | None:
    """Return whom a column names, by the words of its name."""
    if column.name in _CASE_NAMES:
        return "case"
    words = [word for word in column.words if word not in _ID] or column.words
    is_id = len(words) < len(column.words)
    if len(words) > 2 or any("." in value for value in list(column.values)[:50] if not is_id):
        return None
    if not is_id and len(words) > 1:
        return None
    last = words[-1]
    for group, known in (
        ("person", _PERSON), ("browser", _BROWSER), ("session", _SESSION), ("case", _CASE),
    ):  # fmt: skip
        if last in known or words[0] in known:
            is_sure = is_id or last.endswith("id")
            return group if is_sure or (last in known and _tells_apart(column)) else None
    return None


def _tells_apart(column: Column) -> bool:
    """Return whether the values may name somebody each, as `c17`; `visa` and `Chrome` do not.

    They are many, and most have a digit and no blank; without digits, each has few rows.
    """
    different = len(column.meant)
    if column.is_full:
        return True
    if different < 2 or different * _ROWS_EACH_MAX <= column.rows:
        return False
    numbered = sum(_NUMBERED.fullmatch(one.strip()) is not None for one in column.meant)
    return numbered * 2 > different or different * 2 > column.rows > _ROWS_FEW


def _own_id(columns: Sequence[Column], rows: int) -> Column | None:
    """Return the column with the producer's id of each event."""
    for column in columns:
        is_complete = column.is_full or len(column.values) == rows
        if column.name in _OWN_ID and column.empty == 0 and is_complete:
            return column
    return None


def _unused(name: str, taken: Collection[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
