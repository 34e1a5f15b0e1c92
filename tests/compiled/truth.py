"""Where a number is not of the type that its annotation says.

The source runs the same either way. Compiled, a whole number that is annotated `float` becomes
one with a point, and a boolean annotated `int` a number: other bytes.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
import typing
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import islice
from types import CodeType, FrameType, ModuleType
from typing import Any

import msgspec

NUMBERS = frozenset((int, float, bool))
LOOKED_AT = 5
"""Of the elements of a list or dict."""


@contextmanager
def watching(modules: Iterable[str]) -> Iterator[Counter[str]]:
    """Count what is annotated untruly, in calls of functions of these modules.

    Seen are arguments, results, and the fields of structs among them.
    """
    known = {
        function.__code__: (f"{name}.{function.__qualname__}", hints(function))
        for name in modules
        for function in functions(importlib.import_module(name))
    }
    lies: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, result: Any) -> None:
        code: CodeType = frame.f_code
        if event not in ("call", "return") or code not in known:
            return
        name, told = known[code]
        values = {"return": result} if event == "return" else frame.f_locals
        for one, value in values.items():
            if one in told and is_lie(value, told[one]):
                lies[f"{name}, {one}: {type(value).__name__}"] += 1
            if isinstance(value, msgspec.Struct):
                for field, hint in hints(type(value)).items():
                    if is_lie(getattr(value, field), hint):
                        lies[f"{type(value).__name__}.{field}"] += 1

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield lies
    finally:
        sys.setprofile(before)


def functions(module: ModuleType) -> Iterator[types.FunctionType]:
    """Yield the functions and methods that a module defines, without those within others."""
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        inner = list(vars(value).values()) if inspect.isclass(value) else [value]
        for one in inner:
            one = one.fget if isinstance(one, property) else getattr(one, "__func__", one)
            one = inspect.unwrap(one) if callable(one) else one
            if isinstance(one, types.FunctionType) and one.__globals__ is vars(module):
                yield one


@cache
def hints(of: Any) -> dict[str, Any]:
    """Return the types of what is annotated, as far as numbers are among them."""
    told = typing.get_type_hints(of)
    return {name: hint for name, hint in told.items() if NUMBERS & set(_parts(hint))}


def is_lie(value: Any, hint: Any) -> bool:
    """Return whether a value is a number of another type than the hint says."""
    kind = type(value)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return all(is_lie(value, one) for one in arguments if one is not type(None))
    if kind in NUMBERS:
        return hint in NUMBERS and hint is not kind
    if origin is tuple and kind is tuple and Ellipsis not in arguments:
        return any(is_lie(one, of) for one, of in zip(value, arguments, strict=False))
    if origin in (list, tuple) and kind is origin:
        return any(is_lie(one, arguments[0]) for one in value[:LOOKED_AT])
    if origin is dict and kind is dict:
        return any(is_lie(one, arguments[1]) for one in islice(value.values(), LOOKED_AT))
    return False


def _parts(hint: Any) -> Iterator[Hashable]:
    if not isinstance(hint, list):  # the arguments of a Callable, which none checks
        yield hint
        for one in typing.get_args(hint):
            yield from _parts(one)
