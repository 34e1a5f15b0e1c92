"""docs/journeys.md: what comes before what, what is recorded, what bounds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.bounds import Bounds
from cjo_stream.definition import load
from tests.world.scene import HEAD, Scene
from tests.world.town import Town

NOTES = """
action: note
class: service
treatments:
  mail:
    payload:
      n: data.n
      at: now
      type: event.type
      x: event.x
      id: event.id
      channel: event.channel
      key: key
---
"""


def note(text: str) -> str:
    """Return a step that says `text` in a command."""
    return f"{{act: {{action: note, data: {{n: \"'{text}'\"}}}}}}"


def notes(scene: Scene) -> list[str]:
    return [command["payload"]["n"] for command in scene.driver.actions()]


def payloads(scene: Scene) -> list[dict[str, Any]]:
    return [command["payload"] for command in scene.driver.actions()]


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


def test_an_event_opens_the_next_instance_after_it_ended_the_one_before(tmp_path: Path) -> None:
    scene = Scene(tmp_path, KEYED)
    scene.send("begin", 0, k=7)
    scene.send("begin", 1, k="7", end=True)
    assert [m[4] for m in scene.moves()] == ["entered", "ended", "entered"]


# --- entries


KEYED = """
journey: keyed
version: 1
entry: {on: begin, key: event.k}
initial: open
states:
  open: {on: {begin: {when: event.end, to: shut}}}
  shut: {end: shut}
"""


@pytest.mark.parametrize(("key", "entered"), [(7, 1), (7.0, 1), ("7", 1), ("7.0", 2), (8, 2)])
def test_keys_are_compared_as_text(tmp_path: Path, key: object, entered: int) -> None:
    scene = Scene(tmp_path, KEYED)
    scene.send("begin", 0, k=7)
    scene.send("begin", 1, k=key)
    assert len(scene.moves()) == entered
    assert scene.driver.transitions()[-1]["key"] == (key if entered == 2 else 7)


@pytest.mark.parametrize("key", [None, [1], {"a": 1}])
def test_what_is_neither_text_nor_number_is_no_key(tmp_path: Path, key: object) -> None:
    scene = Scene(tmp_path, KEYED)
    scene.send("begin", 0, k=key)
    assert scene.moves() == []


def test_key_is_null_without_a_key(tmp_path: Path) -> None:
    scene = Scene(tmp_path, RULES_WITHOUT_KEY)
    scene.send("begin", 0, key="x")
    (transition,) = scene.driver.transitions()
    assert transition["key"] is None
    assert payloads(scene)[0].get("key") is None


RULES_WITHOUT_KEY = (
    NOTES
    + f"""
journey: plain
version: 1
entry: {{on: begin, reentry: never}}
initial: open
states:
  open: {{enter: [{note("in")}], after: {{1d: shut}}}}
  shut: {{end: shut}}
"""
)


def test_reentry_never_remembers_the_last_1000_keys(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: once
version: 1
entry: {on: begin, key: event.k, reentry: never}
initial: done
states:
  done: {end: done}
""",
    )
    for number in range(1001):
        scene.send("begin", number, k=number)
    scene.send("begin", 1001, k=1)
    assert len(scene.moves()) == 1001
    scene.send("begin", 1002, k=0)
    assert len(scene.moves()) == 1002


def test_a_refusal_by_the_bound_is_null_to_null_at_the_events_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path, KEYED)
    for number in range(25):
        scene.send("begin", 10 + number, k=number)
    scene.send("begin", 20, k="late")
    refused = scene.driver.transitions()[-1]
    assert refused["reason"] == "refused"
    assert (refused["from"], refused["to"], refused["key"]) == (None, None, "late")
    assert refused["time"] == Scene.DAY_MS + 20_000
    assert refused["instance_id"] is None


def test_data_is_evaluated_once_at_entry_and_entry_stays_readable(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        NOTES
        + """
journey: told
version: 1
entry: {on: begin, key: event.k}
data: {n: event.x}
initial: open
states:
  open:
    on: {next: {do: [{act: note}, {act: {action: note, data: {n: entry.x + entry.type}}}]}}
    after: {1d: shut}
  shut: {end: shut}
""",
    )
    scene.send("begin", 0, k=1, x="a")
    scene.send("next", 1, x="b")
    assert notes(scene) == ["a", "abegin"]


# --- raised events


TELLER = """
journey: teller
version: 1
entry: {on: begin, key: event.k}
goal: {on: win}
initial: open
states:
  open: {on: {stop: shut}}
  shut: {end: shut}
---
"""
LISTENER = """
journey: listener
version: 1
entry:
  on: [journey.entered, journey.goal, journey.ended]
  when: event.journey == 'teller'
  reentry: always
initial: heard
states:
  heard:
    enter:
      - act:
          action: note
          data:
            n: "event.type + ' ' + str(event.key) + ' ' + coalesce(event.outcome, '-')"
    always: [{to: done}]
  done: {end: done}
"""


