"""docs/decisions.md: `decide`, priority, ties, exploration, holdouts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.decision.arbitration import Passed, best, choose
from tests.world.desk import Desk, gates

GOODS = """
action: zebra
issue: sales
group: cards
value: 10
treatments: {mail: {}, push: {}}
---
action: ant
issue: sales
group: loans
value: 20
treatments: {push: {}, mail: {}}
---
action: bee
issue: care
group: loans
class: service
value: 30
treatments: {mail: {}}
"""
OTHERS = {"hello/mail", "hello/push", "offer/mail"}
"""Of the scene itself; a whole portfolio has them too."""


def desk_of(
    folder: Path, decide: str, actions: str = GOODS, policy: str = "", **more: Any
) -> Desk:
    return Desk(folder, step=f"decide: {{{decide}}}", actions=actions, policy=policy, **more)


def chosen(decision: dict[str, Any]) -> str:
    return f"{decision['chosen']['action']}/{decision['chosen']['channel']}"


def factors(decision: dict[str, Any]) -> list[list[float | None]]:
    names = ("P", "C", "V", "L", "priority")
    return [[candidate[name] for name in names] for candidate in decision["candidates"]]


# --- what is asked for


@pytest.mark.parametrize(
    ("decide", "asked"),
    [
        ("issue: sales", ["ant/push", "ant/mail", "zebra/mail", "zebra/push"]),
        ("group: loans", ["ant/push", "ant/mail", "bee/mail"]),
        ("issue: sales, group: loans", ["ant/push", "ant/mail"]),
        ("issue: [care, sales], channels: mail", ["ant/mail", "bee/mail", "zebra/mail"]),
        ("actions: [zebra, ant]", ["zebra/mail", "zebra/push", "ant/push", "ant/mail"]),
        ("actions: zebra, channels: [push]", ["zebra/push"]),
        ("actions: [zebra, bee], group: loans", ["bee/mail"]),
    ],
)
def test_decide_asks_for_what_every_list_allows_in_order(
    tmp_path: Path, decide: str, asked: list[str]
) -> None:
    assert list(gates(desk_of(tmp_path, decide).ask(1))) == asked


def test_decide_asks_for_the_whole_portfolio_where_nothing_narrows_it(tmp_path: Path) -> None:
    found = gates(desk_of(tmp_path, "").ask(1))
    goods = {"zebra/mail", "zebra/push", "ant/push", "ant/mail", "bee/mail"}
    assert set(found) == goods | OTHERS
    assert [name.split("/")[0] for name in found] == sorted(n.split("/")[0] for n in found)


def test_the_record_shows_the_request(tmp_path: Path) -> None:
    decide = "issue: sales, actions: [zebra, ant], channels: push"
    decision = desk_of(tmp_path, decide).ask(1)
    asked = {"issue": ["sales"], "actions": ["zebra", "ant"], "channels": ["push"]}
    assert decision["request"] == {"decide": asked}
    assert desk_of(tmp_path, "").ask(1)["request"] == {"decide": {}}


def test_the_data_of_a_decide_is_laid_over_the_instances(tmp_path: Path) -> None:
    action = "action: one\nvalue: data.n\ntreatments: {mail: {payload: {n: data.n, m: data.m}}}"
    decide = "actions: one, data: {n: data.n + 1, m: event.m}"
    desk = Desk(tmp_path, step=f"decide: {{{decide}}}", other="assign: {n: 4}", actions=action)
    desk.send("other", 1)
    assert factors(desk.ask(2, m="x"))[0][2] == 5
    assert desk.scene.driver.actions()[0]["payload"] == {"n": 5, "m": "x"}


# --- priority


def test_decide_takes_the_highest_priority(tmp_path: Path) -> None:
    decision = desk_of(tmp_path, "actions: [zebra, ant, bee]").ask(1)
    assert chosen(decision) == "bee/mail"
    assert decision["probability"] == 1
    assert {c["action"]: c["priority"] for c in decision["candidates"]} == {
        "zebra": 10,
        "ant": 20,
        "bee": 30,
    }


def test_what_a_gate_stops_does_not_compete_and_is_not_weighed(tmp_path: Path) -> None:
    ids = {"user": "u", "device": "d"}
    decision = desk_of(tmp_path, "actions: [zebra, ant, bee]", ids=ids).ask(1)
    assert chosen(decision) == "ant/push"
    by_name = dict(zip(gates(decision), factors(decision), strict=True))
    assert by_name["bee/mail"] == [None] * 5


def test_priority_is_p_times_c_times_v_times_l(tmp_path: Path) -> None:
    action = """
