"""docs/journeys.md, sentence by sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.world.scene import Scene

WAIT = """
journey: wait
version: 1
entry: {on: begin, key: event.k}
initial: waiting
states:
  waiting:
    on:
      again: waiting
      step: {do: [{act: hello}]}
      go: {to: gone, when: event.k == key}
    after: {10s: late}
  late: {after: {5s: over}}
  gone: {end: gone}
  over: {end: over}
"""


def test_a_state_entered_by_an_event_is_left_by_its_timer(tmp_path: Path) -> None:
    scene = Scene(tmp_path, WAIT)
    scene.send("begin", 0, k="a")
    scene.to(100)
    assert scene.moves() == [
        (0, "wait", None, "waiting", "entered", None),
        (10, "wait", "waiting", "late", "moved", None),
        (15, "wait", "late", "over", "ended", "over"),
    ]


def test_to_the_same_state_restarts_it_and_without_to_its_timers_go_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path, WAIT)
    scene.send("begin", 0, k="a")
    scene.send("again", 6)
    scene.send("step", 12)
    scene.to(17)
    assert scene.moves()[1:] == [
        (6, "wait", "waiting", "waiting", "moved", None),
        (16, "wait", "waiting", "late", "moved", None),
    ]
    assert scene.sent() == [(12, "hello", "mail")]


def test_events_reach_every_instance_and_only_when_tells_them_apart(tmp_path: Path) -> None:
    scene = Scene(tmp_path, WAIT)
    scene.send("begin", 0, k="a")
    scene.send("begin", 1, k=7)
    scene.send("go", 2, k=7)
    scene.send("again", 3)
    assert [m[1:] for m in scene.moves()[2:]] == [
        ("wait", "waiting", "gone", "ended", "gone"),
        ("wait", "waiting", "waiting", "moved", None),
    ]
    assert [t["key"] for t in scene.driver.transitions()] == ["a", 7, 7, "a"]


def test_a_keyed_journey_whose_key_is_missing_is_not_entered(tmp_path: Path) -> None:
    scene = Scene(tmp_path, WAIT)
    scene.send("begin", 0)
    scene.send("begin", 1, k=None)
    assert scene.moves() == []


def test_the_event_that_opens_an_instance_is_not_shown_to_it_but_may_end_another(
    tmp_path: Path,
) -> None:
    scene = Scene(
        tmp_path,
        """
journey: turn
version: 1
entry: {on: ping}
initial: one
states:
  one: {on: {ping: two}}
  two: {end: done}
""",
    )
    scene.send("ping", 0)
    scene.send("ping", 1)
    assert [m[2:] for m in scene.moves()] == [
        (None, "one", "entered", None),
        ("one", "two", "ended", "done"),
        (None, "one", "entered", None),
    ]


GOAL = """
journey: sale
version: 1
entry: {on: begin}
goal: {on: bought, within: 20s, WHAT do: [{set: {won: true}}]}
exit: [{on: stop, as: stopped, do: [{act: hello}]}]
initial: open
states:
  open: {leave: [{set: {left: true}}], after: {10s: shut}}
  shut: {end: shut}
"""
WON = "profile: {facts: {won: boolean, left: boolean}}\n"


def test_a_goal_is_marked_once_and_does_not_end_the_instance(tmp_path: Path) -> None:
    scene = Scene(tmp_path, GOAL.replace("WHAT", ""), profile=WON)
    scene.send("begin", 0)
    scene.send("bought", 3)
    scene.send("bought", 4)
    assert scene.moves()[1:] == [(3, "sale", "open", "open", "goal", None)]
    assert scene.facts() == {"won": True}


def test_a_goal_with_exit_ends_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, GOAL.replace("WHAT", "exit: true,"), profile=WON)
    scene.send("begin", 0)
    scene.send("bought", 3)
    scene.to(60)
    assert scene.moves()[1:] == [
        (3, "sale", "open", "open", "goal", None),
        (3, "sale", "open", None, "exited", "goal"),
    ]
    assert scene.facts() == {"won": True, "left": True}


@pytest.mark.parametrize(("at", "marked"), [(12, True), (20, True), (20.001, False)])
def test_a_goal_is_marked_after_the_end_within_its_time_inclusive(
    tmp_path: Path, at: float, marked: bool
) -> None:
    scene = Scene(tmp_path, GOAL.replace("WHAT", ""), profile=WON)
    scene.send("begin", 0)
    scene.to(11)
    scene.send("bought", at)
    goal = [(at, "sale", None, None, "goal", None)]
    assert scene.moves()[2:] == (goal if marked else [])


def test_an_exit_leaves_the_state_then_runs_its_do(tmp_path: Path) -> None:
    scene = Scene(tmp_path, GOAL.replace("WHAT", ""), profile=WON)
    scene.send("begin", 0)
    scene.send("stop", 3)
    scene.to(60)
    assert scene.moves()[1:] == [(3, "sale", "open", None, "exited", "stopped")]
    assert scene.facts() == {"left": True}
    assert scene.sent() == [(3, "hello", "mail")]


REENTRY = """
journey: again
version: 1
entry: {on: begin, reentry: RULE}
initial: open
states:
  open: {after: {10s: shut}}
  shut: {end: shut}
