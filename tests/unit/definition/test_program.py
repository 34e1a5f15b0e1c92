"""What a folder compiles to: every short form, default and index."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cjo_stream.core.program.journey import Act, Assign, Journey, Raise, SetFact, Split
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Blocked
from cjo_stream.core.word import Past, Reentry, TraitKind
from cjo_stream.definition import compile_content, load, schema
from cjo_stream.errors import UsageError

ROOT = Path(__file__).parents[3]
ACCEPT = ROOT / "tests" / "acceptance" / "case"

TOPOLOGY = """\
topology: shop
about: Online.
timezone: Europe/Berlin
region: DE
dedupe: 1d12h
channels:
  web: {in: {}, out: {address: cookie}}
  app: {in: {topic: app.tracking, format: segment}, out: {address: cookie, topic: app.push}}
  store:
    in:
      topic: pos.receipts
      format: mapped
      map: {id: row.receipt, type: "'order_placed'", time: row.ts,
            identifiers: {user_id: row.card}, attributes: {total: row.sum, n: 3}}
identity:
  identifiers:
    - {type: user_id, limit: 1}
    - {type: cookie, limit: 20, per: 90d, shared_after: 3, of: user_id}
  blocked: ["Guest ", 007]
profile:
  facts:
    on: string
    vip: {type: boolean, default: false}
    renewal: {type: time, default: "2026-03-01T00:00:00Z"}
    tags: {type: list, default: [a, 1]}
  traits:
    orders: {count: [order_placed, order_paid]}
    spend: {sum: event.total, on: order_placed, per: 90d, when: profile.orders > 0}
    seen: {distinct: event.category, on: viewed, keep: 7}
service:
  opened: {on: ticket_opened, key: event.ticket_id}
  closed:
    - {on: ticket_closed, key: event.ticket_id}
    - {on: all_closed}
"""
JOURNEY = """\
journey: b_recovery
version: 3
owner: growth
entry: {on: [cart_updated, viewed], when: event.total >= 20, key: event.cart_id, reentry: never}
holdout: 10%
data: {total: event.total}
goal: {on: order_placed, within: 7d, exit: true, do: {assign: {total: 0}}}
exit: {on: order_lost, as: lost, do: [{raise: {type: gone, attributes: {n: 1, no: null}}}]}
initial: waiting
on: {journey.goal: reminded, [x, z]: {do: [{act: other}]}}
states:
  waiting:
    on:
      cart_updated: [{when: event.a == entry.b, to: waiting}, reminded]
      off: {split: {a: {weight: 50, to: reminded}, b: {weight: 50, to: done}}}
    at: {time: "next_time('09:00')", to: reminded, past: skip}
    after: {30m: reminded, 1d12h: {to: done, when: data.total > 50}}
  reminded:
    enter:
      - act: {action: other, channels: app, data: {again: true, kind: entry.type}}
      - set: {vip: true, on: "'x'"}
    leave: {assign: {fresh: 1}}
    always: {when: data.fresh == 1, to: done}
  done: {end: finished}
"""
OTHERS = """\
journey: a_listener
version: 1
entry: {on: journey.ended, when: event.outcome == 'lost', reentry: {after_entry: 30d}}
initial: only
states: {only: {end: only}}
---
journey: unfinished
version: 1
status: draft
entry: {on: cart_updated}
initial: only
states: {only: {end: only}}
---
action: other
class: transactional
eligible: true
applicable: candidate.channel == 'app'
treatments:
  web: {}
  app: {template: card, payload: {name: profile.on, n: 3}}
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "topology.yaml").write_text(TOPOLOGY)
    (tmp_path / "growth").mkdir()
    (tmp_path / "growth" / "all.yaml").write_text(f"{JOURNEY}---\n{OTHERS}")
    return load(tmp_path).program


@pytest.fixture
def recovery(program: Program) -> Journey:
    return program.journeys["b_recovery"]


def test_a_topology_s_values_and_defaults(program: Program) -> None:
    assert (program.topology, program.about, program.timezone) == (
        "shop",
        "Online.",
        "Europe/Berlin",
    )
    assert (program.dedupe_ms, program.grace_ms, program.max_late_ms) == (
        129_600_000,
        300_000,
        86_400_000,
    )
    assert program.blocked == (Blocked(None, "guest"), Blocked(None, "007"))


