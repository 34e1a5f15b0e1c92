"""docs/journeys.md: events that are raised, by steps and by the engine, and what bounds them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.core.journey.notes import NOTES, TELLER, note, notes, payloads
from tests.world.scene import Scene

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