"""


@pytest.mark.parametrize(
    ("rule", "entered"),
    [
        ("after_end", [0, 11, 23]),
        ("never", [0]),
        ("{after_end: 5s}", [0, 16]),
        ("{after_entry: 14s}", [0, 16]),
        ("{after_end: 6s}", [0, 16]),
        ("{after_entry: 16s}", [0, 16]),
        ("{after_entry: 17s}", [0, 23]),
        ("always", [0, 5, 11, 16, 23]),
    ],
)
def test_reentry(tmp_path: Path, rule: str, entered: list[float]) -> None:
    scene = Scene(tmp_path, REENTRY.replace("RULE", rule))
    for at in [0, 5, 11, 16, 23]:
        scene.send("begin", at)
    assert [m[0] for m in scene.moves() if m[4] == "entered"] == entered


@pytest.mark.parametrize(("rule", "enters"), [("after_end", True), ("{after_end: 5s}", False)])
def test_an_event_older_than_the_last_end_enters_where_no_pause_is_asked(
    tmp_path: Path, rule: str, enters: bool
) -> None:
    scene = Scene(tmp_path, REENTRY.replace("RULE", rule))
    scene.send("begin", 0)
    scene.to(12)
    scene.send("begin", 4)
    assert [m[0] for m in scene.moves() if m[4] == "entered"] == ([0, 4] if enters else [0])


def test_at_most_25_live_instances_and_the_refusal_is_recorded(tmp_path: Path) -> None:
    scene = Scene(tmp_path, REENTRY.replace("RULE", "always"))
    for number in range(27):
        scene.send("begin", number / 100)
    reasons = [m[4] for m in scene.moves()]
    assert reasons.count("entered") == 25
    assert reasons.count("refused") == 2
    assert scene.moves()[-1][2:4] == (None, None)


ALWAYS = """
journey: route
version: 1
entry: {on: begin}
initial: here
states:
  here:
    enter: [{assign: {seen: event.n}}]
    always:
      - {when: data.seen > 5, to: high}
      - {when: profile.vip, to: vip}
    on: {note: {do: [{assign: {seen: event.n}}]}LISTENS}
    after: {1h: high}
  high: {end: high}
  vip: {end: vip}
"""
VIP = "profile: {facts: {vip: boolean}}\n"


@pytest.mark.parametrize("listens", ["", ", cjo.profile: {when: has(event.gone), to: high}"])
def test_always_is_tried_on_entering_and_after_every_event_that_did_not_leave(
    tmp_path: Path, listens: str
) -> None:
    scene = Scene(tmp_path, ALWAYS.replace("LISTENS", listens), profile=VIP)
    scene.send("begin", 0, user="a", n=9)
    scene.send("begin", 0, user="b", n=1)
    scene.send("note", 1, user="b", n=7)
    scene.send("begin", 0, user="c", n=1)
    scene.send("cjo.profile", 2, user="c", vip=True)
    ends = [(m[0], m[3]) for m in scene.moves() if m[4] == "ended"]
    assert ends == [(0, "high"), (1, "high"), (2, "vip")]


def test_sixteen_moves_in_a_row_then_it_stays_and_reports_loop(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: spin
version: 1
entry: {on: begin}
initial: a
states:
  a: {always: [{when: now > 0, to: b}], on: {out: z}}
  b: {always: [{when: now > 0, to: a}], on: {out: z}}
  z: {end: z}
""",
    )
    scene.send("begin", 0)
    assert len([m for m in scene.moves() if m[4] == "moved"]) == 16
    (letter,) = scene.driver.dead_letters()
    assert letter["reason"] == "loop"
    assert json.loads(letter["value"])["type"] == "begin"


