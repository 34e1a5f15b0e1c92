"""A few random edits of each bundled topology; `make backtests` tries many."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.backtest.edit import RULES, edited
from tests.backtest.trial import ROOT, Trials

EDITS = {"shop": {0: "limit", 2: "cap"}, "lending": {1: "delay"}}


@pytest.mark.slow
@pytest.mark.parametrize("topology", EDITS)
def test_a_backtest_finds_what_two_runs_show(topology: str, tmp_path: Path) -> None:
    trials = Trials(topology, tmp_path, people=0, seed=1)
    if topology == "lending":
        trials.against_itself()
    for seed, kind in EDITS[topology].items():
        found = trials.trial(seed)
        assert found.edit.kind == kind
        assert found.changed > 0


def test_every_kind_of_edit_is_drawn(tmp_path: Path) -> None:
    kinds = set()
    for seed in range(40):
        folder = tmp_path / str(seed)
        kinds.add(edited(ROOT / "topologies" / "shop", folder, random.Random(seed)).kind)
        if kinds == set(RULES):
            return
    raise AssertionError(set(RULES) - kinds)
