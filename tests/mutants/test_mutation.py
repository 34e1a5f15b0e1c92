"""What a mutant of a source may be, and what is left alone."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.choice import BUDGET_S, choose_tests, reach_of
from tests.mutants.mutation import mutated, mutations


def changes(source: str) -> list[str]:
    return [mutated(source, one).removesuffix("\n") for one in mutations(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b\n", ["(a <= b)", "(a >= b)"]),
        ("a is None\n", ["(a is not None)"]),
        ("a in b\n", ["(a not in b)"]),
        ("a and b\n", ["(a or b)", "(a)"]),
        ("not a\n", ["(a)"]),
        ("a + b\n", ["(a - b)"]),
        ("x = 2\n", ["x = (1)", "x = (3)"]),
        ("x = 0\n", ["x = (1)"]),
        ("x = True\n", ["x = (False)"]),
        ("a if b else c\n", ["(c if b else a)"]),
        ("min(a)\n", ["(max(a))"]),
        ("max(a, b)\n", ["(min(a, b))"]),
        ("f(a, b)\n", ["(f(b, a))"]),
        ("f(a, b=c)\n", ["(f(a))"]),
        ("class S(Struct, array_like=True): ...\n", ["class S(Struct, array_like=(False)): ..."]),
        ("def f():\n    return a\n", ["def f():\n    return None"]),
        ("def f():\n    g.h()\n", ["def f():\n    pass"]),
        ("def f():\n    a.b = c\n", ["def f():\n    pass"]),
        (
            "def f():\n    for a in b:\n        break\n",
            ["def f():\n    for a in b:\n        continue"],
        ),
    ],
)
def test_each_kind_of_change_is_made(source: str, expected: list[str]) -> None:
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        'def f():\n    "A text of 3."\n',
        "assert a < 3\n",
        "raise E(3)\n",
        "_LOG.warning('x', 3)\n",
        "x: Literal[3]\n",
        "class P(Protocol):\n    def f(self) -> int:\n        return 3\n",
        "'a' + b\n",
        "class S(Struct, frozen=True, kw_only=True, gc=False):\n    ...\n",
        "zip(a, strict=True)\n",
    ],
)
def test_what_is_no_result_is_left_alone(source: str) -> None:
    assert changes(source) == []


def test_a_change_keeps_the_rest_of_the_source() -> None:
    source = "# größer\nif a < b:  # why\n    c = 'é' if d else 1\n"
    for one in mutations(source):
        changed = mutated(source, one)
        ast.parse(changed)
        assert changed.startswith("# größer\n")
        assert changed.count("\n") == source.count("\n")


def test_the_choose_tests_a_line_come_first_that_execute_little_else_and_do_not_take_long() -> (
    None
):
    seconds = {"wide": 0.1, "long": 9.0, "narrow": 0.1, "skipped": float("inf"), "other": 0.1}
    every = {line: ["wide", "skipped"] for line in range(1, 9)}
    every[1] = ["wide", "skipped", "long", "narrow"]
    every[2] = ["other"]
    reach = reach_of(seconds, {"cjo_stream/core/a.py": every})
    assert choose_tests(reach, "cjo_stream/core/a.py", 1) == ["narrow", "wide", "long"]


def test_kept_results_are_compared_whatever_executes_the_line() -> None:
    kept = "tests/replay/test_history.py::test_bounds"
    reach = reach_of({"unit": 0.1, kept: 0.1}, {"cjo_stream/core/a.py": {2: ["unit"]}})
    assert choose_tests(reach, "cjo_stream/core/a.py", 2) == ["unit", kept]


def test_a_line_that_runs_at_import_is_tried_by_the_test_modules_that_execute_its_module() -> None:
    seconds = {"test_a::calls": 0.2, "test_a::reads_a_table": 0.1, "test_b::calls": 0.1}
    lines = {"cjo_stream/core/a.py": {1: [""], 2: ["test_a::calls"]}}
    reach = reach_of(seconds, lines)
    tests = choose_tests(reach, "cjo_stream/core/a.py", 1)
    assert tests == ["test_a::reads_a_table", "test_a::calls"]
    assert choose_tests(reach, "cjo_stream/core/constant.py", 1)[-1] == "test_a::calls"


def test_a_test_that_takes_longer_than_the_budget_leaves_room_for_the_others() -> None:
    reach = reach_of({"a": 0.1, "b": BUDGET_S, "c": 0.1}, {"cjo_stream/core/a.py": {1: [*"abc"]}})
    assert choose_tests(reach, "cjo_stream/core/a.py", 1) == ["a", "c"]
