"""Holds tests to `unit/house/refusals`: a test that a row names meets the row's refusal."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.unit.house.refusals import rows_of
from tests.unit.house.refusing import noted

TESTS = Path(__file__).parent


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
