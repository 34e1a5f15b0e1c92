"""docs/metrics.md: what the core counts of what happens to a customer, and of bounds met."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.journey.history import TIMES_BYTES
from cjo_stream.core.message import Arrive
from cjo_stream.definition import load
from tests.world.town import Town

TOPOLOGY = """
topology: counted
channels: {web: {in: {}, out: {address: user}}}
identity: {identifiers: [{type: user, limit: 1}, {type: cookie, limit: 9}]}
profile: {facts: {age: number, timezone: string}}
predict: {goes: {on: ask, event: go, within: 1h, prior: 0.5}}
---
journey: first
version: 3
entry: {on: ask, reentry: never}
holdout: 100%
initial: asked
states:
  asked: {enter: [{act: hello}], on: {go: gone}}
  gone: {end: gone}
---
journey: often
version: 1
entry: {on: ask, when: event.number > 0, reentry: always}
initial: asked
states:
  asked: {enter: [{act: hello}, {act: hello}], end: said}
---
journey: echo
version: 1
entry: {on: echo, reentry: always}
initial: one
states:
  one: {enter: [{raise: {type: echo}}], end: one}
---
journey: trial
version: 1
status: shadow
entry: {on: go}
initial: asked
states:
  asked: {enter: [{act: {action: news}}], after: {9d: gone}}
  gone: {end: gone}
---
action: hello
treatments: {web: {}}
---
action: news
class: transactional
treatments: {web: {}}
---
policy: few
reward_window: 1h
caps: [{max: 1, per: 1d}]
"""


def test_what_happens_is_counted_as_often_as_it_happens(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(TOPOLOGY)
    town = Town(load(tmp_path).program)
    user = {"user": "u"}
    asked = town.event("ask", user, number=1)
    town.send(town.key("user:u"), Arrive(asked))
    town.event("ask", user, number="one")
    town.event("go", user)
    town.event("ask", user)
    town.event("seen", user, at=-100_000)
    town.event("cjo.profile", user, age="old", size=7, timezone="nowhere")
    town.event("cjo.consent", user, purpose="news", status="maybe")
    town.event("cjo.outcome", user, action="hello", outcome="liked")
    town.event("cjo.outcome", user, action="hello", outcome="accept")
    town.event("echo", user)
    town.event("seen", {"user": "u", "cookie": "c"})
    town.to(3_601)
    town.erase("user:u")
    town.event("seen", user, at=3_600)
    assert town.counts == {
        ("cjo_actions_total", "web", "hello"): 1,
        ("cjo_consent_ignored_total", "unusable"): 1,
        ("cjo_dead_letters_total", "invalid"): 1,
        ("cjo_dead_letters_total", "loop"): 1,
        ("cjo_events_total", "web", "applied"): 9,
        ("cjo_events_total", "web", "erased"): 1,
        ("cjo_events_total", "web", "late"): 1,
        ("cjo_events_total", "web", "refused"): 1,
        ("cjo_events_total", "web", "repeated"): 1,
        ("cjo_expression_errors_total", "journey.often"): 1,
        ("cjo_facts_ignored_total", "timezone", "timezone"): 1,
        ("cjo_values_unread_total", "journey.often", "event.number", "type"): 1,
        ("cjo_facts_ignored_total", "age", "type"): 1,
        ("cjo_facts_ignored_total", "", "unknown"): 1,
        ("cjo_identity_changes_total", "created"): 1,
        ("cjo_identity_changes_total", "erased"): 1,
        ("cjo_identity_changes_total", "linked"): 1,
        ("cjo_journey_ends_total", "echo", "one"): 9,
        ("cjo_journey_ends_total", "first", "gone"): 1,
        ("cjo_journey_ends_total", "often", "said"): 1,
        ("cjo_journey_entries_total", "echo", "1"): 9,
        ("cjo_journey_entries_total", "first", "3"): 1,
        ("cjo_journey_entries_total", "often", "1"): 1,
        ("cjo_journey_entries_total", "trial", "1"): 1,
        ("cjo_journey_instances", "first", "3", "asked"): 0,
        ("cjo_journey_instances", "trial", "1", "asked"): 0,
        ("cjo_journey_refusals_total", "first", "live"): 1,
        ("cjo_journey_refusals_total", "first", "reentry"): 1,
        ("cjo_predictions_total", "goes", "1"): 1,
        ("cjo_rewards_total", "web", "hello", "1"): 1,
        ("cjo_suppressed_total", "caps"): 1,
        ("cjo_suppressed_total", "journey_holdout"): 1,
        ("cjo_suppressed_total", "shadow"): 1,
    }


BOUNDED = """
topology: bounded
timezone: UTC
channels: {web: {in: {}, out: {address: user}}}
identity: {identifiers: [{type: user, limit: 9}, {type: cookie, limit: 9}]}
service: {opened: {on: ticket, key: event.key}}
---
journey: watched
version: 1
entry: {on: open, key: event.key, reentry: always}
goal: {on: buy, within: 1h}
initial: open
states:
  open: {on: {shut: {when: event.key == key, to: gone}}}
  gone: {end: gone}
