"""Each alert fires in time when its fault comes, not before, and no page but its own does.

`promtool` runs the real rules, with their real durations, over two healthy installations; in one
of them one thing goes wrong after 70 minutes. About the other one nothing is ever told.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from cjo_stream.telemetry import METRICS
from cjo_stream.telemetry.bound import OTHER, WORDS
from cjo_stream.telemetry.monitoring import Plan, files
from cjo_stream.telemetry.monitoring.alert import ALERTS
from cjo_stream.telemetry.monitoring.board import BOARDS
from cjo_stream.telemetry.monitoring.dashboard import chosen
from cjo_stream.telemetry.monitoring.rule import RECORDS, seconds

FAULT: Final = 70
"""Minutes until the fault."""
GONE: Final = None
HERE: Final = "production"
"""The installation of the fault."""
BESIDE: Final = "staging"
NAMELESS: Final = ""
"""The installation of a Prometheus whose scrapes set no such label."""


class Series(NamedTuple):
    """A series of a healthy installation: a gauge's value, or a counter's increase a minute."""

    name: str
    value: float
    counts: bool = False


PROCESSES: Final = {
    "intake": "intake",
    "worker-0": "task",
    "dispatch": "dispatch",
    "learn": "learn",
}
HEALTHY: Final = (
    *(
        Series(f'{metric}{{job="cjo-stream",process="{process}",instance="{process}:1"}}', value)
        for process in PROCESSES
        for metric, value in {
            "up": 1,
            "cjo_ready": 1,
            "cjo_process_start_time_seconds": 1_700_000_000,
            "cjo_disk_bytes": 100e9,
            "cjo_disk_free_bytes": 50e9,
            "cjo_clock_ahead_seconds": 0,
            "cjo_begun_anew_total": 0,
        }.items()
    ),
    *(
        Series(f'cjo_stage_info{{process="{process}",stage="{stage}"}}', 1)
        for process, stage in PROCESSES.items()
    ),
    *(
        Series(f'cjo_lag_records{{stage="{stage}",partition="{topic}/{partition}"}}', waiting)
        for stage, topic, waiting in (
            ("intake", "web", 3),
            ("intake", "idle", 0),
            ("task", "internal", 3),
            ("dispatch", "effect", 3),
        )
        for partition in (0, 1)
    ),
    *(
        Series(f'cjo_stage_seconds_count{{stage="{stage}"}}', 60, counts=True)
        for stage in ("intake_route", "intake_deliver", "task", "dispatch", "learn")
    ),
    Series('cjo_event_to_action_seconds_bucket{le="1.0"}', 60, counts=True),
    Series("cjo_event_to_action_seconds_count", 60, counts=True),
    Series("cjo_commands_sent_total", 60, counts=True),
    Series('cjo_suppressed_total{gate="expired"}', 0, counts=True),
    Series('cjo_events_total{channel="web",result="applied"}', 600, counts=True),
    Series('cjo_dead_letters_total{reason="malformed"}', 1, counts=True),
    Series('cjo_dead_letters_total{reason="failed"}', 0, counts=True),
    Series('cjo_rewards_total{channel="mail",action="hello",reward="1"}', 10, counts=True),
    Series('cjo_items_total{stage="learn",result="applied"}', 10, counts=True),
    Series("cjo_rebalances_total", 0, counts=True),
    Series('cjo_channel_unread_seconds{channel="mail"}', 0),
    Series('cjo_webhook_waiting{channel="mail"}', 3),
    Series('cjo_webhook_commands_total{channel="mail",result="answered"}', 30, counts=True),
    Series('cjo_webhook_commands_total{channel="mail",result="refused"}', 0, counts=True),
    Series('cjo_canary{journey="welcome",version="2",verdict="running"}', 1),
    Series('cjo_canary{journey="welcome",version="2",verdict="back"}', 0),
    Series('cjo_library_info{process="learn",library="tzdata",version="2026.1"}', 1),
    Series('cjo_library_info{process="intake",library="tzdata",version="2026.1"}', 1),
    Series('cjo_registry_waiting{process="intake",instance="intake:1"}', 0),
    Series('cjo_checkpoint_age_seconds{process="worker-0",instance="worker-0:1"}', 200),
    Series("cjo_model_waiting_seconds", 200),
    Series("cjo_archive_waiting_seconds", 200),
    Series('cjo_insight_waiting_seconds{process="insight",instance="insight:1"}', 5),
)


def of(metric: str, **labels: str) -> list[str]:
    """Return the healthy series of a metric with these labels."""
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return [
        one.name
        for one in HEALTHY
        if one.name.split("{")[0] == metric and all(label in one.name for label in wanted)
    ]


def series_of(process: str) -> list[str]:
    """Return all series of a process but its `up`, which Prometheus makes."""
    there = [one.name for one in HEALTHY if f'process="{process}"' in one.name]
    return [name for name in there if not name.startswith("up{")]


Fault = dict[str, Any]
"""Of each series that is not as in the healthy installation: a gauge's value, a counter's increase
a minute, the notation of promtool, or GONE."""

LATE: Final = 'cjo_event_to_action_seconds_bucket{le="1.0"}'
EXPIRED: Final = 'cjo_suppressed_total{gate="expired"}'


def _lag(stage: str, process: str = "worker-0") -> str:
    """Return the series of the partitions of a stage that have none of their own."""
    return f'cjo_lag_records{{process="{process}",stage="{stage}",partition="{OTHER}"}}'


STOPPED: Final[Fault] = dict.fromkeys(of("cjo_stage_seconds_count", stage="task"), 0)
FAULTS: Final[dict[str, Fault]] = {
    "CjoNoTargets": dict.fromkeys(
        [*of("up"), *(one for name in PROCESSES for one in series_of(name))], GONE
    ),
    "CjoTargetDown": {
        **dict.fromkeys(series_of("dispatch"), GONE),
        **dict.fromkeys(of("up", process="dispatch"), 0),
    },
    "CjoLearnOrInsightDown": {
        **dict.fromkeys(series_of("learn"), GONE),
        **dict.fromkeys(of("up", process="learn"), 0),
    },
    "CjoStageGone": dict.fromkeys([*series_of("dispatch"), *of("up", process="dispatch")], GONE),
    "CjoRestarting": {
        of("cjo_process_start_time_seconds", process="worker-0")[0]: "1700004000+100x180"
    },
    "CjoNothingReady": dict.fromkeys(of("cjo_ready"), 0),
    "CjoNotReady": dict.fromkeys(of("cjo_ready", process="worker-0"), 0),
    "CjoNothingApplied": {**STOPPED, **dict.fromkeys(of("cjo_lag_records", stage="task"), 40)},
    "CjoLagGrowing": dict.fromkeys(of("cjo_lag_records", stage="intake"), "1000+100x180"),
    "CjoPartitionHot": {of("cjo_lag_records", stage="task")[0]: 5_000},
    "CjoActionsLate": {LATE: 0},
    "CjoActionsLateSlowly": {LATE: 58.8},
    "CjoCommandsExpired": {EXPIRED: 20},
    "CjoChannelUnread": {of("cjo_channel_unread_seconds")[0]: "0+60x180"},
    "CjoWebhookStuck": {of("cjo_webhook_commands_total", result="answered")[0]: 0},
    "CjoWebhookUnanswered": {of("cjo_webhook_commands_total", result="refused")[0]: 10},
    "CjoDeadLetters": {of("cjo_dead_letters_total", reason="malformed")[0]: 300},
    "CjoHandlerFailed": {of("cjo_dead_letters_total", reason="failed")[0]: "1+0x180"},
    "CjoRegistryAway": {
        of("cjo_registry_waiting")[0]: 2,
        **dict.fromkeys(of("cjo_ready", process="intake"), 0),
    },
    "CjoCheckpointOld": {of("cjo_checkpoint_age_seconds")[0]: "200+60x180"},
    "CjoDiskFull": {
        of("cjo_disk_free_bytes", process="worker-0")[0]: 4e9,
        of("cjo_process_start_time_seconds", process="worker-0")[0]: "1700004000+20x180",
    },
    "CjoDiskFilling": {of("cjo_disk_free_bytes", process="worker-0")[0]: "29e9-100e6x180"},
    "CjoRebalancing": {"cjo_rebalances_total": 1},
    "CjoLearnerSilent": dict.fromkeys(of("cjo_items_total"), 0),
    "CjoCanaryBack": {of("cjo_canary", verdict="back")[0]: 1},
    "CjoClockSkew": {of("cjo_clock_ahead_seconds", process="dispatch")[0]: -7},
    "CjoLibrariesDiffer": {
        'cjo_library_info{process="intake",library="tzdata",version="2026.2"}': 1,
        of("cjo_library_info", process="intake")[0]: GONE,
    },
    "CjoArchiveBehind": {"cjo_archive_waiting_seconds": "200+60x180"},
    "CjoInsightStale": {of("cjo_insight_waiting_seconds")[0]: "5+60x180"},
}
HARMLESS: Final[dict[str, Fault]] = {
    "a process that is started anew once": {
        **dict.fromkeys(of("up", process="worker-0"), "0 1+0x180"),
        **dict.fromkeys(of("cjo_process_start_time_seconds", process="worker-0"), 1_700_004_200),
    },
    "ten minutes of three times as many events": dict.fromkeys(
        of("cjo_lag_records", stage="task"), "300+300x10 3000-300x9 3+0x180"
    ),
    "a backlog of one topic, while another is idle": {
        name: 1_500 for name in of("cjo_lag_records", stage="intake") if "web" in name
    },
    "two late commands of three, where there are hardly any": {
        LATE: 0.01, "cjo_event_to_action_seconds_count": 0.03,
    },
    "many partitions without a series of their own, of one process more than of another": {
        _lag("intake"): 50_000, _lag("intake", "worker-1"): 1,
    },
    "an idle night": {
        **{one.name: 0 for one in HEALTHY if one.counts},
        **dict.fromkeys([*of("cjo_lag_records"), *of("cjo_webhook_waiting")], 0),
    },
    "a few that expire of many commands of timers, which no event caused": {
        LATE: 0, "cjo_event_to_action_seconds_count": 0,
        "cjo_commands_sent_total": 2_000, EXPIRED: 2,
    },
    "a learner that waits for its interval": {"cjo_model_waiting_seconds": 900},
    "values that are not known": dict.fromkeys(
        [
            "cjo_model_waiting_seconds",
            *of("cjo_checkpoint_age_seconds"), *of("cjo_registry_waiting"),
            *of("cjo_channel_unread_seconds"), *of("cjo_disk_free_bytes"), *of("cjo_disk_bytes"),
            *of("cjo_clock_ahead_seconds"),
        ],
        "NaN",
    ),
}  # fmt: skip

FOLDED: Final[dict[str, Fault]] = {
    "CjoNothingApplied": {**STOPPED, _lag("task"): 40},
    "CjoLagGrowing": {_lag("intake"): "1000+100x180"},
    "CjoChannelUnread": {f'cjo_channel_unread_seconds{{channel="{OTHER}"}}': 1_200},
    "CjoLearnerSilent": {
        of("cjo_rewards_total")[0]: GONE,
        f'cjo_rewards_total{{channel="{OTHER}",action="{OTHER}",reward="1"}}': "1+10x180",
        **dict.fromkeys(of("cjo_items_total"), 0),
    },
    "CjoCanaryBack": {
        f'cjo_canary{{journey="{OTHER}",version="{OTHER}",verdict="running"}}': 1,
        f'cjo_canary{{journey="{OTHER}",version="{OTHER}",verdict="back"}}': 1,
    },
}
"""A fault of what has no series of its own: it fires the same alert. Of webhooks all has one."""


DOWN: Final = "0+0x9 1+0x180"
"""For ten minutes."""
LATER: Final = "0+0x12 1+0x180"
ANSWERED: Final = of("cjo_webhook_commands_total", result="answered")[0]
COUNT: Final = "cjo_event_to_action_seconds_count"
OVER: Final[dict[str, tuple[str, Fault]]] = {
    "what waited for a process is late once it is back": ("CjoTargetDown", {
        **dict.fromkeys(of("up", process="dispatch"), DOWN),
        LATE: f"{60 * (FAULT - 1)}+0x9 {60 * (FAULT - 1)}+60x180",
        COUNT: f"{60 * (FAULT - 1)}+0x9 {60 * (FAULT - 1) + 600}+60x180",
    }),
    "what waited for the broker has expired": ("CjoNothingReady", {
        **dict.fromkeys(of("cjo_ready"), DOWN),
        EXPIRED: "0+0x9 100+0x180",
    }),
    "a store opens a moment after its disk has room again": ("CjoDiskFull", {
        of("cjo_disk_free_bytes", process="worker-0")[0]: "1e9+0x9 50e9+0x180",
        of("cjo_ready", process="worker-0")[0]: LATER,
    }),
    "a webhook posts again a moment after the broker is back": ("CjoNothingReady", {
        **dict.fromkeys(of("cjo_ready"), DOWN),
        ANSWERED: f"{30 * (FAULT - 1)}+0x13 {30 * (FAULT - 1)}+30x180",
    }),
    "a stage reads again a moment after the broker is back": ("CjoNothingReady", {
        **dict.fromkeys(of("cjo_ready"), DOWN),
        **dict.fromkeys(of("cjo_lag_records", stage="intake"), "40+0x12 3+0x180"),
        **dict.fromkeys(
            [*of("cjo_stage_seconds_count", stage="intake_route"),
             *of("cjo_stage_seconds_count", stage="intake_deliver")],
            f"{60 * (FAULT - 1)}+0x12 {60 * (FAULT - 1)}+60x180",
        ),
    }),
    "targets are asked one after the other": ("CjoNoTargets", {
        **dict.fromkeys(of("up"), "stale _x9 1+0x180"),
        **dict.fromkeys(of("cjo_stage_info"), "stale _x9 1+0x180"),
        **dict.fromkeys(of("cjo_stage_info", stage="dispatch"), "stale _x10 1+0x180"),
    }),
    "processes are ready one after the other": ("CjoNothingReady", {
        **dict.fromkeys(of("cjo_ready"), LATER),
        of("cjo_ready", process="intake")[0]: DOWN,
    }),
}  # fmt: skip
"""What comes when an outage of ten minutes is over, with the alert that told of the outage."""


COMPARED: Final = {
    one.name: {
        "installation",
        *(
            label
            for source in ALERTS
            for silence in source.silences
            if one.name in (source.name, *silence.alerts)
            for label in silence.same
        ),
    }
    for one in ALERTS
}
"""The labels of each alert that Alertmanager compares with another's."""


