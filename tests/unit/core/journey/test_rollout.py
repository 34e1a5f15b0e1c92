"""What becomes of live instances when a set comes into force (docs/changes.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.core.draw import share
from cjo_stream.errors import DefinitionError
from tests.world.scene import Scene

WELCOME = """
journey: welcome
version: VERSION
status: live
MORE
entry: {on: joined, key: event.k, reentry: always}
goal: {on: bought, within: 1d}
exit: {on: left, as: left}
initial: first
states:
  first:
    enter: {act: hello}
    leave: {act: hello}
    on: {viewed: second}
    after: {10s: second}
  second:
    enter: {act: hello}
    after: {10s: over}
  over: {end: over}
"""
HEARD = """
---
journey: heard
version: 1
entry: {on: journey.ended, when: event.journey != 'heard', reentry: always}
initial: there
states: {there: {after: {100d: away}}, away: {end: away}}
"""
NIGHT = """
---
policy: quiet
quiet_hours: {from: "00:00", until: "08:00", then: delay}
"""


def welcome(version: int = 1, more: str = "", **edits: str) -> str:
    """Return the journey; `edits` replace texts, with `_` for a space."""
    text = WELCOME.replace("VERSION", str(version)).replace("MORE", more)
    for before, after in edits.items():
        assert before in text
        text = text.replace(before, after)
    return text


def as_(status: str, version: int = 1, more: str = "") -> str:
    return welcome(version, more).replace("status: live", f"status: {status}")


def reasons(scene: Scene) -> list[tuple[float, str | None, str | None, str, str | None]]:
    """Return (second, from, to, reason, outcome) of the moves of `welcome`."""
    return [(at, a, b, why, end) for at, name, a, b, why, end in scene.moves() if name != "heard"]


def versions(scene: Scene) -> list[tuple[int, str]]:
    rows = scene.driver.transitions()
    return [(t["version"], t["reason"]) for t in rows if t["journey"] == "welcome"]


# --- paused


@pytest.mark.parametrize("partitions", [1, 5])
def test_nothing_happens_in_a_pause_and_what_came_due_fires_at_its_end(
    tmp_path: Path, partitions: int
) -> None:
    scene = Scene(tmp_path, welcome(), partitions=partitions)
    scene.send("joined", 0, k=1)
    scene.send("joined", 2, k=2)
    scene.apply(as_("paused"))
    scene.send("joined", 5, k=3)
    scene.send("viewed", 6)
    scene.send("bought", 7)
    scene.send("left", 8)
    scene.to(100)
    assert [move[3] for move in reasons(scene)] == ["entered", "entered"]
    scene.apply(welcome())
    # Both are entered at the resuming, in the order in which they came due.
    assert reasons(scene)[2:] == [(100.0, "first", "second", "moved", None)] * 2
    keys = [row["key"] for row in scene.driver.transitions()[2:]]
    assert keys == [1, 2]
    scene.to(109)
    assert len(reasons(scene)) == 4
    scene.to(110)  # and their timers count from then
    assert reasons(scene)[4:] == [(110.0, "second", "over", "ended", "over")] * 2
    scene.send("joined", 120, k=4)
    assert reasons(scene)[-1][3] == "entered"


@pytest.mark.parametrize("status", ["shadow", "draining"])
def test_a_pause_may_end_in_shadow_or_draining(tmp_path: Path, status: str) -> None:
    scene = Scene(tmp_path, welcome())
    scene.send("joined", 0, k=1)
    scene.apply(as_("paused"))
    scene.to(50)
    scene.apply(as_(status))
    assert reasons(scene)[1:] == [(50.0, "first", "second", "moved", None)]
    sent = [at for at, _, _ in scene.sent()]
    assert sent == ([0.0] if status == "shadow" else [0.0, 50.0, 50.0])
    scene.send("joined", 51, k=2)
    entered = [move for move in reasons(scene) if move[3] == "entered"]
    assert len(entered) == (2 if status == "shadow" else 1)


def test_a_request_that_waits_stays_in_a_pause(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome() + NIGHT)
    scene.send("joined", 0, k=1)  # 01:00 in Berlin
    scene.apply(as_("paused") + NIGHT)
    scene.to(9 * 3600)
    assert scene.sent() == []
    scene.apply(welcome() + NIGHT)
    # The request of the first state, then what came due: its own leave, and the second state's.
    assert scene.sent()[0] == (9 * 3600.0, "hello", "mail")
    assert len(scene.sent()) == 3


def test_a_request_that_waited_too_long_is_dropped_at_the_resuming(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome() + NIGHT)
    scene.send("joined", 0, k=1)
    scene.apply(as_("paused") + NIGHT)
    scene.to(8 * 86_400)
    scene.apply(as_("draining") + NIGHT)
    dropped = [
        row["journey"]["state"]
        for row in scene.driver.decisions()
        if {c["gate"] for c in row["candidates"]} == {"ended"}
    ]
    assert dropped == ["first"]


def test_from_a_pause_to_retired_what_was_due_does_not_fire(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome() + HEARD)
    scene.send("joined", 0, k=1)
    scene.apply(as_("paused") + HEARD)
    scene.to(50)
    scene.apply(as_("retired") + HEARD)
    assert reasons(scene)[1:] == [(50.0, "first", None, "exited", "retired")]
    scene.to(500)
    assert len(reasons(scene)) == 2


def test_a_pause_of_one_journey_does_not_hold_another(tmp_path: Path) -> None:
    other = "\n---\n" + welcome().replace("journey: welcome", "journey: other")
    scene = Scene(tmp_path, welcome() + other)
    scene.send("joined", 0, k=1)
    scene.apply(as_("paused") + other)
    scene.to(100)
    ends = [row["journey"] for row in scene.driver.transitions() if row["reason"] == "ended"]
    assert ends == ["other"]


# --- retired


@pytest.mark.parametrize("partitions", [1, 5])
def test_retired_instances_end_oldest_first_and_are_heard_after_all(
    tmp_path: Path, partitions: int
) -> None:
    scene = Scene(tmp_path, welcome() + HEARD, partitions=partitions)
    scene.send("joined", 0, k=1)
    scene.send("joined", 1, k=2)
    scene.send("viewed", 3)
    scene.apply(as_("retired") + HEARD)
    rows = scene.driver.transitions()[4:]
    assert [(row["journey"], row["key"], row["reason"]) for row in rows] == [
        ("welcome", 1, "exited"),
        ("welcome", 2, "exited"),
        ("heard", None, "entered"),
        ("heard", None, "entered"),
    ]
    sent = len(scene.sent())
    scene.send("joined", 5, k=3)
    scene.send("bought", 6)  # no goal is watched any more
    scene.to(1000)
    assert len(scene.driver.transitions()) == 8
    assert len(scene.sent()) == sent
    assert scene.driver.states("user:u") == [("heard", "there")] * 2


def test_a_retired_journey_that_is_live_again_remembers_who_was_in_it(tmp_path: Path) -> None:
    once = welcome().replace("reentry: always", "reentry: never")
    scene = Scene(tmp_path, once)
    scene.send("joined", 0, k=1)
    scene.apply(once.replace("status: live", "status: retired"))
    scene.apply(once)
    scene.send("joined", 5, k=1)
    scene.send("joined", 6, k=2)
    assert [row["key"] for row in scene.driver.transitions() if row["reason"] == "entered"] == [
        1,
        2,
    ]


def test_the_requests_of_ended_instances_go_with_a_retired_journey(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome() + NIGHT)
    scene.send("joined", 0, k=1)
    scene.to(30)  # ended by time: its three requests wait on
    scene.apply(as_("retired") + NIGHT)
    gates = [{c["gate"] for c in row["candidates"]} for row in scene.driver.decisions()]
    assert gates[-3:] == [{"ended"}] * 3
    scene.to(86_400)
    assert scene.sent() == []


def test_a_file_may_not_go_while_its_journey_runs(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome() + HEARD)
    scene.send("joined", 0, k=1)
    with pytest.raises(DefinitionError, match="CJO403: journey welcome is live"):
        scene.apply(HEARD)
    scene.to(5)
    assert scene.driver.states("user:u") == [("welcome", "first")]
    scene.apply(HEARD, retire=True)
    assert reasons(scene)[-1] == (5.0, "first", None, "exited", "retired")


def test_a_file_that_goes_while_its_journey_drains_lets_instances_finish(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome() + HEARD)
    scene.send("joined", 0, k=1)
    scene.apply(as_("draining") + HEARD)
    scene.apply(HEARD)
    scene.to(60)
    assert reasons(scene)[-1] == (20.0, "second", "over", "ended", "over")


# --- migrate


@pytest.mark.parametrize("partitions", [1, 5])
def test_follow_keeps_timers_that_the_state_had_and_starts_others_from_its_entry(
    tmp_path: Path, partitions: int
) -> None:
    scene = Scene(tmp_path, welcome(), partitions=partitions)
    scene.send("joined", 0, k=1)
    scene.to(5)
    edited = welcome(2, "migrate: follow").replace(
        "after: {10s: second}", "after: {10s: over, 8s: second}"
    )
    scene.apply(edited)
    assert versions(scene) == [(1, "entered")]  # the state of the same name: no record
    scene.to(60)
    # The new timer counts from the entry; the old one has another target now.
    assert reasons(scene)[1:] == [
        (8.0, "first", "second", "moved", None),
        (18.0, "second", "over", "ended", "over"),
    ]
    assert versions(scene)[1:] == [(2, "moved"), (2, "ended")]


def test_a_timer_that_fired_or_lapsed_does_not_come_again(tmp_path: Path) -> None:
    lapsing = welcome().replace("after: {10s: second}", "after: {4s: {to: second, when: false}}")
    scene = Scene(tmp_path, lapsing)
    scene.send("joined", 0, k=1)
    scene.to(5)
    scene.apply(
        welcome(2, "migrate: follow").replace("after: {10s: second}", "after: {4s: second}")
    )
    scene.to(60)
    assert [move[3] for move in reasons(scene)] == ["entered"]


def test_what_a_follow_makes_due_fires_at_the_clock(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome())
    scene.send("joined", 0, k=1)
    scene.to(7)
    scene.apply(
        welcome(2, "migrate: follow").replace(
            "after: {10s: second}", 'after: {3s: second}\n    at: [{time: "now - 5000", to: over}]'
        )
    )
    assert reasons(scene)[1:] == [(7.0, "first", "over", "ended", "over")]  # due at 2 s
    assert versions(scene)[1:] == [(2, "ended")]


def test_a_map_moves_once_and_sends_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome())
    scene.send("joined", 0, k=1)
    scene.send("joined", 1, user="v", k=1)
    scene.send("viewed", 2, user="v")
    scene.to(5)
    sent = len(scene.sent())
    new = welcome(2, "migrate: follow\nmap: {first: landed, second: over}").replace(
        "  over: {end: over}",
        "  landed: {enter: {act: hello}, after: {10s: over, 7s: second}}\n  over: {end: over}",
    )
    scene.apply(new)
    assert sorted(reasons(scene)[3:], key=str) == [
        (5.0, "first", "landed", "moved", None),
        (5.0, "second", "over", "ended", "over"),
    ]
    assert len(scene.sent()) == sent
    scene.to(11)  # the timer of 10 s goes on; that of 7 s counts from now
    assert reasons(scene)[-1] == (10.0, "landed", "over", "ended", "over")


def test_a_state_that_has_become_final_ends_its_instances(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome())
    scene.send("joined", 0, k=1)
    scene.send("viewed", 2)
    scene.to(5)
    final = welcome(2, "migrate: follow").replace(
        "  second:\n    enter: {act: hello}\n    after: {10s: over}\n", "  second: {end: seen}\n"
    )
    final = final.replace("after: {10s: second}", "after: {10s: second, 1d: over}")
    scene.apply(final)
    assert reasons(scene)[-1] == (5.0, "second", "second", "ended", "seen")


def test_a_request_goes_on_waiting_as_if_made_by_the_new_state(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome() + NIGHT)
    scene.send("joined", 0, k=1)
    scene.apply(welcome(2, "migrate: follow\nmap: {first: second}").replace("10s", "3d") + NIGHT)
    scene.to(9 * 3600)
    (action,) = scene.driver.actions()
    assert (action["journey"]["version"], action["journey"]["state"]) == (2, "second")


def test_exit_ends_as_migrated_and_the_goal_stays_watched(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome() + HEARD)
    scene.send("joined", 0, k=1)
    scene.to(5)
    scene.apply(welcome(2, "migrate: exit").replace("10s", "20s") + HEARD)
    assert reasons(scene)[1:] == [(5.0, "first", None, "exited", "migrated")]
    scene.send("bought", 6)
    assert reasons(scene)[-1][3] == "goal"
    scene.send("joined", 7, k=1)
    assert versions(scene)[-1] == (2, "entered")


def test_migrate_is_asked_at_every_apply(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome())
    scene.send("joined", 0, k=1)
    new = welcome(2).replace("10s", "20s")
    scene.apply(new)
    assert [move[3] for move in reasons(scene)] == ["entered"]
    scene.apply(new.replace("status: live", "status: live\nmigrate: exit"))
    assert reasons(scene)[-1][4] == "migrated"


def test_states_without_a_successor_are_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome())
    scene.send("joined", 0, k=1)
    other = welcome(2, "migrate: follow").replace("second", "later")
    with pytest.raises(DefinitionError, match="CJO404: instances in second of version 1"):
        scene.apply(other)
    with pytest.raises(DefinitionError, match=r"unknown state .* 'secnd'.* did you mean 'second'"):
        scene.apply(other.replace("follow", "follow\nmap: {second: later, secnd: later}"))
    scene.apply(other.replace("follow", "follow\nmap: {second: later}"))


# --- canary

CANARY = welcome(2, "canary: 50%").replace("act: hello", "act: offer")


def id_of(scene: Scene, user: str) -> str:
    row = scene.driver.customer(f"user:{user}")
    assert row is not None
    return str(row["customer_id"])


def is_inside(scene: Scene, user: str) -> bool:
    return share(id_of(scene, user), "welcome", "canary") < 0.5


@pytest.mark.parametrize("partitions", [1, 5])
def test_a_canary_is_entered_by_its_share_and_the_rest_enters_what_was_before(
    tmp_path: Path, partitions: int
) -> None:
    scene = Scene(tmp_path, welcome(), partitions=partitions)
    scene.send("other", 0, user="u0")
    scene.apply(CANARY)
    for number in range(40):
        scene.send("joined", number, user=f"u{number}", k=1)
    entered = {
        row["customer_id"]: row["version"]
        for row in scene.driver.transitions()
        if row["reason"] == "entered"
    }
    assert sorted(set(entered.values())) == [1, 2]
    for customer, version in entered.items():
        assert version == (2 if share(customer, "welcome", "canary") < 0.5 else 1)
    scene.apply(CANARY.replace("50%", "80%"))
    for number in range(40):
        scene.send("joined", 60 + number, user=f"u{number}", k=2)
    again = {
        row["customer_id"]: row["version"]
        for row in scene.driver.transitions()
        if row["reason"] == "entered" and row["key"] == 2
    }
    assert all(again[customer] == 2 for customer, version in entered.items() if version == 2)
    assert sum(version == 2 for version in again.values()) > sum(
        version == 2 for version in entered.values()
    )


def test_a_first_version_ignores_its_canary(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome(1, "canary: 0%"))
    scene.send("joined", 0, k=1)
    assert versions(scene) == [(1, "entered")]
    scene.apply(welcome(2, "canary: 0%").replace("10s", "20s"))
    scene.send("joined", 1, k=2)
    assert versions(scene) == [(1, "entered")] * 2


def test_migration_is_for_those_inside_a_canary(tmp_path: Path) -> None:
    scene = Scene(tmp_path, welcome())
    users = [f"u{number}" for number in range(12)]
    for user in users:
        scene.send("joined", 0, user=user, k=1)
    inside = [user for user in users if is_inside(scene, user)]
    assert 0 < len(inside) < len(users)
    scene.apply(welcome(2, "canary: 50%\nmigrate: exit").replace("10s", "20s"))
    left = [row["customer_id"] for row in scene.driver.transitions() if row["reason"] == "exited"]
    assert set(left) == {id_of(scene, user) for user in inside}
    scene.apply(welcome(2, "migrate: exit").replace("10s", "20s"))
    left = [row["customer_id"] for row in scene.driver.transitions() if row["reason"] == "exited"]
    assert len(left) == len(users)
