"""Workers are scaled by series that there are: of the autoscaler, no label is another's word."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
import yaml

from cjo_stream.kafka.worker.report import STAGE
from cjo_stream.telemetry import METRICS
from tests.deploy.commands import CHART
from tests.deploy.lock import ROOT
from tests.unit.telemetry.test_label import NUMBERS, VALUES

OPERATOR: Final = {"namespace", "pod", "service", "container", "endpoint", "job", "instance"}
"""What the Prometheus operator adds to each series of a ServiceMonitor."""


def template(name: str) -> str:
    return (CHART / "templates" / name).read_text()


def asked() -> tuple[str, dict[str, str]]:
    """Return the metric that the autoscaler asks for, and its labels as they are written."""
    text = template("autoscaling.yaml")
    metric = re.search(r"metric:\n\s+name: (\w+)", text)
    labels = re.search(r"matchLabels: \{(.+)\}$", text, re.M)
    assert metric
    assert labels
    return metric[1], dict(re.findall(r"(\w+): (\w+|\{\{.*?\}\})", labels[1]))


def relabelled() -> dict[str, str]:
    """Return the value of each label that the ServiceMonitor sets, as it is written."""
    written = re.findall(
        r"targetLabel: (\w+), replacement: (\w+|\{\{.*?\}\})\}", template("monitor.yaml")
    )
    return dict(written)


def test_the_autoscaler_selects_the_lag_of_workers() -> None:
    name, labels = asked()
    (metric,) = [one for one in METRICS if one.name == name]
    assert labels["stage"] == STAGE
    for label, value in labels.items():
        if label in metric.labels:
            words = VALUES[name][label]
            assert isinstance(words, set), f"{label}: {NUMBERS} are no stage"
            assert value in words
        else:
            assert value == relabelled()[label], "the autoscaler and the ServiceMonitor differ"


def test_two_releases_are_not_scaled_by_each_others_lag() -> None:
    assert asked()[1]["installation"] == '{{ include "cjo.installation" . | quote }}'
    assert ".Release.Namespace .Release.Name" in template("_pod.tpl")


@pytest.fixture
def rule() -> Any:
    """Return the rule of prometheus-adapter, as the page has it."""
    text = (ROOT / "docs/deployment.md").read_text()
    (block,) = re.findall(r"^```text\n(externalRules:.*?)^```", text, re.M | re.S)
    (found,) = yaml.safe_load(block)["externalRules"]
    return found


def test_the_adapters_rule_serves_that_metric(rule: Any) -> None:
    name, labels = asked()
    selected = re.fullmatch(r'(\w+)\{(\w+)!=""\}', rule["seriesQuery"])
    assert selected
    assert selected[1] == name
    assert rule["resources"]["overrides"] == {selected[2]: {"resource": "namespace"}}
    assert selected[2] in OPERATOR
    assert selected[2] not in labels, "the adapter adds it"
    # The autoscaler adds up what it is given, and gets one number.
    assert rule["metricsQuery"] == "sum(<<.Series>>{<<.LabelMatchers>>})"
    assert "name" not in rule, "the metric keeps its name"
