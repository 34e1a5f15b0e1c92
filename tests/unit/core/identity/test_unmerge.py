"""Taking a link back: what goes with whom, and that it stays so."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.edge import next_own_epoch
from cjo_stream.core.event import Event
from cjo_stream.core.message import (
    Absorb,
    Arrive,
    Deliver,
    Erase,
    Find,
    Locate,
    Reseed,
    Seed,
    Seeded,
    Show,
    Unlink,
    customer_id,
    identifier_key,
)
from cjo_stream.core.record import DeadLetter
from cjo_stream.core.timeline import events_of
from cjo_stream.definition import load
from tests.world.town import Town

TOPOLOGY = """
topology: apart
channels:
  web:  {in: {}, out: {address: user}}
identity:
  identifiers:
    - {type: user, limit: 3}
    - {type: email, limit: 5}
    - {type: cookie, limit: 5}
profile:
  facts: {colour: string, size: number}
  traits:
    carts: {count: cart}
    totals: {distinct: event.total, on: cart}
service:
  opened: {on: ticket_opened, key: event.ticket}
  closed: {on: ticket_closed, key: event.ticket}
---
journey: cart
version: 1
entry: {on: cart, key: event.cart}
initial: waiting
states:
  waiting: {on: {cart: {when: event.cart == key, to: again}}, after: {1h: reminded}}
  again: {after: {1h: reminded}}
  reminded: {enter: [{act: {action: remind}}], end: reminded}
---
action: remind
class: service
treatments: {web: {template: t}}
"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    (tmp_path / "all.yaml").write_text(TOPOLOGY)
    return Town(load(tmp_path).program)


def merge(town: Town) -> None:
    """Let Ann and Bob, each with a cookie and a life, be linked by one bad event.

    Ann's customer id is the smaller: Bob is the one who leaves.
    """
    for name, fact, total in (("ann", {"colour": "red"}, 1), ("bob", {"size": 7}, 2)):
        mine = {"user": name, "cookie": f"of {name}"}
        town.event("cart", mine, cart=f"of {name}", total=total)
        town.event("cjo.profile", mine, **fact)
        town.event("cjo.consent", mine, purpose="news", channel=name, status="granted")
        town.event("ticket_opened", mine, ticket=f"of {name}")
    town.event("seen", {"user": "bob", "email": "bad"})
    town.event("seen", {"user": "ann", "email": "bad"})
    assert town.values("user:ann") == ["ann", "bad", "bob", "of ann", "of bob"]


def bounds_met(town: Town) -> dict[str, int]:
    return {key[1]: by for key, by in town.counts.items() if key[0] == "cjo_state_bounds_total"}


def test_each_side_has_its_own_again(town: Town) -> None:
    merge(town)
    report = town.unlink("user:ann", "email:bad")
    assert report["links"] == [["user:ann", "email:bad"]]
    assert [part["identifiers"] for part in report["leaving"]] == [
        ["cookie:of bob", "email:bad", "user:bob"]
    ]
    ann, bob = town.customer("user:ann"), town.customer("user:bob")
    assert town.values("cookie:of ann") == ["ann", "of ann"]
    assert town.values("cookie:of bob") == ["bad", "bob", "of bob"]
    assert [(i.journey, i.key) for i in ann.instances] == [("cart", "of ann")]
    assert [(i.journey, i.key) for i in bob.instances] == [("cart", "of bob")]
    assert (set(ann.facts), set(bob.facts)) == ({"colour"}, {"size"})
    assert (set(ann.cases), set(bob.cases)) == ({"of ann"}, {"of bob"})
    assert (set(ann.consent["news"]), set(bob.consent["news"])) == ({"ann"}, {"bob"})
    assert ann.traits == {"carts": 1, "totals": [1]}
    assert bob.traits == {"carts": 1, "totals": [2]}
    assert (ann.events, bob.events) == (5, 5)
    assert {e.anchor for e in town.timelines.read("p" + ann.id, 0)} <= {town.hash("user:ann"), ""}
    assert {e.anchor for e in town.timelines.read("p" + bob.id, 0)} <= {town.hash("user:bob"), ""}
    assert town.changes()[-1] == ("unmerged", f"from {ann.id}")


def test_either_side_knows_its_own_events_again(town: Town) -> None:
    merge(town)
    events = [town.event("seen", {"user": name}) for name in ("ann", "bob")]
    town.unlink("user:ann", "email:bad")
    for event in events:
        town.send(identifier_key(event.identifiers[0].hash), Arrive(event))
    assert town.counts["cjo_events_total", "web", "repeated"] == 2