def test_the_engine_raises_entered_goal_and_ended(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTES + TELLER + LISTENER)
    scene.send("begin", 0, k=7, id="one")
    scene.send("win", 1)
    scene.send("stop", 2)
    assert notes(scene) == ["journey.entered 7 -", "journey.goal 7 -", "journey.ended 7 shut"]
    triggers = [d["trigger"] for d in scene.driver.decisions()]
    assert triggers[0] == {"kind": "raised", "id": "one", "type": "journey.entered"}


def test_an_instance_that_ends_where_it_begins_is_told_as_entered_and_ended(
    tmp_path: Path,
) -> None:
    teller = """
journey: teller
version: 1
entry: {on: begin, key: event.k}
initial: shut
states:
  shut: {end: shut}
---
"""
    scene = Scene(tmp_path, NOTES + teller + LISTENER)
    scene.send("begin", 0, k=7)
    assert scene.moves()[0] == (0, "teller", None, "shut", "ended", "shut")
    assert notes(scene) == ["journey.entered 7 -", "journey.ended 7 shut"]


def test_a_raised_event_has_type_time_and_attributes_only_at_now(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        NOTES
        + f"""
journey: caller
version: 1
entry: {{on: begin}}
initial: one
states:
  one: {{enter: [{{raise: {{type: call, attributes: {{x: event.x, y: event.none}}}}}}], end: one}}
---
journey: hearer
version: 1
entry: {{on: call, when: not has(event.y)}}
initial: one
states:
  one: {{enter: [{note("call")}], end: one}}
""",
    )
    scene.send("other", 50)
    scene.send("begin", 10, x=[1])
    at = Scene.DAY_MS + 50_000
    assert payloads(scene) == [{"n": "call", "at": at, "type": "call", "x": [1]}]
    assert [m[0] for m in scene.moves()] == [10, 50]


def test_each_timer_that_loops_has_its_own_dead_letter(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: echo
version: 1
entry: {on: echo, reentry: always}
initial: one
states:
  one: {enter: [{raise: {type: echo}}], always: [{to: two}]}
  two: {end: two}
---
journey: bomb
version: 1
entry: {on: begin, key: event.k}
initial: armed
states:
  armed: {after: {10s: gone}}
  gone: {enter: [{raise: {type: echo}}], end: gone}
""",
    )
    scene.send("begin", 0, k=1)
    scene.send("begin", 0, k=2)
    scene.to(20)
    letters = scene.driver.dead_letters()
    assert [letter["reason"] for letter in letters] == ["loop", "loop"]
    assert [(one["partition"], one["offset"]) for one in letters] == [("-1", "-1")] * 2
    shown = [json.loads(letter["value"]) for letter in letters]
    assert [(t["journey"], t["key"], t["to"]) for t in shown] == [
        ("bomb", 1, "gone"),
        ("bomb", 2, "gone"),
    ]


def test_a_thousand_raised_events_in_all(tmp_path: Path) -> None:
    raises = ", ".join(["{raise: {type: many}}"] * 12)
    scene = Scene(
        tmp_path,
        f"""
journey: spread
version: 1
entry: {{on: [begin, many], reentry: always}}
initial: one
states:
  one: {{enter: [{raises}], always: [{{to: two}}]}}
  two: {{end: two}}
""",
    )
    scene.send("begin", 0)
    assert len([m for m in scene.moves() if m[4] == "entered"]) == 1001
    assert [letter["reason"] for letter in scene.driver.dead_letters()] == ["loop"]


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


# --- time


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


def test_an_instance_is_refused_where_its_customer_has_no_room_and_that_is_counted(
    tmp_path: Path,
) -> None:
    (tmp_path / "all.yaml").write_text(HEAD + "---" + KEYED)
    town = Town(load(tmp_path).program)
    town.bounds = Bounds(instances=2)
    for key in ("a", "b", "c"):
        town.event("begin", {"user": "u"}, k=key)
    assert [one.key for one in town.customer("user:u").instances] == ["a", "b"]
    assert [move[1] for move in town.moves()] == ["entered", "entered", "refused"]
    assert town.counts["cjo_journey_refusals_total", "keyed", "bound"] == 1


def test_each_type_error_of_an_event_is_counted(tmp_path: Path) -> None:
    data = 'data: {a: event.x + 1, b: event.x + 2, c: "[event.x + 3]"}\ninitial'
    (tmp_path / "all.yaml").write_text(HEAD + "---" + KEYED.replace("initial", data))
    town = Town(load(tmp_path).program)
    town.event("begin", {"user": "u"}, k="a", x="text")
    assert town.counts["cjo_expression_errors_total", "journey.keyed"] == 3


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


def test_what_intake_refuses_moves_nothing_the_clock_included(tmp_path: Path) -> None:
    scene = Scene(tmp_path, TRIGGERED)
    scene.send("begin", 0)
    scene.send("other", 50, identifiers={})
    scene.send("Bad type", 60)
    assert len(scene.moves()) == 1
    assert [d["reason"] for d in scene.driver.dead_letters()] == ["unidentified", "invalid"]
