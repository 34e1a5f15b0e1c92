"""docs/metrics.md: what the core counts of what happens to one customer, and how often."""

from __future__ import annotations

from pathlib import Path

from cjo_stream.core.message import Arrive
from cjo_stream.definition import load
from tests.unit.actors import Town

TOPOLOGY = """
topology: counted
channels: {web: {in: {}, out: {address: user}}}
identity: {identifiers: [{type: user, limit: 1}, {type: cookie, limit: 9}]}
profile: {facts: {age: number}}
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
action: hello
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
    town.event("cjo.profile", user, age="old", size=7)
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
        ("cjo_consent_ignored_total",): 1,
        ("cjo_dead_letters_total", "invalid"): 1,
        ("cjo_dead_letters_total", "loop"): 1,
        ("cjo_events_total", "web", "applied"): 9,
        ("cjo_events_total", "web", "erased"): 1,
        ("cjo_events_total", "web", "late"): 1,
        ("cjo_events_total", "web", "refused"): 1,
        ("cjo_events_total", "web", "repeated"): 1,
        ("cjo_expression_errors_total", "journey.often"): 1,
        ("cjo_facts_ignored_total", "type"): 1,
        ("cjo_facts_ignored_total", "unknown"): 1,
        ("cjo_identity_changes_total", "created"): 1,
        ("cjo_identity_changes_total", "erased"): 1,
        ("cjo_identity_changes_total", "linked"): 1,
        ("cjo_journey_ends_total", "echo", "one"): 9,
        ("cjo_journey_ends_total", "first", "gone"): 1,
        ("cjo_journey_ends_total", "often", "said"): 1,
        ("cjo_journey_entries_total", "echo", "1"): 9,
        ("cjo_journey_entries_total", "first", "3"): 1,
        ("cjo_journey_entries_total", "often", "1"): 1,
        ("cjo_journey_instances", "first", "asked"): 0,
        ("cjo_journey_refusals_total", "first", "live"): 1,
        ("cjo_journey_refusals_total", "first", "reentry"): 1,
        ("cjo_rewards_total", "web", "hello", "1"): 1,
        ("cjo_suppressed_total", "caps"): 1,
        ("cjo_suppressed_total", "journey_holdout"): 1,
    }
