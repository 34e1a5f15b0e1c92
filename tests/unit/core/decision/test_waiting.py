"""docs/decisions.md: what becomes of a request while it waits for quiet hours to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.customer import fire
from cjo_stream.core.decision.holdout import join_holdouts
from cjo_stream.core.decision.waiting import first_due, join_waiting, part_waiting
from cjo_stream.core.program.journey import Entry, Journey
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Trigger
from cjo_stream.core.state import Customer, Waiting
from cjo_stream.core.turn import Turn
from tests.world.desk import IDS, second, stops, when
from tests.world.scene import Scene

AT, END = when("2026-03-04 22:00", "Europe/Berlin"), when("2026-03-05 08:00", "Europe/Berlin")
MORE = """
action: ping
expires: EXPIRES
treatments: {push: {payload: {why: data.why, k: key, state: data.state}}}
---
action: pong
expires: 20h
class: service
treatments: {push: {}}
---
policy: contact
quiet_hours: {channel: push, from: "21:00", until: "08:00", then: delay}
---
"""
WALK = """
journey: walk
version: 1
entry: {on: begin, key: event.k, reentry: always}
data: {why: "'made'"}
GOAL
exit: {on: quit, as: gone, do: DO}
initial: first
states:
  first:
    enter: STEP
    leave: LEAVE
    on:
      next: {to: second, do: DO}
      again: {to: first, do: DO}
      stay: {do: [{assign: {why: "'stayed'"}}]}
      finish: {to: over, do: DO}
      mark: {do: [{assign: {ready: true}}]}
    always: {when: data.ready == true, to: third}
    after: TIMERS
  second:
    on: {back: first, finish: over, hush: {to: third}}
    after: {9h: third}
  third:
    on: {finish: over, next: second, start: first}
    after: {30d: over}
  over: {end: over}
"""


def walk(folder: Path, more: str = "", expires: str = "7d", **parts: str) -> Scene:
    options = {
        "STEP": "[{act: ping}]",
        "LEAVE": "[]",
        "DO": "[]",
        "TIMERS": "{30d: third}",
        "GOAL": "",
        **parts,
    }
    text = WALK
    for name, part in options.items():
        text = text.replace(name, part)
    return Scene(folder, MORE.replace("EXPIRES", expires) + text + more)


def begun(scene: Scene, at: float = AT, k: Any = 1) -> Scene:
    scene.send("begin", at, identifiers=IDS, k=k)
    return scene


def send(scene: Scene, type_: str, at: float, **more: Any) -> None:
    scene.send(type_, at, identifiers=IDS, **more)


def log(scene: Scene) -> list[tuple[float, set[str | None]]]:
    return [(second(d["time"]), stops(d)) for d in scene.driver.decisions()]


WAITS, GONE, FREE = {"quiet_hours"}, {"ended"}, {None}


def test_it_waits_while_its_instance_stays(tmp_path: Path) -> None:
    scene = begun(walk(tmp_path))
    send(scene, "stay", AT + 60)
    send(scene, "elsewhere", AT + 61)
    scene.to(END)
    assert log(scene) == [(AT, WAITS), (END, FREE)]
    assert scene.driver.actions()[0]["payload"] == {"why": "stayed", "k": 1}


@pytest.mark.parametrize("type_", ["next", "again", "finish", "quit"])
def test_an_event_that_takes_the_instance_out_of_its_state_drops_it(
    tmp_path: Path, type_: str
) -> None:
    scene = begun(walk(tmp_path))
    send(scene, type_, AT + 60, id="e2")
    first, dropped = scene.driver.decisions()[:2]
    assert (second(dropped["time"]), stops(dropped)) == (AT + 60, GONE)
    assert (dropped["chosen"], dropped["deferred_until"]) == (None, None)
    assert dropped["request"] == first["request"]
    assert dropped["journey"] == first["journey"]
    assert dropped["trigger"] == {"kind": "event", "id": "e2", "type": type_}
    counts = scene.driver._runtime.take_counts()
    assert counts["cjo_suppressed_total", "ended"] == len(dropped["candidates"])
    scene.to(END)
    # Entering the first state again asks again; nothing else was left to send.
    assert len(scene.sent()) == (type_ == "again")


def test_a_raised_event_is_an_event(tmp_path: Path) -> None:
    raiser = """
