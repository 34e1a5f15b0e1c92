"""What is counted of a side's records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cjo_stream.governance.backtest.tally import HOUR_MS, Actions, Cap, Counter, Journey, Tally
from cjo_stream.governance.backtest.trace import trace
from tests.unit.governance.backtest.test_trace import chose, customer, moved, ran


def counted(out: Path) -> Tally:
    counter = Counter()
    trace(out, counter.look)
    return counter.tally()


def test_actions_are_counted_by_channel_action_and_hour(tmp_path: Path) -> None:
    times = (0, HOUR_MS - 1, HOUR_MS)
    decisions = [chose("a", time) for time in times] + [chose("a", HOUR_MS, "shadow")]
    out = ran(tmp_path / "out", customers=[customer("a", "x")], decisions=decisions)
    assert counted(out).actions == [Actions("c", "x", 0, 2, 0), Actions("c", "x", HOUR_MS, 1, 1)]


def test_a_cap_counts_once_a_decision_and_each_customer_once(tmp_path: Path) -> None:
    def capped(customer_id: str, *rules: str) -> dict[str, Any]:
        stopped = [{"gate": "caps", "rule": rule} for rule in rules]
        candidates = [*stopped, {"gate": "consent", "rule": "other"}, {"gate": None, "rule": None}]
        return chose(customer_id, 1) | {"candidates": candidates, "chosen": None}

    out = ran(tmp_path / "out", customers=[customer("a", "x"), customer("b", "y")])
    decisions = [capped("a", "day", "day", "week"), capped("a", "day"), capped("b", "day")]
    text = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in decisions)
    (out / "decisions.jsonl").write_text(text)
    assert counted(out).caps == {"day": Cap(3, 2), "week": Cap(1, 1)}


def test_journeys_count_entries_goals_and_outcomes(tmp_path: Path) -> None:
    def left(reason: str, outcome: str | None) -> dict[str, Any]:
        return moved("a", 1) | {"reason": reason, "outcome": outcome}

    transitions = [
        left("entered", None),
        left("moved", None),
        left("goal", None),
        left("ended", "bought"),
        left("exited", "bought"),
        left("exited", "retired"),
    ]
    out = ran(tmp_path / "out", customers=[customer("a", "x")], transitions=transitions)
    assert counted(out).journeys == {"j": Journey(1, 1, {"bought": 2, "retired": 1})}
