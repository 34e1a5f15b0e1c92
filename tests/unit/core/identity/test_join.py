"""The state of two customers becomes one, whichever absorbs the other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.command.history import join_commands
from cjo_stream.core.decision.holdout import join_holdouts
from cjo_stream.core.edge import Member
from cjo_stream.core.identity.member.membership import join_members
from cjo_stream.core.journey.history import join_histories
from cjo_stream.core.message import Absorb
from cjo_stream.core.profile.case import join_cases
from cjo_stream.core.profile.consent import join_consent
from cjo_stream.core.profile.fact import join_facts
from cjo_stream.core.record import Decision, Transition
from cjo_stream.core.state import Command, Customer, KnownFact, LastRun, ServiceCase, Statement
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from tests.world.partition import LOADED
from tests.world.town import START_MS, Town

TOPOLOGY = """
topology: joining
timezone: UTC
channels: {web: {in: {}, out: {address: user}}, shop: {out: {address: cookie}}}
identity:
  identifiers: [{type: user, limit: 9}, {type: cookie, limit: 9}]
---
journey: cart
version: 1
entry: {on: cart, reentry: {after_end: 5m}}
initial: waiting
goal: {on: paid, within: 1d}
states:
  waiting: {on: {step: further}, after: {1h: reminded}}
  further: {after: {1h: reminded}}
  reminded: {enter: [{act: {action: remind}}], end: reminded}
---
journey: always
version: 1
entry: {on: cart, reentry: always}
initial: there
states: {there: {after: {2h: gone}}, gone: {end: gone}}
---
journey: letter
version: 1
entry: {on: night}
initial: writing
states:
  writing: {enter: [{act: {action: write}}], on: {night: writing}, after: {9h: written}}
  written: {end: written}
---
policy: nights
quiet_hours: {from: "00:00", until: "08:00", then: delay}
---
action: write
treatments: {web: {template: t}, shop: {template: t}}
---
action: remind
class: transactional
treatments: {web: {template: t}}
"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    (tmp_path / "all.yaml").write_text(TOPOLOGY)
    return Town(load(tmp_path).program)


def merge(town: Town) -> None:
    town.event("seen", {"user": "u", "cookie": "c"})