@pytest.fixture(scope="module")
def promtool(pytestconfig: pytest.Config) -> str:
    """Return the program; skip loudly where it is not."""
    found = shutil.which("promtool")
    if found is None:
        reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            line = "NO RULE OF PROMETHEUS IS RUN: no promtool here (Debian's package prometheus)"
            reporter.write_line(f"\n{line}\n", red=True, bold=True)
        pytest.skip("no promtool")
    return found


def values(healthy: float, fault: Any, *, counts: bool) -> str:
    """Return a series in promtool's notation: healthy, then with its fault."""
    step = healthy if counts else 0
    before = f"{0 if counts else healthy}+{step}x{FAULT - 1}"
    last = step * (FAULT - 1)
    if fault is GONE:
        return f"{before} stale _x180"
    if fault == "NaN":
        return f"{before} " + " ".join(["NaN"] * 30)
    if isinstance(fault, str):
        return f"{before} {fault}"
    return f"{before} {last + fault if counts else fault}+{fault if counts else 0}x180"


def group(name: str, fault: Fault, checks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a test of two installations, with a fault in one of them."""
    series = [*series_with(fault, HERE), *series_with({}, BESIDE)]
    quiet = [check(told_of(BESIDE), one["eval_time"], None) for one in checks]
    return {
        "name": name,
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [*checks, *quiet],
    }


def series_with(fault: Fault, installation: str) -> list[dict[str, str]]:
    """Return the series of one installation with a fault."""
    series = [
        {"series": name, "values": values(healthy, fault.get(name, healthy), counts=counts)}
        for name, healthy, counts in HEALTHY
    ]
    series += [
        {
            "series": new,
            "values": f"_x{FAULT - 1} {value if isinstance(value, str) else f'{value}+0x180'}",
        }
        for new, value in fault.items()
        if new not in {one.name for one in HEALTHY}
    ]
    return [{**one, "series": labelled(one["series"], installation)} for one in series]


def labelled(series: str, installation: str) -> str:
    """Return a series with the label of its installation, where that has a name."""
    if not installation:
        return series
    name, _, labels = series.rstrip("}").partition("{")
    return f'{name}{{installation="{installation}"{"," if labels else ""}{labels}}}'


def check(expr: str, minute: float | str, value: int | None) -> dict[str, Any]:
    samples = [] if value is None else [{"labels": "{}", "value": value}]
    at = minute if isinstance(minute, str) else f"{minute:g}m"
    return {"expr": expr, "eval_time": at, "exp_samples": samples}


def firing(names: str, severity: str = ".*") -> str:
    return f'count(ALERTS{{alertname=~"{names}",severity=~"{severity}",alertstate="firing"}} > 0)'


def unlabelled(name: str, label: str) -> str:
    return f'count(ALERTS{{alertname="{name}",alertstate="firing",{label}=""}} > 0)'


def told_of(installation: str) -> str:
    return f'count(ALERTS{{installation="{installation}",alertstate="firing"}} > 0)'


def others(names: str) -> str:
    return f'count(ALERTS{{alertname!~"{names}",severity="page",alertstate="firing"}} > 0)'


def run(
    promtool: str,
    folder: Path,
    groups: list[dict[str, Any]],
    every: str = "1m",
    faster: float = 1,
) -> None:
    for name, text in files(Plan({"intake": "127.0.0.1:9464"}, faster)).items():
        path = folder / Path(name).name
        path.write_text(text)
    test = {"rule_files": ["rules.yml"], "evaluation_interval": every, "tests": groups}
    (folder / "test.yml").write_text(json.dumps(test))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_fault() -> None:
    assert set(FAULTS) | {"CjoWatchdog"} == {one.name for one in ALERTS}
    names = {one.name for one in HEALTHY}
    assert len(names) == len(HEALTHY)
    assert all(fault for fault in FAULTS.values())


def test_what_an_alert_selects_by_stays_where_label_sets_are_folded() -> None:
    labels = {metric.name: metric.labels for metric in METRICS}
    selected = [
        (name.removesuffix("_count").removesuffix("_bucket"), label, value)
        for expr in (*(one.expr for one in ALERTS), *(one.expr for one in RECORDS))
        for name, matchers in re.findall(r"(cjo_\w+)\{(.*?)\}", expr.replace("{{", "").strip())
        for label, value in re.findall(r'(\w+)[=!]~?"(.*?)"', matchers)
    ]
    assert len(selected) > 15
    for name, label, value in selected:
        is_of_target = label in ("process", "le")
        assert is_of_target or (label in labels[name] and (label in WORDS or value == OTHER))


@pytest.mark.parametrize("alert", FOLDED)
def test_an_alert_fires_for_what_has_no_series_of_its_own(
    promtool: str, tmp_path: Path, alert: str
) -> None:
    (of_it,) = (one for one in ALERTS if one.name == alert)
    late = FAULT + int(seconds(of_it.within) / 60)
    checks = [
        check(firing(alert), FAULT - 2, None),
        check(f"{firing(alert)} > bool 0", late, 1),
        check(others("|".join([alert, *of_it.silenced])), late, None),
    ]
    run(promtool, tmp_path, [group(alert, FOLDED[alert], checks)])


@pytest.mark.parametrize("alert", ALERTS, ids=lambda one: one.name)
def test_an_alert_fires_in_time_and_no_page_but_its_own_does(
    promtool: str, tmp_path: Path, alert: Any
) -> None:
    if alert.name == "CjoWatchdog":
        checks = [check(firing("CjoWatchdog"), minute, 1) for minute in (1, 60, 200)]
        run(promtool, tmp_path, [group(alert.name, {}, checks)])
        return
    within, for_ = seconds(alert.within) / 60, seconds(alert.for_) / 60
    quiet = [check(firing(alert.name), minute, None) for minute in (30, FAULT - 1)]
    if for_ > 1:
        quiet.append(check(firing(alert.name), FAULT + for_ - 2, None))
    late = FAULT + int(within)
    own = "|".join([alert.name, *alert.silenced])
    fires = [
        check(f"{firing(alert.name)} > bool 0", late, 1),
        check(others(own), late, None),
        check(others(own), late + 5, None),
        *(check(unlabelled(alert.name, label), late, None) for label in COMPARED[alert.name]),
    ]
    run(promtool, tmp_path, [group(alert.name, FAULTS[alert.name], quiet + fires)])


@pytest.mark.parametrize("alert", ALERTS[1:], ids=lambda one: one.name)
def test_an_alert_needs_no_name_of_the_installation(
    promtool: str, tmp_path: Path, alert: Any
) -> None:
    checks = [check(f"{firing(alert.name)} > bool 0", FAULT + seconds(alert.within) // 60, 1)]
    only = group(alert.name, {}, checks)
    only["input_series"] = series_with(FAULTS[alert.name], NAMELESS)
    run(promtool, tmp_path, [only])


def test_an_installation_that_is_gone_is_told_for_an_hour(promtool: str, tmp_path: Path) -> None:
    name = "CjoNoTargets"
    told = f'count(ALERTS{{alertname="{name}",installation="{HERE}",alertstate="firing"}})'
    checks = [check(told, FAULT + 30, 1), check(firing("Cjo[^W].*"), FAULT + 30, 1)]
    checks += [check(firing("Cjo[^W].*"), FAULT + minute, None) for minute in (61, 90)]
    run(promtool, tmp_path, [group(name, FAULTS[name], checks)])


@pytest.mark.parametrize("names", [[HERE], [HERE, BESIDE], [NAMELESS]], ids="+".join)
def test_while_no_installation_is_left_the_same_alert_goes_on(
    promtool: str, tmp_path: Path, names: list[str]
) -> None:
    gone = FAULTS["CjoNoTargets"]
    checks = [
        check(told, FAULT + minute, value)
        for minute in (7, *range(52, 78), 120)
        for told, value in (
            (firing("CjoNoTargets"), len(names)),
            (firing("Cjo[^W].*"), len(names)),
            *(
                (f'count(ALERTS{{alertname="CjoNoTargets",installation="{one}"}})', 1)
                for one in names
            ),
        )
    ]
    group_of = group("all gone", {}, checks)
    group_of["input_series"] = [one for name in names for one in series_with(gone, name)]
    group_of["promql_expr_test"] = checks
    run(promtool, tmp_path, [group_of])


@pytest.mark.parametrize("name", ["CjoLagGrowing", "CjoPartitionHot"])
def test_an_alert_about_a_lag_comes_though_its_process_does_not_always_answer(
    promtool: str, tmp_path: Path, name: str
) -> None:
    (alert,) = [one for one in ALERTS if one.name == name]
    now_and_then = " ".join(f"{2_000 + 100 * n} stale" for n in range(40))
    lagging = of("cjo_lag_records", stage="task")
    fault = dict.fromkeys(lagging if name == "CjoLagGrowing" else lagging[:1], now_and_then)
    checks = [check(f"{firing(name)} > bool 0", FAULT + seconds(alert.within) / 60, 1)]
    run(promtool, tmp_path, [group(name, fault, checks)])


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless_wakes_nobody(promtool: str, tmp_path: Path, name: str) -> None:
    minutes = [*range(FAULT, FAULT + 30, 3)]
    checks = [check(firing("Cjo.*", "page|ticket"), minute, None) for minute in minutes]
    run(promtool, tmp_path, [group(name, HARMLESS[name], checks)])


@pytest.mark.parametrize("name", OVER)
def test_no_page_follows_an_outage(promtool: str, tmp_path: Path, name: str) -> None:
    alert, fault = OVER[name]
    (own,) = [one for one in ALERTS if one.name == alert]
    checks = [check(firing(alert), FAULT + 6, 1)]
    for minute in range(FAULT, FAULT + 30):
        held_back = "|".join([alert, *own.silenced]) if minute < FAULT + 10 else alert
        checks.append(check(others(held_back), minute, None))
    run(promtool, tmp_path, [group(name, fault, checks)])


def test_prometheus_takes_rules_configuration_and_every_query(
    promtool: str, tmp_path: Path
) -> None:
    run(promtool, tmp_path, [])
    queries = [chosen(query.expr) for b in BOARDS for one in b.panels for query in one.queries]
    rules = [
        {"record": f"query{number}", "expr": expr.replace("$__rate_interval", "5m")}
        for number, expr in enumerate(queries)
    ]
    (tmp_path / "queries.yml").write_text(
        json.dumps({"groups": [{"name": "queries", "rules": rules}]})
    )
    for faster in (20, 60):
        plan = Plan({"intake": "127.0.0.1:9464"}, faster)
        text = files(plan)["prometheus/prometheus.yml"].replace("rules.yml", f"rules{faster}.yml")
        (tmp_path / f"prometheus{faster}.yml").write_text(text)
        (tmp_path / f"rules{faster}.yml").write_text(files(plan)["prometheus/rules.yml"])
    for kind, name in (
        ("config", "prometheus.yml"),
        ("config", "prometheus20.yml"),
        ("config", "prometheus60.yml"),
        ("rules", "queries.yml"),
    ):
        done = subprocess.run(
            [promtool, "check", kind, name], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