---
journey: once
version: 1
entry: {on: enter, key: event.key, reentry: never}
initial: gone
states: {gone: {end: gone}}
---
journey: large
version: 1
entry: {on: fill}
initial: filled
states: {filled: {enter: [{assign: {x: event.x}}], after: {1h: gone}}, gone: {end: gone}}
---
journey: late
version: 1
entry: {on: ask, reentry: always}
data: {x: event.x}
initial: asked
states: {asked: {enter: [{act: hello}], end: asked}}
---
action: hello
treatments: {web: {payload: {x: data.x}}}
---
policy: nights
quiet_hours: {from: "00:00", until: "08:00", then: delay}
"""
U, V, C, D = {"user": "u"}, {"user": "v"}, {"cookie": "c"}, {"cookie": "d"}
TALL = "x" * 2_000
Events = list[tuple[str, dict[str, str], dict[str, object]]]
OPEN: Events = [
    *(("open", U, {"key": "a"}), ("open", U, {"key": "b"})),
    *(("shut", U, {"key": "a"}), ("shut", U, {"key": "b"})),
]


@pytest.mark.parametrize(
    ("bounds", "events", "met"),
    [
        (Bounds(seen=2), [("see", U, {})] * 3, "seen"),
        (Bounds(watched=1), OPEN, "watched"),
        (Bounds(instances=2), [*OPEN, ("open", U, {"key": "c"})], "watched"),
        (Bounds(), [("open", U, {"key": "k" * 1_000}), ("open", U, {"key": "k" * 1_001})], "keys"),
        (Bounds(keys=2), [("enter", U, {"key": key}) for key in "abc"], "histories"),
        (
            Bounds(histories_bytes=2 * (TIMES_BYTES + 1)),
            [("enter", U, {"key": key}) for key in "abc"],
            "histories",
        ),
        (Bounds(instances_bytes=1_999), [("fill", U, {"x": TALL})], "data"),
        (Bounds(waiting=2), [("ask", U, {"x": 1})] * 3, "waiting"),
        (Bounds(waiting_bytes=1_999), [("ask", U, {"x": TALL})], "data"),
        (
            Bounds(waiting=1),
            [("ask", U, {"x": 1}), ("ask", V, {"x": 1}), ("see", V | C, {}), ("see", U | C, {})],
            "waiting",
        ),
        (
            Bounds(statements=1),
            [
                ("cjo.consent", U, {"purpose": "news", "status": "granted"}),
                ("cjo.consent", C, {"purpose": "shop", "status": "granted"}),
                ("see", U | C, {}),
            ],
            "consent",
        ),
        (
            Bounds(instances=1),
            [("fill", U, {"x": 1}), ("open", C, {"key": "a"}), ("see", U | C, {})],
            "instances",
        ),
        (
            Bounds(watched=1),
            [
                *(("open", U, {"key": "a"}), ("shut", U, {"key": "a"})),
                *(("open", C, {"key": "b"}), ("shut", C, {"key": "b"})),
                ("see", U | C, {}),
            ],
            "instances",
        ),
        (
            Bounds(cases=1),
            [("ticket", U, {"key": "a"}), ("ticket", C, {"key": "b"}), ("see", U | C, {})],
            "cases",
        ),
        (
            Bounds(evidence=2),
            [("see", U | C, {}), ("see", U | D, {}), ("see", V | C, {}), ("see", V | D, {})],
            "evidence",
        ),
    ],
)
def test_what_goes_beyond_a_bound_is_counted_once(
    tmp_path: Path, bounds: Bounds, events: Events, met: str
) -> None:
    (tmp_path / "all.yaml").write_text(BOUNDED)
    town = Town(load(tmp_path).program)
    town.bounds = bounds
    for type_, identifiers, attributes in events[:-1]:
        town.event(type_, identifiers, **attributes)
    before = {key for key in town.counts if key[0] == "cjo_state_bounds_total"}
    type_, identifiers, attributes = events[-1]
    town.event(type_, identifiers, **attributes)
    counted = {k[1]: by for k, by in town.counts.items() if k[0] == "cjo_state_bounds_total"}
    assert (before, counted) == (set(), {met: 1})
