"""docs/journeys.md: timers, what is due late, and what spins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.core.journey.notes import NOTES, note, notes, payloads
from tests.world.scene import Scene

SLOW = f"""
journey: slow
version: 1
entry: {{on: begin}}
initial: a
states:
  a: {{on: {{go: b}}}}
  b: {{on: {{go: c, out: z}}, after: {{60s: {{do: [{note("tick")}]}}}}}}
  c: {{on: {{out: z}}}}
  z: {{end: z}}
"""


def test_a_state_is_never_entered_before_the_state_left(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTES + SLOW)
    scene.send("begin", 0)
    scene.send("go", 100)
    scene.send("go", 40)
    assert [m[0] for m in scene.moves()] == [0, 100, 100]


def test_what_time_causes_has_no_event(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTES + SLOW)
    scene.send("begin", 0)
    scene.send("go", 10, x=1)
    scene.to(100)
    assert payloads(scene) == [{"n": "tick", "at": Scene.DAY_MS + 70_000}]
    (decision,) = scene.driver.decisions()
    assert (decision["trigger"]["kind"], decision["trigger"]["type"]) == ("timer", None)


def test_triggers_say_what_caused_a_transition(tmp_path: Path) -> None:
    scene = Scene(tmp_path, TRIGGERED)
    scene.send("begin", 0, id="b1")
    scene.to(20)
    kinds = [(t["trigger"]["kind"], t["trigger"]["type"]) for t in scene.driver.transitions()]
    assert kinds == [("event", "begin"), ("timer", None)]
    assert scene.driver.transitions()[0]["trigger"]["id"] == "b1"


TRIGGERED = """
journey: plain
version: 1
entry: {on: begin}
initial: open
states:
  open: {after: {10s: shut}}
  shut: {end: shut}
"""


def test_timers_of_an_instant_by_journey_name_oldest_instance_order_of_writing(
    tmp_path: Path,
) -> None:
    journey = """
journey: NAME
version: 1
entry: {on: begin, key: event.k}
initial: open
states:
  open:
    at:
      - {time: event.due, do: [{act: {action: note, data: {n: "'NAME at ' + key"}}}]}
    after:
      10s: {do: [{act: {action: note, data: {n: "'NAME after ' + key"}}}]}
      1d: shut
  shut: {end: shut}
"""
    text = NOTES + "---".join(journey.replace("NAME", name) for name in ("b", "a"))
    scene = Scene(tmp_path, text)
    due = Scene.DAY_MS + 10_000
    scene.send("begin", 0, k="2", due=due)
    scene.send("begin", 0, k="1", due=due)
    scene.to(10)
    assert notes(scene) == [
        *("a at 2", "a after 2", "a at 1", "a after 1"),
        *("b at 2", "b after 2", "b at 1", "b after 1"),
    ]


def test_an_at_is_evaluated_on_entering_after_the_steps(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: at
version: 1
entry: {on: begin}
data: {due: event.due}
initial: open
states:
  open:
    enter: [{assign: {due: data.due + 5000}}]
    on: {change: {do: [{assign: {due: data.due + 60000}}]}}
    at: [{time: data.due, to: shut}]
  shut: {end: shut}
""",
    )
    scene.send("begin", 0, due=Scene.DAY_MS + 10_000)
    scene.send("change", 1)
    scene.to(100)
    assert [m[0] for m in scene.moves()] == [0, 15]


