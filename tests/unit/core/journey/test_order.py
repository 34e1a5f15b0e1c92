"""docs/journeys.md: what comes before what, of one event and of one customer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.journey.notes import NOTES, TELLER, note, notes
from tests.world.scene import Scene

# --- one event, in this order


RULES = f"""
journey: rules
version: 1
entry: {{on: begin}}
goal: {{on: hit, within: 1h, do: [{note("goal")}]}}
exit:
  - {{on: hit, when: event.exit == 1, as: first, do: [{note("exit 1")}]}}
  - {{on: hit, when: event.exit, as: second, do: [{note("exit 2")}]}}
initial: here
on:
  hit: [{{do: [{note("journey")}]}}]
  other: {{to: there}}
states:
  here:
    leave: [{note("leave")}]
    on:
      hit:
        - {{when: event.own == 1, to: there, do: [{note("own 1")}]}}
        - {{when: event.own, do: [{note("own 2")}]}}
    always: [{{when: event.always, to: there}}]
  there: {{enter: [{note("enter")}], end: there}}
"""


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"exit": 1, "own": 1}, ["goal", "leave", "exit 1"]),
        ({"exit": 2, "own": 1}, ["goal", "leave", "exit 2"]),
        ({"own": 1, "always": True}, ["goal", "leave", "own 1", "enter"]),
        ({"own": 2}, ["goal", "own 2"]),
        ({"own": 2, "always": True}, ["goal", "own 2", "leave", "enter"]),
        ({}, ["goal", "journey"]),
        ({"always": True}, ["goal", "journey", "leave", "enter"]),
    ],
)
def test_goal_then_the_first_of_exits_own_and_journey_rules_then_always(
    tmp_path: Path, attributes: dict[str, Any], said: list[str]
) -> None:
    scene = Scene(tmp_path, NOTES + RULES)
    scene.send("begin", 0)
    scene.send("hit", 1, **attributes)
    assert notes(scene) == said


def test_what_leave_and_do_ask_for_belongs_to_the_state_entered_next(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTES + RULES)
    scene.send("begin", 0)
    scene.send("hit", 1, own=1)
    assert [c["journey"]["state"] for c in scene.driver.actions()] == ["here", *["there"] * 3]


def test_an_end_is_one_record_and_its_enter_steps_run(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTES + RULES)
    scene.send("begin", 0)
    scene.send("other", 1)
    assert scene.moves()[1:] == [(1, "rules", "here", "there", "ended", "there")]
    assert notes(scene) == ["leave", "enter"]


def test_a_transition_without_to_leaves_no_record(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTES + RULES)
    scene.send("begin", 0)
    scene.send("hit", 1, own=2)
    assert [m[4] for m in scene.moves()] == ["entered", "goal"]


def test_instances_by_journey_name_then_oldest_first_then_entries_by_name(tmp_path: Path) -> None:
    journey = f"""
journey: NAME
version: 1
entry: {{on: go, key: event.k, reentry: always}}
initial: open
states:
  open:
    enter: [{note("+NAME")}]
    on: {{go: {{do: [{{act: {{action: note, data: {{n: "'NAME ' + key"}}}}}}]}}}}
    after: {{1d: shut}}
  shut: {{end: shut}}
"""
    text = NOTES + "---".join(journey.replace("NAME", name) for name in ("b", "a"))
    scene = Scene(tmp_path, text)
    scene.send("go", 0, k="x")
    scene.send("go", 1, k="y")
    before = len(notes(scene))
    assert notes(scene) == ["+a", "+b", "a x", "b x", "+a", "+b"]
    scene.send("go", 2, k="z")
    assert notes(scene)[before:] == ["a x", "a y", "b x", "b y", "+a", "+b"]


# --- goals and exits


def test_a_goal_without_within_is_marked_while_live_only(tmp_path: Path) -> None:
    scene = Scene(tmp_path, TELLER)
    scene.send("begin", 0, k=1)
    scene.send("stop", 2)
    scene.send("win", 3)
    assert [m[4] for m in scene.moves()] == ["entered", "ended"]


def test_a_goal_is_not_marked_by_an_event_older_than_the_entry(tmp_path: Path) -> None:
    scene = Scene(tmp_path, TELLER)
    scene.send("begin", 100, k=1)
    scene.send("win", 99.999)
    assert len(scene.moves()) == 1
    scene.send("win", 100)
    assert scene.moves()[1:] == [(100, "teller", "open", "open", "goal", None)]


def test_a_goal_marked_after_the_end_runs_its_do_and_is_not_watched_any_more(
    tmp_path: Path,
) -> None:
    scene = Scene(
        tmp_path,
        NOTES
        + f"""
journey: sale
version: 1
entry: {{on: begin}}
goal: {{on: win, within: 1h, exit: true, do: [{note("won")}]}}
initial: open
states:
  open: {{on: {{stop: shut}}}}
  shut: {{end: shut}}
""",
    )
    scene.send("begin", 0)
    scene.send("stop", 10)
    scene.send("win", 5)
    scene.send("win", 20)
    assert scene.moves()[2:] == [(5, "sale", None, None, "goal", None)]
    assert notes(scene) == ["won"]
    assert scene.driver.states("user:u") == []


def test_of_ended_instances_the_latest_are_watched_and_do_not_count_as_live(
    tmp_path: Path,
) -> None:
    scene = Scene(
        tmp_path,
        """
journey: quick
version: 1
entry: {on: begin, key: event.k}
goal: {on: win, when: event.k == key, within: 10d}
initial: open
states:
  open: {always: [{to: shut}]}
  shut: {end: shut}
""",
    )
    for number in range(30):
        scene.send("begin", number, k=number)
    scene.send("win", 100, k=29)
    scene.send("win", 100, k=5)
    assert [m[4] for m in scene.moves()].count("goal") == 2
    assert "refused" not in [m[4] for m in scene.moves()]


# --- holdout, splits, always


def test_a_holdout_is_drawn_once_a_customer_and_journey(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: test
version: 1
entry: {on: begin, reentry: always}
holdout: 30%
initial: done
states:
  done: {end: done}
""",
    )
    for number in range(200):
        scene.send("begin", 0, user=f"u{number}")
        scene.send("begin", 1, user=f"u{number}")
    held: dict[str, set[bool]] = {}
    for t in scene.driver.transitions():
        held.setdefault(t["customer_id"], set()).add(t["holdout"])
    assert all(len(drawn) == 1 for drawn in held.values())
    assert 40 <= sum(drawn == {True} for drawn in held.values()) <= 80


def test_each_always_leaves_its_own_record_and_timers_start_after_them(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: chain
version: 1
entry: {on: begin}
initial: a
states:
  a: {always: [{when: event.type == 'begin', to: b}], after: {1s: z}}
  b: {always: [{when: "1 == 2", to: z}, {to: c}], after: {1s: z}}
  c: {after: {5s: z}}
  z: {end: z}
""",
    )
    scene.send("begin", 0)
    scene.to(100)
    assert scene.moves() == [
        (0, "chain", None, "a", "entered", None),
        (0, "chain", "a", "b", "moved", None),
        (0, "chain", "b", "c", "moved", None),
        (5, "chain", "c", "z", "ended", "z"),
    ]
