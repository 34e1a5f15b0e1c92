"""What a mutant of a source may be, and what is left alone."""

from __future__ import annotations

import ast

import pytest

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
