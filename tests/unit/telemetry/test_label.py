"""No label of any metric has a customer's data: each value is a word of the code or a name.

Of each label it is known whether its values are words of the code (which ones), names of a
definition set, or numbers of partitions and releases. The code and what it counts of events full
of a customer's data are held against that.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import islice, product
from pathlib import Path
from typing import Final

import pytest

from cjo_stream.core.decision.gate import GATES
from cjo_stream.core.word import CanaryEnd, Ignored, Skipped, Undeclared, Unread
from cjo_stream.definition import load
from cjo_stream.definition.content import libraries_here
from cjo_stream.engine.intake import PARTITIONS_MAX
from cjo_stream.ingest.field import MISSPELT, UNKNOWN
from cjo_stream.insight.layer.table import TABLES
from cjo_stream.telemetry import METRICS, Metric, Metrics
from cjo_stream.telemetry.bound import LARGEST, OTHER, SETS_MAX, WORDS
from cjo_stream.webhook.endpoint import ENDPOINTS_MAX
from tests.docs.installation import bounds
from tests.docs.word import IDENTITY_KINDS, REASONS
from tests.unit.core.test_counts import TOPOLOGY as COUNTED
from tests.unit.embedded import test_notice
from tests.unit.telemetry.test_telemetry import ROOT, given
from tests.world.command_line import Cli, cli
from tests.world.town import Town

__all__ = ["cli"]

NAMES: Final = "names of a definition set"
NUMBERS: Final = "numbers of partitions, versions and releases"
STAGES: Final = {"intake", "task", "dispatch", "learn", "insight", "webhook"}

STEPS: Final = (STAGES - {"intake", "insight", "webhook"}) | {"intake_route", "intake_deliver"}
RESULTS: Final = {"applied", "late", "repeated", "refused", "erased"}
GATE_WORDS: Final = {gate.name for gate in GATES} | {
    "ended", "journey_holdout", "shadow", "expired",
}  # fmt: skip
VALUES: Final[dict[str, dict[str, str | set[str]]]] = {
    "cjo_events_total": {"channel": NAMES, "result": RESULTS},
    "cjo_stage_seconds": {"stage": STEPS},
    "cjo_lag_records": {"stage": STAGES, "partition": NUMBERS},
    "cjo_commit_seconds": {"stage": STAGES},
    "cjo_items_total": {
        "stage": {"task", "dispatch", "learn"}, "result": {"applied", "repeated"},
    },
    "cjo_journey_entries_total": {"journey": NAMES, "version": NUMBERS},
    "cjo_journey_ends_total": {"journey": NAMES, "outcome": NAMES},
    "cjo_journey_refusals_total": {"journey": NAMES, "reason": {"live", "reentry", "bound"}},
    "cjo_journey_instances": {"journey": NAMES, "state": NAMES},
    "cjo_measures_total": {"measure": NAMES, "journey": NAMES, "state": NAMES},
    "cjo_measure_value_total": {
        "measure": NAMES, "journey": NAMES, "state": NAMES, "sign": {"plus", "minus"},
    },
    "cjo_measures_ignored_total": {"measure": NAMES},
    "cjo_cases_ignored_total": {"rule": {"opened", "closed"}},
    "cjo_actions_total": {"channel": NAMES, "action": NAMES},
    "cjo_suppressed_total": {"gate": GATE_WORDS},
    "cjo_held_commands": {"channel": NAMES},
    "cjo_rewards_total": {"channel": NAMES, "action": NAMES, "reward": {"0", "1"}},
    "cjo_predictions_total": {"prediction": NAMES, "outcome": {"0", "1"}},
    "cjo_prediction_model_age_seconds": {"prediction": NAMES},
    "cjo_prediction_calibration_error": {"prediction": NAMES},
    "cjo_prediction_calibration_outcomes": {"prediction": NAMES},
    "cjo_canary": {"journey": NAMES, "version": NUMBERS, "verdict": {"running", *CanaryEnd}},
    "cjo_identity_changes_total": {"kind": set(IDENTITY_KINDS)},
    "cjo_identifiers_ignored_total": {"type": NAMES, "reason": set(Ignored)},
    "cjo_consent_ignored_total": {"reason": {"unusable", "unasked", "attribute", "map"}},
    "cjo_facts_ignored_total": {"fact": NAMES, "reason": {"unknown", "type", "timezone"}},
    "cjo_state_bounds_total": {"bound": set(re.findall(r"^\| `(\w+)`", bounds(), re.M))},
    "cjo_fields_ignored_total": {"channel": NAMES, "reason": {UNKNOWN, MISSPELT}},
    "cjo_records_skipped_total": {"channel": NAMES, "reason": set(Skipped)},
    "cjo_dead_letters_total": {"reason": set(REASONS)},
    "cjo_expression_errors_total": {"definition": NAMES},
    "cjo_events_undeclared_total": {
        "channel": NAMES, "event": NAMES, "attribute": NAMES, "reason": set(Undeclared),
    },
    "cjo_values_unread_total": {"definition": NAMES, "field": NAMES, "reason": set(Unread)},
    "cjo_trace_contexts_total": {"result": {"accepted", "without_state", "malformed"}},
    "cjo_trace_spans_total": {"result": {"exported", "failed", "dropped"}},
    "cjo_registry_requests_total": {"result": {"found", "refused", "failed"}},
    "cjo_insight_rows_total": {"table": set(TABLES)},
    "cjo_webhook_commands_total": {
        "channel": NAMES, "result": {"answered", "refused", "expired", "unreadable", "lost"},
    },
    "cjo_webhook_retries_total": {
        "channel": NAMES, "reason": {"no_answer", "busy", "error", "endpoint"},
    },
    "cjo_webhook_waiting": {"channel": NAMES},
    "cjo_webhook_gone": {"channel": NAMES},
    "cjo_webhook_seconds": {"channel": NAMES},
    "cjo_state_bytes": {"stage": STAGES},
    "cjo_channel_unread_seconds": {"channel": NAMES},
    "cjo_series_folded": {"metric": set(SETS_MAX)},
    "cjo_stage_info": {"stage": STAGES},
    "cjo_library_info": {"library": set(libraries_here()), "version": NUMBERS},
    "cjo_build_info": {"version": NUMBERS, "python": NUMBERS, "engine": {"python", "compiled"}},
}  # fmt: skip
BESIDE_NAMES: Final = {"", "merged", "timezone", "event.value"}
"""Words of the code where names of definitions are: none, an outcome, the fact of that name, and
what is read of an outcome.
"""


def test_of_every_label_it_is_known_what_its_values_are() -> None:
    declared = {metric.name: metric.labels for metric in METRICS if metric.labels}
    assert {name: tuple(labels) for name, labels in VALUES.items()} == declared


def test_the_page_of_metrics_names_every_stage() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    (row,) = re.findall(r"^\| `stage` \| (.*) \|$", page, re.M)
    assert set(re.findall(r"`(\w+)`", row)) - {"cjo_stage_seconds"} == STAGES | STEPS


@pytest.mark.slow
def test_every_value_that_the_code_names_is_a_known_one() -> None:
    found = list(_written())
    assert len(found) > 60
    for name, labels, place in found:
        for label, value in zip(VALUES.get(name, {}), labels, strict=True):
            known = VALUES[name][label]
            if value is not None:
                words = known if isinstance(known, set) else BESIDE_NAMES
                assert value in words, f"{place}: {value} for {label} of {name}"


def test_what_is_counted_of_customers_names_none_of_them(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "run").mkdir()
    _, _, counted = test_notice.run_rows(cli, tmp_path / "run")
    _check(counted, test_notice.TOPOLOGY)
    (tmp_path / "town").mkdir()
    (tmp_path / "town" / "all.yaml").write_text(COUNTED)
    town = Town(load(tmp_path / "town").program)
    user = {"user": test_notice.SECRET}
    for type_ in ("ask", "go", "seen", "echo", "cjo.consent", "cjo.outcome", "cjo.profile"):
        town.event(
            type_, user, number=SECRET, action=SECRET, outcome=SECRET, purpose=SECRET,
            status=SECRET, timezone=SECRET, age=SECRET, **{SECRET: 1},
        )  # fmt: skip
    town.event(SECRET, user)
    town.event("seen", {**user, "cookie": SECRET})
    town.to(3_601)
    town.erase(f"user:{SECRET}")
    assert len(town.counts) > 12
    _check(town.counts, COUNTED)


def test_a_metric_with_other_labels_than_words_has_a_bound_of_its_own() -> None:
    for metric in METRICS:
        known = VALUES.get(metric.name, {})
        named = [label for label in metric.labels if label not in WORDS]
        assert bool(named) == (metric.name in SETS_MAX), metric.name
        for label in set(metric.labels) & WORDS:
            assert isinstance(known[label], set), (metric.name, label)
    assert {metric.name for metric in METRICS} >= SETS_MAX.keys() | LARGEST
    assert SETS_MAX["cjo_lag_records"] >= PARTITIONS_MAX, "a worker shows all that it may have"


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_process_has_at_most_2000_series_whatever_it_measures(stage: str) -> None:
    """All metrics of all stages, each with up to 5,000 label sets: far more than any process.

    But what only a process of webhooks counts and the engine's own counts are never in one.
    """
    metrics = Metrics()
    webhooks = _made_in("webhook")
    webhooks_alone = webhooks - _made_in("kafka")
    own = webhooks | _made_in("telemetry", "kafka/process") if stage == "webhook" else None
    steps = {"intake_route", "intake_deliver"} if stage == "intake" else {stage}
    for metric in METRICS:
        if metric.name in webhooks_alone if own is None else metric.name not in own:
            continue
        known = VALUES.get(metric.name, {})
        values = [
            sorted(of if isinstance(of, set) else {f"name_{n}" for n in range(1_000)})
            if label != "stage"
            else sorted(steps if metric.name == "cjo_stage_seconds" else {stage})
            for label, of in sorted(known.items(), key=lambda one: one[0] in WORDS)
        ]
        order = sorted(known, key=lambda label: label in WORDS)
        for found in islice(product(*values), 5_000):
            given = dict(zip(order, found, strict=True))
            measure(metrics, metric, tuple(given[label] for label in metric.labels))
    shown = metrics.render().decode().splitlines()
    folded = {re.split(r"[{ ]", line)[0] for line in shown if OTHER in line and line[0] != "#"}
    assert 1_500 < sum(not line.startswith("#") for line in shown) <= 2_000
    assert len(folded) > (5 if own else 20)
    assert "cjo_held_commands" in folded, "dispatch counts it, and a process of webhooks does"


def test_what_is_measured_of_webhooks_has_series_of_its_own_for_every_endpoint() -> None:
    """An alert compares what waits of a channel with its answers: none of them may be folded."""
    metrics = Metrics()
    channels = [f"channel_{number}" for number in range(ENDPOINTS_MAX)]
    found = [metric for metric in METRICS if metric.name.startswith("cjo_webhook_")]
    assert len(found) == 5
    for metric in found:
        words = [sorted(VALUES[metric.name][label]) for label in metric.labels[1:]]
        for labels in product(channels, *words):
            measure(metrics, metric, labels)
    assert OTHER not in metrics.render().decode()


def measure(metrics: Metrics, metric: Metric, labels: tuple[str, ...], value: float = 1) -> None:
    """Add to a metric, or set it, whatever its kind."""
    if metric.kind == "counter":
        metrics.add({(metric.name, *labels): value})
    elif metric.kind == "gauge":
        metrics.set(metric.name, labels, value)
    else:
        metrics.observe(metric.name, labels, value)


SECRET: Final = test_notice.SECRET
TABLE: Final = ROOT / "cjo_stream" / "telemetry" / "metric.py"


def _check(counted: Mapping[tuple[str, ...], float], topology: str) -> None:
    names = set(re.findall(r"[\w.]+", topology)) | {"", "cjo.profile", "cjo.consent"}
    for name, *labels in counted:
        if name == "cjo_journey_instances":
            labels = [labels[0], labels[2]]  # the worker shows it without the version
        for (label, known), value in zip(VALUES.get(name, {}).items(), labels, strict=True):
            assert SECRET not in value, (name, label, value)
            if known is NUMBERS:
                assert re.fullmatch(r"[\d.]+", value), (name, label, value)
            elif isinstance(known, set):
                assert value in known, (name, label, value)
            else:
                last = value.rpartition(".")[2]
                assert value in topology or last in names, (name, label, value)


def _written() -> Iterator[tuple[str, list[str | None], str]]:
    """Yield each count in the code: its name, its labels' values where written, and its place."""
    telemetry = ROOT / "cjo_stream" / "telemetry"
    asks = {*(telemetry / "monitoring").rglob("*.py")}
    asks |= {telemetry / "bound.py", telemetry / "overview.py", telemetry / "scrape.py"}
    for path in sorted(set((ROOT / "cjo_stream").rglob("*.py")) - asks - {TABLE}):
        for node in ast.walk(ast.parse(path.read_text())):
            for name, labels, line in given(node):
                place = f"{path.relative_to(ROOT)}:{line}"
                yield name, [_text(one) for one in labels], place


def _made_in(*folders: str) -> set[str]:
    """Return the metrics that the modules of some folders of cjo_stream count."""
    found = {
        name
        for name, _, place in _written()
        if place.startswith(tuple(f"cjo_stream/{folder}/" for folder in folders))
    }
    assert found
    return found


def _text(label: ast.expr) -> str | None:
    return str(label.value) if isinstance(label, ast.Constant) else None
