"""Operators over JSON values. No operator raises, and each ends.

The time of each is linear in its operands; CPython's substring search takes the product of both
lengths only if that is small.

Within an expression null and missing are the same, None; only `Expression.evaluate` turns None
into MISSING.

A *type error* (a text less than a number, arithmetic on a boolean) gives missing and is counted,
by `fault`. An operation on the right types without a result (a division by zero, `int('x')`, a
number beyond the bounds) gives missing and is no type error; but a text that is no number, time or
duration is counted as `unread`. Values of different types are unequal; that is no error.

Values are bounded, so that no chain of assignments grows without end:

    number   finite; a whole number within 64 bits
    text     64 KiB in UTF-8, if an expression makes it
    list, object   262,144 characters and elements, 64 deep
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from cjo_stream.core.expression.scope import Evaluated, Scope
from cjo_stream.core.word import Unread

TEXT_MAX_BYTES = 65_536
INT_MAX = 2**63 - 1
WEIGHT_MAX = 262_144
NESTING_MAX = 64
NUMBERS = frozenset((int, float))
_SCALARS = frozenset((str, bool, type(None)))


def fault(s: Scope, *operands: Any) -> Any:
    """Count a type error of these operands; its value is missing."""
    expression = s.expression
    if expression is not None:
        s.faults[expression.definition] = s.faults.get(expression.definition, 0) + 1
        _count(s, expression, Unread.TYPE, operands)
    return None


def unread(s: Scope, text: Any) -> Any:
    """Count a value of the right type that says nothing to a function; its result is missing."""
    if s.expression is not None:
        _count(s, s.expression, Unread.VALUE, (text,))
    return None


def doubted(s: Scope, given: Any, result: Any) -> Any:
    """Count a number that can only be seconds, and was taken for ms; return the result."""
    if s.expression is not None:
        _count(s, s.expression, Unread.SECONDS, (given,))
    return result


def _count(s: Scope, expression: Evaluated, reason: Unread, operands: tuple[Any, ...]) -> None:
    key = expression.definition, expression.name_of(operands, s), reason.value
    s.unread[key] = s.unread.get(key, 0) + 1


def bounded(number: int | float) -> int | float | None:
    """Return a number, or None if it is not finite, or a whole number beyond 64 bits."""
    if type(number) is float:
        return number if math.isfinite(number) else None
    return number if -INT_MAX <= number <= INT_MAX else None


def bounded_text(text: str) -> str | None:
    """Return a text, or None if it is longer than 64 KiB."""
    if len(text) <= TEXT_MAX_BYTES // 4:
        return text
    return text if len(text.encode("utf-8", "surrogatepass")) <= TEXT_MAX_BYTES else None


def bounded_value(value: Any) -> Any:
    """Return a value, or None if it exceeds the bounds of values."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind in NUMBERS:
        return bounded(value)
    return value if _is_within_bounds(value) else None


_CONTAINERS = frozenset((list, dict))


def _is_within_bounds(value: Any) -> bool:
    left = WEIGHT_MAX
    pending = [(value, 1)]
    while pending:
        value, depth = pending.pop()
        kind = type(value)
        left -= 1
        if kind is str:
            left -= len(value)
        elif kind in NUMBERS:
            if bounded(value) is None:
                return False
        elif kind is list or kind is dict:
            left -= len(value)
            if left < 0 or depth > NESTING_MAX:
                return False
            inner = value if kind is list else value.values()
            before = len(pending)
            if depth < NESTING_MAX:  # an empty list or object weighs 1: it need not be visited
                pending += [(e, depth + 1) for e in inner if e or type(e) not in _CONTAINERS]
                left -= len(value) - (len(pending) - before)
            else:
                pending += [(element, depth + 1) for element in inner]
            if kind is dict:
                left -= sum(map(len, value))
        elif kind not in _SCALARS:
            return False
        if left < 0:
            return False
    return True


def field(s: Scope, whole: Any) -> Any:
    """`whole.name` and `whole['name']` if `whole` is not an object."""
    return None if whole is None else fault(s, whole)


