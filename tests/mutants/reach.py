"""Which tests execute which line of `core` and `engine`, and how long each takes.

    python -m tests.mutants.reach OUT TESTS...

It is run in the copy of the tree: one process, all tests under coverage, each test a context.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path

import coverage
import msgspec
import pytest

ROOMS = ("core", "engine")


class Reach(msgspec.Struct):
    """By source, counted from the tree: line -> numbers of the tests that execute it."""

    tests: list[str]
    seconds: list[float]
    lines: dict[str, dict[int, list[int]]]


class _Contexts:
    """A plugin of pytest that tells coverage which test runs."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._measured.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self._measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome == "passed":
            took = self.seconds.get(report.nodeid, 0.0)
            self.seconds[report.nodeid] = took + report.duration
        else:
            self.seconds[report.nodeid] = float("inf")  # skipped, or of no use here


def main() -> int:
    out, *tests = sys.argv[1:]
    root = Path.cwd()
    sources = [str(root / "cjo_stream" / room) for room in ROOMS]
    measured = coverage.Coverage(source=sources, data_file=None, config_file=False)
    contexts = _Contexts(measured)
    measured.start()
    pytest.main(
        ["-m", "not kafka", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], [contexts]
    )
    measured.stop()
    data = measured.get_data()
    names = [name for name, took in contexts.seconds.items() if took != float("inf")]
    numbers = {name: number for number, name in enumerate(names)}
    lines: dict[str, dict[int, list[int]]] = {}
    for path in data.measured_files():
        by_line = data.contexts_by_lineno(path)
        lines[str(Path(path).relative_to(root))] = {
            line: sorted(numbers[name] for name in found if name in numbers)
            for line, found in by_line.items()
        }
    seconds = [contexts.seconds[name] for name in names]
    Path(out).write_bytes(msgspec.json.encode(Reach(names, seconds, lines)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