def test_commands_and_timers_go_along_and_each_fires_once(town: Town) -> None:
    merge(town)
    town.to(3600)
    assert [command.action for command in town.customer("user:ann").commands] == ["remind"] * 2
    town.event("cart", {"user": "bob"}, cart="another", total=3)
    town.unlink("user:ann", "email:bad")
    assert [c.anchor for c in town.customer("user:ann").commands] == [town.hash("user:ann")]
    assert [c.anchor for c in town.customer("user:bob").commands] == [town.hash("user:bob")]
    town.to(7200)
    for name, most in (("ann", 1), ("bob", 2)):
        commands = town.customer(f"user:{name}").commands
        assert [(c.action, c.anchor) for c in commands] == [
            ("remind", town.hash(f"user:{name}"))
        ] * most


def test_asking_first_changes_nothing(town: Town) -> None:
    merge(town)
    report = town.unlink("user:ann", "email:bad", sure=False)
    assert report["done"] is False
    assert report["leaving"][0]["instances"] == [
        {"journey": "cart", "key": "of bob", "state": "waiting"}
    ]
    assert town.customer("user:ann") is town.customer("user:bob")


def test_what_would_leave_is_shown_in_order_of_its_names(town: Town) -> None:
    bob = {"user": "bob", "cookie": "z", "email": "bad"}
    town.event("cjo.profile", bob, size=7)
    town.event("cjo.profile", bob, colour="blue")
    town.event("seen", {"user": "ann", "email": "bad"})
    (part,) = town.unlink("user:ann", "email:bad", sure=False)["leaving"]
    assert part["identifiers"] == ["cookie:z", "email:bad", "user:bob"]
    assert part["facts"] == ["colour", "size"]


def test_the_same_link_does_not_join_them_again_but_an_operator_does(town: Town) -> None:
    merge(town)
    town.unlink("user:ann", "email:bad")
    town.to(90_000)
    town.event("seen", {"user": "ann", "email": "bad"})
    town.event("seen", {"user": "bob", "cookie": "of ann"})
    assert town.values("user:ann") == ["ann", "of ann"]
    assert town.changes()[-1] == ("refused", "cannot_link")
    town.tie("user:ann", "user:bob")
    assert town.answer("tie") == {"linked": True}
    assert town.values("user:ann") == ["ann", "bad", "bob", "of ann", "of bob"]
    assert town.customer("user:ann").apart == {}


def test_a_third_who_knows_both_joins_one_of_them_only(town: Town) -> None:
    merge(town)
    town.unlink("user:ann", "email:bad")
    town.event("seen", {"user": "ann", "cookie": "third"})
    town.event("seen", {"user": "bob", "cookie": "third"})
    assert town.values("cookie:third") == ["ann", "of ann", "third"]
    assert town.changes()[-1] == ("refused", "cannot_link")


def test_an_event_under_the_old_epoch_reaches_the_new_customer(town: Town) -> None:
    merge(town)
    town.hold(Reseed)
    town.unlink("user:ann", "email:bad")
    town.event("cart", {"user": "bob"}, cart="late", total=9)
    town.let_go()
    assert [i.key for i in town.customer("user:bob").instances] == ["of bob", "late"]
    assert town.customer("user:bob").traits["totals"] == [2, 9]
    assert town.customer("user:ann").traits["totals"] == [1]


def test_nobody_absorbs_a_root_before_whom_it_parted_with_has_their_state(town: Town) -> None:
    merge(town)
    town.hold(Seed)
    town.unlink("user:ann", "email:bad")
    town.event("seen", {"user": "amy", "cookie": "of ann"})
    town.event("cart", {"user": "bob"}, cart="late", total=9)
    assert town.values("user:ann") == ["ann", "of ann"]
    town.let_go()
    assert town.values("user:ann") == ["amy", "ann", "of ann"]
    assert [i.key for i in town.customer("user:bob").instances] == ["of bob", "late"]
    assert town.values("user:bob") == ["bad", "bob", "of bob"]


def test_an_event_between_two_parts_of_a_seed_waits_for_the_rest(town: Town) -> None:
    town.bounds = Bounds(piece_bytes=500)
    merge(town)
    town.hold(Seed)
    town.unlink("user:ann", "email:bad")
    assert len(town.posted(Seed)) > 2
    town.let_one_go()
    town.event("cart", {"user": "bob"}, cart="late", total=9)
    town.let_go()
    assert [i.key for i in town.customer("user:bob").instances] == ["of bob", "late"]