---
journey: raiser
version: 1
entry: {on: raise_it}
initial: only
states: {only: {enter: [{raise: {type: next}}], end: only}}
"""
    scene = begun(walk(tmp_path, raiser))
    send(scene, "raise_it", AT + 60)
    assert log(scene) == [(AT, WAITS), (AT + 60, GONE)]
    assert scene.driver.decisions()[1]["trigger"]["kind"] == "raised"


def test_a_timer_leaves_it_waiting(tmp_path: Path) -> None:
    scene = begun(walk(tmp_path, TIMERS="{1h: third}"))
    scene.to(END)
    assert [to for *_, to, _, _ in scene.moves()] == ["first", "third"]
    assert log(scene) == [(AT, WAITS), (END, FREE)]
    assert scene.driver.actions()[0]["journey"]["state"] == "first"


def test_a_goal_that_exits_drops_it(tmp_path: Path) -> None:
    scene = begun(walk(tmp_path, GOAL="goal: {on: bought, exit: true}"))
    send(scene, "bought", AT + 60)
    assert log(scene) == [(AT, WAITS), (AT + 60, GONE)]


def test_a_goal_that_exits_leaves_then_drops_then_runs_its_do(tmp_path: Path) -> None:
    goal = "goal: {on: bought, exit: true, do: [{act: pong}]}"
    scene = begun(walk(tmp_path, LEAVE="[{act: ping}]", GOAL=goal))
    send(scene, "bought", AT + 60)
    assert log(scene) == [(AT, WAITS), (AT + 60, WAITS), (AT + 60, GONE), (AT + 60, WAITS)]
    scene.to(END)
    assert [a["action"] for a in scene.driver.actions()] == ["ping", "pong"]


def test_a_goal_that_does_not_leaves_it_waiting(tmp_path: Path) -> None:
    scene = begun(walk(tmp_path, GOAL="goal: {on: bought}"))
    send(scene, "bought", AT + 60)
    scene.to(END)
    assert log(scene) == [(AT, WAITS), (END, FREE)]


def test_always_leaves_it_waiting_though_an_event_made_it_true(tmp_path: Path) -> None:
    scene = begun(walk(tmp_path))
    send(scene, "mark", AT + 60)
    scene.to(END)
    assert [to for *_, to, _, _ in scene.moves()] == ["first", "third"]
    assert log(scene) == [(AT, WAITS), (END, FREE)]


def test_an_end_by_time_leaves_it_waiting_with_the_data_of_the_end(tmp_path: Path) -> None:
    timers = "{1h: {to: over, do: [{assign: {why: \"'ended'\"}}]}}"
    scene = begun(walk(tmp_path, TIMERS=timers))
    send(scene, "begin", AT + 7200, k=2)
    send(scene, "quit", AT + 7201)
    scene.to(END)
    assert log(scene)[-1] == (END, FREE)
    assert scene.driver.actions()[-1]["payload"] == {"why": "ended", "k": 1}


def test_what_another_state_made_waits_on_while_an_event_moves_the_instance(
    tmp_path: Path,
) -> None:
    scene = begun(walk(tmp_path, TIMERS="{1h: third}"))
    send(scene, "next", AT + 7200)  # out of the third state, which made nothing
    scene.to(END)
    assert log(scene) == [(AT, WAITS), (END, FREE)]


@pytest.mark.parametrize("type_", ["finish", "quit"])
def test_an_event_that_ends_the_instance_drops_what_any_state_made(
    tmp_path: Path, type_: str
) -> None:
    scene = begun(walk(tmp_path, TIMERS="{1h: third}"))
    send(scene, type_, AT + 7200)
    assert log(scene) == [(AT, WAITS), (AT + 7200, GONE)]


def test_leave_and_do_ask_for_the_state_entered_next(tmp_path: Path) -> None:
    scene = begun(walk(tmp_path, STEP="[]", LEAVE="[{act: ping}]", DO="[{act: pong}]"))
    send(scene, "next", AT + 60)
    assert [d["journey"]["state"] for d in scene.driver.decisions()] == ["second", "second"]
    send(scene, "back", AT + 120)
    assert log(scene)[2:] == [(AT + 120, GONE), (AT + 120, GONE)]
    # By a transition to the same state too: what was asked on the way is the new stay's.
    scene = begun(walk(tmp_path, STEP="[]", LEAVE="[{act: ping}]", DO="[{act: pong}]"))
    send(scene, "again", AT + 60)
    scene.to(END)
    assert log(scene) == [(AT + 60, WAITS)] * 2 + [(END, FREE)] * 2


def test_a_drop_is_recorded_after_the_leave_steps_and_before_do(tmp_path: Path) -> None:
    parts = {"STEP": "[{act: ping}]", "LEAVE": "[{act: {action: pong, channels: push}}]"}
    for type_ in ("next", "finish", "quit"):
        scene = begun(walk(tmp_path, DO="[{act: hello}]", **parts))
        send(scene, type_, AT + 60)
        told = [(d["candidates"][0]["action"], stops(d)) for d in scene.driver.decisions()]
        assert told[:4] == [
            ("ping", WAITS),
            ("pong", WAITS),
            ("ping", GONE),
            ("hello", {None, "quiet_hours"}),
        ]


def test_what_an_exit_asks_for_last_waits_on(tmp_path: Path) -> None:
    scene = begun(walk(tmp_path, STEP="[]", DO="[{act: ping}]"))
    send(scene, "quit", AT + 60)
    scene.to(END)
    assert log(scene) == [(AT + 60, WAITS), (END, FREE)]
    assert scene.driver.actions()[0]["payload"] == {"why": "made", "k": 1}
    assert scene.driver.actions()[0]["journey"]["state"] is None


@pytest.mark.parametrize(("expires", "stopped"), [("10h", FREE), ("9h59m59s", GONE)])
def test_it_is_dropped_where_it_has_waited_longer_than_its_action_is_worth(
    tmp_path: Path, expires: str, stopped: set[str | None]
) -> None:
    scene = begun(walk(tmp_path, expires=expires))
    scene.to(END)
    assert log(scene) == [(AT, WAITS), (END, stopped)]
    assert scene.driver.decisions()[1]["trigger"]["kind"] == "timer"


def test_of_a_decide_the_longest_expires_counts(tmp_path: Path) -> None:
    scene = begun(walk(tmp_path, expires="1h", STEP="[{decide: {actions: [ping, pong]}}]"))
    scene.to(END)
    assert log(scene) == [(AT, WAITS), (END, FREE)]


def test_at_one_instant_requests_come_after_timers_by_journey_instance_and_order(
    tmp_path: Path,
) -> None:
    more = """