def test_raised_events_are_handled_first_in_first_out_at_now(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: caller
version: 1
entry: {on: begin}
initial: one
states:
  one:
    enter:
      - raise: {type: first, attributes: {n: "1"}}
      - raise: {type: second, attributes: {n: "2"}}
    after: {1s: two}
  two: {end: two}
---
journey: listener
version: 1
entry: {on: [first, second], reentry: always, key: event.n}
initial: heard
states:
  heard: {after: {1s: done}}
  done: {end: done}
---
journey: mourner
version: 1
entry: {on: journey.ended, when: "event.journey == 'caller' and event.outcome == 'two'"}
initial: sad
states:
  sad: {after: {1s: done}}
  done: {end: done}
""",
    )
    scene.send("begin", 0)
    assert [t["key"] for t in scene.driver.transitions()] == [None, 1, 2]
    assert scene.driver.transitions()[1]["trigger"]["kind"] == "raised"
    scene.to(30)
    assert (1, "mourner", None, "sad", "entered", None) in scene.moves()


def test_events_raised_by_raised_ones_end_eight_deep_with_one_dead_letter(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: echo
version: 1
entry: {on: [begin, echo], reentry: always}
initial: one
states:
  one:
    enter: [{raise: {type: echo}}, {raise: {type: other}}]
    always: [{to: two}]
  two: {end: two}
""",
    )
    scene.send("begin", 0)
    assert len([m for m in scene.moves() if m[4] == "entered"]) == 9
    assert [letter["reason"] for letter in scene.driver.dead_letters()] == ["loop"]


def test_a_late_event_enters_its_state_at_its_own_time_and_due_timers_fire_at_once(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, WAIT)
    scene.send("other", 100)
    scene.send("begin", 88, k="a")
    assert scene.moves() == [
        (88, "wait", None, "waiting", "entered", None),
        (98, "wait", "waiting", "late", "moved", None),
    ]


def test_an_event_older_than_max_late_updates_the_profile_and_nothing_else(tmp_path: Path) -> None:
    scene = Scene(tmp_path, WAIT, profile="profile: {traits: {begins: {count: begin}}}\n")
    scene.send("other", 90_000)
    scene.send("begin", 3_599.999, k="a")
    assert scene.moves() == []
    assert scene.traits() == {"begins": 1}
    scene.send("begin", 3_600, k="a")
    assert [m[4] for m in scene.moves()] == ["entered", "moved", "ended"]


