"""Operators over JSON values and MISSING. None raises; a type error is a fault, and missing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from cjo_stream.core.expression.scope import MISSING, Scope

TEXT_MAX = 65_536
INT_MAX = 2**63 - 1
NUMBERS = frozenset((int, float))
_BUILT_IN = frozenset(("type", "id", "channel", "time"))


def fault(s: Scope) -> Any:
    """Count a type error; it is missing."""
    s.faults[s.definition] = s.faults.get(s.definition, 0) + 1
    return MISSING


def present(value: Any) -> Any:
    """Return `value`, or MISSING for null."""
    return MISSING if value is None else value


def bounded(value: Any) -> Any:
    """Return a number, or MISSING where it is not finite or an integer beyond 64 bits."""
    if type(value) is float:
        return value if math.isfinite(value) else MISSING
    return value if -INT_MAX <= value <= INT_MAX else MISSING


def event_field(event: Any, name: str) -> Any:
    """Return a built-in field of an event, else an attribute."""
    if event is None:
        return MISSING
    value = getattr(event, name) if name in _BUILT_IN else event.attributes.get(name)
    return MISSING if value is None else value


def event_attribute(event: Any, name: str) -> Any:
    """Return an attribute of an event."""
    if event is None:
        return MISSING
    value = event.attributes.get(name)
    return MISSING if value is None else value


def field(s: Scope, value: Any, name: Any) -> Any:
    """Return a member of an object."""
    if value is MISSING or name is MISSING:
        return MISSING
    if type(value) is dict and type(name) is str:
        return present(value.get(name))
    if type(value) is list and type(name) is int:
        return present(value[name]) if -len(value) <= name < len(value) else MISSING
    return fault(s)


def variable(s: Scope, name: str) -> Any:
    """Return a variable of the instance's data."""
    return MISSING if s.data is None else present(s.data.get(name))


def same(a: Any, b: Any) -> bool:
    """Return whether two present values are equal; booleans are no numbers."""
    if type(a) in NUMBERS and type(b) in NUMBERS:
        return bool(a == b)
    if type(a) is not type(b):
        return False
    if type(a) is list:
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is dict:
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return bool(a == b)


def equal(_: Scope, a: Any, b: Any) -> Any:
    """`a == b`."""
    return MISSING if a is MISSING or b is MISSING else same(a, b)


def unequal(_: Scope, a: Any, b: Any) -> Any:
    """`a != b`."""
    return MISSING if a is MISSING or b is MISSING else not same(a, b)


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Scope, Any, Any], Any]:
    def ordered(s: Scope, a: Any, b: Any) -> Any:
        ta, tb = type(a), type(b)
        if (ta in NUMBERS and tb in NUMBERS) or (ta is str and tb is str):
            return compare(a, b)
        return MISSING if a is MISSING or b is MISSING else fault(s)

    return ordered


less = _ordering(lambda a, b: a < b)
less_equal = _ordering(lambda a, b: a <= b)
greater = _ordering(lambda a, b: a > b)
greater_equal = _ordering(lambda a, b: a >= b)


def within(s: Scope, a: Any, b: Any) -> Any:
    """`a in b`, for a list's element, a text's part, an object's key."""
    if a is MISSING or b is MISSING:
        return MISSING
    if type(b) is list:
        return any(same(a, element) for element in b)
    if type(a) is str and type(b) in (str, dict):
        return a in b
    return fault(s)


def not_within(s: Scope, a: Any, b: Any) -> Any:
    """`a not in b`."""
    return negation(within(s, a, b))


def negation(a: Any) -> Any:
    """`not a`."""
    return MISSING if a is MISSING else not a


def conjunction(a: Any, b: Any) -> Any:
    """`a and b`: false decides, else missing, else b."""
    if a is MISSING:
        return MISSING if b is MISSING or b else b
    return b if a else a


def disjunction(a: Any, b: Any) -> Any:
    """`a or b`: true decides, else missing, else b."""
    if a is MISSING:
        return b if b is not MISSING and b else MISSING
    return a if a else b


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Scope, Any, Any], Any]:
    def computed(s: Scope, a: Any, b: Any) -> Any:
        if type(a) in NUMBERS and type(b) in NUMBERS:
            try:
                return bounded(compute(a, b))
            except (ZeroDivisionError, OverflowError):
                return MISSING
        return MISSING if a is MISSING or b is MISSING else fault(s)

    return computed


subtract = _arithmetic(lambda a, b: a - b)
multiply = _arithmetic(lambda a, b: a * b)
divide = _arithmetic(lambda a, b: a / b)
floor_divide = _arithmetic(lambda a, b: a // b)
remainder = _arithmetic(lambda a, b: a % b)
_plus = _arithmetic(lambda a, b: a + b)


def add(s: Scope, a: Any, b: Any) -> Any:
    """`a + b` on numbers, and on text up to 64 KiB."""
    if type(a) is str and type(b) is str:
        return a + b if len(a) + len(b) <= TEXT_MAX else MISSING
    return _plus(s, a, b)


def negative(s: Scope, a: Any) -> Any:
    """`-a`."""
    return -a if type(a) in NUMBERS else MISSING if a is MISSING else fault(s)


def positive(s: Scope, a: Any) -> Any:
    """`+a`."""
    return a if type(a) in NUMBERS else MISSING if a is MISSING else fault(s)


def elements(*values: Any) -> list[Any]:
    """Return a list of what is not missing."""
    return [value for value in values if value is not MISSING]