---
journey: a_walk
version: 1
entry: {on: late, key: event.k, reentry: always}
initial: only
states:
  only: {enter: [{act: {action: ping, data: {why: "'a'"}}}], after: {7h: over}}
  over: {enter: [{act: hello}], end: over}
"""
    step = "[{act: {action: ping, data: {why: \"'one'\"}}}, {act: pong}]"
    scene = walk(tmp_path, more, STEP=step)
    begun(scene, AT, k="x")
    begun(scene, AT, k="y")
    send(scene, "late", END - 7 * 3600, k="z")
    scene.to(END)
    told = [
        (a["action"], a["payload"].get("k"), a["journey"]["name"]) for a in scene.driver.actions()
    ]
    assert told == [
        ("hello", None, "a_walk"),
        ("ping", "z", "a_walk"),
        ("ping", "x", "walk"),
        ("pong", None, "walk"),
        ("ping", "y", "walk"),
        ("pong", None, "walk"),
    ]
    instances = [a["journey"]["instance_id"] for a in scene.driver.actions()[2:]]
    assert instances[0] == instances[1] != instances[2] == instances[3]


def test_an_operator_sees_what_waits(tmp_path: Path) -> None:
    scene = begun(walk(tmp_path))
    row = scene.driver.customer("user:u")
    assert row is not None
    (instance,) = row["instances"]
    assert row["waiting"] == [
        {
            "request": {"act": "ping"},
            "journey": "walk",
            "instance_id": instance["instance_id"],
            "state": "first",
            "due": Scene.DAY_MS + END * 1000,
        }
    ]


# --- merges

CAUSE = Trigger("event", None, None)


def waiting(name: str, anchor: str = "") -> Waiting:
    return Waiting(
        due=1,
        asked={"act": name},
        journey="j",
        version=1,
        instance_id=f"{name}-i1",
        state=None,
        opened_at=0,
        first_at=0,
        event=None,
        key=None,
        holdout=False,
        anchor=anchor,
    )


def test_a_merge_joins_what_waits_and_an_unmerge_parts_it() -> None:
    into = Customer("a", waiting=[waiting("a", "h1")])
    other = Customer("b", waiting=[waiting("b", "h2"), waiting("c", "h1")])
    join_waiting(into, other, CAUSE, Turn(held_out(0.0), 0))
    assert [one.asked["act"] for one in into.waiting] == ["a", "b", "c"]
    new = Customer("n")
    part_waiting(into, new, frozenset({"h2"}))
    assert [one.asked["act"] for one in into.waiting] == ["a", "c"]
    assert [one.asked["act"] for one in new.waiting] == ["b"]


def held_out(share: float) -> Program:
    """Return a program with version 1 of journey `j` alone, which holds out a share."""
    entry = Entry(on=frozenset({"x"}))
    journey = Journey(name="j", version=1, entry=entry, holdout=share, initial="a", states={})
    return Program(topology="t", channels={}, identifiers={}, versions={("j", 1): journey})


@pytest.mark.parametrize("share", [0.1, 0.0])
def test_who_is_held_out_on_either_side_is_so_for_what_waits_by_a_version_with_a_holdout(
    share: float,
) -> None:
    into = Customer("a", holdouts={"j": False}, waiting=[waiting("a")])
    other = Customer("b", holdouts={"j": True}, waiting=[waiting("b")])
    join_holdouts(into, other)
    join_waiting(into, other, CAUSE, Turn(held_out(share), 0))
    assert [one.holdout for one in into.waiting] == [share > 0, share > 0]


def test_of_two_due_at_once_the_older_instance_comes_first_by_number_not_by_text() -> None:
    ids = ["c-i10", "c-i9", "c-i11"]
    waiting = [Waiting(5, {}, "j", 1, id_, "s", 0, 0, None, None, False) for id_ in ids]
    first = first_due(Customer("c", waiting=waiting), 5)
    assert first is waiting[1]
    assert first_due(Customer("c", waiting=waiting), 4) is None


def test_each_request_that_comes_due_counts_of_what_may_fire_at_a_record() -> None:
    turn = Turn(held_out(0.0), AT)
    fire(Customer("c", waiting=[waiting("a"), waiting("b"), waiting("c")]), turn)
    assert turn.timers == 3
