"""The cases of the bundled topologies pass, and reach nearly every transition."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.testing.suite import run_cases

TOPOLOGIES = Path(__file__).parents[3] / "topologies"


@pytest.mark.parametrize("name", ["federation", "lending", "shop", "telco"])
def test_the_cases_of_a_bundled_topology_cover_it(name: str) -> None:
    report = run_cases(TOPOLOGIES / name)
    assert not report.failed
    assert not report.warnings
    shares = {one.kind: one.share for one in report.coverage}
    assert shares["transitions"] >= 0.9
    assert shares["timers"] >= 0.9
    assert shares["states"] >= 0.9
