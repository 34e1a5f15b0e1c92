"""Every refusal of the code stands in a table, beside the test that takes its way out."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from cjo_stream.definition.schema import schema
from cjo_stream.errors import UsageError
from tests.unit.house.refusals import RULES, TESTED
from tests.unit.house.refusing import FAMILY, PACKAGE, noted, refusals

TESTS = Path(__file__).parents[2]
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
    path = TESTS / file
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {one.name for one in ast.parse(path.read_text()).body if isinstance(one, functions)}


def test_a_refusal_is_seen_where_it_is_made() -> None:
    """By that `conftest` knows whether a test meets what its rows name."""
    with noted() as made, pytest.raises(UsageError):
        schema("jorney")
    assert made.has("definition/schema.py", "kind of definition")
    assert not made.has("cli/schema.py", "there is no schema")
