"""Rules, dashboards and runbooks say what the code does; deploy/ has what would be written."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from ruamel.yaml import YAML

from cjo_stream.kafka.local.broker import free_port
from cjo_stream.telemetry import METRICS, PROCESS_METRICS
from cjo_stream.telemetry.monitoring import Plan, files
from cjo_stream.telemetry.monitoring.alert import ALERTS
from cjo_stream.telemetry.monitoring.board import BOARDS
from cjo_stream.telemetry.monitoring.condition import INSTALLATION, LATE_S, OBJECTIVE
from cjo_stream.telemetry.monitoring.config import alertmanager, as_yaml, prometheus
from cjo_stream.telemetry.monitoring.rule import RECORDS, quicker, rules, seconds
from tests.docs.command import parse
from tests.unit.telemetry.test_notifications import ready, until
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

ROOT: Final = Path(__file__).parents[3]
DEPLOY: Final = ROOT / "deploy"
RUNBOOKS: Final = DEPLOY / "runbooks"
OURS: Final = ("prometheus", "alertmanager", "grafana")
NAMES: Final = {one.name for one in ALERTS}
PLAN: Final = Plan({"intake": "127.0.0.1:9464"})


# --- what is in deploy/


def test_deploy_has_what_the_command_writes(tmp_path: Path, cli: Cli) -> None:
    done = cli("monitoring", tmp_path)
    assert done.code == 0, done.err
    written = {one.relative_to(tmp_path) for one in tmp_path.rglob("*") if one.is_file()}
    there = {
        one.relative_to(DEPLOY)
        for folder in OURS
        for one in (DEPLOY / folder).rglob("*")
        if one.is_file()
    }
    assert there == written, "write them anew: cjo-stream monitoring deploy"
    for name in written:
        assert (DEPLOY / name).read_text() == (tmp_path / name).read_text(), (
            f"{name}: write it anew: cjo-stream monitoring deploy"
        )


def test_it_says_how_to_start_what_reads_the_files(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    told = cli("monitoring", tmp_path / "a watch").out
    prometheus_, alertmanager_ = commands_told(told)
    for words, program, file in (
        (prometheus_, "prometheus", "prometheus/prometheus.yml"),
        (alertmanager_, "alertmanager", "alertmanager/alertmanager.yml"),
    ):
        assert words[0] == program
        assert words[1] == f"--config.file={tmp_path / 'a watch' / file}"
        assert Path(words[1].partition("=")[2]).is_file()
    listens = alertmanager_[3].partition("=")[2]
    wanted = prometheus(PLAN)["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert [listens] == wanted


@pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("prometheus-alertmanager") is None,
    reason="no Prometheus here",
)
@pytest.mark.slow
def test_prometheus_and_alertmanager_start_by_what_is_said(tmp_path: Path, cli: Cli) -> None:
    for words in commands_told(cli("monitoring", tmp_path).out):
        address = f"127.0.0.1:{free_port()}"
        words[3] = f"--web.listen-address={address}"
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            until(lambda address=address: ready(address))
        finally:
            process.kill()
            process.wait()


def commands_told(told: str) -> list[list[str]]:
    lines = [line for line in told.splitlines() if line.startswith("next: ")]
    return [shlex.split(line.removeprefix("next: ")) for line in lines]


def test_the_targets_are_the_processes_of_up(tmp_path: Path, cli: Cli) -> None:
    said = ["--workers", "2", "--insight", "--host", "here", "--port", "9000"]
    assert cli("monitoring", tmp_path, *said).code == 0
    assert scraped(tmp_path) == {
        "intake": "here:9000",
        "worker-0": "here:9001",
        "worker-1": "here:9002",
        "dispatch": "here:9003",
        "learn": "here:9004",
        "insight": "here:9005",
    }


def scraped(folder: Path) -> dict[str, str]:
    """Return the address of each process in a written configuration."""
    written = YAML(typ="safe").load(folder / "prometheus" / "prometheus.yml")
    configs = written["scrape_configs"][0]["static_configs"]
    return {one["labels"]["process"]: one["targets"][0] for one in configs}


def test_prometheus_is_let_in_as_it_is_said(tmp_path: Path, cli: Cli) -> None:
    for wrong, said in (
        (["--ca", "ca.pem"], "say --tls"),
        (["--username", "me"], "--password-file"),
        (["--password-file", "secret"], "--username"),
    ):
        refused = cli("monitoring", tmp_path, *wrong)
        assert (refused.code, said in refused.err) == (2, True), refused.err
    right = ["--tls", "--ca", "ca.pem", "--username", "me", "--password-file", "secret"]
    assert cli("monitoring", tmp_path, *right).code == 0
    written = YAML(typ="safe").load(tmp_path / "prometheus" / "prometheus.yml")
    (job,) = written["scrape_configs"]
    assert job["scheme"] == "https"
    assert job["tls_config"] == {"ca_file": "ca.pem"}
    assert job["basic_auth"] == {"username": "me", "password_file": "secret"}
    assert cli("monitoring", tmp_path, "--tls").code == 0
    written = YAML(typ="safe").load(tmp_path / "prometheus" / "prometheus.yml")
    assert written["scrape_configs"][0]["scheme"] == "https"
    assert not {"tls_config", "basic_auth"} & set(written["scrape_configs"][0])


def test_targets_are_taken_as_they_are_written(tmp_path: Path, cli: Cli) -> None:
    for wrong in ("worker-0", "broker=here:1", "worker-0=here", "worker 0=here:1"):
        refused = cli("monitoring", tmp_path, "--target", wrong)
        assert refused.code == 2
        assert "write NAME=HOST:PORT" in refused.err
    right = ["--target", "worker-0=here:1", "--target", "learn=[::1]:2"]
    assert cli("monitoring", tmp_path, *right).code == 0
    assert scraped(tmp_path) == {"worker-0": "here:1", "learn": "[::1]:2"}


def test_compose_watches_every_process_that_it_always_starts(tmp_path: Path, cli: Cli) -> None:
    services = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]
    names = [
        name
        for name, one in services.items()
        if one["image"] == "cjo-stream"
        and one["command"][0] not in ("topics", "apply")
        and not {"profiles", "entrypoint"} & set(one)
    ]
    said = [word for name in names for word in ("--target", f"{name}={name}:9464")]
    assert cli("monitoring", tmp_path, *said).code == 0
    assert set(scraped(tmp_path)) == set(names)
    written = (tmp_path / "prometheus" / "prometheus.yml").read_text()
    assert (DEPLOY / "compose" / "prometheus.yml").read_text() == written, said
    for service in ("prometheus", "alertmanager", "grafana"):
        for mount in services[service]["volumes"]:
            assert (DEPLOY / mount.split(":")[0]).exists(), mount


def test_files_are_written_once_the_folder_can_be(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "file").write_text("in the way")
    refused = cli("monitoring", tmp_path / "file")
    assert refused.code == 2
    assert "name another folder as DIR" in refused.err
    assert cli("monitoring", tmp_path / "folder").code == 0
    assert cli("monitoring", tmp_path / "folder").code == 0, "again"


@pytest.mark.parametrize("wrong", ["localhost:9000", "foo", "ftp://x", "http://", "https:///x"])
def test_notifications_go_to_a_url_of_the_web(tmp_path: Path, cli: Cli, wrong: str) -> None:
    done = cli("monitoring", tmp_path / "m", "--notify", wrong)
    assert (done.code, "write the URL, as http://host:9000" in done.err) == (2, True)
    assert not (tmp_path / "m").exists()
    assert cli("monitoring", tmp_path / "m", "--notify", "http://localhost:9000/x").code == 0


def test_what_is_written_is_what_is_meant() -> None:
    odd = {
        "a": [{"b": [1, 2.5, None, True, []], "c": {}}, "yes", "5m", "- x: 1", "ä\n'\"", ""],
        "on": {"x": "# no comment", "y": "{{ $labels.a }}", "z": "1e3", "w": "~"},
        "plans": [rules(), prometheus(PLAN), alertmanager(PLAN._replace(notify="http://x"))],
    }
    assert YAML(typ="safe").load(as_yaml(odd)) == odd


# --- rules


UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def durations(faster: float) -> list[float]:
    """Return all durations of all files, ms."""
    plan = PLAN._replace(faster=faster)
    text = json.dumps([rules(faster), alertmanager(plan)])
    found = re.findall(r"(?<=[\[\"])(\d+)(ms|[smhd])(?=[\]\"])", text)
    return [int(number) * UNITS_MS[unit] for number, unit in found]


def test_all_durations_are_divided_by_one_factor() -> None:
    before, after = durations(1), durations(20)
    assert len(before) == len(after) > 60
    assert [one / 20 for one in before if one] == [short for short in after if short > 1]
    for faster, every, within in (
        (1, "15s", "10s"),
        (3, "5s", "5s"),
        (12, "1250ms", "1250ms"),
        (20, "1s", "1s"),
    ):
        asked = prometheus(PLAN._replace(faster=faster))["global"]
        assert (asked["scrape_interval"], asked["scrape_timeout"]) == (every, within)
    assert quicker("age > {30m} or x{a='5m'} > 300", 20) == "age > 90 or x{a='5m'} > 300"


def test_each_alert_says_when_it_comes_at_the_latest_and_that_is_after_its_for() -> None:
    assert len(NAMES) == len(ALERTS)
    for alert in ALERTS:
        assert seconds(alert.within) > seconds(alert.for_), alert.name


def test_an_alert_silences_others_and_never_in_a_circle() -> None:
    silences = {one.name: set(one.silenced) for one in ALERTS}
    assert all(len(set(one.silenced)) == len(one.silenced) for one in ALERTS)
    for name, silenced in silences.items():
        assert silenced <= NAMES - {name}, name
        reached, waiting = set(), list(silenced)
        while waiting:
            one = waiting.pop()
            if one not in reached:
                reached.add(one)
                waiting += silences[one]
        assert name not in reached, f"{name} silences itself by way of others"
    assert "CjoWatchdog" not in set().union(*silences.values())


def test_late_is_a_bound_of_a_bucket() -> None:
    (metric,) = [one for one in METRICS if one.name == "cjo_event_to_action_seconds"]
    assert LATE_S in metric.buckets
    assert f'le=\\"{LATE_S}\\"' in json.dumps(rules())
    assert 0.5 < OBJECTIVE < 1


# --- what rules and dashboards name

OF_PROMETHEUS: Final = {
    "up": (),
    "ALERTS": ("alertname", "alertstate", "severity", "stage"),
    "ALERTS_FOR_STATE": ("alertname", "severity", "stage"),
}
OF_SCRAPES: Final = {"job", "instance", "process", INSTALLATION}
EXPRESSIONS: Final = {
    **{one.name: one.expr for one in RECORDS},
    **{one.name: one.expr for one in ALERTS},
    **{
        f"{board.name}/{panel.title}/{number}": query.expr
        for board in BOARDS
        for panel in board.panels
        for number, query in enumerate(panel.queries)
    },
}


def known() -> dict[str, set[str]]:
    """Return the labels of every series by its name."""
    found: dict[str, set[str]] = {name: set(labels) for name, labels in OF_PROMETHEUS.items()}
    for metric in (*METRICS, *PROCESS_METRICS):
        if metric.kind == "histogram":
            found[f"{metric.name}_bucket"] = {*metric.labels, "le"}
            found[f"{metric.name}_count"] = set(metric.labels)
        else:
            found[metric.name] = set(metric.labels)
    recorded = {"cjo:lag_records:sum": {"stage"}, "cjo:steps:rate5m": {"stage"}}
    return found | {one.name: recorded.get(one.name, set()) for one in RECORDS}


def made(expr: str) -> set[str]:
    """Return the labels that an expression makes out of others."""
    return set(re.findall(r'label_replace\(.*?, "(\w+)", "', expr))


@pytest.mark.parametrize("expr", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_every_metric_and_label_of_an_expression_is_there(expr: str) -> None:
    series = known()
    text = re.sub(r'"[^"]*"', '""', expr)
    named = set(re.findall(r"\b(?:cjo[_:][\w:]+|up|ALERTS)\b", text))
    assert named <= set(series), named - set(series)
    assert named or text.startswith("vector("), "it asks nothing of us"
    labels = OF_SCRAPES.union(*(series[name] for name in named), made(expr))
    for name, inside in re.findall(r"\b([\w:]+)\{([^}]*)\}", text):
        for label in re.findall(r"(\w+)(?:=~|!~|!=|=)", inside):
            assert label in series[name] | OF_SCRAPES, f"{name} has no label {label}"
    for group in re.findall(r"\b(?:by|on|without|ignoring) \(([^)]*)\)", text):
        assert set(re.findall(r"\w+", group)) <= labels, group


@pytest.mark.parametrize("expr", [*(one.expr for one in RECORDS), *(one.expr for one in ALERTS)])
def test_no_rule_mixes_two_installations(expr: str) -> None:
    for group in re.findall(r"(?<!:)\b(?:sum|count|max|min)\b(?: by \(([^)]*)\))?", expr):
        assert INSTALLATION in group.split(", "), expr
    for compared in re.findall(r"\bon \(([^)]*)\)(?! absent)", expr):
        assert INSTALLATION in compared.split(", "), expr


def test_a_dashboard_shows_the_installations_that_are_chosen() -> None:
    for board in BOARDS:
        made = json.loads(files(PLAN)[f"grafana/dashboards/{board.name}.json"])
        (variable,) = [v for v in made["templating"]["list"] if v["name"] == INSTALLATION]
        assert variable["includeAll"]
        assert re.fullmatch(variable["allValue"], ""), "those without a name are shown, too"
        exprs = [target["expr"] for panel in made["panels"] for target in panel["targets"]]
        before = [query.expr for panel in board.panels for query in panel.queries]
        for expr, plain in zip(exprs, before, strict=True):
            outside = re.sub(r'"[^"]*"', "", plain)
            series = re.findall(r"\b(?:cjo[_:][\w:]+|up|ALERTS)\b", outside)
            assert expr.count('installation=~"$installation"') == len(series), expr


def test_each_installation_has_its_name(tmp_path: Path, cli: Cli) -> None:
    def named() -> set[str]:
        written = YAML(typ="safe").load(tmp_path / "prometheus" / "prometheus.yml")
        configs = written["scrape_configs"][0]["static_configs"]
        return {one["labels"][INSTALLATION] for one in configs}

    assert cli("monitoring", tmp_path).code == 0
    assert named() == {"cjo-stream"}
    assert cli("monitoring", tmp_path, "--installation", "staging").code == 0
    assert named() == {"staging"}
    assert INSTALLATION in alertmanager(PLAN)["route"]["group_by"]


def test_every_metric_is_on_a_dashboard() -> None:
    shown = " ".join(
        query.expr for board in BOARDS for one in board.panels for query in one.queries
    )
    shown += " ".join(one.expr for one in RECORDS)
    missing = {
        one.name for one in METRICS if not re.search(rf"\b{one.name}(_bucket|_count)?\b", shown)
    }
    assert missing == set()


def test_what_legends_and_summaries_name_is_a_label_of_what_is_shown() -> None:
    series = known()
    queries = [query for b in BOARDS for panel in b.panels for query in panel.queries]
    told = [(one.legend, one.expr) for one in queries] + [(a.summary, a.expr) for a in ALERTS]
    for text, expr in told:
        named = re.findall(r"\b(?:cjo[_:][\w:]+|up)\b", expr)
        there = OF_SCRAPES.union(*(series[name] for name in named), made(expr))
        if grouped := re.match(r"(?:[a-z_]+\([\d.]+, )?\w+ by \(([^)]*)\)", expr):
            there = set(re.findall(r"\w+", grouped[1]))
        labels = re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*(?:\||\}\})", text)
        assert set(labels) <= there, (text, expr)


# --- dashboards


@pytest.mark.parametrize("board", BOARDS, ids=lambda one: one.name)
def test_panels_lie_side_by_side_and_never_over_each_other(board: Any) -> None:
    made = json.loads(files(PLAN)[f"grafana/dashboards/{board.name}.json"])
    taken: set[tuple[int, int]] = set()
    assert len({one["id"] for one in made["panels"]}) == len(board.panels)
    for panel in made["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["description"]
        assert all(target["expr"] for target in panel["targets"])


# --- runbooks


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {one.stem for one in RUNBOOKS.glob("*.md")} == NAMES
    for rule in rules()["groups"][1]["rules"]:
        assert (ROOT / rule["annotations"]["runbook"]).is_file()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_page_fits_a_screen_and_says_four_things(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert re.findall(r"^#+ (.+)$", text, re.M) == [
        name, "Meaning", "Impact", "Diagnosis", "Mitigation",
    ]  # fmt: skip
    assert len(text.splitlines()) <= 45
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (RUNBOOKS / link).is_file(), link
    for metric in re.findall(r"\bcjo_\w+", text):
        assert any(one.name == metric or f"{one.name}_" in metric for one in METRICS), metric


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_command_of_a_page_is_one_that_there_is(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)
    lines = [line for kind, block in blocks if kind for line in block.splitlines()]
    assert all(kind == "sh" for kind, _ in blocks)
    assert lines, "a page says what to look at"
    for line in lines:
        if line.startswith("cjo-stream "):
            parse(shlex.split(line)[1:])
        else:
            assert re.fullmatch(
                r"curl -s http://127\.0\.0\.1:9464/(readyz|healthz|metrics)"
                r"|curl -s http://127\.0\.0\.1:909[03]/(-/ready|api/v1/[\w?=]+)|df -h|date -u",
                line,
            ), line


@pytest.mark.parametrize(
    "wrong", [["status", "--all"], ["stop"], ["clock", "accept", "zero", "1"], ["apply", "--to"]]
)
def test_a_command_that_there_is_not_is_found(wrong: list[str]) -> None:
    with pytest.raises((KeyError, typer.TyperException)):
        parse(wrong)
