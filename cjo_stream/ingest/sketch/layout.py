"""How a sample's records become events: format, map, identifiers; each line with what was seen."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cjo_stream.core.word import AttributeType, Format, NormalForm
from cjo_stream.ingest.format import debezium
from cjo_stream.ingest.sketch.column import Column, columns_of, numbered, type_of_texts
from cjo_stream.ingest.sketch.moment import Moment
from cjo_stream.ingest.sketch.role import Named, Roles, with_region
from cjo_stream.ingest.sketch.type import type_expression

_SHOWN_MAX: Final = 6
_CALLS: Final = frozenset(("track", "identify", "page", "screen", "group", "alias"))
_NAME: Final = re.compile("[a-z][a-z0-9_]{0,62}")
_PLAIN: Final = re.compile(r"[a-z_]+(?:\.[a-z_0-9]+)*(?:\([a-z_.0-9]*\))?")
_PLAIN_KEY: Final = re.compile("(?!(?:true|false|null)$)[A-Za-z_][A-Za-z0-9_.]*", re.IGNORECASE)
_ROOM: Final = 250
"""Characters of an expression for the placeholders that it skips."""
_EDGE: Final = 2**63
_DIGITS_SAFE: Final = 18
"""So many digits are within 64 bits."""
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")

QUESTION: Final = "QUESTION:"
"""Stands in a comment before what a person must say."""
_MAY_NAME: Final = "; does it name people? Then move it to `identifiers`, here and below"

Line = tuple[str, str]
"""A line of YAML, and its comment; empty for none."""


class Layout(msgspec.Struct):
    """The parts of a topology that read a sample."""

    format: Format
    channels: list[str]
    input: list[Line]
    """What stands under `in` of the (first) channel."""
    identifiers: list[tuple[str, NormalForm | None, str]]
    """Type, normal form, comment; the strongest first."""
    needs_channel: bool = False
    """Whether `run` must be told the channel."""
    types: list[str] = []
    """Event types that the layout names, whether the sample has them or not."""


def format_of(rows: Sequence[dict[str, Any]]) -> Format:
    """Return the format of records, by what most of them have."""
    found = Counter(_format(row) for row in rows)
    return found.most_common(1)[0][0]


def _format(row: dict[str, Any]) -> Format:
    if debezium.is_change(row):
        return Format.DEBEZIUM
    if row.get("specversion") == "1.0" and "source" in row:
        return Format.CLOUDEVENTS
    type_ = row.get("type")
    is_call = isinstance(type_, str) and type_ in _CALLS
    is_segment = is_call and ("userId" in row or "anonymousId" in row)
    if is_segment and isinstance(row.get("timestamp", row.get("originalTimestamp")), str):
        return Format.SEGMENT
    if isinstance(type_, str) and "time" in row and isinstance(row.get("identifiers"), dict):
        return Format.NATIVE
    return Format.MAPPED


def known_layout(format_: Format, rows: Sequence[dict[str, Any]], channel: str) -> Layout:
    """Return the layout of native, Segment or CloudEvents records."""
    if format_ is Format.NATIVE:
        found = Counter(str(row["channel"]) for row in rows if "channel" in row)
        has_own = found.total() == len(rows) and all(_NAME.fullmatch(name) for name in found)
        identifiers = _of_columns(rows, lambda row: row.get("identifiers"))
        channels = sorted(found) if has_own else [channel]
        return Layout(format_, channels, [], identifiers, needs_channel=not has_own)
    if format_ is Format.SEGMENT:
        input_ = [("format: segment", "calls of Segment's libraries")]
        identifiers = _of_columns(rows, _of_segment)
    else:
        input_ = [("format: cloudevents", "CloudEvents 1.0")]
        identifiers = _of_columns(rows, _of_cloudevents)
    return Layout(format_, [channel], input_, identifiers)


def _of_segment(call: dict[str, Any]) -> dict[str, Any]:
    context = _object(call.get("context"))
    device = _object(context.get("device"))
    traits = {**_object(context.get("traits")), **_object(call.get("traits"))}
    found = {
        "user_id": call.get("userId"),
        "email": traits.get("email"),
        "phone": traits.get("phone"),
        "device_id": device.get("id"),
        "anonymous_id": call.get("anonymousId"),
    }
    return found if call.get("type") != "group" else {"user_id": call.get("userId")}


def _of_cloudevents(event: dict[str, Any]) -> dict[str, Any]:
    inner: Any = _object(event.get("data")).get("identifiers")
    if isinstance(inner, dict):
        return inner
    known = ("specversion", "id", "source", "type", "time", "data", "datacontenttype", "subject",
             "dataschema", "channel")  # fmt: skip
    return {
        name: value
        for name, value in event.items()
        if name not in known and re.search("user|customer|client|member|email|phone|id$", name)
    }


_STRENGTH: Final = ("user", "customer", "member", "client", "account", "loyalty", "email", "phone",
                    "device", "anonymous", "visitor", "cookie", "session")  # fmt: skip


def _of_columns(
    rows: Sequence[dict[str, Any]], of: Any
) -> list[tuple[str, NormalForm | None, str]]:
    """Return the identifier types that records name, by strength."""
    flat: list[dict[str, Any]] = []
    having: Counter[str] = Counter()
    for row in rows:
        given = {name: _listed(value) for name, value in _object(of(row)).items()}
        flat += [{name: one} for name, values in given.items() for one in values]
        having.update(name for name, values in given.items() if any(map(_is_there, values)))
    _, columns = columns_of(flat)
    for column in columns:  # of records, each of which may have several of a type
        column.empty = len(rows) - having[column.path[0]]
    named = [column for column in columns if _NAME.fullmatch(column.path[0]) and column.rows]

    def strength(column: Column) -> tuple[int, str]:
        name = column.path[0]
        known = (place for place, word in enumerate(_STRENGTH) if word in name)
        return next(known, len(_STRENGTH)), name

    found = []
    for column in sorted(named, key=strength):
        name = column.path[0]
        normal = NormalForm(name) if name in ("email", "phone") else None
        one = with_region(Named(name, column, normal), is_alone=len(named) == 1)
        found.append(_declared(one, is_by_row=False))
    return found


def _object(value: Any) -> dict[str, Any]:
    """Return a value that is an object; an odd record's list or text there says nothing."""
    return value if isinstance(value, dict) else {}


