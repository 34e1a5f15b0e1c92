"""The drill has a fault for every alert, and mends it by what the alert's page says."""

from __future__ import annotations

import pytest

from cjo_stream.telemetry.monitoring.alert import ALERTS
from cjo_stream.telemetry.monitoring.board import BOARDS
from cjo_stream.telemetry.monitoring.rule import rules, seconds
from tests.drill.drilling import GATHERED_S, longest_s, named
from tests.drill.fault import Fault, Run
from tests.drill.faults import FAULTS, SHORT, UNDRILLED
from tests.drill.panel import NEEDS
from tests.drill.runbook import RUNBOOKS, page

NAMES = {one.name for one in FAULTS}


def test_every_alert_is_drilled_or_it_is_said_why_not() -> None:
    drilled = {one.alert for one in FAULTS}
    assert drilled | set(UNDRILLED) == {one.name for one in ALERTS}
    assert not drilled & set(UNDRILLED)
    assert len(NAMES) == len(FAULTS)
    assert set(SHORT) < NAMES


def test_the_page_names_every_alert_without_a_fault() -> None:
    written = (RUNBOOKS.parents[1] / "docs" / "monitoring.md").read_text().partition("make drill")
    for alert, why in UNDRILLED.items():
        assert f"| {alert} | {why} |" in written[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
def test_what_mends_a_fault_stands_on_the_page(fault: Fault) -> None:
    written = page(fault.alert)
    for step in fault.mend:
        if isinstance(step, Run):
            assert step.line in written.mitigation
        else:
            assert step.says in written.words
    assert fault.mend


def test_a_page_is_taken_apart() -> None:
    written = page("CjoLearnOrInsightDown")
    assert written.diagnosis == ["curl -s http://127.0.0.1:9464/readyz", "cjo-stream doctor"]
    assert written.mitigation == ["cjo-stream learn", "cjo-stream insight sink --layer LAYER"]
    assert written.words.startswith("Do what the log says; start the process again.")


def test_names_are_filled_in_where_they_stand_as_words() -> None:
    found = named("cjo-stream apply TOPOLOGY --why 'a TOPOLOGY'", {"TOPOLOGY": "here"})
    assert found == ["cjo-stream", "apply", "here", "--why", "a TOPOLOGY"]


def test_the_longest_window_is_found_through_recorded_names() -> None:
    assert longest_s("increase(x[5m]) > 1 and y[30m]") == 1_800
    assert longest_s("cjo:commands_late:ratio1h > 1 and cjo:commands_late:ratio5m > 1") == 3_600
    assert longest_s("x > {30m}") == 0


def test_what_a_panel_needs_is_a_fault() -> None:
    assert set(NEEDS) <= {panel.title for board in BOARDS for panel in board.panels}
    assert set(NEEDS.values()) <= NAMES


def test_an_alert_says_itself_within_what_time_it_comes() -> None:
    said = {one["alert"]: one["annotations"]["within"] for one in rules()["groups"][1]["rules"]}
    assert said == {one.name: one.within for one in ALERTS}
    shorter = rules(20)["groups"][1]["rules"][1]["annotations"]["within"]
    assert shorter == f"{seconds(ALERTS[1].within) // 20}s"


def test_alertmanager_waits_as_long_as_the_drill_thinks() -> None:
    from cjo_stream.telemetry.monitoring.config import Plan, alertmanager

    route = alertmanager(Plan({}))["route"]
    assert seconds(route["group_wait"]) == seconds(route["group_interval"]) == GATHERED_S
