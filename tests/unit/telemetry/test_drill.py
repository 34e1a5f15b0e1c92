"""The drill has a fault for every alert, and mends it by what the alert's page says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cjo_stream.telemetry.monitoring.alert import ALERTS
from cjo_stream.telemetry.monitoring.board import BOARDS
from cjo_stream.telemetry.monitoring.rule import rules, seconds
from tests.docs.page import ROOT
from tests.drill.drilling import ABOUT, GATHERED_S, longest_s, named, other_pages
from tests.drill.fault import Fault, Run
from tests.drill.faults import FAULTS, SHORT, UNDRILLED
from tests.drill.installation import TOPOLOGY
from tests.drill.looking import look, wrong
from tests.drill.panel import NEEDS
from tests.drill.runbook import RUNBOOKS, page
from tests.drill.traffic import UNASKED, native
from tests.drill.watching import Notice
from tests.unit.telemetry.test_monitoring import EXPRESSIONS, OF_SCRAPES, known
from tests.unit.telemetry.test_notifications import HERE, labels_of
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

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


RUN_ELSEWHERE = {
    "cjo-stream up --workers 1": ("kafka/supervised.py", '"up", "--workers"'),
    "cjo-stream up --workers 2": ("kafka/supervised.py", '"up", "--workers"'),
    "cjo-stream up --workers 4": ("kafka/supervised.py", '"up", "--workers"'),
    "cjo-stream bench": ("unit/cli/test_cli.py", '"bench", "--events"'),
    "cjo-stream clock accept 0 1234": (
        "kafka/test_worker.py",
        "clock.accept(installation.settings, 0",
    ),
    'cjo-stream apply TOPOLOGY --why "new time zones"': (
        "drill/faults/content.py",
        'apply TOPOLOGY --why "a shared terminal"',
    ),
    "cjo-stream topics create TOPOLOGY": ("drill/installation.py", '"topics", "create"'),
    'cjo-stream hold --channel CHANNEL --why "its endpoint is down"': (
        "drill/faults/content.py",
        '"hold", "--channel", "email", "--why"',
    ),
}
"""Commands of pages that no fault of the drill asks for: the file that runs them, and how."""


def test_every_command_of_a_page_is_run() -> None:
    drilled = {one.alert for one in FAULTS}
    run = {step.line for one in FAULTS for step in one.mend if isinstance(step, Run)}
    run |= {line for alert in drilled for line in page(alert).diagnosis}
    written = [page(one.stem) for one in RUNBOOKS.glob("*.md")]
    lines = {line for one in written for line in (*one.diagnosis, *one.mitigation)}
    assert lines - run == RUN_ELSEWHERE.keys()
    for file, words in RUN_ELSEWHERE.values():
        assert words in (ROOT / "tests" / file).read_text(), file


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


def killed(name: str) -> Fault:
    (fault,) = [one for one in FAULTS if one.name == name]
    return fault


def notice(alert: str, receiver: str = "page", status: str = "firing", **labels: str) -> Notice:
    return Notice(0.0, receiver, status, alert, {"installation": "cjo-stream", **labels})


@pytest.mark.parametrize(
    ("told", "others"),
    [
        ([notice("CjoTargetDown", process="dispatch")], []),
        ([notice("CjoTargetDown", process="intake")], ["CjoTargetDown (intake)"]),
        ([notice("CjoLagGrowing", stage="task")], ["CjoLagGrowing (task)"]),
        ([notice("CjoDeadLetters"), notice("CjoDeadLetters")], ["CjoDeadLetters"]),
        ([notice("CjoTargetDown", process="intake", status="resolved")], []),
        ([notice("CjoDiskFilling", "ticket", process="intake")], []),
    ],
)
def test_the_same_alert_about_another_process_is_another_page(
    told: list[Notice], others: list[str]
) -> None:
    assert other_pages(killed("dispatch-killed"), told, 0.0) == others


def test_of_two_channels_one_is_meant() -> None:
    told = [notice("CjoChannelUnread", channel=channel) for channel in ("email", "push")]
    assert other_pages(killed("consumer-absent"), told, 0.0) == ["CjoChannelUnread (push)"]


def there(fault: Fault) -> set[str]:
    """Return which labels, of those that a fault is about and others, its alert has."""
    expr = EXPRESSIONS[fault.alert]
    series = [labels for name, labels in known().items() if name in expr]
    kept = labels_of(fault.alert, HERE | fault.labels)
    return OF_SCRAPES.union(*series) & kept.keys()


@pytest.mark.parametrize(
    ("alert", "label", "has_it"),
    [
        ("CjoChannelUnread", "channel", True),
        ("CjoChannelUnread", "process", False),
        ("CjoStageGone", "process", False),
        ("CjoTargetDown", "process", True),
        ("CjoTargetDown", "channel", False),
        ("CjoLagGrowing", "stage", True),
        ("CjoLagGrowing", "process", False),
        ("CjoCanaryBack", "journey", True),
        ("CjoLibrariesDiffer", "library", True),
    ],
)
def test_an_alert_has_the_labels_that_its_expression_keeps(
    *, alert: str, label: str, has_it: bool
) -> None:
    fault = Fault("one", alert, lambda _: None, (), labels={label: "this"})
    assert (label in there(fault)) is has_it


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
def test_what_a_fault_is_about_is_a_label_of_its_alert(fault: Fault) -> None:
    if fault.alert == "CjoWatchdog":
        return
    assert set(fault.labels) <= there(fault)
    if fault.alert in ("CjoTargetDown", "CjoStageGone", "CjoChannelUnread", "CjoWebhookStuck"):
        assert set(fault.labels) & set(ABOUT)


OURS = ["cjo-stream", "settings"]
CURL = ["curl", "-s", "http://127.0.0.1:9464/readyz"]
METRICS = ["curl", "-s", "http://127.0.0.1:9464/metrics"]


def ended(code: int, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, said, "")


@pytest.mark.parametrize(
    ("words", "done", "is_up", "says"),
    [
        (OURS, ended(0), True, ""),
        (OURS, ended(1, "error: no"), True, "exit code 1: error: no"),
        (OURS, ended(2, "error: no"), True, "exit code 2: error: no"),
        (OURS, ended(-9), True, "exit code -9: "),
        (OURS, ended(0, "Traceback (most"), True, "Traceback (most"),
        (["cjo-stream", "doctor"], ended(1, "1 problem"), True, ""),
        (["cjo-stream", "topics", "verify", "shop"], ended(1, "differs"), True, ""),
        (["cjo-stream", "topics", "acl"], ended(1), True, "exit code 1: "),
        (["cjo-stream", "status"], ended(2), True, "exit code 2: "),
        (["df", "-h"], ended(1), True, "exit code 1: "),
        (["date", "-u"], ended(0), True, ""),
        (CURL, ended(0, "ok\n\n200"), True, ""),
        (CURL, ended(0, "no broker\n\n503"), True, ""),
        (CURL, ended(0, "what?\n404"), True, "answered 404: what?"),
        (CURL, ended(7, "\n000"), True, "exit code 7: "),
        (CURL, ended(28, "\n000"), False, "exit code 28: nobody was to answer"),
        (CURL, ended(7, "\n000"), False, ""),
        (CURL, ended(0, "ok\n200"), False, "exit code 0: nobody was to answer"),
        (METRICS, ended(0, "no\n503"), True, "answered 503: no"),
    ],
)
def test_a_command_of_a_page_works_or_it_is_a_miss(
    words: list[str], done: subprocess.CompletedProcess[str], is_up: bool, says: str
) -> None:
    assert wrong(words, done, is_up=is_up) == says


def test_commands_of_a_page_are_run() -> None:
    def ours(*words: str) -> subprocess.CompletedProcess[str]:
        return ended(len(words))

    assert look(["cjo-stream"], ours, 5, is_up=True) == ""
    assert look(["cjo-stream", "settings"], ours, 5, is_up=True) == "exit code 1: "
    assert look(["no-such-program"], ours, 5, is_up=True) == "no no-such-program here"
    assert look([sys.executable, "-c", "raise SystemExit(3)"], ours, 30, is_up=True) == (
        "exit code 3: "
    )


def test_a_consent_of_the_drill_is_counted_and_not_refused(tmp_path: Path, cli: Cli) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps({"id": "e1", **native("u1", "cjo.consent", **UNASKED)}) + "\n")
    done = cli("run", TOPOLOGY, events, "--channel", "web", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "neither the policy's `consent` nor an expression asks" in done.out + done.err