def test_more_than_100_timers_already_due_wait_for_the_clocks_next_move(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: spin
version: 1
entry: {on: begin}
initial: a
states:
  a: {at: [{time: "0", to: a}], on: {out: z}}
  z: {end: z}
""",
    )
    scene.send("begin", 0)
    assert len(scene.moves()) == 101
    scene.to(0.001)
    assert len(scene.moves()) > 101
    assert scene.driver.dead_letters() == []


SPINNING = """
journey: spin
version: 1
entry: {on: begin}
initial: a
on: {out: z}
states:
  a: {at: [{time: "0", to: b}]}
  b: {at: [{time: "1", to: a}], after: {20m: z}}
  z: {end: z}
---
journey: calm
version: 1
entry: {on: begin}
initial: a
states:
  a: {after: {30m: b}}
  b: {end: b}
"""


@pytest.mark.slow
def test_states_that_send_each_other_on_for_ever_are_bounded_however_long_it_lasts(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, SPINNING)
    scene.send("begin", 0)
    scene.to(30 * 86_400)
    spun = [move for move in scene.moves() if move[1] == "spin"]
    assert 100 * 24 * 29 < len(spun) < 100 * (24 * 30 + 40)
    # What else the customer waits for comes at its time.
    assert [move[0] for move in scene.moves() if move[1] == "calm"] == [0, 1800]


def test_what_spins_rests_the_same_time_in_any_steps_of_the_clock(tmp_path: Path) -> None:
    at_once, in_steps = Scene(tmp_path, SPINNING), Scene(tmp_path, SPINNING)
    for scene in (at_once, in_steps):
        scene.send("begin", 0)
    for second in range(0, 4000, 7):
        in_steps.to(second)
    for scene in (at_once, in_steps):
        scene.to(4000)
        scene.send("out", 4000)
    assert at_once.moves() == in_steps.moves()
    assert at_once.moves()[-1][3:] == ("z", "ended", "z")


def test_a_late_loop_that_catches_up_does_not_rest(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: poll
version: 1
entry: {on: begin}
initial: a
states:
  a: {after: {1s: a}, on: {out: z}}
  z: {end: z}
""",
    )
    scene.send("other", 43_200)
    scene.send("begin", 0)
    scene.to(43_210)
    assert len(scene.moves()) == 43_211


def test_a_state_left_cancels_its_timers(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTES + SLOW)
    scene.send("begin", 0)
    scene.send("go", 1)
    scene.send("go", 2)
    scene.to(1000)
    assert notes(scene) == []
    row = scene.driver.customer("user:u")
    assert row is not None
    assert row["instances"][0]["timers"] == []


WATCHED = """
journey: sale
version: 1
entry: {on: begin}
goal: {on: buy, within: 1h}
exit: {on: leave, as: left}
initial: open
states:
  open: {on: {quit: shut}, after: {10s: shut}}
  shut: {end: shut}
"""


@pytest.mark.parametrize(("end", "reason"), [("quit", "ended"), ("leave", "exited")])
def test_an_instance_that_has_ended_keeps_no_timer_while_its_goal_is_watched(
    tmp_path: Path, end: str, reason: str
) -> None:
    scene = Scene(tmp_path, WATCHED)
    scene.send("begin", 0)
    scene.send(end, 1)
    scene.to(1000)
    assert [m[4] for m in scene.moves()] == ["entered", reason]
    assert scene.driver.dead_letters() == []
    scene.send("buy", 1001)
    assert [m[4] for m in scene.moves()] == ["entered", reason, "goal"]


def test_what_came_before_an_instance_opened_is_not_its_goal(tmp_path: Path) -> None:
    scene = Scene(tmp_path, WATCHED)
    scene.send("begin", 10)
    scene.send("buy", 9.999)
    assert [m[4] for m in scene.moves()] == ["entered"]
    scene.send("buy", 10)
    assert [m[4] for m in scene.moves()] == ["entered", "goal"]


def test_what_intake_refuses_moves_nothing_the_clock_included(tmp_path: Path) -> None:
    scene = Scene(tmp_path, TRIGGERED)
    scene.send("begin", 0)
    scene.send("other", 50, identifiers={}, expect="unidentified")
    scene.send("Bad type", 60, expect="invalid")
    assert len(scene.moves()) == 1
    assert [d["reason"] for d in scene.driver.dead_letters()] == ["unidentified", "invalid"]


LONG_PAST = """
journey: past
version: 1
entry: {on: begin}
initial: open
states:
  open:
    at:
      - {time: "%s", to: first}
      - {time: "%s", to: second}
  first: {end: first}
  second: {end: second}
"""
YEAR_1 = -62_135_596_800_000


@pytest.mark.parametrize(
    ("one", "other", "earlier"),
    [
        (YEAR_1, YEAR_1 - 1_000, "first"),
        (YEAR_1, -1e17, "first"),
        (YEAR_1 + 1, YEAR_1, "second"),
    ],
)
def test_times_before_the_year_1_are_one_long_past(
    tmp_path: Path, one: float, other: float, earlier: str
) -> None:
    scene = Scene(tmp_path, LONG_PAST % (one, other))
    scene.send("begin", 0)
    scene.to(1)
    assert [move["to"] for move in scene.driver.transitions()] == ["open", earlier]
