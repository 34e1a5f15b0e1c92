"""What an alert takes the increase of is there from a process's start, at 0.

Prometheus sees no increase in a series that begins at more: a first burst within one scrape would
never be seen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

import pytest

from cjo_stream.telemetry import METRICS, Metric, Metrics
from cjo_stream.telemetry.monitoring.alert import ALERTS
from cjo_stream.telemetry.monitoring.rule import RECORDS
from tests.unit.telemetry.test_telemetry import ROOT, given

BY_ITS_PROCESS: Final = {
    "cjo_items_total": "kafka/stage/learn.py",
    "cjo_webhook_commands_total": "webhook/process.py",
}
"""Counts with labels that one process knows when it starts: the module that adds 0 then."""
NOT_FROM_ZERO: Final = {
    "cjo_events_total": "what dead letters are compared with: without the first events the share "
    "looks greater for as long as nothing follows them, and the alert waits for 5 minutes",
    "cjo_rewards_total": "a learner that is silent misses the next rewards, too",
    "cjo_stage_seconds": "it is asked whether steps go on while records wait, not how many",
}
"""Counts that begin when they first count, and why the alert about them bears that."""

_ASKED: Final = re.compile(r"\b(?:increase|rate)\((cjo_\w+)(?:\{([^}]*)\})?\[")


def asked() -> Iterator[tuple[Metric, str]]:
    """Yield each counter or histogram whose increase a rule takes, and the selected labels."""
    metrics = {one.name: one for one in METRICS}
    for expr in (*(one.expr for one in ALERTS), *(one.expr for one in RECORDS)):
        for name, matchers in _ASKED.findall(expr):
            if name not in metrics:
                name = name.removesuffix("_count").removesuffix("_bucket")
            yield metrics[name], matchers


def test_every_increase_of_an_alert_is_of_a_count_that_begins_at_zero_or_bears_it() -> None:
    found = {metric.name: metric for metric, _ in asked()}
    assert len(found) > 8
    by_labels = {name for name, metric in found.items() if metric.labels and not metric.from_zero}
    assert by_labels == BY_ITS_PROCESS.keys() | NOT_FROM_ZERO.keys()
    shown = Metrics().render().decode()
    for name, metric in found.items():
        if not metric.labels:
            assert re.search(rf"^{name}(_count)? 0\.0$", shown, re.M), name
    for metric, matchers in asked():
        for label, value in re.findall(r'(\w+)="([^"]*)"', matchers):
            if metric.from_zero:
                assert (label, value in metric.from_zero) == (metric.labels[0], True)


@pytest.mark.parametrize(("name", "module"), BY_ITS_PROCESS.items())
def test_a_process_that_knows_its_labels_adds_zero(name: str, module: str) -> None:
    zeros = [
        key
        for node in ast.walk(ast.parse((ROOT / "cjo_stream" / module).read_text()))
        for key, value in _entries(node)
        if isinstance(value, ast.Constant) and value.value == 0
    ]
    assert name in [counted for key in zeros for counted, _, _ in given(key)]


def _entries(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the keys of a dict with their values, as they are written."""
    if isinstance(node, ast.DictComp):
        yield node.key, node.value
    elif isinstance(node, ast.Dict):
        yield from ((key, of) for key, of in zip(node.keys, node.values, strict=True) if key)
