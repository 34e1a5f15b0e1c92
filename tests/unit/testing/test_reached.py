"""Recorded events, and the rules that they reach."""

from __future__ import annotations

import json
from pathlib import Path

from cjo_stream import ingest
from cjo_stream.core.event import Event
from cjo_stream.definition import load
from cjo_stream.definition.advice import advise
from cjo_stream.engine.port import DecodedRecord, RawRecord
from cjo_stream.testing.reached import reached
from tests.world.scene import ACTIONS, HEAD

JOURNEY = """
---
journey: cart
version: 1
entry: {on: carted, when: event.total > 5}
goal: {on: bought}
initial: open
states:
  open:
    on: {viewed: {split: {a: {to: warm, weight: 1}, b: {to: cold, weight: 0}}}}
    after: {1h: {do: {raise: {type: waited}}}, 30d: over}
  warm: {on: {waited: cold}, after: {1h: {do: {raise: {type: waited}}}}}
  cold: {enter: {act: hello}, on: {[called, rung]: over}}
  over: {end: over}
"""
HOUR = 3_600_000
NONE, OTHERS = "the files have none of type", "take others, or check the type"
ABSENT = f"{NONE} 'called', 'rung'; {OTHERS}"
LONGER = "it takes 30d, the files cover 5h; take longer ones"


def records(folder: Path, *events: tuple[str, int, int]) -> list[DecodedRecord]:
    """Return records of a type, at an hour, with a total."""
    decode = ingest.decoder(load(folder).program, b"a key for tests")
    found: list[DecodedRecord] = []
    for number, (type_, hour, total) in enumerate(events):
        value = {
            "type": type_,
            "time": 1_772_000_000_000 + hour * HOUR,
            "channel": "web",
            "identifiers": {"user": "u1"},
            "attributes": {"total": total},
        }
        text = json.dumps(value).encode()
        record = RawRecord("t", "web", 0, number, 1_800_000_000_000, text, channel="web")
        found.append((record, decode(record)))
    assert all(isinstance(decoded, Event) for _, decoded in found)
    return found


def told(folder: Path, *events: tuple[str, int, int]) -> list[str]:
    definitions = load(folder)
    seen = reached(definitions, records(folder, *events))
    return [
        one.message.removeprefix("no event of the files ")
        for one in advise(definitions, seen)
        if one.code == "CJO610"
    ]


def test_what_no_event_reached_is_told_with_a_cause(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(HEAD + ACTIONS + JOURNEY)
    assert told(tmp_path, ("carted", 0, 9), ("viewed", 2, 0), ("seen", 5, 0)) == [
        f"led to 'cart: goal': {NONE} 'bought'; {OTHERS}",
        "led to 'cart: open on viewed to cold': look at the conditions on the way there",
        f"led to 'cart: open after 30d to over': {LONGER}",
        f"led to 'cart: cold on called, rung to over': {ABSENT}",
        "led to state 'over': look at the conditions on the way there",
    ]


def test_of_a_journey_that_nobody_entered_only_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(HEAD + ACTIONS + JOURNEY)
    assert told(tmp_path, ("carted", 0, 1), ("viewed", 2, 0)) == [
        "opened journey 'cart': look at the conditions on the way there"
    ]
    assert told(tmp_path) == [f"opened journey 'cart': {NONE} 'carted'; {OTHERS}"]


def test_what_never_can_be_reached_is_told_once(tmp_path: Path) -> None:
    edited = JOURNEY.replace("on: {waited: cold}", "on: {waited: {when: 1 > 2, to: cold}}")
    (tmp_path / "all.yaml").write_text(HEAD + ACTIONS + edited.replace("weight: 1", "weight: 2"))
    found = told(tmp_path, ("carted", 0, 9), ("viewed", 2, 0), ("seen", 9, 0))
    assert not [line for line in found if "waited" in line]


def test_events_of_a_day_and_their_span(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(HEAD + ACTIONS + JOURNEY)
    definitions = load(tmp_path)
    seen = reached(definitions, records(tmp_path, ("carted", 0, 9), ("bought", 30, 0)))
    assert seen.types == {"carted", "bought"}
    assert seen.span_ms == 30 * HOUR
    assert {("goal", "cart"), ("timer", "cart", "open", 0)} <= set(seen.reached)
    assert "it takes 30d, the files cover 1d" in "".join(
        told(tmp_path, ("carted", 0, 9), ("bought", 30, 0))
    )
