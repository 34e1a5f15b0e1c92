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

from tests.mutants.choice import ROOMS, reach_of


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
    found = {path: data.contexts_by_lineno(path) for path in data.measured_files()}
    reach = reach_of(contexts.seconds, {str(Path(p).relative_to(root)): found[p] for p in found})
    Path(out).write_bytes(msgspec.json.encode(reach))
    return 0


if __name__ == "__main__":
    sys.exit(main())
