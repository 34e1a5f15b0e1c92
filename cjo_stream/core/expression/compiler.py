"""Text to Expression: parse, translate and check node by node, compile."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cjo_stream.core.expression import code, value
from cjo_stream.core.expression.advice import text_instead
from cjo_stream.core.expression.function import FUNCTIONS
from cjo_stream.core.expression.parser import parse
from cjo_stream.core.expression.path import Path, first_with, text_of_path
from cjo_stream.core.expression.place import (
    PROFILE_FIELDS,
    ExpressionError,
    Fault,
    Names,
    Place,
)
from cjo_stream.core.expression.scope import MISSING, Scope
from cjo_stream.core.expression.translator import Translator

__all__ = ["PROFILE_FIELDS", "Expression", "compile_expression", "constant", "evaluate_all"]


COMPILED_KEPT: Final = 16_384
"""How many compiled texts a process keeps, of 2 to 3 KB each."""


class _Nobody:
    """The profile of a scope that has none: every field is missing."""

    def get(self, _: str) -> Any:
        return MISSING

    def identifiers(self, _: str) -> list[str]:
        return []

    def predicted(self, _: str, __: Scope) -> None:
        return None


def _import(name: str, *more: Any) -> Any:
    """Import what `datetime` asks for when it reads or writes a pattern, and nothing else.

    C code asks the Python function that called it last. In the compiled wheel that is the function
    of an expression.
    """
    if name not in ("time", "_strptime"):
        raise ImportError(name)
    return __import__(name, *more)


_NAMESPACE: dict[str, Any] = {
    "__builtins__": {"__import__": _import},
    "type": type,
    "str": str,
    "bool": bool,
    "dict": dict,
    "NUMBERS": value.NUMBERS,
    "MISSING": MISSING,
    "EMPTY": MappingProxyType({}),
    "NOBODY": _Nobody(),
    "bounded_value": value.bounded_value,
    "field": value.field,
    "element": value.element,
    "elements": value.elements,
    **value.BINARY,
    **value.UNARY,
    **{f"f_{name}": row.run for name, row in FUNCTIONS.items()},
}


class Expression:
    """A compiled expression. `reads` holds each path of names it reads, as ('event', 'total').

    `paths` are the same, as written and in full (`path`). `warnings` are (column, message) of what
    the author probably did not mean.
    """

    __slots__ = ("_run", "definition", "is_constant", "paths", "reads", "text", "warnings")

    def __init__(
        self,
        text: str,
        definition: str,
        run: Callable[[Scope], Any],
        reads: frozenset[tuple[str, ...]],
        is_constant: bool,
        paths: tuple[Path, ...] = (),
        warnings: tuple[tuple[int, str], ...] = (),
    ) -> None:
        self.text = text
        self.definition = definition
        self.reads = reads
        self.is_constant = is_constant
        self.paths = paths
        self.warnings = warnings
        self._run = run

    def evaluate(self, scope: Scope) -> Any:
        """Return a JSON value that is not null, or MISSING; never raises."""
        scope.expression = self
        result = self._run(scope)
        return MISSING if result is None else result

    def holds(self, scope: Scope) -> bool:
        """Return whether a condition is true; a missing value is false."""
        scope.expression = self
        return bool(self._run(scope))

    def name_of(self, operands: tuple[Any, ...], scope: Scope) -> str:
        """Return the path by which it read one of the operands; else its first path, or text."""
        path = first_with(self.paths, operands, scope) or next(iter(self.paths), None)
        return self.text if path is None else text_of_path(path)

    @property
    def meaning(self) -> str:
        """Its text without layout: equal texts mean the same."""
        if self.is_constant:
            return repr(self._run(Scope(now=0)))
        return ast.unparse(parse(self.text))

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def evaluate_all(expressions: dict[str, Expression], scope: Scope) -> dict[str, Any]:
    """Return the values by name, without missing ones."""
    values = {}
    for name, expression in expressions.items():
        value = expression.evaluate(scope)
        if value is not MISSING:
            values[name] = value
    return values


def constant(fixed: Any, definition: str = "") -> Expression:
    """Return an expression whose value is always `fixed`; null and values beyond bounds: missing.

    >>> constant(5).evaluate(Scope(now=0)), constant(None).evaluate(Scope(now=0))
    (5, MISSING)
    """
    result = value.bounded_value(fixed)
    return Expression(str(fixed), definition, lambda _: result, frozenset(), True)


def _with_text_advice(error: ExpressionError, text: str) -> ExpressionError:
    """Return the error, which also says how a text is written if `text` looks like one."""
    advice = text_instead(text)
    if not advice or error.fault not in (Fault.EXPRESSION, Fault.NAME):
        return error
    if error.suggestion and error.written == text.strip():
        return error
    message = f"{error.message}; {advice}"
    return ExpressionError(message, error.column, error.fault, error.written)


def compile_expression(text: Any, place: Place, names: Names, definition: str = "") -> Expression:
    """Return the expression of `text`; any other value is a constant. Raises ExpressionError.

    `definition` is the definition that contains it, as metrics name it.
    """
    if not isinstance(text, str):
        return constant(text, definition)
    try:
        return Expression(text, definition, *_compiled(text, place, names))
    except ExpressionError as error:
        raise _with_text_advice(error, text) from None


class _Compiled(NamedTuple):
    """The fields of an Expression that do not depend on the definition that contains it."""

    run: Callable[[Scope], Any]
    reads: frozenset[tuple[str, ...]]
    is_constant: bool
    paths: tuple[Path, ...]
    warnings: tuple[tuple[int, str], ...]


@lru_cache(maxsize=COMPILED_KEPT)
def _compiled(text: str, place: Place, names: Names) -> _Compiled:
    """Compile a text once: a set that follows another has most of its expressions.

    A set with more than `COMPILED_KEPT` different ones finds none of them.
    """
    translator = Translator(place, names)
    result = translator.translate(parse(text))
    reads = frozenset(translator.reader.reads)
    return _Compiled(
        code.function(translator.reader.set_up(), result, _NAMESPACE),
        reads,
        not reads and not translator.reads_time,
        tuple(translator.paths),
        tuple(translator.warnings),
    )
