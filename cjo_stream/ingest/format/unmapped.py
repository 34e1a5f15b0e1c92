"""Why a map gives nothing: what the row holds where its expression reads, and what to write.

Such a text goes into a dead letter's detail alone, which is kept as the record itself is: it may
name values of a customer.
"""

from __future__ import annotations

import itertools
import re
from typing import Any, Final

from cjo_stream.core.expression import MISSING, Expression, Scope
from cjo_stream.core.expression.path import Path, text_of_path, value_at
from cjo_stream.core.expression.timestamp import read

_SHOWN_MAX: Final = 80
_COLUMNS_MAX: Final = 12
_COLUMN_CHARACTERS_MAX: Final = 40
_CURES: Final = (
    (r"[0-9]{9,10}(\.[0-9]+)?", "for seconds, write timestamp({}, 's')"),
    (r"[0-9]{16}", "for microseconds, write timestamp({}, 'us')"),
    (r"[0-9]{19}", "for nanoseconds, write timestamp({}, 'ns')"),
    (r"[0-9]{8}", "write timestamp({}, '%Y%m%d')"),
    (r"[0-9]{5}(\.[0-9]+)?", "for days of a spreadsheet, write timestamp({}, 'excel')"),
)
_DATES: Final = (
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", ("%Y-%m-%d",)),
    (r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}", ("%d.%m.%Y",)),
    (r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", ("%d/%m/%Y", "%m/%d/%Y")),
)
_CLOCKS: Final = (
    ("", ""),
    (r" [0-9]{1,2}:[0-9]{2}", " %H:%M"),
    (r" [0-9]{1,2}:[0-9]{2}:[0-9]{2}", " %H:%M:%S"),
    (r" [0-9]{1,2}:[0-9]{2} [AaPp][Mm]", " %I:%M %p"),
    (r" [0-9]{1,2}:[0-9]{2}:[0-9]{2} [AaPp][Mm]", " %I:%M:%S %p"),
)
"""What may follow a date, and how patterns write it."""
_LIKE_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_NO_TIME: Final = "there is no such day or time of the day: mend the value"
_PATTERN: Final = "say how it is written: timestamp({}, '%d.%m.%Y %H:%M')"


def why_nothing(part: str, expression: Expression, scope: Scope) -> str:
    """Return why a part of a map gives nothing."""
    paths = [path for path in expression.paths if path[0] in ("row", "item")]
    values = [(path, value_at(path, scope)) for path in paths]
    for path, value in values:
        if value is None:
            return f"`{part}` is missing: there is no `{text_of_path(path)}`; {_held(path, scope)}"
        if isinstance(value, str) and not value.strip():
            return f"`{part}` is missing: `{text_of_path(path)}` is empty"
    if part == "each" and len(values) == 1 and values[0][1] == []:
        return f"`{text_of_path(values[0][0])}` is an empty list: the row has no event"
    if len(values) != 1:
        there = ", ".join(f"{text_of_path(path)} is {shown(value)}" for path, value in values[:3])
        return f"`{part}` gives nothing" + (f", where {there}" if there else "")
    path, value = values[0]
    said = f"`{part}` was {shown(value)}, which gives nothing by `{cut(expression.text)}`"
    return f"{said}: {cure(text_of_path(path), value)}" if part == "time" else said


def cure(name: str, value: Any) -> str:
    """Return what to write for a value that was not read as a time by what `name` reads.

    >>> cure("row.at", "13.03.2026 25:00")
    'there is no such day or time of the day: mend the value'
    >>> cure("row.at", "1772442000")
    "for seconds, write timestamp(row.at, 's')"
    >>> cure("row.at", "03/13/2025 08:00")
    "write timestamp(row.at, '%d/%m/%Y %H:%M') or timestamp(row.at, '%m/%d/%Y %H:%M')"
    """
    text = str(value)[:_SHOWN_MAX].strip()
    if isinstance(value, str) and read(value, None, None) is not None:
        return f"write timestamp({name})"
    for pattern, words in _CURES:
        if re.fullmatch(pattern, text):
            return words.format(name)
    for (date, forms), (clock, form) in itertools.product(_DATES, _CLOCKS):
        if re.fullmatch(date + clock, text):
            if all(read(text, one + form, None) is None for one in forms):
                return _NO_TIME
            first, *others = (f"timestamp({name}, '{one}{form}')" for one in forms)
            return " or ".join((f"write {first}", *others))
    if _LIKE_RFC_3339.fullmatch(text):
        return _NO_TIME
    return _PATTERN.format(name)


def shown(value: Any) -> str:
    """Return a value for a refusal, cut."""
    if isinstance(value, str):
        return f"'{cut(value)}'"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def cut(text: str) -> str:
    """Return a text, or its beginning."""
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


def _held(path: Path, scope: Scope) -> str:
    """Return the names that the row, or the item, has."""
    whole = getattr(scope, str(path[0]))
    if whole is MISSING or not isinstance(whole, dict):
        return f"the {path[0]} is no object"
    names = [name[:_COLUMN_CHARACTERS_MAX] for name in list(whole)[:_COLUMNS_MAX]]
    more = ", …" if len(whole) > _COLUMNS_MAX else ""
    return f"the {path[0]} has {', '.join(names)}{more}" if names else f"the {path[0]} is empty"
