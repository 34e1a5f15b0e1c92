"""docs/decisions.md: limits, an action's own and the policy's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.command.limit import is_paused
from cjo_stream.core.program.policy import Coverage, Limit
from cjo_stream.core.state import Command
from tests.world.desk import Desk, gates, stops

DAY = 86_400
PITCH = """
action: pitch
issue: sales
group: cards
limits: [LIMITS]
treatments: {mail: {}, push: {}}
---
action: other_card
issue: sales
group: cards
treatments: {mail: {}}
---
action: loan
issue: sales
group: loans
treatments: {mail: {}, push: {}}
"""


def desk_of(folder: Path, limits: str = "", policy: str = "", **more: Any) -> Desk:
    options = {"step": "act: pitch", "actions": PITCH.replace("LIMITS", limits)}
    return Desk(folder, policy=f"limits: [{policy}]" if policy else "", **{**options, **more})


def test_an_outcome_pauses_the_action_from_its_own_time(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{outcome: reject, pause: 100s}")
    assert stops(desk.ask(1)) == {None}
    desk.outcome(50, "reject", "pitch")
    assert stops(desk.ask(50)) == {"limits"}
    assert stops(desk.ask(149.999)) == {"limits"}
    assert stops(desk.ask(150)) == {None}


def test_a_late_outcome_pauses_from_when_it_happened(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{outcome: reject, pause: 100s}")
    desk.ask(1)
    desk.send("news", 120)
    desk.outcome(40, "reject", "pitch")
    assert stops(desk.ask(139.999)) == {"limits"}
    assert stops(desk.ask(140)) == {None}


def test_an_outcome_older_than_max_late_counts(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{outcome: reject, pause: 30d}")
    desk.ask(1)
    desk.send("news", 5 * DAY)
    desk.outcome(2, "reject", "pitch")
    assert stops(desk.ask(5 * DAY + 1)) == {"limits"}


def test_other_outcomes_do_not_count(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{outcome: reject, pause: 1d}")
    desk.ask(1)
    for at, outcome in enumerate(("delivered", "impression", "click", "accept", "failed"), 2):
        desk.outcome(at, outcome, "pitch")
    assert stops(desk.ask(9)) == {None}


def test_the_count_is_filled_within_the_window(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{outcome: click, count: 2, per: 100s, pause: 50s}")
    for at in (0, 1, 2, 3):
        desk.ask(at)
    ids = [action["action_id"] for action in desk.scene.driver.actions()]
    for at, id_ in ((10, ids[0]), (110, ids[1])):
        desk.send("cjo.outcome", at, action_id=id_, outcome="click")
    assert stops(desk.ask(111)) == {None}, "(10, 110] holds one"
    desk.send("cjo.outcome", 209.999, action_id=ids[2], outcome="click")
    assert stops(desk.ask(210)) == {"limits"}
    assert stops(desk.ask(259.998)) == {"limits"}
    assert stops(desk.ask(259.999)) == {None}


def test_the_count_is_1_and_counts_ever_unless_it_says_otherwise(tmp_path: Path) -> None:
    desk = desk_of(
        tmp_path, "{outcome: click, count: 2, pause: 10s}, {outcome: reject, pause: 5s}"
    )
    desk.ask(0)
    desk.ask(1)
    ids = [action["action_id"] for action in desk.scene.driver.actions()]
    desk.send("cjo.outcome", 2, action_id=ids[0], outcome="click")
    assert stops(desk.ask(3)) == {None}
    desk.send("cjo.outcome", 400 * DAY, action_id=ids[1], outcome="click")
    assert stops(desk.ask(400 * DAY + 9)) == {"limits"}


def test_the_same_outcome_of_the_same_command_counts_once(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{outcome: click, count: 2, pause: 1d}")
    desk.ask(1)
    desk.outcome(2, "click", "pitch")
    desk.outcome(3, "click", "pitch")
    assert stops(desk.ask(4)) == {None}
    desk.outcome(5, "click", "pitch")
    assert stops(desk.ask(6)) == {"limits"}


def test_a_pause_may_last_for_ever(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{outcome: accept, pause: forever}", other="act: loan")
    desk.ask(1)
    desk.outcome(2, "accept", "pitch")
    for n in range(300):
        desk.send("other", 3 + n * DAY)
    assert stops(desk.ask(2999 * DAY)) == {"limits"}


def test_offered_is_a_command_issued(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{outcome: offered, count: 3, per: 100s, pause: 200s}")
    for at in (1, 2):
        assert stops(desk.ask(at)) == {None}
    assert stops(desk.ask(90)) == {None}
    assert stops(desk.ask(90)) == {"limits"}
    assert stops(desk.ask(289.999)) == {"limits"}
    assert stops(desk.ask(290)) == {None}


def test_what_was_held_back_is_not_offered(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{outcome: offered, pause: forever}", holdout="100%")
    for at in (1, 2):
        assert stops(desk.ask(at)) == {None}


def test_an_actions_own_limit_is_about_that_action(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "{outcome: reject, pause: 1d}", other="act: loan")
    desk.ask(1)
    desk.ask(2, "other")
    desk.outcome(3, "reject", "loan")
    assert stops(desk.ask(4)) == {None}
    desk.outcome(5, "reject", "pitch")
    assert stops(desk.ask(6)) == {"limits"}
    assert stops(desk.ask(7, "other")) == {None}


@pytest.mark.parametrize(
    ("scope", "paused"),
    [
        ("group: cards", {"pitch/mail", "pitch/push", "other_card/mail"}),
        (
            "issue: sales",
            {"pitch/mail", "pitch/push", "other_card/mail", "loan/mail", "loan/push"},
        ),
        ("channel: mail", {"pitch/mail", "other_card/mail", "loan/mail"}),
        ("channel: push", set()),
        ("group: cards, channel: mail", {"pitch/mail", "other_card/mail"}),
        ("group: [cards, loans], channel: [mail, push]", None),
        ("group: loans", set()),
    ],
)
def test_a_policys_limit_is_about_a_group_an_issue_or_a_channel(
    tmp_path: Path, scope: str, paused: set[str] | None
) -> None:
    policy = f"{{{scope}, outcome: reject, pause: 1d}}"
    desk = desk_of(tmp_path, policy=policy, other="decide: {}")
    desk.ask(1)
    desk.outcome(2, "reject", "pitch")
    found = gates(desk.ask(3, "other"))
    del found["hello/mail"], found["hello/push"], found["offer/mail"]
    assert {name for name, gate in found.items() if gate == "limits"} == (
        set(found) if paused is None else paused
    )


def test_several_actions_fill_the_count_of_their_group(tmp_path: Path) -> None:
    policy = "{group: cards, outcome: reject, count: 2, per: 30d, pause: 30d}"
    desk = desk_of(tmp_path, policy=policy, other="act: other_card")
    desk.ask(1)
    desk.ask(2, "other")
    desk.outcome(3, "reject", "pitch")
    assert stops(desk.ask(4)) == {None}
    desk.outcome(5, "reject", "other_card")
    assert stops(desk.ask(6)) == {"limits"}
    assert stops(desk.ask(5 + 30 * DAY)) == {None}


def test_the_reward_window_is_the_policys(tmp_path: Path) -> None:
    limits = "{outcome: click, pause: 100d}"
    desk = Desk(
        tmp_path,
        step="act: pitch",
        actions=PITCH.replace("LIMITS", limits),
        policy="reward_window: 1d",
    )
    desk.ask(0)
    desk.outcome(DAY, "click", "pitch")
    assert stops(desk.ask(DAY + 1)) == {None}
    assert [letter["reason"] for letter in desk.scene.driver.dead_letters()] == ["invalid"]
    desk.outcome(2 * DAY, "click", "pitch")
    assert stops(desk.ask(2 * DAY + 1)) == {"limits"}


def test_transactional_is_limited_as_any(tmp_path: Path) -> None:
    actions = PITCH.replace("LIMITS", "{outcome: offered, pause: 1d}").replace(
        "group: cards\nlimits", "group: cards\nclass: transactional\nlimits"
    )
    desk = desk_of(tmp_path, actions=actions)
    assert stops(desk.ask(1)) == {None}
    assert stops(desk.ask(2)) == {"limits"}


def test_an_outcome_later_than_now_does_not_pause_yet() -> None:
    """As one from a producer whose clock is ahead."""
    limit = Limit(rule="reject", coverage=Coverage(), outcome="reject", pause_ms=100)
    command = Command("c", "pitch", "mail", None, None, "service", 10, {"reject": 50})
    paused = [is_paused(limit, [command], now) for now in (49, 50, 149, 150)]
    assert paused == [False, True, True, False]
