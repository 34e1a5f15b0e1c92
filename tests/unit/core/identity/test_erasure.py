"""Erasing a customer: what is gone, what is dropped wherever it arrives, and who begins anew."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cjo_stream.core.actor import receive
from cjo_stream.core.edge import next_given_epoch
from cjo_stream.core.event import Event
from cjo_stream.core.event import Identifier as Named
from cjo_stream.core.message import (
    Absorb,
    Accept,
    Deliver,
    Erase,
    Find,
    Forget,
    customer_key,
)
from cjo_stream.core.record import Profile, Withdrawal
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from tests.world.town import START_MS, Town

TOPOLOGY = """
topology: erasing
channels: {web: {in: {}, out: {address: user}}}
identity:
  identifiers:
    - {type: user, limit: 1}
    - {type: email, limit: 2}
    - {type: cookie, limit: 9}
profile:
  facts: {colour: string}
  traits: {names: {distinct: event.name, on: visit}}
---
journey: cart
version: 1
entry: {on: cart}
initial: waiting
states: {waiting: {after: {1h: reminded}}, reminded: {enter: [{act: {action: remind}}], end: r}}
---
action: remind
class: service
treatments: {web: {template: t}}
"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    (tmp_path / "all.yaml").write_text(TOPOLOGY)
    return Town(load(tmp_path).program)


def live(town: Town) -> None:
    """Let one customer have three identifiers, a fact, a trait and a cart."""
    town.event("cart", {"cookie": "c"})
    town.event("cjo.profile", {"user": "u", "cookie": "c"}, colour="red")
    town.event("visit", {"user": "u", "email": "e"}, name="before")
    town.to(10)


def test_nothing_stays_but_the_tombstones(town: Town) -> None:
    live(town)
    id_ = town.customer("user:u").id
    absorbed = list(town.customer("user:u").aliases)
    assert len(absorbed) == 1
    assert town.erase("user:u") == {
        "found": True,
        "customer_id": id_,
        "done": True,
        "erased_at": START_MS + 10_000,
        "removed": {
            "identifiers": {"cookie": 1, "email": 1, "user": 1},
            "absorbed_customers": 1,
            "events": 3,
            "facts": 1,
            "traits": 1,
            "consents": 0,
            "journey_instances": 1,
            "commands": 0,
            "timeline_entries": town.answer("erase")["removed"]["timeline_entries"],
        },
    }
    assert town.actors["p" + id_] == Customer(id=id_, erased_at=START_MS + 10_000)
    for name in ("user:u", "email:e", "cookie:c"):
        assert town.identifier(name) == Identifier(epoch=2, erased_at=START_MS + 10_000)
    assert town.timelines.read("p" + id_, 0) == []
    held = msgspec.json.encode(town.actors)
    assert not any(f'"{value}"'.encode() in held for value in ("u", "e", "c", "red", "before"))
    profiles = [r for r in town.records if isinstance(r, Profile | Withdrawal)]
    assert isinstance(profiles[-1], Withdrawal)
    assert town.changes()[-1] == ("erased", None)
    town.to(4000)
    assert town.moves()[-1][1] == "entered", "its timers are gone"