def test_channels_have_topics_that_take_the_prefix_where_none_is_named(program: Program) -> None:
    web, app, store = (program.channels[name] for name in ("web", "app", "store"))
    assert web.input is not None
    assert (web.input.topic, web.input.prefixed, web.input.format) == (
        "event.web.v1",
        True,
        "native",
    )
    assert (web.output, web.output_prefixed, web.address) == ("action.web.v1", True, "cookie")
    assert app.input is not None
    assert (app.input.topic, app.input.prefixed, app.input.format) == (
        "app.tracking",
        False,
        "segment",
    )
    assert (app.output, app.output_prefixed) == ("app.push", False)
    assert store.input is not None
    assert store.output is None
    (one,) = store.input.maps
    assert one.id is not None
    assert one.each is None
    assert one.attributes["n"].is_constant


def test_identifier_types_are_ranked_with_gaps(program: Program) -> None:
    assert [(t.type, t.rank) for t in program.identifiers.values()] == [
        ("user_id", 8),
        ("cookie", 16),
    ]
    cookie = program.identifiers["cookie"]
    assert (cookie.limit, cookie.per_ms, cookie.shared_after, cookie.counts) == (
        20,
        90 * 86_400_000,
        3,
        "user_id",
    )


def test_facts_and_traits(program: Program) -> None:
    assert program.facts["on"].type == "string"
    assert program.facts["vip"].default is False
    assert program.facts["renewal"].default == 1_772_323_200_000
    assert program.facts["tags"].default == ["a", 1]
    orders, spend, seen = program.traits.values()
    assert (orders.kind, orders.on, orders.value) == (
        TraitKind.COUNT,
        {"order_placed", "order_paid"},
        None,
    )
    assert (spend.kind, spend.per_ms, spend.keep) == (TraitKind.SUM, 90 * 86_400_000, 50)
    assert (seen.kind, seen.keep) == (TraitKind.DISTINCT, 7)
    assert program.traits_on["order_placed"] == (orders, spend)


def test_cases_may_be_one_rule_or_several(program: Program) -> None:
    assert len(program.opened) == 1
    assert [rule.key is None for rule in program.closed] == [False, True]


def test_a_journey_s_rules(recovery: Journey) -> None:
    assert (recovery.version, recovery.owner, recovery.holdout) == (3, "growth", 0.1)
    assert recovery.entry.on == {"cart_updated", "viewed"}
    assert recovery.entry.reentry is Reentry.NEVER
    assert recovery.goal is not None
    assert (recovery.goal.within_ms, recovery.goal.exit) == (7 * 86_400_000, True)
    assert isinstance(recovery.goal.do[0], Assign)
    (lost,) = recovery.exit
    assert lost.as_ == "lost"
    assert isinstance(lost.do[0], Raise)


def test_short_forms_of_transitions(recovery: Journey) -> None:
    assert recovery.on["journey.goal"][0].to == "reminded"
    assert recovery.on["x"] == recovery.on["z"]
    assert recovery.on["x"][0].to is None
    waiting = recovery.states["waiting"]
    assert [t.to for t in waiting.on["cart_updated"]] == ["waiting", "reminded"]
    split = waiting.on["off"][0].to
    assert isinstance(split, Split)
    assert [(b.name, b.weight, b.to) for b in split.branches] == [
        ("a", 50, "reminded"),
        ("b", 50, "done"),
    ]
    assert recovery.states["reminded"].always[0].to == "done"
    assert recovery.states["done"].end == "finished"


def test_timers_stand_as_written(recovery: Journey) -> None:
    at, half_an_hour, day_and_half = recovery.states["waiting"].timers
    assert at.at is not None
    assert at.past is Past.SKIP
    assert (half_an_hour.after_ms, day_and_half.after_ms) == (1_800_000, 129_600_000)
    assert day_and_half.transition.when is not None


