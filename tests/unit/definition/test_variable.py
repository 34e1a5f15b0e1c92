"""A variable that an action reads, and that no journey gives which asks for it, is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.definition.test_errors import JOURNEY, TOPOLOGY, at_mark, changed, errors_of

ACTION = """\
action: reminder
group: cart
treatments: {email: {template: reminder, payload: {total: §data.totl}}}
"""
GIVEN = changed(JOURNEY, "initial", "data: {total: event.total}\ninitial")
SAID = "warning: unknown variable: no request for this action has 'totl'; "


@pytest.mark.parametrize(
    ("journey", "said"),
    [
        (GIVEN, "did you mean 'total'?"),
        (changed(GIVEN, "act: reminder", "decide: {group: cart}"), "did you mean 'total'?"),
        (JOURNEY, "none is known"),
    ],
)
def test_a_variable_that_nobody_gives_is_told(journey: str, said: str, tmp_path: Path) -> None:
    there, elsewhere = at_mark(tmp_path, ACTION, TOPOLOGY, journey)
    assert (there, elsewhere) == ([SAID + said], [])


@pytest.mark.parametrize(
    "journey",
    [
        changed(GIVEN, "data: {total", "data: {totl"),
        changed(JOURNEY, "act: reminder", "act: {action: reminder, data: {totl: 1}}"),
        changed(JOURNEY, "enter: [", "enter: [{assign: {totl: 1}}, "),
        changed(JOURNEY, "act: reminder", "set: {vip: true}"),  # nobody asks for the action
    ],
)
def test_one_that_somebody_gives_is_not(journey: str, tmp_path: Path) -> None:
    assert errors_of(tmp_path, ACTION.replace("§", ""), TOPOLOGY, journey) == []


def test_it_is_enough_that_one_of_two_journeys_gives_it(tmp_path: Path) -> None:
    other = changed(changed(GIVEN, "data: {total", "data: {totl"), "recovery", "other")
    assert errors_of(tmp_path, ACTION.replace("§", ""), TOPOLOGY, JOURNEY, other) == []
