"""How many records share a commit in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from cjo_stream.engine.task import Task
from cjo_stream.engine.window import BYTES_MAX, RECORDS_MAX, RECORDS_MIN, CommitWindow


def task(*, has_failed: bool = False, must_commit: bool = False) -> Task:
    state = SimpleNamespace(has_failed=has_failed, must_commit=has_failed or must_commit)
    return cast(Task, state)


WELL = task()


def length(window: CommitWindow) -> int:
    """Commit; return after how many records the next commit is due."""
    window.begin()
    number = 1
    while not window.is_over(1, WELL):
        number += 1
    return number


@pytest.mark.parametrize("processes", [1, 4])
def test_many_records_share_a_commit_fewer_where_processes_share_the_memory(
    processes: int,
) -> None:
    window = CommitWindow(processes)
    assert [length(window), length(window)] == [RECORDS_MAX // processes] * 2


def test_after_a_failure_commits_come_soon_and_then_less_often() -> None:
    window = CommitWindow()
    assert not window.is_over(300, WELL)
    assert window.is_over(1, task(has_failed=True))
    assert [length(window) for _ in range(3)] == [RECORDS_MIN, 2 * RECORDS_MIN, 4 * RECORDS_MIN]
    assert window.is_over(1, task(has_failed=True))
    assert length(window) == RECORDS_MIN


def test_after_an_erasure_the_next_window_is_as_long_as_before() -> None:
    window = CommitWindow()
    assert window.is_over(1, task(must_commit=True))
    assert length(window) == RECORDS_MAX


def test_large_records_fill_a_window_sooner() -> None:
    window = CommitWindow()
    for _ in range(31):
        window.add_bytes(BYTES_MAX // 32)
        assert not window.is_over(1, WELL)
    window.add_bytes(BYTES_MAX)
    assert window.is_over(1, WELL)
    window.begin()
    assert not window.is_over(1, WELL)
