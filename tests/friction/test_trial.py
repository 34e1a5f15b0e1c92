"""The short form of the instrument: a few worlds, with and without defects."""

from __future__ import annotations

from tests.friction.trial import clean_weeks, with_events


def test_in_a_clean_world_nothing_is_found() -> None:
    assert list(clean_weeks(1, people=1_500, days=16)) == [[]]


def test_most_defects_are_found_and_most_findings_are_true() -> None:
    judged = with_events(2, people=3_000, days=20)
    assert len(judged.told) >= 2
    assert all(one.delay_h is not None for one in judged.told)
    assert len(judged.false) * 10 <= judged.found
