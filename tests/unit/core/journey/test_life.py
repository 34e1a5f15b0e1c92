"""What a journey does by its status, and when the status changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.errors import DefinitionError
from tests.world.scene import Scene

WELCOME = """
journey: welcome
version: 1
status: live
entry: {on: joined, key: event.k, reentry: always}
goal: {on: bought}
initial: first
states:
  first:
    enter: [{act: hello}, {set: {tier: "'gold'"}}, {raise: {type: greeted}}]
    after: {10s: second}
  second:
    enter: [{act: hello}]
    after: {10s: over}
  over: {end: over}
---
journey: heard
version: 1
entry:
  on: [greeted, journey.entered, journey.ended, journey.goal]
  when: coalesce(event.journey, '') != 'heard'
  reentry: always
initial: there
states: {there: {after: {100d: away}}, away: {end: away}}
"""
PROFILE = "profile: {facts: {tier: string}}\n"


def as_(status: str, version: int = 1) -> str:
    """Return the documents with another status of the journey, and another version."""
    first = WELCOME.replace("status: live", f"status: {status}")
    if version == 1:
        return first
    return first.replace("version: 1", f"version: {version}", 1).replace("10s: over", "20s: over")


def heard(scene: Scene) -> list[float]:
    return [move[0] for move in scene.moves() if move[1] == "heard"]


def suppressed(scene: Scene) -> list[str | None]:
    return [row["suppressed"] for row in scene.driver.decisions()]


def test_shadow_moves_and_records_but_sends_sets_and_raises_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, as_("shadow"), profile=PROFILE)
    scene.send("joined", 0, k=1)
    scene.send("bought", 5)
    scene.to(60)
    assert [move[4] for move in scene.moves()] == ["entered", "goal", "moved", "ended"]
    assert suppressed(scene) == ["shadow", "shadow"]
    assert scene.sent() == []
    assert scene.facts() == {}
    assert heard(scene) == []


def test_live_does_what_shadow_does_not(tmp_path: Path) -> None:
    scene = Scene(tmp_path, as_("live"), profile=PROFILE)
    scene.send("joined", 0, k=1)
    scene.send("bought", 5)
    scene.to(60)
    assert scene.sent() == [(0.0, "hello", "mail"), (10.0, "hello", "mail")]
    assert scene.facts() == {"tier": "gold"}
    assert heard(scene) == [0.0, 0.0, 5.0, 20.0]


@pytest.mark.parametrize("partitions", [1, 5])
def test_the_status_of_the_moment_counts(tmp_path: Path, partitions: int) -> None:
    scene = Scene(tmp_path, as_("shadow"), profile=PROFILE, partitions=partitions)
    scene.send("joined", 0, k=1)
    scene.apply(as_("live"))
    scene.to(15)
    assert suppressed(scene) == ["shadow", None]
    scene.send("joined", 16, k=2)
    scene.apply(as_("shadow"))
    scene.to(60)
    assert suppressed(scene) == ["shadow", None, None, "shadow"]


def test_shadow_holds_for_its_version_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path, as_("live"), profile=PROFILE)
    scene.send("joined", 0, k=1)
    scene.apply(as_("shadow", version=2))
    scene.send("joined", 1, k=2)
    scene.to(60)
    assert [
        (row["time"] - Scene.DAY_MS, row["suppressed"]) for row in scene.driver.decisions()
    ] == [
        (0, None),
        (1_000, "shadow"),
        (10_000, None),
        (11_000, "shadow"),
    ]


def test_who_drains_finishes_and_nobody_enters(tmp_path: Path) -> None:
    scene = Scene(tmp_path, as_("live"), profile=PROFILE)
    scene.send("joined", 0, k=1)
    scene.apply(as_("draining", version=2))
    scene.send("joined", 1, k=2)
    scene.to(60)
    assert [(m[0], m[4]) for m in scene.moves() if m[1] == "welcome"] == [
        (0.0, "entered"),
        (10.0, "moved"),
        (20.0, "ended"),
    ]
    assert len(scene.sent()) == 2
    scene.apply(as_("live", version=2))
    scene.send("joined", 61, k=3)
    assert len(scene.sent()) == 3


def test_a_shadow_that_drains_stays_a_shadow(tmp_path: Path) -> None:
    scene = Scene(tmp_path, as_("shadow"), profile=PROFILE)
    scene.send("joined", 0, k=1)
    scene.apply(as_("draining"))
    scene.to(60)
    assert suppressed(scene) == ["shadow", "shadow"]
    assert scene.moves()[-1][4] == "ended"


def test_who_waits_in_shadow_gets_it_when_decided_live(tmp_path: Path) -> None:
    quiet = "---\npolicy: p\nquiet_hours: {from: '00:00', until: '06:00', then: delay}\n"
    scene = Scene(tmp_path, as_("shadow") + quiet, profile=PROFILE)
    scene.send("joined", 0, k=1)
    scene.apply(as_("live") + quiet)
    scene.to(6 * 3600)
    assert {action for _, action, _ in scene.sent()} == {"hello"}
    other = Scene(tmp_path, as_("live") + quiet, profile=PROFILE)
    other.send("joined", 0, k=1)
    other.apply(as_("shadow") + quiet)
    other.to(6 * 3600)
    assert other.sent() == []
    assert suppressed(other)[-1] == "shadow"


def test_a_shadow_that_ran_is_no_draft_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, as_("shadow"), profile=PROFILE)
    with pytest.raises(DefinitionError, match="make it draining"):
        scene.apply(as_("draft"))