action: one
issue: sales
group: cards
value: 8
lever: 10
propensity: 0.5
context:
  - {when: event.kind == 'x', weight: 50}
  - {when: event.kind == 'y', weight: 1000}
  - {when: event.sure, weight: -25}
treatments:
  mail: {}
  push: {propensity: 0.25}
"""
    policy = "levers: {issue: {sales: 20, care: 500}, group: {cards: -5}}"
    decision = desk_of(tmp_path, "actions: one", action, policy).ask(1, kind="x", sure=True)
    assert factors(decision) == [
        [0.5, 1.25, 8, 1.25, 0.5 * 1.25 * 8 * 1.25],
        [0.25, 1.25, 8, 1.25, 0.25 * 1.25 * 8 * 1.25],
    ]
    assert chosen(decision) == "one/mail"


def test_factors_left_out_are_one(tmp_path: Path) -> None:
    decision = desk_of(tmp_path, "actions: one", "action: one\ntreatments: {mail: {}}").ask(1)
    assert factors(decision) == [[1, 1, 1, 1, 1]]


def test_a_lever_is_at_least_zero(tmp_path: Path) -> None:
    action = "action: one\nlever: -250\ntreatments: {mail: {}}"
    decision = desk_of(tmp_path, "actions: one", action).ask(1)
    assert factors(decision) == [[1, 1, 1, 0, 0]]
    assert chosen(decision) == "one/mail"


def test_factors_are_expressions_over_the_candidate_and_the_request(tmp_path: Path) -> None:
    action = """
action: one
value: event.price + data.n + (100 if candidate.channel == 'push' else 0)
propensity: event.p
treatments: {mail: {}, push: {}, web: {propensity: event.p / 2}}
"""
    decision = desk_of(tmp_path, "actions: one, data: {n: 1}", action).ask(1, price=6, p=0.5)
    found = [(row[0], row[2]) for row in factors(decision)]
    assert found == [(0.5, 7), (0.5, 107), (0.25, 7)]


def test_a_propensity_that_learns_is_its_prior_without_a_learner(tmp_path: Path) -> None:
    action = """
action: one
propensity: {prior: 0.02, features: [profile.id, event.channel]}
treatments: {mail: {}, push: {propensity: {prior: 0.04}}, web: {propensity: 0.5}}
"""
    decision = desk_of(tmp_path, "actions: one", action).ask(1)
    assert [row[0] for row in factors(decision)] == [0.02, 0.04, 0.5]


@pytest.mark.parametrize(
    ("value", "propensity"),
    [
        ("event.none", "0.5"),
        ("event.text", "0.5"),
        ("event.flag", "0.5"),
        ("event.list", "0.5"),
        ("5", "event.none"),
        ("5", "event.text"),
        ("5", "event.flag"),
        ("5", "event.big"),
        ("5", "0 - event.small"),
        ("event.huge", "1"),
    ],
)
def test_a_factor_that_is_missing_of_another_type_or_out_of_range_stops_at_priority(
    tmp_path: Path, value: str, propensity: str
) -> None:
    context = "context: [{when: true, weight: 1000000}]" if value == "event.huge" else ""
    actions = f"""