def element(s: Scope, whole: Any, position: int) -> Any:
    """`whole[position]`: an element of a list, missing beyond its end."""
    if type(whole) is list:
        return whole[position] if -len(whole) <= position < len(whole) else None
    return None if whole is None else fault(s, whole)


def same(a: Any, b: Any) -> bool:
    """Return whether two values are equal; values of different types are not."""
    pending = [(a, b)]
    while pending:
        a, b = pending.pop()
        kind = type(a)
        if kind in NUMBERS:
            if type(b) not in NUMBERS or a != b:
                return False
        elif kind is not type(b):
            return False
        elif kind is list:
            if len(a) != len(b):
                return False
            pending += zip(a, b, strict=True)
        elif kind is dict:
            if a.keys() != b.keys():
                return False
            pending += ((a[name], b[name]) for name in a)
        elif a != b:
            return False
    return True


def equal(_: Scope, a: Any, b: Any) -> bool | None:
    """`a == b`."""
    if a is None or b is None:
        return None
    if type(a) is str:
        return type(b) is str and a == b
    return same(a, b)


def unequal(_: Scope, a: Any, b: Any) -> bool | None:
    """`a != b`."""
    return None if a is None or b is None else not same(a, b)


Binary = Callable[[Scope, Any, Any], Any]


def _ordering(compare: Callable[[Any, Any], bool]) -> Binary:
    def ordered(s: Scope, a: Any, b: Any) -> bool | None:
        if type(a) in NUMBERS:
            if type(b) in NUMBERS:
                return compare(a, b)
        elif type(a) is str and type(b) is str:
            return compare(a, b)
        return None if a is None or b is None else fault(s, a, b)

    return ordered


def within(s: Scope, a: Any, b: Any) -> Any:
    """`a in b`: an element of a list, a part of a text, a key of an object."""
    if a is None or b is None:
        return None
    if type(b) is list:
        return a in b if type(a) is str else any(same(a, element) for element in b)
    if type(a) is str and type(b) in (str, dict):
        return a in b
    return fault(s, a, b)


def not_within(s: Scope, a: Any, b: Any) -> Any:
    """`a not in b`."""
    found = within(s, a, b)
    return None if found is None else not found


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Binary:
    def computed(s: Scope, a: Any, b: Any) -> Any:
        if type(a) in NUMBERS and type(b) in NUMBERS:
            try:
                return bounded(compute(a, b))
            except (ZeroDivisionError, OverflowError):
                return None
        return None if a is None or b is None else fault(s, a, b)

    return computed


_add_numbers = _arithmetic(operator.add)


def add(s: Scope, a: Any, b: Any) -> Any:
    """`a + b`, of numbers or of texts."""
    if type(a) is str and type(b) is str:
        return bounded_text(a + b)
    return _add_numbers(s, a, b)


def negative(s: Scope, a: Any) -> Any:
    """`-a`."""
    return bounded(-a) if type(a) in NUMBERS else None if a is None else fault(s, a)


def positive(s: Scope, a: Any) -> Any:
    """`+a`."""
    return bounded(a) if type(a) in NUMBERS else None if a is None else fault(s, a)


def elements(*values: Any) -> list[Any]:
    """`[a, b]`: a list of the values that are not missing."""
    return [value for value in values if value is not None]


BINARY: dict[str, Binary] = {
    "add": add,
    "subtract": _arithmetic(operator.sub),
    "multiply": _arithmetic(operator.mul),
    "divide": _arithmetic(operator.truediv),
    "floor_divide": _arithmetic(operator.floordiv),
    "remainder": _arithmetic(operator.mod),
    "equal": equal,
    "unequal": unequal,
    "less": _ordering(operator.lt),
    "less_equal": _ordering(operator.le),
    "greater": _ordering(operator.gt),
    "greater_equal": _ordering(operator.ge),
    "within": within,
    "not_within": not_within,
}
UNARY: dict[str, Callable[[Scope, Any], Any]] = {"negative": negative, "positive": positive}