def test_of_who_was_parted_and_erased_nothing_stays_with_the_other_side(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(TOPOLOGY.replace("user, limit: 1", "user, limit: 2"))
    town = Town(load(tmp_path).program)
    mine, theirs = {"user": "ann", "cookie": "of ann"}, {"user": "bob", "cookie": "of bob"}
    for _ in range(3):
        town.event("seen", mine)
    events = [town.event("seen", named) for named in (theirs, {"cookie": "of bob"}, theirs)]
    town.event("seen", {"user": "ann", "email": "bad"})
    town.event("seen", {"user": "bob", "email": "bad"})
    town.event("seen", {"user": "ann", "cookie": "of bob"})
    assert len(town.customer("user:ann").members) == 5
    gone = ["user:bob", "cookie:of bob"]
    for one, other in (("user:bob", "email:bad"), ("user:ann", "cookie:of bob")):
        town.unlink(one, other)
    assert town.values("user:ann") == ["ann", "bad", "of ann"]
    town.erase("user:bob")
    kept = [town.customer("user:ann"), town.timelines.read("p" + town.customer("user:ann").id, 0)]
    kept += [town.identifier(one) for one in ("user:ann", "cookie:of ann", "email:bad")]
    encoded = msgspec.json.encode(kept)
    for trace in [*(town.hash(one) for one in gone), *(one.split(":")[1] for one in gone)]:
        assert trace.encode() not in encoded, trace
    for event in events:
        assert f'"web {event.id}"'.encode() not in encoded, event.id
        assert f'"{event.id}"'.encode() not in encoded, event.id


def test_asking_first_removes_nothing(town: Town) -> None:
    live(town)
    body = town.order("user:u", Erase("ask", confirmed=False))
    assert (body["done"], body["removed"]["facts"]) == (False, 1)
    assert town.values("user:u") == ["c", "e", "u"]


@pytest.mark.parametrize("under", ["user:u", "email:e", "cookie:c"])
def test_events_not_later_than_the_erasure_are_dropped_and_later_ones_begin_anew(
    town: Town, under: str
) -> None:
    live(town)
    town.erase("cookie:c")
    type_, value = under.split(":")
    town.to(20)
    town.event("visit", {type_: value}, at=10, name="of then")
    town.event("visit", {type_: value}, at=9, name="of then")
    assert town.identifier(under).pointer == ""
    assert town.counts["cjo_events_total", "web", "erased"] == 2
    town.event("visit", {type_: value}, at=10.001, name="later")
    assert town.values(under) == [value]
    assert town.customer(under).traits["names"] == ["later"]
    assert town.customer(under).id.endswith("0002")


def test_an_event_on_its_way_to_the_erased_customer_is_dropped_or_comes_back(town: Town) -> None:
    live(town)
    town.hold(Forget)
    town.erase("user:u")
    town.event("visit", {"cookie": "c"}, at=10, name="of then")
    town.event("visit", {"cookie": "c"}, at=10.5, name="later")
    town.let_go()
    assert town.customer("cookie:c").traits["names"] == ["later"]
    assert town.values("cookie:c") == ["c"]


def test_a_link_of_then_is_no_link_and_a_later_one_is(town: Town) -> None:
    live(town)
    town.erase("user:u")
    town.to(20)
    town.event("visit", {"user": "other", "email": "e"}, at=9)
    assert town.values("user:other") == ["other"]
    town.event("visit", {"user": "other", "email": "e"}, at=11)
    assert town.values("user:other") == ["e", "other"]


def test_a_link_to_who_is_just_being_erased_is_asked_again(town: Town) -> None:
    live(town)
    town.hold(Forget)
    town.erase("user:u")
    town.event("visit", {"user": "other", "email": "e"}, at=11)
    town.let_go()
    town.to(30)
    assert town.values("user:other") == ["e", "other"]
    assert town.identifier("user:other").asked == {}


def test_an_erasure_waits_while_its_customer_is_frozen_and_follows_the_redirect(
    town: Town,
) -> None:
    town.event("visit", {"cookie": "c"}, name="anonymous")
    town.hold(Accept)
    town.event("visit", {"user": "u", "cookie": "c"})
    town.send(town.key("cookie:c"), Find(Erase("erase", confirmed=True)))
    assert town.answer("erase") == {}
    town.let_go()
    assert town.answer("erase")["removed"]["identifiers"] == {"cookie": 1, "user": 1}
    assert town.identifier("user:u").erased_at == START_MS


def test_an_erasure_waits_for_who_is_on_the_way_in(town: Town) -> None:
    town.event("visit", {"cookie": "c"}, name="anonymous")
    town.hold(Absorb)
    town.event("visit", {"user": "u", "cookie": "c"})
    town.send(town.key("user:u"), Find(Erase("erase", confirmed=True)))
    assert town.answer("erase") == {}
    town.let_go()
    assert town.answer("erase")["removed"]["identifiers"] == {"cookie": 1, "user": 1}
    assert town.identifier("cookie:c").erased_at == START_MS


def test_what_waits_in_the_queue_of_the_erased_is_answered(town: Town) -> None:
    town.event("visit", {"cookie": "c"})
    town.event("visit", {"cookie": "d"})
    town.hold(Absorb)
    town.event("visit", {"user": "u", "cookie": "c"})
    town.send(town.key("user:u"), Find(Erase("first", confirmed=True)))
    town.send(town.key("user:u"), Find(Erase("second", confirmed=True)))
    town.tie("user:u", "cookie:d")
    town.let_go()
    assert town.answer("second") == {"found": False}
    assert town.answer("tie")["linked"] is False
    assert town.values("cookie:d") == ["d"]


def test_a_link_refused_to_the_erased_leaves_no_trace_of_them(town: Town) -> None:
    live(town)
    town.event("visit", {"user": "other", "email": "e"})
    assert ("refused", "limit") in town.changes()
    town.erase("user:u")
    other = town.timelines.read("p" + town.customer("user:other").id, 0)
    assert other
    assert not any(b'"e"' in entry.body for entry in other)


def test_an_identifier_type_that_is_not_declared_any_more_can_be_erased(town: Town) -> None:
    live(town)
    types = dict(town.program.identifiers)
    former = {"cookie": types.pop("cookie")}
    town.program = msgspec.structs.replace(town.program, identifiers=types, former=former)
    town.erase("user:u")
    assert town.identifier("cookie:c").erased_at == START_MS + 10_000
    town.event("visit", {"user": "u"}, at=11, name="later")
    assert town.values("user:u") == ["u"]


def test_an_event_of_who_left_the_erased_is_passed_on_and_nothing_else(town: Town) -> None:
    hash_, to = "ab" * 16, "0" * 36
    event = Event("visit", 5, {}, "v", "web", [Named("user", "u", hash_)])
    erased = Customer(id="1" * 36, erased_at=9, moved={f"{hash_}@0": to})
    turn = Turn(town.program, 10)
    assert receive(customer_key(erased.id), erased, Deliver(event, 0), turn) is erased
    assert turn.messages == [(customer_key(to), Deliver(event, next_given_epoch(0), 1))]
    assert not turn.counts
    assert not turn.changed
