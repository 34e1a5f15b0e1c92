"""Every refusal of the code stands in a table, beside the test that takes its way out."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cjo_stream
from cjo_stream import errors
from cjo_stream.errors import CjoError
from tests.unit.refusals import RULES, TESTED

PACKAGE = Path(cjo_stream.__file__).parent
TESTS = Path(__file__).parents[1]
FAMILY = {
    name
    for name, one in vars(errors).items()
    if isinstance(one, type) and issubclass(one, CjoError)
}


class Refusal(NamedTuple):
    """A place that makes an error of ours; its `words` have `{}` for what is filled in."""

    module: str
    line: int
    error: str
    words: str


@cache
def refusals() -> list[Refusal]:
    return [
        Refusal(str(path.relative_to(PACKAGE)), node.lineno, name, said(node))
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and (name := called(node)) in FAMILY
    ]


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


ALL = [(module, words) for module, of in TESTED.items() for words in of]


def test_every_error_is_made_by_its_name() -> None:
    """Else the table does not see it."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for chosen in choices(node):
                named = isinstance(chosen, ast.Name) and chosen.id in FAMILY
                assert not named, f"{path}:{node.lineno}: {ast.unparse(node)}"


def choices(node: ast.AST) -> list[ast.expr]:
    """Return what an expression may give to a name, by which it could be called."""
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.Assign | ast.NamedExpr | ast.AnnAssign):
        return [node.value] if node.value is not None else []
    return []


def test_every_refusal_has_one_row() -> None:
    for refusal in refusals():
        found = [
            words for module, words in ALL if module == refusal.module and words in refusal.words
        ]
        wanted = 0 if refusal.error in RULES else 1
        assert len(found) == wanted, f"{refusal}: {found}"


def test_every_row_has_one_refusal() -> None:
    there = refusals()
    assert len(set(ALL)) == len(ALL)
    for module, words in ALL:
        found = [one for one in there if one.module == module and words in one.words]
        assert len(found) == 1, f"{module}: {words}: {found}"


def test_every_row_names_a_test_that_there_is() -> None:
    for named in [*RULES.values(), *(name for of in TESTED.values() for name in of.values())]:
        file, _, name = named.partition("::")
        assert name in functions_in(file), named


@cache
def functions_in(file: str) -> set[str]:
    path = TESTS / file if "/" in file else TESTS / "unit" / file
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {one.name for one in ast.parse(path.read_text()).body if isinstance(one, functions)}