def _is_there(value: Any) -> bool:
    return value is not None and value != ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def mapped_layout(roles: Roles, channel: str, default_type: str, rows: int) -> Layout:
    """Return the layout of a table, or of JSON objects of a form of their own."""
    lines: list[Line] = [
        ("format: mapped", "by expressions over the columns"),
        ("map:", _left_out(roles)),
    ]
    if roles.id is not None:
        lines.append(
            (
                f"  id: {quoted(roles.id.expression)}",
                "a different one in every row: repeats are dropped",
            )
        )
    lines.append(_type_line(roles.type, default_type))
    lines += [(f"  {text}", comment) for text, comment in who_and_what(roles, rows)]
    return Layout(Format.MAPPED, [channel], lines, declared(roles))


def who_and_what(roles: Roles, rows: int) -> list[Line]:
    """Return the lines of a map for time, identifiers and attributes."""
    lines: list[Line] = [
        (f"time: {quoted(_time_of(roles))}", _seen_of_time(roles.moment)),
        ("identifiers:", ""),
    ]
    for one in roles.identifiers:
        expression = quoted(_named(one.column))
        lines.append((f"  {key(one.type)}: {expression}", seen_of_identifier(one.column)))
    lost = _lost(roles)
    kept = [name for name in roles.attributes if name not in lost]
    if kept:
        lines.append(("attributes:", ""))
    for name in kept:
        line, seen = _attribute(name, roles.attributes[name], roles.moments.get(name), rows)
        lines.append((line, seen + _MAY_NAME if name in roles.asked else seen))
    return lines


def declared(roles: Roles) -> list[tuple[str, NormalForm | None, str]]:
    """Return the identifiers as the topology declares them."""
    return [_declared(one, is_by_row=roles.is_by_row) for one in roles.identifiers]


def _named(column: Column) -> str:
    """Return the expression of an identifier; the number `0` alone would be a placeholder."""
    expression = column.expression
    if column.are_numbers_from_zero:
        expression = f"'no-' + str({expression})"
    if column.empty and AttributeType.STRING in column.kinds:
        return f"{expression} if {column.expression} != '' else null"
    return expression


def _lost(roles: Roles) -> list[str]:
    return [name for name, one in roles.attributes.items() if _is_beyond_64_bits(one)]


def _left_out(roles: Roles) -> str:
    """Return which columns no attribute is made of."""
    said, lost = [], _lost(roles)
    if roles.left_out:
        said.append(f"{roles.left_out} further columns were left out")
    if lost:
        said.append(
            f"left out: {', '.join(lost)}, with integers beyond 64 bits; send them as text"
        )
    return "; ".join(said)


def _declared(one: Named, *, is_by_row: bool) -> tuple[str, NormalForm | None, str]:
    seen = seen_of_identifier(one.column)
    if is_by_row:
        seen += "; no column names anybody twice, so each row is a customer of its own"
    if one.needs_region:
        seen += f"; {_question(one)}"
    return one.type, one.normalise, seen


def _question(one: Named) -> str:
    asked = f"{QUESTION} of which country are these numbers? Write `region: DE` at the top"
    if one.normalise is not None:
        return f"{asked}; until then those without a country code name nobody"
    return f"{asked} and `normalise: phone` here; until then each spelling is somebody else"


def _type_line(column: Column | None, default: str) -> Line:
    if column is None:
        return f"  type: {quoted(repr(default))}", "no column tells types apart: name this one"
    text = column.expression
    if AttributeType.NUMBER in column.kinds:
        text = f"str({text})"
    expression, said = type_expression(text, column.values)
    seen = f"{numbered(len(column.values), 'type')}: {_most(column.values)}{said}"
    if column.empty:
        expression = f"({expression}) if {column.expression} != '' else 'other'"
        are = "is" if column.empty == 1 else "are"
        seen += f"; {numbered(column.empty, 'row')} without one {are} `other`"
    return f"  type: {quoted(expression)}", seen


