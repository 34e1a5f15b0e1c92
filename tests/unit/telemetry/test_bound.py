"""What becomes of label sets beyond a metric's bound: by value, for each kind of metric."""

from __future__ import annotations

import math
import re

import pytest

from cjo_stream.telemetry import METRICS, Metrics
from cjo_stream.telemetry.bound import LARGEST, OTHER, SETS_MAX

LAG = "cjo_lag_records"


def shown(metrics: Metrics, name: str) -> dict[str, float]:
    """Return the series of a metric, by their labels."""
    lines = re.findall(rf"^{name}(\{{.*\}}) (\S+)$", metrics.render().decode(), re.M)
    return {labels: float(value) for labels, value in lines}


def of(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def folded(metrics: Metrics, name: str) -> float | None:
    return shown(metrics, "cjo_series_folded").get(of(metric=name))


def test_counts_beyond_the_bound_are_added_up_and_none_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics, name = Metrics(), "cjo_webhook_commands_total"
    most = SETS_MAX[name]
    for _ in range(2):
        for number in range(most + 7):
            result = "answered" if number % 2 else "refused"
            metrics.add({(name, f"channel_{number}", result): 1})
    found = shown(metrics, name)
    assert found[of(channel="channel_0", result="refused")] == 2
    assert found[of(channel=OTHER, result="refused")] == 8
    assert found[of(channel=OTHER, result="answered")] == 6
    assert len(found) == most + 2
    assert sum(found.values()) == 2 * (most + 7)
    assert folded(metrics, name) == 7
    (told,) = caplog.messages
    assert told == (
        f"{name} has more label sets than the {most} that have a series each: those that came "
        f"later are in one that says {OTHER}; see 'How many series' in docs/metrics.md"
    )


def test_a_gauge_of_amounts_shows_the_sum_of_the_rest_as_it_is_now() -> None:
    metrics, most = Metrics(), SETS_MAX[LAG]
    for number in range(most + 3):
        metrics.set(LAG, ("intake", f"web/{number}"), number)
    other = of(stage="intake", partition=OTHER)
    assert shown(metrics, LAG)[other] == sum(range(most, most + 3))
    metrics.set(LAG, ("intake", f"web/{most}"), 0)
    metrics.set(LAG, ("intake", "web/1"), 5)
    found = shown(metrics, LAG)
    assert found[other] == most + 1 + most + 2
    assert found[of(stage="intake", partition="web/1")] == 5
    assert len(found) == most + 1
    assert folded(metrics, LAG) == 3


def test_a_set_that_is_forgotten_makes_room_for_the_next_new_one() -> None:
    metrics, most = Metrics(), SETS_MAX[LAG]
    for number in range(most + 2):
        metrics.set(LAG, ("task", str(number)), 1)
    other = of(stage="task", partition=OTHER)
    metrics.forget(LAG, ("task", str(most)))
    assert shown(metrics, LAG)[other] == 1
    metrics.forget(LAG, ("task", "0"))
    metrics.forget(LAG, ("task", str(most + 1)))
    assert other not in shown(metrics, LAG)
    assert folded(metrics, LAG) == 0
    metrics.set(LAG, ("task", "new"), 4)
    assert shown(metrics, LAG)[of(stage="task", partition="new")] == 4
    metrics.forget(LAG, ("task", "never there"))
    metrics.forget(LAG)
    assert shown(metrics, LAG) == {}


@pytest.mark.parametrize("name", sorted(LARGEST))
def test_a_gauge_of_the_worst_shows_the_largest_of_the_rest(name: str) -> None:
    (metric,) = (one for one in METRICS if one.name == name)
    metrics = Metrics()
    for number in range(SETS_MAX[name]):
        metrics.set(name, (f"name_{number}", *("x" for _ in metric.labels[1:])), 1)
    rest = [(f"other_{n}", *("x" for _ in metric.labels[1:])) for n in range(4)]
    for labels, value in zip(rest, (0.25, 0.75, math.nan, 0.5), strict=True):
        metrics.set(name, labels, value)
    (value,) = (value for labels, value in shown(metrics, name).items() if OTHER in labels)
    assert value == 0.75
    for labels in rest:
        metrics.set(name, labels, math.nan)
    (value,) = (value for labels, value in shown(metrics, name).items() if OTHER in labels)
    assert math.isnan(value), "nothing of the rest is known"


def test_a_histogram_takes_the_rest_into_one() -> None:
    metrics, name = Metrics(), "cjo_webhook_seconds"
    for number in range(SETS_MAX[name] + 4):
        metrics.observe(name, (f"channel_{number}",), 0.5)
    assert shown(metrics, f"{name}_count")[of(channel=OTHER)] == 4
    assert shown(metrics, f"{name}_sum")[of(channel=OTHER)] == 2
    assert folded(metrics, name) == 4


def test_a_wrong_number_of_labels_takes_no_room(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    metrics.add({("cjo_actions_total", "mail"): 1})
    metrics.add({("cjo_actions_total", "mail", "welcome"): 1})
    metrics.render()
    assert caplog.messages == ["the count cjo_actions_total with 1 labels: it has 2 labels"]
    assert shown(metrics, "cjo_actions_total") == {of(channel="mail", action="welcome"): 1}