action: odd
value: {value}
propensity: {propensity}
{context}
treatments: {{mail: {{}}}}
---
action: plain
value: 1
treatments: {{mail: {{}}}}
"""
    decision = desk_of(tmp_path, "actions: [odd, plain]", actions).ask(
        1, text="5", flag=True, list=[1], big=1.5, small=0.5, huge=1e308
    )
    assert gates(decision) == {"odd/mail": "priority", "plain/mail": None}
    assert decision["candidates"][0]["priority"] is None
    assert chosen(decision) == "plain/mail"


def test_nothing_is_chosen_where_priority_stops_all(tmp_path: Path) -> None:
    action = "action: one\nvalue: event.none\ntreatments: {mail: {}}"
    decision = desk_of(tmp_path, "actions: one", action).ask(1)
    assert (decision["chosen"], decision["probability"]) == (None, None)


def test_act_needs_no_priority(tmp_path: Path) -> None:
    action = "action: one\nvalue: event.none\ntreatments: {mail: {}}"
    desk = Desk(tmp_path, step="act: one", actions=action)
    assert chosen(desk.ask(1)) == "one/mail"


# --- ties


@pytest.mark.parametrize(
    ("one", "other", "winner"),
    [
        (("b", "mail", 2, 0.5), ("a", "mail", 1, 1.0), "b/mail"),  # the higher value
        (("b", "mail", 2, 0.5), ("a", "push", 2, 0.5), "a/push"),  # then the action's name
        (("a", "push", 2, 0.5), ("a", "mail", 2, 0.5), "a/mail"),  # then the channel's
        (("b", "mail", 2, 0.5), ("a", "mail", 1, 1.5), "a/mail"),  # but priority before all
    ],
)
def test_ties_go_to_higher_value_then_action_then_channel(
    one: tuple[str, str, float, float], other: tuple[str, str, float, float], winner: str
) -> None:
    passed = [
        Passed(place, value * p, value, action, channel)
        for place, (action, channel, value, p) in enumerate((one, other))
    ]
    for rows in (passed, passed[::-1]):
        found = best(rows)
        assert f"{found.action}/{found.channel}" == winner


# --- exploration


def test_exploration_is_uniform_among_all_that_passed_and_its_probability_recorded() -> None:
    passed = [Passed(n, float(n), 1.0, f"a{n}", "mail") for n in range(4)]
    found: Counter[int] = Counter()
    for n in range(20_000):
        one, probability = choose(passed, 0.2, f"d{n}")
        found[one.place] += 1
        assert probability == pytest.approx(0.85 if one.place == 3 else 0.05)
    assert found[3] / 20_000 == pytest.approx(0.85, abs=0.01)
    for n in range(3):
        assert found[n] / 20_000 == pytest.approx(0.05, abs=0.006)


def test_exploration_is_drawn_by_the_decisions_id() -> None:
    passed = [Passed(n, float(n), 1.0, f"a{n}", "mail") for n in range(4)]
    assert [choose(passed, 0.5, "d7") for _ in range(9)] == [choose(passed, 0.5, "d7")] * 9


def test_always_exploring_leaves_each_the_same_chance(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "issue: sales", policy="explore: 100%")
    found = Counter()
    for n in range(200):
        decision = desk.ask(n + 1)
        assert decision["probability"] == 0.25
        found[chosen(decision)] += 1
    assert len(found) == 4
    assert min(found.values()) > 25


def test_one_candidate_is_chosen_for_certain(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "actions: bee", policy="explore: 40%")
    assert desk.ask(1)["probability"] == 1


def test_act_does_not_explore(tmp_path: Path) -> None:
    desk = Desk(tmp_path, step="act: zebra", actions=GOODS, policy="explore: 100%")
    for n in range(20):
        decision = desk.ask(n + 1)
        assert (chosen(decision), decision["probability"]) == ("zebra/mail", 1)


# --- a journey's holdout


@pytest.mark.parametrize(
    ("class_", "suppressed"),
    [("marketing", "holdout"), ("service", "holdout"), ("transactional", None)],
)
def test_a_held_out_instance_decides_but_sends_nothing_that_is_not_transactional(
    tmp_path: Path, class_: str, suppressed: str | None
) -> None:
    actions = GOODS.replace("class: service", f"class: {class_}")
    desk = desk_of(tmp_path, "actions: [ant, bee]", actions, holdout="100%")
    decision = desk.ask(1)
    assert (chosen(decision), decision["suppressed"]) == ("bee/mail", suppressed)
    assert len(desk.sent()) == (suppressed is None)
