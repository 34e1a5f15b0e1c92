"""What leaves Alertmanager: pages, tickets and the watchdog, without mere consequences."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

import pytest

from cjo_stream.kafka.local.broker import free_port
from cjo_stream.telemetry.monitoring import Plan, files
from cjo_stream.telemetry.monitoring.alert import ALERTS, Alert

PROGRAMS: Final = ("prometheus-alertmanager", "alertmanager")
WITHIN_S: Final = 20.0
FASTER: Final = 60.0
SEVERITIES: Final = {one.name: one.severity for one in ALERTS}
UNTOUCHED: Final = "CjoCanaryBack"
TOLD: Final = "worker-7"
"""The process whose alerts are listened for: what was told a moment ago is not told again."""


class Running(NamedTuple):
    """An Alertmanager, and what it has sent of TOLD: receiver and name of each alert."""

    address: str
    sent: list[tuple[str, str]]


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Running]:
    """Yield an Alertmanager with our configuration; skip loudly where there is no program."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            line = "NO NOTIFICATION IS SENT: no Alertmanager (Debian's prometheus-alertmanager)"
            reporter.write_line(f"\n{line}\n", red=True, bold=True)
        pytest.skip("no Alertmanager")
    folder = tmp_path_factory.mktemp("alertmanager")
    sent: list[tuple[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            labels = (one["labels"] for one in body["alerts"])
            told = (one["alertname"] for one in labels if one.get("process") == TOLD)
            sent.extend((self.path.strip("/"), name) for name in told)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    plan = Plan({}, FASTER, f"http://127.0.0.1:{server.server_address[1]}")
    config = folder / "alertmanager.yml"
    config.write_text(files(plan)["alertmanager/alertmanager.yml"])
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            program,
            f"--config.file={config}",
            f"--storage.path={folder}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: ready(address))
        yield Running(address, sent)
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


def ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def until(condition: Callable[[], Any]) -> None:
    end_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.02)


Labels = dict[str, str]
HERE: Final = {
    "installation": "production", "instance": "10.0.0.1:9464", "process": "worker-0",
    "channel": "mail", "stage": "task",
}  # fmt: skip


def labels_of(name: str, here: Labels) -> Labels:
    """Return an alert's labels: of those of a place, the ones that its expression keeps."""
    (alert,) = [one for one in ALERTS if one.name == name]
    grouped = re.match(r"\W*(?:\w+ by \(([^)]*)\)|min_over_time\(cjo:lag|cjo:lag)", alert.expr)
    if grouped is None and "cjo:commands_late" not in alert.expr:
        return {key: value for key, value in here.items() if key not in ("channel", "stage")}
    kept = (grouped[1] or "installation, stage") if grouped else "installation"
    return {key: value for key, value in here.items() if key in kept}


def fire(address: str, alerts: dict[str, Labels], *, for_s: float) -> None:
    """Let alerts fire, as Prometheus would; with `for_s` below 0 they have ended.

    They begin when they arrive: for one that began longer ago than it waits for its group,
    Alertmanager waits no more, and may not know yet what inhibits it.
    """
    now = datetime.datetime.now(datetime.UTC)
    told = [
        {
            "labels": {"alertname": name, "severity": SEVERITIES[name], **labels},
            "endsAt": (now + datetime.timedelta(seconds=for_s)).isoformat(),
        }
        for name, labels in alerts.items()
    ]
    request = urllib.request.Request(
        f"http://{address}/api/v2/alerts",
        json.dumps(told).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


def states(address: str) -> dict[str, str]:
    """Return the state of each alert that fires: active, or suppressed."""
    with urllib.request.urlopen(f"http://{address}/api/v2/alerts", timeout=10) as answer:
        return {one["labels"]["alertname"]: one["status"]["state"] for one in json.load(answer)}


def seen(running: Running, alerts: dict[str, Labels]) -> dict[str, str]:
    """Return the states of alerts that fire together, once each has one; then end them."""
    fire(running.address, alerts, for_s=600)
    try:
        until(lambda: set(states(running.address)) == set(alerts))
        until(lambda: "unprocessed" not in states(running.address).values())
        return states(running.address)
    finally:
        fire(running.address, alerts, for_s=-1)
        until(lambda: not states(running.address))


SOURCES: Final = [one for one in ALERTS if one.silences]


def source(alert: Alert) -> Labels:
    """Return the labels of an alert that fires here; the silences may ask for a process."""
    learns = alert.name == "CjoLearnOrInsightDown"
    return labels_of(alert.name, HERE | {"process": "learn"} if learns else HERE)


@pytest.mark.parametrize("alert", SOURCES, ids=lambda one: one.name)
def test_what_is_only_a_consequence_is_held_back(running: Running, alert: Alert) -> None:
    there = {name: labels_of(name, HERE) for name in (*alert.silenced, UNTOUCHED)}
    found = seen(running, {alert.name: source(alert), **there})
    assert found == {
        alert.name: "active",
        UNTOUCHED: "active",
        **dict.fromkeys(alert.silenced, "suppressed"),
    }


ELSEWHERE: Final = [
    (alert, label)
    for alert in SOURCES
    for label in ("installation", *sorted({label for s in alert.silences for label in s.same}))
]


@pytest.mark.parametrize(("alert", "label"), ELSEWHERE, ids=lambda one: getattr(one, "name", one))
def test_nothing_is_held_back_elsewhere(running: Running, alert: Alert, label: str) -> None:
    names = [
        name
        for one in alert.silences
        for name in one.alerts
        if label in ("installation", *one.same)
    ]
    assert names
    # Each in a place of its own: so none of them holds another back.
    there = {
        name: labels_of(name, HERE | {label: f"other-{number}"})
        for number, name in enumerate(names)
    }
    assert all(label in labels for labels in there.values())
    assert label in source(alert)
    found = seen(running, {alert.name: source(alert), **there})
    assert found == dict.fromkeys([alert.name, *names], "active")


@pytest.mark.parametrize(
    ("name", "label", "value"),
    [
        ("CjoTargetDown", "process", "webhook"),
        ("CjoDiskFull", "process", "learn"),
        ("CjoDiskFull", "process", "insight"),
        ("CjoStageGone", "stage", "webhook"),
    ],
)
def test_what_no_command_comes_from_explains_no_late_command(
    running: Running, name: str, label: str, value: str
) -> None:
    names = ["CjoActionsLate", "CjoPartitionHot"]
    there = {one: labels_of(one, HERE) for one in names}
    here = labels_of(name, HERE | {label: value})
    assert here[label] == value
    found = seen(running, {name: here, **there})
    assert found == dict.fromkeys([name, *names], "active")


def test_of_learn_and_insight_each_holds_back_its_own(running: Running) -> None:
    down = labels_of("CjoLearnOrInsightDown", HERE | {"process": "insight"})
    there = {one: labels_of(one, HERE) for one in ("CjoLearnerSilent", "CjoInsightStale")}
    assert seen(running, {"CjoLearnOrInsightDown": down, **there}) == {
        "CjoLearnOrInsightDown": "active",
        "CjoLearnerSilent": "active",
        "CjoInsightStale": "suppressed",
    }


@pytest.mark.slow
def test_a_page_a_ticket_and_the_watchdog_go_where_they_belong(running: Running) -> None:
    held_back = {"CjoNotReady", "CjoActionsLate", "CjoInsightStale"}
    names = ["CjoWatchdog", "CjoNothingReady", "CjoDiskFilling", *sorted(held_back)]
    alerts = {name: {"process": TOLD} for name in names}
    fire(running.address, alerts, for_s=600)
    wanted = {
        ("watchdog", "CjoWatchdog"),
        ("page", "CjoNothingReady"),
        ("ticket", "CjoDiskFilling"),
    }
    until(lambda: set(running.sent) >= wanted)
    # The watchdog comes again and again: by then all others have had their time.
    until(lambda: running.sent.count(("watchdog", "CjoWatchdog")) >= 3)
    assert set(running.sent) == wanted
    fire(running.address, alerts, for_s=-1)