def states(town: Town) -> list[tuple[str, str | None, int]]:
    """Return (journey, state, second of its opening) of the customer's live instances."""
    return [
        (i.journey, i.state, (i.opened_at - START_MS) // 1000)
        for i in town.customer("user:u").instances
        if i.state is not None
    ]


# --- one journey, lived twice


def test_of_one_journey_twice_the_one_that_went_further_stays(town: Town) -> None:
    town.event("cart", {"user": "u"})
    town.to(10)
    town.event("cart", {"cookie": "c"})
    town.event("step", {"cookie": "c"})
    merge(town)
    assert [s for s in states(town) if s[0] == "cart"] == [("cart", "further", 10)]
    assert town.moves()[-1] == ("cart", "merged", "waiting", None)
    assert town.counts["cjo_journey_ends_total", "cart", "merged"] == 1
    last = [r for r in town.records if isinstance(r, Transition)][-1]
    assert (last.outcome, last.time, last.trigger.type) == (None, town.clock, "seen")


@pytest.mark.parametrize("first", ["user", "cookie"])
def test_of_two_as_far_the_older_stays(town: Town, first: str) -> None:
    second = "cookie" if first == "user" else "user"
    value = {"user": "u", "cookie": "c"}
    town.event("cart", {first: value[first]})
    town.to(10)
    town.event("cart", {second: value[second]})
    merge(town)
    assert [s for s in states(town) if s[0] == "cart"] == [("cart", "waiting", 0)]


def test_who_may_always_enter_again_lives_on_twice(town: Town) -> None:
    town.event("cart", {"user": "u"})
    town.to(10)
    town.event("cart", {"cookie": "c"})
    merge(town)
    assert [s for s in states(town) if s[0] == "always"] == [
        ("always", "there", 0),
        ("always", "there", 10),
    ]


def test_of_two_who_are_joined_as_many_instances_stay_as_one_may_have(town: Town) -> None:
    town.bounds = Bounds(instances=2)
    town.event("cart", {"user": "u"})
    town.to(10)
    town.event("cart", {"cookie": "c"})
    merge(town)
    assert states(town) == [("always", "there", 0), ("cart", "waiting", 0)]
    assert town.counts["cjo_journey_ends_total", "always", "merged"] == 1


def test_of_ended_instances_whose_goal_is_watched_the_older_stays(town: Town) -> None:
    town.bounds = Bounds(watched=1)
    town.event("cart", {"user": "u"})
    town.to(10)
    town.event("cart", {"cookie": "c"})
    town.to(4_000)
    merge(town)
    ended = [one for one in town.customer("user:u").instances if one.state is None]
    assert [one.opened_at - START_MS for one in ended] == [0]


def test_a_goal_marked_on_either_side_stays_marked(town: Town) -> None:
    town.event("cart", {"user": "u"})
    town.to(10)
    town.event("cart", {"cookie": "c"})
    town.event("paid", {"cookie": "c"})
    merge(town)
    town.event("paid", {"user": "u"})
    assert [reason for _, reason, *_ in town.moves()].count("goal") == 1
    (cart,) = [i for i in town.customer("user:u").instances if i.journey == "cart"]
    assert (cart.opened_at, cart.goal_marked) == (1_772_323_200_000, True)


def test_each_timer_fires_once_at_its_time(town: Town) -> None:
    town.event("cart", {"cookie": "c"})
    town.to(10)
    merge(town)
    town.to(3599)
    assert not town.customer("user:u").commands
    town.to(3600)
    assert len(town.customer("user:u").commands) == 1
    town.to(9000)
    reasons = [(journey, reason) for journey, reason, *_ in town.moves()]
    assert reasons.count(("cart", "ended")) == 1
    assert reasons.count(("always", "ended")) == 1


def test_a_timer_that_came_due_on_the_way_fires_at_once(town: Town) -> None:

    town.event("cart", {"cookie": "c"})
    town.to(3599)
    town.hold(Absorb)
    merge(town)
    town.to(3700)
    town.let_go()
    town.to(3701)
    assert len(town.customer("user:u").commands) == 1


def test_reentry_asks_the_past_of_both(town: Town) -> None:
    town.event("cart", {"cookie": "c"})
    town.to(3601)
    merge(town)
    town.event("cart", {"user": "u"})
    assert not [s for s in states(town) if s[0] == "cart"]
    town.to(3901)
    town.event("cart", {"user": "u"})
    assert [s for s in states(town) if s[0] == "cart"] == [("cart", "waiting", 3901)]


def test_the_requests_of_who_ends_are_dropped_with_their_record(town: Town) -> None:
    town.event("night", {"user": "u"})
    town.to(10)
    town.event("night", {"cookie": "c"})
    kept, gone = town.customer("user:u").waiting, town.customer("cookie:c").waiting
    assert (len(kept), len(gone)) == (1, 1)
    before = len([r for r in town.records if isinstance(r, Decision)])
    merge(town)
    assert town.customer("user:u").waiting == kept
    (left,) = [r for r in town.records if isinstance(r, Decision)][before:]
    assert {candidate.gate for candidate in left.candidates} == {"ended"}
    assert left.journey is not None
    assert left.journey.instance_id == gone[0].instance_id


# --- the joins: commutative, associative, idempotent

NAMES = st.sampled_from("abc")
TIMES = st.integers(0, 3)
STATEMENTS = st.builds(Statement, st.sampled_from(["granted", "denied"]), TIMES, st.just("x"))
FACTS = st.dictionaries(
    NAMES, st.builds(KnownFact, st.sampled_from([None, 1, "v"]), TIMES, st.just("x"))
)
CONSENTS = st.dictionaries(NAMES, st.dictionaries(NAMES, STATEMENTS, min_size=1))
PAIR = (st.none() | TIMES, st.none() | TIMES, st.just("x"))
CASES = st.dictionaries(NAMES, st.builds(ServiceCase, *PAIR))
LAST_RUNS = st.builds(LastRun, *PAIR)
HISTORIES = st.dictionaries(NAMES, st.dictionaries(NAMES, LAST_RUNS, min_size=1))
MEMBERS = st.dictionaries(NAMES, st.integers(0, 3).map(lambda epoch: Member("t", "v", epoch)))


def command(id_: str, at: int) -> Command:
    return Command(id_, "act", "web", None, None, "service", at)


COMMANDS = st.dictionaries(st.integers(0, 9), st.just(0)).map(
    lambda ids: [command(f"c{id_}", id_) for id_ in sorted(ids)]
)
CUSTOMERS = st.builds(
    Customer,
    id=st.just("x"),
    facts=FACTS,
    consent=CONSENTS,
    cases=CASES,
    histories=HISTORIES,
    members=MEMBERS,
    held_commands=COMMANDS,
)
Join = Callable[[Customer, Customer, Turn], None]
JOINS: list[tuple[Join, str]] = [
    (join_facts, "facts"),
    (join_cases, "cases"),
    (join_histories, "histories"),
    (join_commands, "commands"),
    (lambda into, other, _: join_members(into.members, other.members), "members"),
]


def of_consent(customer: Customer) -> dict[str, Any]:
    return {
        purpose: {channel: (said.status, said.time) for channel, said in channels.items()}
        for purpose, channels in customer.consent.items()
    }


def joined(join: Join, one: Customer, other: Customer) -> Customer:
    into, gone = copy.deepcopy(one), copy.deepcopy(other)
    join(into, gone, Turn(LOADED.program, 0))
    return into


@pytest.mark.slow
@pytest.mark.parametrize(("join", "field"), JOINS, ids=[field for _, field in JOINS])
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(one=CUSTOMERS, two=CUSTOMERS, three=CUSTOMERS)
def test_a_join_asks_neither_the_order_nor_how_often(
    join: Join, field: str, one: Customer, two: Customer, three: Customer
) -> None:
    def seen(customer: Customer) -> Any:
        return getattr(customer, field)

    assert seen(joined(join, one, two)) == seen(joined(join, two, one))
    assert seen(joined(join, joined(join, one, two), three)) == seen(
        joined(join, one, joined(join, two, three))
    )
    assert seen(joined(join, one, one)) == seen(one)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(one=CUSTOMERS, two=CUSTOMERS, three=CUSTOMERS)
def test_consent_is_joined_by_time_then_by_strictness(
    one: Customer, two: Customer, three: Customer
) -> None:
    both = of_consent(joined(join_consent, one, two))
    assert both == of_consent(joined(join_consent, two, one))
    assert of_consent(joined(join_consent, joined(join_consent, one, two), three)) == of_consent(
        joined(join_consent, one, joined(join_consent, two, three))
    )
    for purpose, channels in both.items():
        for channel, (status, at) in channels.items():
            said = [c.consent.get(purpose, {}).get(channel) for c in (one, two)]
            found = [(s.time, s.status != "granted") for s in said if s is not None]
            assert (at, status != "granted") == max(found)


HOLDING: Join = lambda into, other, _: join_holdouts(into, other)  # noqa: E731 - a Join
HOLDOUTS = st.builds(Customer, id=st.just("x"), holdouts=st.dictionaries(NAMES, st.booleans()))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(one=HOLDOUTS, two=HOLDOUTS)
def test_held_out_on_either_side_stays_held_out_and_mixed(one: Customer, two: Customer) -> None:
    both, turned = joined(HOLDING, one, two), joined(HOLDING, two, one)
    assert (both.holdouts, both.mixed) == (turned.holdouts, turned.mixed)
    for name, held in both.holdouts.items():
        sides = [c.holdouts[name] for c in (one, two) if name in c.holdouts]
        assert held is any(sides)
        assert (name in both.mixed) is (len(set(sides)) == 2)