def test_what_was_sent_before_an_unmerge_comes_before_what_is_sent_after(town: Town) -> None:
    merge(town)
    town.hold(Deliver)
    town.event("cart", {"user": "bob"}, cart="first", total=8)
    town.unlink("user:ann", "email:bad")
    assert town.identifier("user:bob").epoch == 1
    town.event("cart", {"user": "bob"}, cart="second", total=9)
    assert town.customer("user:bob").traits["totals"] == [2]
    town.let_go()
    assert town.customer("user:bob").traits["totals"] == [2, 8, 9]
    assert town.identifier("user:bob").former_path is None


@pytest.mark.parametrize("others", [1, 2, 5])
def test_it_does_without_room_to_hold_what_is_sent_after(town: Town, others: int) -> None:
    merge(town)
    town.bounds = Bounds(held=1)
    town.hold(Deliver)
    town.event("cart", {"user": "bob"}, cart="first", total=8)
    town.unlink("user:ann", "email:bad")
    for number in range(others):
        town.event("cart", {"user": "bob"}, cart=f"later {number}", total=10 + number)
    assert len(town.identifier("user:bob").held) == 1
    town.let_go()
    assert town.customer("user:bob").traits["totals"] == [2, 8, *range(10, 10 + others)]
    assert town.identifier("user:bob").former_path is None
    assert town.customer("user:ann").moved == {}


def test_it_does_where_the_new_customer_is_parted_again(town: Town) -> None:
    merge(town)
    town.event("seen", {"user": "bob", "cookie": "third"})
    town.hold(Deliver)
    town.event("cart", {"cookie": "third"}, cart="first", total=8)
    town.unlink("user:ann", "email:bad")
    town.unlink("user:bob", "cookie:third")
    town.event("cart", {"cookie": "third"}, cart="second", total=9)
    town.let_go()
    assert town.values("cookie:third") == ["third"]
    assert town.customer("cookie:third").traits["totals"] == [8, 9]
    assert town.customer("user:bob").traits["totals"] == [2]


def test_who_left_is_remembered_until_the_last_event_has_come_by(town: Town) -> None:
    merge(town)
    town.hold(Locate)
    town.unlink("user:ann", "email:bad")
    assert len(town.customer("user:ann").moved) == 3
    town.let_go()
    assert town.customer("user:ann").moved == {}


def test_who_left_and_their_commands_are_remembered_in_a_bounded_number(town: Town) -> None:
    town.bounds = Bounds(remembered=2)
    merge(town)
    town.hold(Locate)
    town.unlink("user:ann", "email:bad")
    assert len(town.customer("user:ann").moved) == 2
    assert bounds_met(town) == {"moved": 1}


def test_two_who_are_joined_remember_no_more_than_one(town: Town) -> None:
    town.bounds = Bounds(remembered=3)
    for name in ("ann", "amy"):
        town.event("cart", {"user": name, "cookie": f"of {name}"}, cart=name, total=1)
    for name in ("ann", "amy"):
        gone = {f"{name} left {number}": "elsewhere" for number in range(2)}
        town.customer(f"user:{name}").moved, town.customer(f"user:{name}").parted = (
            gone,
            dict(gone),
        )
    town.event("seen", {"user": "ann", "email": "shared"})
    town.event("seen", {"user": "amy", "email": "shared"})
    one = town.customer("user:ann")
    assert one is town.customer("user:amy")
    assert (len(one.moved), len(one.parted)) == (3, 3)
    assert town.counts["cjo_state_bounds_total", "parted"] == 1


@pytest.mark.parametrize("aliases", [1_000, 1])
@pytest.mark.parametrize("by", [("user:ann", "user:bob"), ("user:eve", "user:bob", "user:ann")])
def test_a_command_that_left_and_came_back_hears_its_outcome(
    town: Town, by: tuple[str, ...], aliases: int
) -> None:
    """Whoever it came back with, and though ids of whom was absorbed are forgotten."""
    town.bounds = Bounds(aliases=aliases)
    merge(town)
    town.to(3600)
    born = town.customer("user:ann").id
    (command,) = [
        one for one in town.customer("user:ann").commands if one.anchor == town.hash("user:bob")
    ]
    town.unlink("user:ann", "email:bad")
    town.event("seen", {"user": "eve"})
    for number, (one, other) in enumerate(itertools.pairwise(by)):
        town.tie(one, other, f"tie {number}")
    assert town.customer("user:bob") is town.customer("user:ann")
    told = {"action_id": command.id, "outcome": "click"}
    town.send("p" + born, Deliver(Event("cjo.outcome", town.clock, told, "o", "web")))
    (command,) = [one for one in town.customer("user:ann").commands if one.id == command.id]
    assert command.outcomes == {"click": town.clock}


