"""Paths: the names that an expression reads, as written, and their values in a scope.

    event.items[0].price    ('event', 'items', 0, 'price')

They serve to say which value an expression could not use; evaluation does not need them.
"""

from __future__ import annotations

import keyword
from typing import Any

from cjo_stream.core.event import Event
from cjo_stream.core.expression.place import EVENT_FIELDS
from cjo_stream.core.expression.scope import MISSING, Scope

Path = tuple[str | int, ...]

_SCALARS = (str, int, float, bool)


def text_of_path(path: Path) -> str:
    """Return a path as an expression writes it.

    >>> text_of_path(("event", "items", 0, "unit price"))
    "event.items[0]['unit price']"
    >>> text_of_path(("row", "class"))  # `row.class` would be no expression
    "row['class']"
    """
    root, *steps = path
    text = str(root)
    for step in steps:
        text += f".{step}" if isinstance(step, str) and _is_name(step) else f"[{step!r}]"
    return text


def _is_name(step: str) -> bool:
    return step.isascii() and step.isidentifier() and not keyword.iskeyword(step)


def value_at(path: Path, scope: Scope) -> Any:
    """Return the value at a path; None if it is missing."""
    root, *steps = path
    if root == "predict":
        beside = Scope(scope.now, scope.profile)  # what its features could not use is counted once
        return None if scope.profile is None else scope.profile.predicted(str(steps[0]), beside)
    value = _whole(str(root), scope)
    if isinstance(value, Event):
        value = _of_event(value, steps)
    elif root == "profile" and scope.profile is not None:
        if steps[0] == "identifiers":
            value = scope.profile.identifiers(str(steps[1]))
            del steps[1]
        else:
            value = scope.profile.get(str(steps[0]))
        del steps[0]
    for step in steps:
        if isinstance(step, int):
            is_there = type(value) is list and -len(value) <= step < len(value)
            value = value[step] if is_there else None
        else:
            value = value.get(step) if type(value) is dict else None
    return None if value is MISSING else value


def is_null(path: Path, scope: Scope) -> bool:
    """Return whether a path leads to a null, or to a part of one."""
    value: Any = getattr(scope, str(path[0]), None)
    for step in path[1:]:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
        if value is None:
            return True
    return False


def first_with(paths: tuple[Path, ...], operands: tuple[Any, ...], scope: Scope) -> Path | None:
    """Return the first path whose value is one of the operands, or None."""
    for path in paths:
        value = value_at(path, scope)
        if value is not None and any(_is_same(value, operand) for operand in operands):
            return path
    return None


def _is_same(value: Any, operand: Any) -> bool:
    if value is operand:
        return True
    return type(value) is type(operand) and isinstance(value, _SCALARS) and bool(value == operand)


def _whole(root: str, scope: Scope) -> Any:
    return scope.channel if root == "candidate" else getattr(scope, root)


def _of_event(event: Event, steps: list[str | int]) -> Any:
    """Return what the first steps read of an event, and remove them."""
    name = str(steps.pop(0)) if steps else ""
    if name == "attributes" and steps:
        return event.attributes.get(str(steps.pop(0)))
    return getattr(event, name) if name in EVENT_FIELDS else event.attributes.get(name)
