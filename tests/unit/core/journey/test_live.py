"""How many instances are live in each state is kept with the state, and adds up."""

from __future__ import annotations

from pathlib import Path

from tests.world.scene import Scene

CART = """
journey: cart
version: 1
entry: {on: begin}
exit: {on: stop, as: stopped}
initial: waiting
states:
  waiting: {on: {go: resting}, after: {10s: over}}
  resting: {after: {1h: over}}
  over: {end: over}
"""


def test_live_instances_are_counted_by_journey_version_and_state(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CART)
    task = scene.driver._runtime.tasks[0]
    for number in range(5):
        scene.send("begin", number, user=f"u{number}")
    assert task.live == {"cart": {1: {"waiting": 5}}}
    scene.send("go", 6, user="u0")
    scene.send("stop", 6, user="u1")
    assert task.live == {"cart": {1: {"waiting": 3, "resting": 1}}}
    scene.to(13.5)
    assert task.live == {"cart": {1: {"waiting": 1, "resting": 1}}}
    scene.to(9000)
    assert task.live == {"cart": {}}


def test_a_timers_delay_is_the_records_time_less_its_due_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CART)
    task = scene.driver._runtime.tasks[0]
    scene.send("begin", 0)
    scene.send("other", 12, user="someone")
    assert task.delays == [2000]
