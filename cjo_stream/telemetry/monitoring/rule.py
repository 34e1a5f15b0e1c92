"""The recording rules, and all rules as a file for Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from cjo_stream.telemetry.monitoring.alert import ALERTS, Alert
from cjo_stream.telemetry.monitoring.condition import LATE_S, lag

RUNBOOKS: Final = "deploy/runbooks"
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = r"(\d+)([smhd])"
_WINDOW: Final = re.compile(rf"\[{_DURATION}\]")
_SECONDS: Final = re.compile(rf"\{{{_DURATION}\}}")


class Record(NamedTuple):
    """One recording rule. Windows in names stay as they are, however fast the rules are."""

    name: str
    expr: str


def _late(window: str) -> Record:
    of_all = "sum by (installation) (rate(cjo_event_to_action_seconds"
    in_time = f'{of_all}_bucket{{le="{LATE_S}"}}[{window}]))'
    all_ = f"{of_all}_count[{window}]))"
    return Record(f"cjo:commands_late:ratio{window}", f"1 - {in_time} / {all_}")


RECORDS: Final = (
    Record("cjo:lag_records:sum", f"sum by (installation, stage) ({lag()})"),
    Record(
        "cjo:steps:rate5m",
        "sum by (installation, stage) (label_replace(rate(cjo_stage_seconds_count"
        '{stage!="intake_route"}[5m]), "stage", "intake", "stage", "intake_deliver"))',
    ),
    *(_late(window) for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d")),
)


def seconds(duration: str) -> float:
    """Return a duration in seconds.

    >>> seconds("5m"), seconds("1250ms")
    (300, 1.25)
    """
    if duration.endswith("ms"):
        return int(duration[:-2]) / 1_000
    found = re.fullmatch(_DURATION, duration)
    assert found is not None, duration
    return int(found[1]) * _UNITS_S[found[2]]


def divided(duration: str, faster: float) -> str:
    """Return a duration divided by `faster`, in the unit that has no fraction, if any has none.

    >>> divided("5m", 1), divided("5m", 20), divided("15s", 20), divided("3d", 20)
    ('5m', '15s', '750ms', '12960s')
    """
    if faster == 1:
        return duration
    ms = max(1, round(seconds(duration) * 1_000 / faster))
    return f"{ms // 1_000}s" if ms % 1_000 == 0 else f"{ms}ms"


def quicker(expr: str, faster: float) -> str:
    """Return an expression with all of its durations divided by `faster`.

    >>> quicker("age > {30m} and rate(x[5m]) > 5", 20)
    'age > 90 and rate(x[15s]) > 5'
    """

    def window(found: re.Match[str]) -> str:
        return f"[{divided(found[0][1:-1], faster)}]"

    def number(found: re.Match[str]) -> str:
        return f"{seconds(found[0][1:-1]) / faster:.6g}"

    return _SECONDS.sub(number, _WINDOW.sub(window, expr))


def rules(faster: float = 1) -> dict[str, Any]:
    """Return the rules as Prometheus reads them, with all durations divided by `faster`."""
    return {
        "groups": [
            {"name": "cjo-records", "rules": list(_records(faster))},
            {"name": "cjo-alerts", "rules": [_alert(one, faster) for one in ALERTS]},
        ]
    }


def _records(faster: float) -> Iterator[dict[str, Any]]:
    for one in RECORDS:
        yield {"record": one.name, "expr": quicker(one.expr, faster)}


def _alert(alert: Alert, faster: float) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": quicker(alert.expr, faster),
        "for": divided(alert.for_, faster),
        **({"keep_firing_for": divided(alert.keep, faster)} if alert.keep != "0s" else {}),
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "runbook": f"{RUNBOOKS}/{alert.name}.md",
            "within": divided(alert.within, faster),
        },
    }