def test_short_forms_of_steps(recovery: Journey) -> None:
    act, set_ = recovery.states["reminded"].enter
    assert isinstance(act, Act)
    assert (act.action, act.channels, sorted(act.data)) == ("other", ("app",), ["again", "kind"])
    assert isinstance(set_, SetFact)
    assert list(set_.facts) == ["vip", "on"]
    (assign,) = recovery.states["reminded"].leave
    assert isinstance(assign, Assign)
    (plain,) = recovery.on["x"][0].do
    assert isinstance(plain, Act)
    assert (plain.action, plain.channels, plain.data) == ("other", None, {})
    assert [candidate.channel for candidate in plain.candidates] == ["web", "app"]


def test_an_instance_keeps_of_its_entry_what_is_read(recovery: Journey) -> None:
    assert recovery.entry_reads == {"b", "type"}


def test_a_journey_listens_for_what_can_move_it(recovery: Journey) -> None:
    assert recovery.listens == {
        "order_placed", "order_lost", "journey.goal", "x", "z", "cart_updated", "off",
    }  # fmt: skip
    assert recovery.hears_every


def test_the_program_s_indexes(program: Program) -> None:
    assert list(program.journeys) == ["a_listener", "b_recovery"]
    assert list(program.versions) == [("a_listener", 1), ("b_recovery", 3)]
    assert [j.name for j in program.entries_on["cart_updated"]] == ["b_recovery"]
    assert program.raised_on == {"journey.ended", "journey.goal"}
    assert program.heard_always == {("b_recovery", 3)}
    assert program.heard_on["order_placed"] == {("b_recovery", 3)}
    assert "journey.ended" not in program.heard_on  # it only opens an instance
    a_listener = program.journeys["a_listener"]
    assert a_listener.entry.reentry is Reentry.AFTER_ENTRY
    assert a_listener.entry.reentry_ms == 30 * 86_400_000


def test_an_action_and_its_treatments(program: Program) -> None:
    other = program.actions["other"]
    assert (other.class_, other.expires_ms) == ("transactional", 7 * 86_400_000)
    assert list(other.treatments) == ["web", "app"]
    assert other.treatments["app"].template == "card"
    assert other.eligible is not None
    assert other.eligible.is_constant
    assert other.suitable is None


def test_words_that_older_yaml_took_for_booleans_are_text(tmp_path: Path) -> None:
    text = TOPOLOGY.replace("on: string", "on: {type: string, default: no}")
    (tmp_path / "t.yaml").write_text(text)
    assert load(tmp_path).program.facts["on"].default == "no"


def test_what_travels_in_the_log_compiles_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(f"{TOPOLOGY}---\n{JOURNEY}---\n{OTHERS}")
    loaded = load(tmp_path)
    again = compile_content(7, loaded.content)
    assert again.number == 7
    assert list(again.versions) == list(loaded.program.versions)
    assert again.identifiers == loaded.program.identifiers
    assert load(tmp_path).content == loaded.content
    assert load(tmp_path).digest == loaded.digest


def test_an_anchor_saves_writing_twice(tmp_path: Path) -> None:
    journey = """\
journey: anchored
version: 1
entry: {on: a}
initial: one
states:
  one: {on: &moves {b: two}}
  two: {on: *moves, after: {1d: done}}
  done: {end: done}
"""
    (tmp_path / "t.yaml").write_text(f"{TOPOLOGY}---\n{journey}")
    states = load(tmp_path).program.journeys["anchored"].states
    assert states["one"].on == states["two"].on


@pytest.mark.parametrize("kind", ["topology", "journey", "action", "policy", "measure"])
def test_each_kind_has_a_json_schema_from_the_same_tables(kind: str) -> None:
    drawn = schema(kind)
    assert drawn["$schema"].endswith("2020-12/schema")
    text = json.dumps(drawn)
    for reference in {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}:
        assert drawn["$defs"][reference]
    assert kind in drawn["required"]
    assert drawn["additionalProperties"] is False


def test_there_is_no_schema_of_what_is_no_kind() -> None:
    with pytest.raises(UsageError, match="did you mean 'journey'"):
        schema("jurney")


@pytest.mark.parametrize("name", ["shop", "lending"])
def test_the_bundled_topologies_load(name: str) -> None:
    assert load(ROOT / "topologies" / name).program.topology == name


@pytest.mark.parametrize("case", sorted(path.parent.name for path in ACCEPT.glob("*/topology")))
def test_an_acceptance_case_loads(case: str) -> None:
    assert load(ACCEPT / case / "topology").warnings == []
