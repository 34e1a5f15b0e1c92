"""What choices were worth by the hidden model, beside what simpler rules would have sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cjo_stream.simulate import payoff
from cjo_stream.simulate.payoff import Payoff
from cjo_stream.simulate.response import ELSEWHERE, Character, Preference, Response
from cjo_stream.simulate.world import Hidden

DAY_MS = 86_400_000
ANN = Character("ann", "shoes", "push", 0.5)
BEN = Character("ben", "home", "push", 1.0)
HIDDEN = Hidden(
    Response(
        lambda index: (ANN, BEN)[index],
        {
            "sneakers": Preference(accept=0.5, brings=(100, 100), tastes=frozenset({"shoes"})),
            "saucepan": Preference(accept=0.5, brings=(20, 20), tastes=frozenset({"home"})),
        },
        {"push": 1.0},
    ),
    {("device", "ann"): [0], ("device", "ben"): [1]},
)
BOTH = ["sneakers", "saucepan"]


def held(*choices: tuple[str, str, list[str], int], request: str = "decide") -> Payoff:
    """Return the payoff of (person, action sent, actions that passed, day)."""
    decisions: list[dict[str, Any]] = []
    commands: list[dict[str, Any]] = []
    for number, (person, sent, passed, day) in enumerate(choices):
        decisions.append(
            {
                "decision_id": f"d{number}",
                "request": {request: {}},
                "candidates": [{"action": a, "channel": "push", "gate": None} for a in passed]
                + [{"action": "scarf", "channel": "push", "gate": "caps"}],
            }
        )
        commands.append(
            {
                "action_id": f"{person}-a{number}",
                "decision_id": f"d{number}",
                "action": sent,
                "channel": "push",
                "class": "marketing",
                "address": {"type": "device", "value": person},
                "payload": {},
                "issued_at": day * DAY_MS,
            }
        )
    return payoff(
        [json.dumps(one).encode() for one in decisions],
        [json.dumps(one).encode() for one in commands],
        HIDDEN,
        begin_ms=0,
        span_ms=7 * DAY_MS,
        spans=2,
    )


def test_the_right_choice_is_worth_what_the_best_is() -> None:
    total = held(("ann", "sneakers", BOTH, 0)).total
    assert total.choices == 1
    assert total.chosen == total.best == 50
    assert total.uniform == pytest.approx((50 + 0.5 * ELSEWHERE * 20) / 2)


def test_the_wrong_one_costs_what_the_other_would_have_brought() -> None:
    total = held(("ben", "sneakers", BOTH, 0)).total
    assert total.chosen == pytest.approx(0.5 * ELSEWHERE * 100)
    assert total.best == 10


def test_rules_with_hindsight_send_the_same_to_everybody() -> None:
    found = held(("ann", "sneakers", BOTH, 0), ("ben", "saucepan", BOTH, 0))
    assert found.single == ("sneakers", "push")
    assert found.total.single == found.total.ranking == pytest.approx(50 + 0.5 * ELSEWHERE * 100)
    assert found.total.chosen == 60


def test_always_the_same_sends_nothing_where_it_may_not() -> None:
    found = held(
        ("ann", "sneakers", BOTH, 0),
        ("ben", "saucepan", ["saucepan", "unknown"], 0),
    )
    assert found.total.single == 50
    assert found.total.ranking == 60


def test_what_was_sent_before_counts_for_every_rule_alike() -> None:
    found = held(("ann", "saucepan", BOTH, 0), ("ann", "sneakers", BOTH, 1))
    assert found.total.best == 50 + 25


def test_a_week_ends_after_seven_days_but_the_last() -> None:
    found = held(*(("ann", "sneakers", BOTH, day) for day in (0, 8, 16)))
    assert [span.chosen for span in found.spans] == [50, 100]


def test_what_was_no_choice_is_left_out() -> None:
    assert held(("ann", "sneakers", ["sneakers"], 0)).total.choices == 0
    assert held(("ann", "sneakers", BOTH, 0), request="act").total.choices == 0
    assert held(("stranger", "sneakers", BOTH, 0)).total.choices == 0
