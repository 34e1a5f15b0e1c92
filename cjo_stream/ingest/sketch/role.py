"""What each column is for: the event's time, type, own id, the identifiers, attributes.

It goes by the words of names and by what the values are; where both leave a choice, the column
with more to say wins. The reason stands beside each line of the topology, for people to mend.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from cjo_stream.core.word import AttributeType, Ignored, NormalForm
from cjo_stream.definition.grammar.scalar import EVENT_TYPE
from cjo_stream.errors import UsageError
from cjo_stream.ingest.phone import phone
from cjo_stream.ingest.sketch import vocabulary
from cjo_stream.ingest.sketch.column import Column, type_of_texts
from cjo_stream.ingest.sketch.moment import Moment, clock_of, moment_of

ATTRIBUTES_MAX: Final = 60
_TYPES_MAX: Final = 300
_SHARE: Final = 0.9
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"\+?[0-9 ()./-]{7,20}")
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
    needs_region: bool = False
    """Whether it holds phone numbers of which some cannot be read without a region."""


class Roles(msgspec.Struct):
    """What the columns of a table are for."""

    time: Column
    moment: Moment
    """Of the time; with the clock behind it and a blank, if there is one."""
    type: Column | None
    """None: every row is of one type."""
    identifiers: list[Named]
    """The strongest first."""
    id: Column | None
    attributes: dict[str, Column]
    moments: dict[str, Moment]
    """Of attributes that are times."""
    clock: Column | None = None
    """The time of the day, where `time` has the day alone."""
    left_out: int = 0
    """Columns beyond ATTRIBUTES_MAX."""
    is_by_row: bool = False
    """Whether no column names anybody twice, so that each row is a customer of its own."""
    asked: list[str] = []
    """Attributes that may name people, where rows have no identifier: ask whether they do."""


def roles_of(
    columns: Sequence[Column],
    rows: int,
    known_time: tuple[Column, Moment] | None = None,
    type_name: str | None = None,
) -> Roles:
    """Return what columns are for; raises UsageError without times or without identifiers.

    Where the time is known, the rows are changes of a table, and no column of it has their type.
    `type_name`: the column that has it, if a person says so; raises UsageError where it cannot.
    """
    named = ", ".join(column.expression for column in columns[:20])
    found = known_time or _time(columns)
    if found is None:
        meant = ", ".join(one.expression for one in columns if one.rows and _is_time_name(one))
        why = f": no single form of times fits nine of ten values of {meant}" if meant else ""
        mend = "Write its values in one form, or add a column" if meant else "Add one"
        raise UsageError(
            f"no column of the sample holds a time that can be read{why}; it has {named}. {mend}, "
            "such as `time` with 2026-03-01T10:00:00Z"
        )
    time, moment = found
    clock, moment = _clock(columns, time, moment)
    others = [one for one in columns if one is not time and one is not clock and one.rows]
    type_: Column | None
    if type_name is not None:
        type_ = _column_of_types(others, type_name)
    else:
        type_ = None if known_time else _type(others, rows)
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
    is_covered = any(one.column.empty == 0 for one in identifiers)
    asked = [] if is_covered else [n for n, one in attributes.items() if _may_name(one, rows)]
    return Roles(
        time,
        moment,
        type_,
        identifiers,
        own,
        attributes,
        moments,
        clock,
        left_out,
        is_by_row,
        asked,
    )


def is_event_type(text: str) -> bool:
    """Return whether a text is an event type as it stands."""
    return _IS_TYPE.fullmatch(text) is not None


def _is_time_name(column: Column) -> bool:
    return (
        column.name in vocabulary.TIME
        or not vocabulary.TIME_WORDS.isdisjoint(column.words)
        or column.name.endswith(vocabulary.TIME_ENDS)
    )


def _time(columns: Sequence[Column]) -> tuple[Column, Moment] | None:
    best: tuple[tuple[float, ...], Column, Moment] | None = None
    for position, column in enumerate(columns):
        is_named = _is_time_name(column)
        moment = moment_of(column, is_named=is_named)
        if moment is None:
            continue
        name = (
            len(vocabulary.TIME) - vocabulary.TIME.index(column.name)
            if column.name in vocabulary.TIME
            else 0
        )
        score = (
            float(column.empty == 0), float(not moment.is_day), float(is_named), float(name),
            -len(column.path), -position,
        )  # fmt: skip
        if best is None or score > best[0]:
            best = score, column, moment
    return None if best is None else best[1:]


def _clock(columns: Sequence[Column], day: Column, moment: Moment) -> tuple[Column | None, Moment]:
    """Return the column with the time of the day, and how both are read; None: there is none.

    It is named as the day is: `order_time` beside `order_date`, or has no name but `time`.
    """
    if not moment.is_day:
        return None, moment
    found: list[tuple[tuple[int, int], Column, Moment]] = []
    place = columns.index(day)
    for position, column in enumerate(columns):
        is_near = column is not day and column.path[:-1] == day.path[:-1]
        if not is_near or not _is_clock_of(column, day):
            continue
        if (both := clock_of(column, moment)) is not None:
            score = -column.empty, -abs(position - place)
            found.append((score, column, both))
    return max(found, key=lambda one: one[0])[1:] if found else (None, moment)


def clocks_unread(columns: Sequence[Column], roles: Roles) -> list[str]:
    """Return which columns seem to hold the time of the day, where all events are at midnight."""
    if not roles.moment.is_day or roles.clock is not None:
        return []
    return [
        f"{column.expression}: no form of a clock fits its values, so all events are at midnight"
        for column in columns
        if column is not roles.time
        and _is_clock_of(column, roles.time)
        and not all(one.replace(".", "", 1).isdigit() for one in column.meant)  # a duration
    ]


def _is_clock_of(column: Column, day: Column) -> bool:
    words = {*column.words}
    if words.isdisjoint(vocabulary.CLOCK_WORDS):
        return column.name.endswith("time") and column.name[:-4] == day.name.removesuffix("date")
    return words - vocabulary.CLOCK_WORDS <= {*day.words, *vocabulary.CLOCK_MARKS}


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


def _column_of_types(columns: Sequence[Column], name: str) -> Column:
    """Return the column that a person says has the types of events; raises UsageError."""
    named = {".".join(column.path): column for column in columns}
    column = named.get(name)
    if column is None:
        known = ", ".join([*named][:20])
        raise UsageError(f"--type {name}: the sample has no such column; it has {known}")
    if _is_composite(column) or column.is_full or len(column.values) > _TYPES_MAX:
        raise UsageError(
            f"--type {name}: that column has {column.distinct} different values; types of events "
            f"are at most {_TYPES_MAX} texts or numbers. Name another column"
        )
    return column


def _place_of_type(column: Column) -> tuple[int, int, int] | None:
    """Return how well a name fits a column of types, the best first; None if it does not."""
    for is_part, name in enumerate((column.name, column.words[-1])):
        if name in vocabulary.TYPE and not (is_part and name in vocabulary.TYPE_WHOLE):
            return is_part, len(column.path), vocabulary.TYPE.index(name)
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
        found = [*strong[:1], *named.values(), *strong[1:]]
        return [with_region(one, is_alone=len(found) == 1) for one in found], False
    return _fallback(columns, rows)


def with_region(one: Named, *, is_alone: bool) -> Named:
    """Return an identifier with what is to be known of phone numbers.

    Numbers that cannot be read without a region, and are all that names anybody, are taken as
    they are written.
    """
    if one.normalise is not NormalForm.PHONE:
        return one
    unread = sum(
        isinstance(phone(unicodedata.normalize("NFKC", value).strip(), None), Ignored)
        for value in one.column.meant
    )
    needs_region = unread > (1 - _SHARE) * len(one.column.meant)
    normalise = None if needs_region and is_alone else one.normalise
    return msgspec.structs.replace(one, normalise=normalise, needs_region=needs_region)


def _fallback(columns: Sequence[Column], rows: int) -> tuple[list[Named], bool]:
    """Return a column that looks like an id: one with repeats, or else one that numbers rows."""
    ids = [one for one in columns if _is_id(one)]
    telling = [one for one in ids if _may_name(one, rows)]
    if telling:
        best = max(telling, key=lambda one: len(one.values))
        return [Named(best.name, best)], False
    single = [one for one in ids if len(one.values) == rows or one.is_full]
    return ([Named(single[0].name or "row", single[0])] if single else []), bool(single)


def _is_id(column: Column) -> bool:
    """Return whether every row has one, and its name says that it is an id, not of a thing."""
    return (
        not _is_composite(column)
        and column.empty == 0
        and vocabulary.THINGS.isdisjoint(column.words)
        and (not column.name or _has_id(column))
    )


def _may_name(column: Column, rows: int) -> bool:
    """Return whether it is an id with repeats, and with many different values."""
    different = len(column.values)
    is_repeated = bool(column.name) and 1 < different < rows and column.rows > 1
    return _is_id(column) and is_repeated and different * 100 > rows


def _has_id(column: Column) -> bool:
    return not vocabulary.ID.isdisjoint(column.words) or column.name.endswith("id")


def _is_composite(column: Column) -> bool:
    return not column.kinds.keys() <= {AttributeType.STRING, AttributeType.NUMBER}


def _contact(column: Column) -> NormalForm | None:
    meant = column.meant
    if not meant:
        return None
    if sum(_EMAIL.fullmatch(one.strip()) is not None for one in meant) >= _SHARE * len(meant):
        return NormalForm.EMAIL
    if not vocabulary.PHONE.isdisjoint(column.words):
        fits = sum(_PHONE.fullmatch(one.strip()) is not None for one in meant)
        if fits >= _SHARE * len(meant):
            return NormalForm.PHONE
    return None


def _group(column: Column) -> str | None:
    """Return whom a column names, by the words of its name."""
    if column.name in vocabulary.CASE_NAMES:
        return "case"
    words = [word for word in column.words if word not in vocabulary.ID] or column.words
    is_id = len(words) < len(column.words)
    if len(words) > 2 or any("." in value for value in list(column.values)[:50] if not is_id):
        return None
    if not is_id and len(words) > 1:
        return None
    last = words[-1]
    for group, known in (
        ("person", vocabulary.PERSON),
        ("browser", vocabulary.BROWSER),
        ("session", vocabulary.SESSION),
        ("case", vocabulary.CASE),
    ):
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
        if column.name in vocabulary.OWN_ID and column.empty == 0 and is_complete:
            return column
    return None


def _unused(name: str, taken: Collection[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
