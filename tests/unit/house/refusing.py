"""Where the code makes errors of ours: read from its text, and seen while it runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cjo_stream
from cjo_stream import errors
from cjo_stream.errors import CjoError

PACKAGE = Path(cjo_stream.__file__).parent
FAMILY = {
    name
    for name, one in vars(errors).items()
    if isinstance(one, type) and issubclass(one, CjoError)
}


class Refusal(NamedTuple):
    """A place that makes an error of ours; its `words` have `{}` for what is filled in."""

    module: str
    line: int
    end: int
    error: str
    words: str


@cache
def refusals_in(module: str) -> list[Refusal]:
    return [
        Refusal(module, node.lineno, node.end_lineno or 0, name, said(node))
        for node in ast.walk(ast.parse((PACKAGE / module).read_text()))
        if isinstance(node, ast.Call) and (name := called(node)) in FAMILY
    ]


@cache
def refusals() -> list[Refusal]:
    modules = [str(path.relative_to(PACKAGE)) for path in sorted(PACKAGE.rglob("*.py"))]
    return [one for module in modules for one in refusals_in(module)]


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def said(node: ast.Call) -> str:
    return " ".join(text(argument) for argument in node.args)


def text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text(one) if isinstance(one, ast.Constant) else "{}" for one in node.values)
    return ast.unparse(node)


class Made:
    """Which errors of ours were made, by the places that made them."""

    def __init__(self) -> None:
        self._places: set[tuple[str, int]] = set()

    def note(self) -> None:
        frame = sys._getframe(2)
        while frame.f_code.co_filename == errors.__file__ and frame.f_back is not None:
            frame = frame.f_back
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            self._places.add((str(path.relative_to(PACKAGE)), frame.f_lineno))

    def has(self, module: str, words: str) -> bool:
        return any(
            (module, line) in self._places
            for refusal in refusals_in(module)
            if words in refusal.words
            for line in range(refusal.line, refusal.end + 1)
        )


@contextmanager
def noted() -> Iterator[Made]:
    """Note every error of ours that is made in this process meanwhile."""
    made, before = Made(), CjoError.__init__

    def init(self: CjoError, *given: Any) -> None:
        made.note()
        before(self, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CjoError, "__init__", init)
        yield made
