"""How many records share a commit in memory."""

from __future__ import annotations

from cjo_stream.engine.window import BYTES_MAX, RECORDS_MAX, RECORDS_MIN, CommitWindow


def _length(window: CommitWindow) -> int:
    """Return after how many records the window is over."""
    number = 1
    while not window.is_over(1, must=False):
        number += 1
    return number


def test_many_records_share_a_commit() -> None:
    window = CommitWindow()
    assert [_length(window), _length(window)] == [RECORDS_MAX, RECORDS_MAX]


def test_after_a_failure_commits_come_soon_and_then_less_often() -> None:
    window = CommitWindow()
    assert not window.is_over(300, must=False)
    assert window.is_over(1, must=True)
    assert [_length(window) for _ in range(3)] == [RECORDS_MIN, 2 * RECORDS_MIN, 4 * RECORDS_MIN]
    assert window.is_over(1, must=True)
    assert _length(window) == RECORDS_MIN


def test_large_records_fill_a_window_sooner() -> None:
    window = CommitWindow()
    for _ in range(31):
        window.add_bytes(BYTES_MAX // 32)
        assert not window.is_over(1, must=False)
    window.add_bytes(BYTES_MAX)
    assert window.is_over(1, must=False)
    assert not window.is_over(1, must=False)


def test_who_commits_for_another_reason_begins_anew() -> None:
    window = CommitWindow()
    assert not window.is_over(RECORDS_MAX - 1, must=False)
    window.begin()
    assert _length(window) == RECORDS_MAX