def _time_of(roles: Roles) -> str:
    """Return the expression of the time: of one column, or of the day and the clock."""
    day, clock = roles.time, roles.clock
    if clock is None:
        return _time(day, roles.moment)
    written = f"timestamp({_text(day)} + ' ' + {_text(clock)}, {roles.moment.form!r})"
    if not clock.empty or AttributeType.STRING not in clock.kinds:
        return written
    alone = f"timestamp({_text(day)}, {roles.moment.day!r})"
    return f"{written} if {clock.expression} != '' else {alone}"


def _text(column: Column) -> str:
    is_text = column.kinds.keys() == {AttributeType.STRING}
    return column.expression if is_text else f"str({column.expression})"


def _time(column: Column, moment: Moment) -> str:
    arguments = (
        column.expression if moment.form is None else f"{column.expression}, {moment.form!r}"
    )
    return f"timestamp({arguments})"


def _seen_of_time(moment: Moment) -> str:
    seen = "read without a format" if moment.form is None else "read by this format"
    if moment.share < 1:
        seen += f"; {1 - moment.share:.1%} of the values are written otherwise: check them"
    if moment.either is not None:
        seen += f"; read by {moment.either!r} as well: check which is day and which month"
    if moment.is_local:
        some = moment.local
        which = "local times" if some is None else f"{some[0]} of {some[1]} are local"
        seen += f"; {which}, taken as UTC: timestamp(x, format, 'Europe/Berlin') names a zone"
    return seen


def seen_of_identifier(column: Column) -> str:
    """Return how many different values, placeholders and gaps a column has."""
    seen = f"{column.distinct} different in {numbered(column.rows, 'value')}"
    if column.are_numbers_from_zero:
        seen += f"; {' and '.join(column.odd)} are taken as somebody: no more frequent than others"
    elif column.placeholders:
        spellings = "1 spelling" if len(column.odd) == 1 else f"{len(column.odd)} spellings"
        what = "a placeholder" if column.placeholders == 1 else "placeholders"
        seen += f", {column.placeholders:,} of them {what} ({spellings})"
    if column.empty:
        seen += f", {column.empty:,} empty"
    return seen


def _attribute(name: str, column: Column, moment: Moment | None, rows: int) -> Line:
    expression, kind = column.expression, max(column.kinds, key=lambda one: column.kinds[one])
    if moment is not None:
        expression, kind = _time(column, moment), AttributeType.TIME
    elif kind is AttributeType.STRING:
        kind = type_of_texts(column)
        if kind is AttributeType.NUMBER:
            numbers = column.values.keys() - set(column.blanks)
            is_whole = all(_WHOLE.fullmatch(one.strip()) for one in numbers)
            expression = f"{'int' if is_whole else 'float'}({expression})"
        elif kind is AttributeType.BOOLEAN:
            expression = f"lower({expression}) == 'true'"
            if column.empty or column.blanks:
                expression += f" if lower({column.expression}) in ['true', 'false'] else null"
    seen = f"{kind}, {column.distinct} different"
    if column.empty:
        seen += f", {column.empty:,} of {numbered(rows, 'row')} without"
    is_read = kind in (AttributeType.NUMBER, AttributeType.BOOLEAN, AttributeType.TIME)
    if is_read and AttributeType.STRING in column.kinds and (odd := column.blanks):
        if kind is not AttributeType.BOOLEAN:
            expression = f"{expression} if {column.expression} not in {_skipped(odd)} else null"
        seen += f", {numbered(sum(column.values[one] for one in odd), 'placeholder')}"
    return f"  {key(name)}: {quoted(expression)}", seen


def _skipped(odd: list[str]) -> list[str]:
    """Return as many placeholders as an expression has room for; the others are null as well."""
    return odd[: next((n for n in range(len(odd), 0, -1) if len(str(odd[:n])) <= _ROOM), 0)]


def _is_beyond_64_bits(column: Column) -> bool:
    return AttributeType.NUMBER in column.kinds and any(
        len(one) > _DIGITS_SAFE and _WHOLE.fullmatch(one) and not -_EDGE <= int(one) < _EDGE
        for one in column.values
    )


def _most(values: Counter[str]) -> str:
    shown = [f"{name} {number:,}" for name, number in values.most_common(_SHOWN_MAX)]
    return ", ".join([*shown, *(["…"] if len(values) > _SHOWN_MAX else [])])


def quoted(text: str) -> str:
    r"""Return a text as a YAML scalar.

    >>> quoted("slug(row.event)"), quoted("row['e mail']")
    ('slug(row.event)', '"row[\'e mail\']"')
    """
    return text if _PLAIN.fullmatch(text) else _in_quotes(text)


def key(name: str) -> str:
    """Return a name as YAML writes it, as a key or as a value.

    >>> key("order.placed"), key("null")
    ('order.placed', '"null"')
    """
    return name if _PLAIN_KEY.fullmatch(name) else _in_quotes(name)


def _in_quotes(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in written)
