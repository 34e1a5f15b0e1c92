"""Coverage: what the cases reached of states, transitions, timers and gates, and where not."""

from __future__ import annotations

from pathlib import Path

from cjo_stream.definition.rule import rules
from cjo_stream.testing.coverage import KINDS
from cjo_stream.testing.suite import Report
from tests.world.cases import ADA, CART, play, write

LOOK = "expect: {refused: []}"


def uncovered(report: Report, kind: str) -> set[str]:
    (found,) = (one for one in report.coverage if one.kind == kind)
    return {rule.name for rule in found.uncovered}


def reached(report: Report, kind: str) -> set[str]:
    folder = Path(report.results[0].case.at.file).parent
    names = {rule.name for rule in rules(folder) if kind in rule.kinds}
    return names - uncovered(report, kind)


def test_every_rule_has_its_place(tmp_path: Path) -> None:
    found = rules(write(tmp_path))
    text = (tmp_path / "t.yaml").read_text().splitlines()
    for name, written in {
        "cart: waiting": "  waiting:",
        "cart: entry": "entry: {on: cart_updated",
        "cart: goal": "goal: {on: order_placed",
        "cart: exit as emptied": "exit: {on: cart_emptied",
        "cart: waiting on order_placed to bought": "order_placed: {when",
        "cart: waiting on cart_updated, without `to`": "cart_updated: {when",
        "cart: waiting after 5d to lapsed": "after: {30m: reminded, 5d: lapsed}",
        "cart: reminded after 1d to chosen": "rest: {weight",
        "cart: chosen always to lapsed": "always: [",
        "cap two_a_day": "caps: [",
        "reminder: limit reject pause 5d": "limits: [",
        "cheap: eligible": "eligible:",
        "quiet hours 21:00-08:00 delay": "quiet_hours:",
        "consent of marketing": "consent:",
        "address of push": "push:",
    }.items():
        (rule,) = (one for one in found if one.name == name)
        assert written in text[rule.at.line - 1], name
        assert rule.at.file == str(tmp_path / "t.yaml")
    assert len({rule.keys for rule in found}) == len(found)


def test_what_a_case_reaches_is_covered(tmp_path: Path) -> None:
    report = play(tmp_path, CART, CART, "advance: 30m", LOOK)
    assert reached(report, "states") == {"cart: waiting", "cart: reminded"}
    assert reached(report, "transitions") == {
        "cart: entry",
        "cart: waiting on cart_updated, without `to`",
        "cart: waiting after 30m to reminded",
    }
    assert reached(report, "timers") == {"cart: waiting after 30m to reminded"}
    assert reached(report, "gates") == {"address of push"}


def test_each_branch_of_a_split_counts_alone(tmp_path: Path) -> None:
    ways = set()
    for number in range(8):
        cart = CART.replace("ada@", f"e{number}@")
        report = play(tmp_path, cart, "advance: 26h", LOOK)
        way = {name for name in reached(report, "transitions") if "after 1d" in name}
        assert len(way) == 1
        assert (way == {"cart: reminded after 1d to chosen"}) == (
            "cart: chosen" in reached(report, "states")
        )
        ways |= way
    assert ways == {"cart: reminded after 1d to lapsed", "cart: reminded after 1d to chosen"}


def test_goals_exits_and_ends_are_transitions(tmp_path: Path) -> None:
    buy = f"event: {{type: order_placed, identifiers: {ADA}, attributes: {{cart_id: c1}}}}"
    empty = f"event: {{type: cart_emptied, identifiers: {ADA}, attributes: {{cart_id: c1}}}}"
    report = play(tmp_path, CART, empty, buy, CART, buy, LOOK)
    assert reached(report, "transitions") >= {
        "cart: goal", "cart: exit as emptied", "cart: waiting on order_placed to bought",
        "quiet: entry",
    }  # fmt: skip
    assert reached(report, "states") >= {"cart: bought", "quiet: thanks"}


def test_gates_are_covered_by_what_they_stop(tmp_path: Path) -> None:
    night = "advance: 2026-03-02T20:00:00Z"
    device = CART.replace(ADA, "{device: d, email: x@example.com}")
    report = play(tmp_path, night, device, "advance: 30m", LOOK)
    assert reached(report, "gates") == {"quiet hours 21:00-08:00 delay"}
    report = play(tmp_path, CART, "advance: 30m", LOOK, head="")
    assert reached(report, "gates") == {"consent of marketing", "address of push"}
    three = [CART.replace("c1", f"c{number}") for number in range(3)]
    report = play(tmp_path, *three, "advance: 30m", LOOK)
    assert reached(report, "gates") == {"cap two_a_day", "address of push"}
    reject = f"event: {{type: cjo.outcome, channel: web, identifiers: {ADA}, attributes: {{action: reminder, outcome: reject}}}}"  # noqa: E501 - one event
    again = CART.replace("c1", "c2")
    report = play(tmp_path, CART, "advance: 30m", reject, again, "advance: 30m", LOOK)
    assert reached(report, "gates") == {"reminder: limit reject pause 5d", "address of push"}


def test_a_draft_has_nothing_to_cover(tmp_path: Path) -> None:
    write(tmp_path)
    text = (tmp_path / "t.yaml").read_text().replace("status: shadow", "status: draft")
    (tmp_path / "t.yaml").write_text(text)
    assert not [rule for rule in rules(tmp_path) if rule.name.startswith("quiet: ")]


def test_what_is_given_covers_nothing(tmp_path: Path) -> None:
    report = play(tmp_path, CART, LOOK)
    assert "stated: entry" in uncovered(report, "transitions")
    assert [one.kind for one in report.coverage] == list(KINDS)
