"""The expression that makes event types of the values of a column."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from cjo_stream.core.expression.function import slug
from cjo_stream.core.expression.parser import CHARACTERS_MAX
from cjo_stream.errors import InputError
from cjo_stream.ingest.format.name import event_type
from cjo_stream.ingest.sketch.role import is_event_type

_ROOM: Final = CHARACTERS_MAX - 100
"""Characters of an expression, without those that stand around it."""
_SHOWN_MAX: Final = 6


def type_expression(column: str, values: Counter[str]) -> tuple[str, str]:
    """Return the expression for the values of a column, and what is to be said of it.

    Names that `slug` would lose or make one are named one by one, in the order of their numbers.

    >>> type_expression("row.event", Counter(["View", "Buy it"]))
    ('slug(row.event)', '')
    >>> type_expression("row.event", Counter(["C++", "C"]))
    ("'c__cedb1bac7efc' if row.event == 'C++' else slug(row.event)", '')
    """
    if all(is_event_type(name) for name in values):
        return column, ""
    slugs = {name: slug(name) for name in values}
    is_prefixed = any(one and not is_event_type(one[:1]) for one in slugs.values())
    rest = f"'event_' + slug({column})" if is_prefixed else f"slug({column})"
    made = {name: f"event_{one}" if one and is_prefixed else one for name, one in slugs.items()}
    own = {name: _own(name) for name in values}
    same: dict[str, list[str]] = defaultdict(list)
    for name, one in made.items():
        same[one].append(name)
    lost = {
        name
        for one, names in same.items()
        for name in names
        if not is_event_type(one) or (len({own[each] for each in names}) > 1 and own[name] != one)
    }
    one_by_one, said = _one_by_one(
        column, [(n, own[n]) for n, _ in values.most_common() if n in lost], rest
    )
    merged = [one for one, names in same.items() if len({*names} - lost) > 1]
    if merged:
        said += f"; several became one: {', '.join(merged[:_SHOWN_MAX])}"
    return one_by_one, said


def _own(name: str) -> str:
    """Return the event type that no other name has; `other` for a text that names nothing."""
    try:
        return event_type(name)
    except InputError:
        return "other"


def _one_by_one(column: str, names: list[tuple[str, str]], rest: str) -> tuple[str, str]:
    """Return an expression with a condition for each name, as far as there is room."""
    parts: list[str] = []
    for name, type_ in names:
        part = f"{type_!r} if {column} == {name!r} else "
        if len("".join(parts)) + len(part) > _ROOM:
            rarer = len(names) - len(parts)
            said = f"; {rarer} of them are `other`: an expression has no room to name them"
            return "".join(parts) + "'other'", said
        parts.append(part)
    return "".join(parts) + rest, ""
