"""Holds tests to `unit/house/refusals`: a test that a row names meets the row's refusal.

What was collected is no garbage until the end, and is not looked through again and again.
"""

import gc
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.unit.house.refusals import rows_of
from tests.unit.house.refusing import noted

TESTS = Path(__file__).parent
GARBAGE = (10_000, 10, 10)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def pytest_runtest_teardown() -> None:
    gc.set_threshold(*GARBAGE)  # a command that runs a record leaves others


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    path = item.path.relative_to(TESTS).as_posix()
    name = f"{path}::{getattr(item, 'originalname', item.name)}"
    rows = rows_of(name)
    if not rows:
        return (yield)
    with noted() as made:
        result = yield
    missed = [row for row in rows if not made.has(*row)]
    # Of a test with parameters each meets its own.
    if missed and (not hasattr(item, "callspec") or len(missed) == len(rows)):
        pytest.fail(
            f"its rows in tests/unit/house/refusals.py name refusals that it never met: {missed}"
        )
    return result
