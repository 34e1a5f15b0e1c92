"""Whatever JSON an event carries, wherever a definition reads it, the engine goes on."""

from __future__ import annotations

from pathlib import Path

from cjo_stream.core.text import key_text
from tests.world.scene import Scene

PROFILE = """profile:
  facts: {tier: string, age: number, renewal: time, products: list, timezone: string}
  traits:
    total: {sum: event.x, on: [begin, go]}
    most: {max: event.x, on: [begin, go]}
    kinds: {distinct: event.x, on: [begin, go], per: 1d}
    latest: {last: event.x, on: [begin, go], per: 3s}
service: {opened: {on: begin, key: event.x}, closed: {on: go, key: event.x}}
"""
JOURNEY = """
journey: hostile
version: 1
entry: {on: begin, key: event.k, reentry: always, when: event.x != 1}
data: {a: event.x, b: event.x + event.x, c: "[event.x]"}
goal: {on: win, when: event.x == data.a, within: 3d, do: [{set: {renewal: event.x}}]}
exit: {on: quit, when: event.x in data.c, as: quit}
initial: open
states:
  open:
    at: [{time: event.x, to: shut}]
    on: {go: {when: event.x > data.a, to: shut}}
    after: {1s: later}
  later: {enter: [{assign: {a: data.b}}, {act: hello}], on: {go: shut}, after: {1d: shut}}
  shut: {end: shut}
"""
VALUES: list[object] = [
    *(None, True, 0, -1, 2**63 - 1, -(2**63), 1e308, -1e308, 1e-320, float(2**70), -0.0),
    *("", "a" * 4_000, "\x00", "2026-03-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    *([], [[]], {}, {"a": [1, None]}, [1, [2]]),
]
NAMES = [
    *("k", "x", "tier", "age", "renewal", "products", "timezone"),
    *("purpose", "status", "channel", "outcome", "action", "action_id"),
]
TYPES = ["begin", "go", "win", "quit", "cjo.profile", "cjo.consent", "cjo.outcome"]


def test_no_value_stops_the_engine_or_fails(tmp_path: Path) -> None:
    scene = Scene(tmp_path, JOURNEY, profile=PROFILE)
    at = 0.0
    for shift in (0, 5, 11):
        for position, value in enumerate(VALUES):
            at += 0.7
            other = VALUES[(position + shift) % len(VALUES)]
            given = {name: (value, other)[n % 2] for n, name in enumerate(NAMES)}
            for type_ in TYPES:
                # No value is a purpose, so every statement of consent is refused.
                expect = "invalid" if type_ == "cjo.consent" else None
                scene.send(type_, at, id=None, expect=expect, **given)
    scene.to(at + 900_000)
    assert {letter["reason"] for letter in scene.driver.dead_letters()} == {"invalid"}
    assert "entered" in {move[4] for move in scene.moves()}


def test_a_time_beyond_the_calendar_sets_no_timer(tmp_path: Path) -> None:
    scene = Scene(tmp_path, JOURNEY, profile=PROFILE)
    scene.send("begin", 0, k=1, x=1e300)
    scene.send("begin", 0, k=2, x=253_402_300_799_999)
    scene.send("begin", 0, k=3, x=253_402_300_800_000)
    row = scene.driver.customer("user:u")
    assert row is not None
    after = Scene.DAY_MS + 1_000
    assert [i["timers"] for i in row["instances"]] == [
        [after],
        [after, 253_402_300_799_999],
        [after],
    ]


def test_a_long_key_is_compared_whole_and_kept_short() -> None:
    long = "a" * 1_000
    assert key_text(long) == key_text("a" * 1_000)
    assert key_text(long) != key_text("a" * 999)
    assert len(key_text(long)) < 100