def test_an_event_older_than_the_state_by_more_than_grace_marks_goals_only(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: sale
version: 1
entry: {on: begin}
goal: {on: [bought, nod], within: 1h}
initial: open
states:
  open: {on: {nod: shut, move: next}}
  next: {on: {nod: shut}}
  shut: {end: shut}
""",
    )
    scene.send("begin", 0)
    scene.send("move", 1000)
    scene.send("nod", 699)
    assert scene.moves()[2:] == [(699, "sale", "next", "next", "goal", None)]
    scene.send("nod", 700)
    assert scene.moves()[3:] == [(1000, "sale", "next", "shut", "ended", "shut")]


TIMERS = """
journey: clock
version: 1
entry: {on: begin}
initial: on
states:
  on:
    after: {10s: {do: [{act: hello}]}, 20s: {when: "1 == 2", to: off}, 30s: off}
    at: [{time: event.alarm, past: PAST, do: [{act: {action: hello, channels: [push]}}]}]
  off: {end: off}
"""


def test_timers_fire_in_order_and_one_whose_when_is_false_lapses(tmp_path: Path) -> None:
    scene = Scene(tmp_path, TIMERS.replace("PAST", "fire"))
    ids = {"user": "u", "email": "u@example.com", "device": "d"}
    scene.send("begin", 0, alarm=Scene.DAY_MS + 15_000, identifiers=ids)
    scene.to(60)
    assert scene.sent() == [(10, "hello", "mail"), (15, "hello", "push")]
    assert scene.moves()[1:] == [(30, "clock", "on", "off", "ended", "off")]


@pytest.mark.parametrize(("past", "sent"), [("fire", [(50, "hello", "push")]), ("skip", [])])
def test_a_time_already_past_fires_at_once_or_never(
    tmp_path: Path, past: str, sent: list[object]
) -> None:
    scene = Scene(tmp_path, TIMERS.replace("PAST", past))
    ids = {"user": "u", "device": "d"}
    scene.send("begin", 50, alarm=Scene.DAY_MS, identifiers=ids)
    assert scene.sent() == sent


def test_a_missing_time_sets_no_timer(tmp_path: Path) -> None:
    scene = Scene(tmp_path, TIMERS.replace("PAST", "fire"))
    scene.send("begin", 0, identifiers={"user": "u", "device": "d"})
    scene.to(29)
    assert scene.sent() == [(10, "hello", "push")]


def test_a_split_is_stable_and_follows_its_weights(tmp_path: Path) -> None:
    text = """
journey: fork
version: 1
entry: {on: begin, reentry: always}
initial: here
states:
  here: {after: {1s: {split: {a: {weight: 80, to: left}, b: {weight: 20, to: right}}}}}
  left: {end: left}
  right: {end: right}
"""
    scene = Scene(tmp_path, text)
    for number in range(300):
        scene.send("begin", 0, user=f"u{number}")
        scene.send("begin", 0, user=f"u{number}")
    scene.to(5)
    by_customer: dict[str, set[str]] = {}
    for t in scene.driver.transitions():
        if t["reason"] == "ended":
            by_customer.setdefault(t["customer_id"], set()).add(t["outcome"])
    assert all(len(outcomes) == 1 for outcomes in by_customer.values())
    share = sum(outcomes == {"left"} for outcomes in by_customer.values()) / 300
    assert 0.72 < share < 0.88


def test_a_held_out_instance_lives_but_what_is_not_transactional_is_not_sent(
    tmp_path: Path,
) -> None:
    scene = Scene(
        tmp_path,
        """
journey: test
version: 1
entry: {on: begin}
holdout: 100%
initial: one
states:
  one: {enter: [{act: hello}, {set: {vip: true}}], after: {1s: two}}
  two: {end: two}
""",
        profile=VIP,
    )
    scene.send("begin", 0)
    (decision,) = scene.driver.decisions()
    assert decision["chosen"] == {"action": "hello", "channel": "mail"}
    assert decision["suppressed"] == "holdout"
    assert scene.sent() == []
    assert scene.facts() == {"vip": True}
    assert scene.driver.transitions()[0]["holdout"] is True


def test_assign_of_missing_makes_it_missing_and_set_of_missing_changes_nothing(
    tmp_path: Path,
) -> None:
    scene = Scene(
        tmp_path,
        """
journey: j
version: 1
entry: {on: begin}
data: {x: event.x}
initial: a
states:
  a:
    on:
      clear: {do: [{assign: {x: event.none}}, {set: {vip: event.none}}, {set: {vip: event.vip}}]}
      probe: {when: data.x == 1, to: b}
  b: {end: b}
""",
        profile=VIP,
    )
    scene.send("begin", 0, x=1)
    scene.send("clear", 1, vip=True)
    scene.send("probe", 2)
    assert scene.facts() == {"vip": True}
    assert len(scene.moves()) == 1


def test_a_draft_is_not_run(tmp_path: Path) -> None:
    scene = Scene(tmp_path, WAIT.replace("version: 1", "version: 1\nstatus: draft"))
    scene.send("begin", 0, k="a")
    assert scene.moves() == []


def test_a_repeated_id_is_dropped_within_its_channel(tmp_path: Path) -> None:
    scene = Scene(tmp_path, WAIT, profile="profile: {traits: {agains: {count: again}}}\n")
    for at in (0, 1, 2):
        scene.send("again", at, id="same")
    scene.send("again", 8 * 86_400, id="same")
    assert scene.traits() == {"agains": 2}


def test_the_same_sequences_under_any_number_of_partitions(tmp_path: Path) -> None:
    def run(partitions: int) -> dict[str, list[tuple[object, ...]]]:
        scene = Scene(tmp_path, WAIT, partitions=partitions)
        for number in range(60):
            scene.send("begin", number, user=f"u{number % 17}", k=f"k{number % 3}")
            scene.send("go", number + 0.5, user=f"u{number % 13}", k=f"k{number % 2}")
        scene.to(500)
        sequences: dict[str, list[tuple[object, ...]]] = {}
        for t in scene.driver.transitions():
            key = (t["transition_id"], t["time"], t["from"], t["to"])
            sequences.setdefault(t["customer_id"], []).append(key)
        return sequences

    assert run(1) == run(4) == run(16)
