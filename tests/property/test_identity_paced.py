"""Links of one event, strongest first: the same customers by any number of partitions.

CJO_IDENTITY_SEEDS sets how many histories (default 50); `make identity` runs more of them.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from cjo_stream.core.identifier import hold
from tests.simulation.identity_paced import PARTITIONS, check

SEEDS = int(os.environ.get("CJO_IDENTITY_SEEDS", "50"))
CHUNK = 50


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_who_is_whom_is_as_if_links_were_told_one_by_one(first: int) -> None:
    met: Counter[str] = Counter()
    for seed in range(first, min(first + CHUNK, SEEDS)):
        refusals = check(seed, PARTITIONS)
        met += Counter(reason for _, _, _, reason in refusals.elements())
    assert met["limit"] > CHUNK
    assert met["shared"] > 0


def test_asked_all_at_once_the_answer_that_comes_first_would_win(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hold, "_is_settled", lambda one: one.is_open)
    failed = 0
    for seed in range(60):
        try:
            check(seed, (16,))
        except AssertionError:
            failed += 1
    assert failed > 1