def test_an_outcome_of_a_command_that_left_finds_it_and_one_of_nobodys_is_a_dead_letter(
    town: Town,
) -> None:
    merge(town)
    town.to(3600)
    old = town.customer("user:ann").id
    town.unlink("user:ann", "email:bad")
    (command,) = town.customer("user:bob").commands
    assert command.id.startswith(old)
    outcome = {"action_id": command.id, "outcome": "click"}
    for number, to in enumerate((old, "00" + "f" * 36)):
        event = Event("cjo.outcome", town.clock, outcome, f"o{number}", "web")
        town.send("p" + to, Deliver(event))
    (command,) = town.customer("user:bob").commands
    assert command.outcomes == {"click": town.clock}
    assert [one.reason for one in town.records if isinstance(one, DeadLetter)] == ["invalid"]
    assert "p00" + "f" * 36 not in town.actors


def test_an_identifier_that_began_anew_on_the_way_of_an_unmerge_is_no_member(town: Town) -> None:
    merge(town)
    town.hold(Reseed)
    town.unlink("user:ann", "email:bad")
    state = town.identifier("cookie:of bob")
    state.epoch = next_own_epoch(state.epoch)  # as one that became shared
    pointer = state.pointer
    town.let_go()
    assert town.values("user:bob") == ["bad", "bob"]
    assert (state.epoch, state.pointer) == (2, pointer)


@pytest.mark.parametrize("until", [Seed, Seeded, Reseed, Locate])
def test_an_order_on_the_way_of_an_unmerge_finds_whom_it_is_about(town: Town, until: type) -> None:
    merge(town)
    town.hold(until)
    town.unlink("user:ann", "email:bad")
    town.send(town.key("cookie:of bob"), Find(Show("show")))
    town.send(town.key("cookie:of bob"), Find(Erase("erase", confirmed=True)))
    town.let_go()
    shown = town.answer("show")["customer"]["identifiers"]
    assert shown == {"cookie": ["of bob"], "email": ["bad"], "user": ["bob"]}
    assert town.answer("erase")["removed"]["identifiers"] == {"cookie": 1, "email": 1, "user": 1}
    assert town.values("user:ann") == ["ann", "of ann"]
    assert town.identifier("cookie:of bob").erased_at == town.clock


def test_an_unlink_on_the_way_of_an_unmerge_parts_whom_it_is_about(town: Town) -> None:
    merge(town)
    town.hold(Reseed)
    town.unlink("user:ann", "email:bad")
    order = Unlink("second", town.hash("user:bob"), town.hash("cookie:of bob"), confirmed=True)
    town.send(town.key("user:bob"), Find(order))
    assert town.answer("second")["links"] == [["user:bob", "cookie:of bob"]]
    town.let_go()
    assert town.values("user:bob") == ["bad", "bob"]
    assert town.values("cookie:of bob") == ["of bob"]


def test_an_order_about_who_lets_in_another_is_answered_at_once(town: Town) -> None:
    town.event("seen", {"user": "ann", "cookie": "of ann"})
    town.event("seen", {"user": "bob", "email": "bad"})
    town.hold(Absorb)
    town.event("seen", {"user": "ann", "email": "bad"})
    root = min(town.customer(f"user:{name}").id for name in ("ann", "bob"))
    name = "ann" if root[2:34] == town.hash("user:ann") else "bob"
    assert town.customer(f"user:{name}").membership is not None
    town.send(town.key(f"user:{name}"), Find(Show("show")))
    assert town.answer("show")["customer"]["customer_id"] == root


def test_an_order_by_whom_has_just_left_is_to_be_given_again(town: Town) -> None:
    merge(town)
    key = "p" + town.customer("user:ann").id
    gone = town.hash("cookie:of bob"), 5
    for order in (
        Show("o", by=gone),
        Unlink("o", gone[0], None, True, gone),
        Erase("o", True, gone),
    ):
        town.send(key, order)
        assert town.answer("o") == {"found": False, "changed": True}
    assert len(town.customer("user:ann").members) == 5


