"""The adversary: whatever becomes of who looks for a fault, its seed is told."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.adversary import __main__ as adversary
from tests.adversary import child
from tests.adversary.instrument import Instrument
from tests.adversary.limit import failure_of

Run = Callable[[int], Counter[str]]


def fails_two_ways(seed: int) -> Counter[str]:
    if seed % 2:
        raise AssertionError("odd")
    raise AssertionError("even")


def spins(_seed: int) -> Counter[str]:
    while True:
        try:
            sum(range(1_000))
        except Exception:
            continue


def hangs(_seed: int) -> Counter[str]:
    time.sleep(60)
    return Counter()


def dies(_seed: int) -> Counter[str]:
    os._exit(3)


def holds(seed: int) -> Counter[str]:
    return Counter({"met": 1 + seed, "not met": 0})


def looked(monkeypatch: pytest.MonkeyPatch, run: Run, seconds: float = 0.0) -> adversary.Score:
    """Return what came of an instrument that runs so."""
    one = Instrument("one", 1, run, lambda seed: f"the smallest of {seed}")
    monkeypatch.setitem(child.BY_NAME, "one", one)
    monkeypatch.setattr(child, "RUN_S", 1)
    monkeypatch.setattr(child, "SILENT_S", 6)
    return adversary.look([one], 7, seconds)["one"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (spins, "EndlessError in test_adversary.py, spins"),
        (hangs, "the process hangs"),
        (dies, "the process dies"),
    ],
)
def test_who_spins_hangs_or_dies_is_a_fault_and_its_seed_is_cut_down(
    monkeypatch: pytest.MonkeyPatch, run: Run, kind: str
) -> None:
    faults = looked(monkeypatch, run).faults
    assert faults.keys() == {kind}
    assert (faults[kind].job.seed, faults[kind].smallest) == (7, "the smallest of 7")


@pytest.mark.slow
def test_two_faults_of_one_function_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    score = looked(monkeypatch, fails_two_ways, seconds=3.0)
    assert sorted(found.job.seed % 2 for found in score.faults.values()) == [0, 1]
    assert sum(found.times for found in score.faults.values()) == score.seeds > 1
    adversary.tell({"one": score})


def test_what_holds_is_counted_once_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    score = looked(monkeypatch, holds, seconds=0.2)
    assert not score.faults
    assert score.met == {"met": score.seeds}


def test_a_try_that_does_not_end_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.adversary.limit.TRY_S", 0.2)
    assert str(failure_of(lambda: spins(1))).startswith("EndlessError: still running")
    assert failure_of(lambda: holds(1)) is None
