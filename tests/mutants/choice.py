"""Which tests are run for a mutant of a line, and in which order."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

ROOMS: Final = ("core", "engine")
RESULTS: Final = "tests/replay/"
"""Tests that compare kept results: they see a change that shows at import only, too."""
BUDGET_S: Final = 180.0
"""Of the tests for one mutant, in the time that they take without one."""


class Reach(msgspec.Struct):
    """By source, counted from the tree: line -> numbers of the tests that execute it.

    Tests that execute few lines come first: they are about what they execute. One that takes n
    seconds counts n times, so that long tests come late.
    """

    tests: list[str]
    seconds: list[float]
    lines: dict[str, dict[int, list[int]]]


def reach_of(seconds: dict[str, float], by_line: dict[str, dict[int, list[str]]]) -> Reach:
    """Return what the tests that passed execute, of the tests on each line of each source."""
    counts = Counter(
        test for lines in by_line.values() for tests in lines.values() for test in tests
    )
    passed = [name for name, took in seconds.items() if took != float("inf")]
    passed.sort(key=lambda name: (counts[name] + 1) * max(1.0, seconds[name]))
    numbers = {name: number for number, name in enumerate(passed)}
    lines = {
        path: {
            line: sorted(numbers[test] for test in tests if test in numbers)
            for line, tests in of.items()
        }
        for path, of in by_line.items()
    }
    return Reach(passed, [seconds[name] for name in passed], lines)


def choose_tests(reach: Reach, path: str, line: int) -> list[str]:
    """Return the tests that execute a line, within the budget, and those of kept results.

    A line that runs when its module is imported runs in no test. Then the kept results come first,
    and after them, the quickest first, the test modules that execute anything of the module: one
    of their tests may read the line's table or constant, and execute nothing.
    """
    by_line = reach.lines.get(path, {})
    results = [n for n, test in enumerate(reach.tests) if test.startswith(RESULTS)]
    if executing := by_line.get(line):
        first = _within_budget(reach, executing)
        chosen = [*first, *(n for n in results if n not in first)]
    else:
        modules = {_module(reach.tests[n]) for numbers in by_line.values() for n in numbers}
        others = [
            n
            for n, test in enumerate(reach.tests)
            if n not in results and (_module(test) in modules or not modules)
        ]
        others.sort(key=lambda n: reach.seconds[n])
        chosen = [*results, *_within_budget(reach, others)]
    return [reach.tests[number] for number in chosen]


def _module(test: str) -> str:
    return test.partition("::")[0]


def _within_budget(reach: Reach, numbers: list[int]) -> list[int]:
    chosen, left_s = [], BUDGET_S
    for number in numbers:
        if reach.seconds[number] <= left_s:
            left_s -= reach.seconds[number]
            chosen.append(number)
    return chosen
