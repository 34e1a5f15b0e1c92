"""What a broken promise needs is found, and nothing that it does not need."""

from __future__ import annotations

import pytest

from tests.adversary.smallest import smallest


@pytest.mark.parametrize("needed", [{3}, {0, 99}, {17, 18, 60}, set(range(0, 100, 9)), set()])
def test_what_is_left_is_what_breaks(needed: set[int]) -> None:
    assert set(smallest(range(100), lambda things: needed <= set(things))) == needed


def test_where_things_break_together_or_not_at_all_no_one_of_them_can_go() -> None:
    def breaks(things: list[int]) -> bool:
        return sum(things) >= 30

    left = smallest([1, 9, 4, 20, 7, 8], breaks)
    assert breaks(left)
    assert not any(breaks(left[:i] + left[i + 1 :]) for i in range(len(left)))
