"""Programs whose expressions fail: what a fault of an expression's code would do to a task.

No expression that compiles can fail today, so the fault comes in where programs do: the compiled
ones are wrapped. What reads `event.total` fails for an event with the attribute `poison`; what
reads `data.total` fails where that is POISONED.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cjo_stream.core.expression import Expression, Scope
from cjo_stream.core.program.program import Program

POISONED = 5
"""A total that only carts of several events have."""


class PoisonError(Exception):
    """The fault."""


def poisoned(program: Program) -> Program:
    """Return a program that fails where there is poison; the same one, changed."""
    for expression in _expressions(program):
        if ("event", "total") in expression.reads:
            _wrap(expression, _is_poison)
        elif ("data", "total") in expression.reads:
            _wrap(expression, _holds_poison)
    return program


def _is_poison(scope: Scope) -> bool:
    return scope.event is not None and "poison" in scope.event.attributes


def _holds_poison(scope: Scope) -> bool:
    return scope.data is not None and scope.data.get("total") == POISONED


def _wrap(expression: Expression, fails: Callable[[Scope], bool]) -> None:
    run = expression._run

    def run_or_fail(scope: Scope) -> Any:
        if fails(scope):
            raise PoisonError
        return run(scope)

    expression._run = run_or_fail


def _expressions(value: Any) -> Iterator[Expression]:
    """Yield each expression that stands anywhere in a value, once."""
    seen: set[int] = set()
    left = [value]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Expression):
            yield one
        elif isinstance(one, msgspec.Struct):
            left += [getattr(one, name) for name in one.__struct_fields__]
        elif isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list | tuple):
            left += one