def test_an_erased_root_passes_on_what_comes_late_for_whom_it_parted_with(town: Town) -> None:
    merge(town)
    town.hold(Reseed)
    town.unlink("user:ann", "email:bad")
    town.erase("user:ann")
    town.event("cart", {"user": "bob"}, cart="late", total=9)
    town.let_go()
    assert town.values("user:bob") == ["bad", "bob", "of bob"]
    assert town.customer("user:bob").traits["totals"] == [2, 9]
    assert town.identifier("user:bob").erased_at is None


def test_who_leaves_is_named_by_their_strongest_identifier_whatever_the_hashes(
    town: Town,
) -> None:
    root = next(n for n in range(99) if town.hash(f"user:root{n}") < town.hash("user:bob"))
    email = next(n for n in range(99) if town.hash(f"email:{n}") < town.hash("user:bob"))
    town.event("seen", {"user": f"root{root}", "cookie": "c"})
    town.event("seen", {"user": "bob", "email": f"{email}"})
    town.event("seen", {"user": "bob", "cookie": "c"})
    town.unlink("user:bob", "cookie:c")
    assert town.values("user:bob") == [f"{email}", "bob"]
    rank = town.program.identifiers["user"].rank
    assert town.customer("user:bob").id == customer_id(rank, town.hash("user:bob"), 1)


def test_a_case_beyond_the_bound_is_counted_and_no_open_one_goes(town: Town) -> None:
    town.bounds = Bounds(cases=1)
    for ticket in ("first", "second"):
        town.event("ticket_opened", {"user": "ann"}, ticket=ticket)
    assert list(town.customer("user:ann").cases) == ["first"]
    assert town.counts["cjo_state_bounds_total", "cases"] == 1


def test_a_new_case_takes_the_place_of_the_one_that_has_been_closed_longest(town: Town) -> None:
    town.bounds = Bounds(cases=2)
    for at, ticket in enumerate(("first", "second")):
        town.event("ticket_opened", {"user": "ann"}, at, ticket=ticket)
        town.event("ticket_closed", {"user": "ann"}, at, ticket=ticket)
    town.event("ticket_opened", {"user": "ann"}, 2, ticket="third")
    assert list(town.customer("user:ann").cases) == ["second", "third"]
    assert bounds_met(town) == {}


def test_what_is_older_than_the_timeline_stays_with_the_root(town: Town) -> None:
    town.bounds = Bounds(timeline=8)
    merge(town)
    for number in range(5):
        town.event("cart", {"user": "ann"}, cart="a", total=number)
        town.event("cart", {"user": "bob"}, cart="b", total=number)
    root = town.customer("user:ann")
    assert root.traits["carts"] == 12
    entries = [
        e for e in town.timelines.read("p" + root.id, 0) if e.anchor == town.hash("user:bob")
    ]
    noted = sum(event.type == "cart" for event in events_of(entries))
    assert 0 < noted < 6
    town.unlink("user:ann", "email:bad")
    assert town.customer("user:bob").traits["carts"] == noted
    assert town.customer("user:ann").traits["carts"] == 12 - noted


def test_who_left_a_customer_twice_keeps_apart_from_both(town: Town) -> None:
    merge(town)
    town.unlink("user:ann", "email:bad")
    town.unlink("user:bob", "cookie:of bob")
    town.event("seen", {"user": "ann", "cookie": "of bob"})
    assert town.values("cookie:of bob") == ["of bob"]
    town.event("seen", {"user": "ann", "email": "new"})
    town.event("seen", {"user": "bob", "email": "new"})
    assert town.values("user:ann") == ["ann", "new", "of ann"]


def test_the_newest_marks_of_who_must_not_be_linked_again_are_kept_on_either_side(
    town: Town,
) -> None:
    town.bounds = Bounds(apart=1)
    town.event("seen", {"user": "ann", "email": "a", "cookie": "c"})
    town.unlink("user:ann", "email:a")
    first = dict(town.customer("email:a").apart)
    town.unlink("user:ann", "cookie:c")
    assert town.customer("user:ann").apart.keys() == town.customer("cookie:c").apart.keys()
    assert town.customer("user:ann").apart.keys() != first.keys()
    assert len(town.customer("cookie:c").apart) == 1
    assert bounds_met(town) == {"apart": 2}


def test_an_erased_root_does_not_forget_who_had_left_it_before(town: Town) -> None:
    merge(town)
    town.hold(Reseed)
    town.unlink("user:ann", "email:bad")
    town.erase("user:ann")
    town.event("seen", {"user": "bob", "cookie": "new"})
    town.let_go()
    town.to(10)
    assert town.values("user:bob") == ["bad", "bob", "new", "of bob"]
    assert town.identifier("user:bob").erased_at is None
