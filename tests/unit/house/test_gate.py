"""The gate of `make bench`: what is much slower beside the floor fails."""

from __future__ import annotations

import json

import pytest

from tests.bench import measuring
from tests.bench.gate import EXPECTED, ratios, worse

FIGURES = {
    "embedded shop": {"cpu_us_an_event": 300.0},
    "embedded yardstick": {"cpu_us_an_event": 80.0},
    "kafka floor": {"cpu_us_an_event": 4.0},
    "kafka of the floor": 0.1,
    "kafka, 2 workers, of the floor": 0.12,
}


def test_a_ratio_more_than_a_fifth_worse_fails_and_names_itself() -> None:
    expected = ratios(FIGURES)
    assert worse(expected, expected) == []
    slower = ratios({**FIGURES, "embedded yardstick": {"cpu_us_an_event": 99.0}})
    assert worse(slower, expected) == []
    slower = ratios({**FIGURES, "embedded yardstick": {"cpu_us_an_event": 101.0}})
    assert worse(slower, expected) == [
        "embedded yardstick, CPU: 0.0396 of the floor, 0.05 expected"
    ]
    assert len(worse(ratios({**FIGURES, "kafka of the floor": 0.07}), expected)) == 1


def test_on_a_machine_of_half_the_speed_nothing_is_worse() -> None:
    slow = {
        name: {"cpu_us_an_event": 2 * row["cpu_us_an_event"]} if isinstance(row, dict) else row
        for name, row in FIGURES.items()
    }
    assert worse(ratios(slow), ratios(FIGURES)) == []


def test_what_only_one_side_has_fails() -> None:
    assert worse({"new": 1.0}, {"old": 1.0}) == [
        "new: 1.0, and nothing is expected of it",
        "old: no longer measured",
    ]


def test_all_that_is_measured_is_expected() -> None:
    assert json.loads(EXPECTED.read_text()).keys() == ratios(FIGURES).keys()


@pytest.mark.parametrize(("full", "single", "code"), [(2.9, 7.0, 0), (2.99, 0.1, 1), (0.3, 99, 0)])
def test_measuring_may_take_3_percent_of_a_worker_with_full_steps(
    full: float, single: float, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: int, events_a_step: int, __: int) -> dict[str, float]:
        adding = full if events_a_step > 1 else single
        return {"adding_percent": adding, "scraping_percent": 0.05}

    monkeypatch.setattr(measuring, "run", run)
    monkeypatch.setattr(measuring, "scrape_of_most", dict)
    assert measuring.main() == code
