"""A few random changes of each bundled topology; `make foretold` tries many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backtest.foretold import EACH, Foretellings
from tests.backtest.trial import TOPOLOGIES

CHANGES = {"shop": (EACH, EACH + 2), "telco": (2,), "lending": (1,)}


@pytest.mark.slow
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_plan_tells_of_every_customer_what_then_happens(topology: str, tmp_path: Path) -> None:
    foretellings = Foretellings(topology, tmp_path, people=0, seed=1)
    found = [foretellings.trial(seed) for seed in CHANGES[topology]]
    assert sum(one.changed for one in found) > 0
