"""How two customers become one, message by message: freezing, queues, bounds, answers."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.message import (
    Absorb,
    Accept,
    Drop,
    Erase,
    Find,
    Link,
    Linked,
    LinkRequest,
    Propose,
    Reject,
)
from cjo_stream.core.size import ASKED_BYTES_MAX, HELD_BYTES_MAX
from cjo_stream.definition import load
from tests.world.town import Town

TOPOLOGY = """
topology: merging
channels: {web: {in: {}}}
identity:
  identifiers:
    - {type: user, limit: 1}
    - {type: email, limit: 2}
    - {type: device, limit: 2, per: 10s}
    - {type: cookie, limit: 9}
profile:
  traits: {names: {distinct: event.name, on: visit}}
---
journey: nothing
version: 1
entry: {on: never}
initial: there
states: {there: {end: there}}
"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    (tmp_path / "all.yaml").write_text(TOPOLOGY)
    return Town(load(tmp_path).program)


def names(town: Town, identifier: str) -> list[str]:
    """Return the names in the trait of the customer, in order of arrival."""
    return list(town.customer(identifier).traits.get("names", []))


# --- an event waits for its links, the others behind it


def test_an_event_waits_for_its_links_and_later_ones_behind_it(town: Town) -> None:
    town.event("visit", {"cookie": "c"}, name="under the cookie")
    town.hold(LinkRequest)
    town.event("visit", {"user": "u", "cookie": "c"}, name="identified")
    town.event("visit", {"user": "u"}, name="after")
    assert len(town.identifier("user:u").held) == 2
    town.let_go()
    assert names(town, "user:u") == ["under the cookie", "identified", "after"]


def test_a_known_link_never_waits(town: Town) -> None:
    town.event("visit", {"user": "u", "cookie": "c"}, name="first")
    town.hold(LinkRequest)
    town.event("visit", {"user": "u", "cookie": "c"}, name="second")
    assert names(town, "user:u") == ["first", "second"]


def test_a_refused_link_is_asked_again_after_a_day(town: Town) -> None:
    town.event("visit", {"user": "u", "cookie": "c"}, name="u")
    town.event("visit", {"user": "v", "cookie": "c"}, name="v")
    assert ("refused", "limit") in town.changes()
    town.hold(LinkRequest)
    town.to(86_399)
    town.event("visit", {"user": "v", "cookie": "c"}, name="v again")
    assert town.posted(LinkRequest) == []
    town.to(86_400)
    town.event("visit", {"user": "v", "cookie": "c"}, name="v the next day")
    assert len(town.posted(LinkRequest)) == 1


def test_a_hold_ends_by_stream_time(town: Town) -> None:
    town.hold(LinkRequest)
    town.event("visit", {"user": "u", "cookie": "c"}, name="alone")
    town.to(59.999)
    assert town.identifier("user:u").held
    town.to(60)
    assert names(town, "user:u") == ["alone"]
    assert town.counts["cjo_state_bounds_total", "held"] == 1
    town.let_go()
    assert town.values("user:u") == ["c", "u"]


def test_a_hold_is_bounded_by_number(town: Town) -> None:
    town.bounds = Bounds(held=3)
    town.hold(LinkRequest)
    for number in range(5):
        town.event("visit", {"user": "u", "cookie": "c"}, name=str(number))
    assert names(town, "user:u") == ["0", "1"]
    town.let_go()
    assert names(town, "user:u") == ["0", "1", "2", "3", "4"]


def test_what_waits_for_answers_is_bounded_in_bytes_however_long_the_identifiers(
    town: Town,
) -> None:
    town.hold(LinkRequest)
    named = dict.fromkeys(town.program.identifiers, "😀" * 1000)
    for number in range(300):
        town.event("visit", named | {"cookie": f"{number}".rjust(1_000, "\U0001f600")})
    anchor = town.identifier(f"user:{named['user']}")
    assert len(msgspec.msgpack.encode(anchor.held)) < HELD_BYTES_MAX * 1.2
    assert len(msgspec.msgpack.encode(anchor.asked)) < ASKED_BYTES_MAX * 1.2
    assert town.counts["cjo_state_bounds_total", "held"] == 300 - len(anchor.held)
    assert town.counts["cjo_state_bounds_total", "asked"] > 0
    town.let_go()
    assert not town.identifier(f"user:{named['user']}").held


def test_the_oldest_known_link_is_forgotten_and_asked_again(town: Town) -> None:
    town.bounds = Bounds(known=2)
    for cookie in ("c0", "c1", "c2"):
        town.event("visit", {"user": "u", "cookie": cookie})
    assert list(town.identifier("user:u").known) == [
        town.hash("cookie:c1"),
        town.hash("cookie:c2"),
    ]
    town.hold(LinkRequest)
    town.event("visit", {"user": "u", "cookie": "c0"})
    assert len(town.posted(LinkRequest)) == 1


def test_of_whom_there_is_no_room_nobody_is_asked_and_each_is_told_as_refused(town: Town) -> None:
    for email in ("e0", "e1", "e2"):
        town.event("visit", {"user": "u", "email": email}, name=email)
    town.hold(LinkRequest)
    for email in ("e3", "e4"):
        town.event("visit", {"user": "u", "email": email}, name=email)
    assert town.posted(LinkRequest) == []
    assert names(town, "user:u") == ["e0", "e1", "e2", "e3", "e4"]
    assert town.changes().count(("refused", "limit")) == 3
    town.to(3_600)
    town.event("visit", {"user": "u", "email": "e5"})
    assert len(town.posted(LinkRequest)) == 1


def test_of_a_sliding_limit_the_next_is_asked_as_soon_as_there_is_room(town: Town) -> None:
    for second, device in enumerate(("d0", "d1", "d2")):
        town.to(second)
        town.event("visit", {"user": "u", "device": device})
    town.to(9.999)
    town.event("visit", {"user": "u", "device": "d3"})
    town.to(10)
    town.event("visit", {"user": "u", "device": "d4"})
    assert town.values("user:u") == ["d0", "d1", "d4", "u"]


def test_a_flood_of_refusals_forgets_no_link(town: Town) -> None:
    town.bounds = Bounds(known=2)
    for number in range(20):
        town.event("visit", {"user": "u", "email": f"e{number}"})
    state = town.identifier("user:u")
    assert list(state.known) == [town.hash("email:e0"), town.hash("email:e1")]
    last = [f"email:e{number}" for number in (18, 19)]
    assert list(state.refused) == [town.hash(name) for name in last]
    for second, number in ((90_000, 18), (90_001, 20)):
        town.to(second)
        town.event("visit", {"user": "u", "email": f"e{number}"})
    assert list(state.refused) == [town.hash(f"email:e{number}") for number in (18, 20)]


# --- strongest first


def test_of_two_who_may_not_both_come_in_the_stronger_does(town: Town) -> None:
    town.event("visit", {"user": "u1", "device": "d"})
    town.event("visit", {"user": "u2", "cookie": "c"})
    town.hold(LinkRequest, to="device:d")
    town.event("visit", {"email": "e", "device": "d", "cookie": "c"})
    assert town.posted(LinkRequest)[0].edge.other.value == "d"
    assert len(town.posted(LinkRequest)) == 1, "the cookie is asked once the device has answered"
    town.let_go()
    assert town.values("email:e") == ["d", "e", "u1"]
    assert ("refused", "limit") in town.changes()


def test_the_next_is_asked_while_the_state_of_the_last_is_on_its_way(town: Town) -> None:
    town.hold(Absorb)
    town.event("visit", {"user": "u", "device": "d", "cookie": "c"}, name="first")
    asked = town.identifier("user:u").asked.values()
    assert [(one.is_open, one.is_granted) for one in asked] == [(True, True), (True, False)]
    assert names(town, "user:u") == []
    town.let_go()
    assert names(town, "user:u") == ["first"]


def test_the_next_is_let_in_when_the_state_of_the_last_is_there(town: Town) -> None:
    """Else what follows a state could come before it is joined, and would not find it."""
    for type_, value in (("device", "d"), ("cookie", "c")):
        town.event("visit", {type_: value}, name=f"under the {type_}")
    town.hold(Absorb)
    town.event("visit", {"user": "u", "device": "d", "cookie": "c"}, name="identified")
    assert len(town.posted(Absorb)) == 1
    assert not town.customer("cookie:c").redirect
    town.let_go()
    assert names(town, "user:u") == ["under the device", "under the cookie", "identified"]
    evidence = town.customer("user:u").evidence
    assert [e.b for e in evidence] == [town.hash("device:d"), town.hash("cookie:c")]


def test_whom_a_link_makes_shared_has_left_before_the_next_is_asked(tmp_path: Path) -> None:
    rows = "    - {type: device, limit: 1, shared_after: 2}\n    - {type: cookie, limit: 9}\n"
    text = TOPOLOGY.replace("    - {type: device, limit: 2, per: 10s}\n", rows, 1)
    (tmp_path / "all.yaml").write_text(text.replace("    - {type: cookie, limit: 9}\n", "", 1))
    town = Town(load(tmp_path).program)
    for user in ("u1", "u2"):
        town.event("visit", {"user": user, "device": "d1"})
    town.event("visit", {"user": "u3", "email": "e"})
    town.hold(Drop)
    town.event("visit", {"user": "u3", "device": "d1"})
    assert town.identifier("user:u3").held
    town.let_go()
    assert [kind for kind, _ in town.changes()][-2:] == ["detached", "refused"]


def test_who_is_in_already_is_linked_though_there_is_no_room(town: Town) -> None:
    town.event("visit", {"user": "u", "email": "e0"})
    town.event("visit", {"user": "u", "cookie": "c"})
    town.event("visit", {"email": "e1", "cookie": "c"})
    town.event("visit", {"user": "u", "email": "e2"})
    assert town.identifier("user:u").full
    town.event("visit", {"user": "u", "email": "e1"})
    assert town.hash("email:e1") in town.identifier("user:u").known
    assert town.changes().count(("refused", "limit")) == 1


def test_where_one_has_left_there_is_room_at_once(town: Town) -> None:
    for email in ("e0", "e1", "e2"):
        town.event("visit", {"user": "u", "email": email})
    town.unlink("user:u", "email:e0")
    town.event("visit", {"user": "u", "email": "e3"})
    assert town.values("user:u") == ["e1", "e3", "u"]


def test_links_that_wait_to_be_asked_for_are_bounded(town: Town) -> None:
    town.bounds = Bounds(asked=2)
    town.hold(LinkRequest)
    for number in range(4):
        town.event("visit", {"user": "u", "cookie": f"c{number}"}, name=f"v{number}")
    assert town.counts["cjo_state_bounds_total", "asked"] == 2
    town.let_go()
    assert town.values("user:u") == ["c0", "c1", "u"]
    assert names(town, "user:u") == ["v0", "v1", "v2", "v3"]


# --- frozen


def test_a_frozen_customer_goes_on_with_events_and_takes_them_along(town: Town) -> None:
    town.hold(Accept)
    town.event("visit", {"user": "u", "cookie": "c"}, name="identified")
    town.event("visit", {"cookie": "c"}, name="meanwhile")
    assert names(town, "cookie:c") == ["meanwhile"]
    town.let_go()
    assert names(town, "user:u") == ["meanwhile", "identified"]
    assert town.values("cookie:c") == ["c", "u"]


def test_a_frozen_customer_absorbs_nobody(town: Town) -> None:
    town.event("visit", {"cookie": "d"})
    town.hold(Accept)
    town.event("visit", {"user": "u", "email": "e"})
    town.event("visit", {"email": "e", "cookie": "d"})
    frozen = town.actors["p" + town.identifier("email:e").pointer]
    assert frozen.membership.pending is not None
    assert [type(message) for message in frozen.membership.queue] == [Propose]
    town.let_go()
    assert town.values("cookie:d") == ["d", "e", "u"]


def test_a_limit_that_only_a_reservation_would_break_waits_for_it(town: Town) -> None:
    town.hold(Absorb)
    town.event("visit", {"user": "u", "email": "e1"})
    town.event("visit", {"email": "e2"})
    town.event("visit", {"email": "e3"})
    town.tie("user:u", "email:e2", "second")
    town.tie("user:u", "email:e3", "third")
    assert town.answer("third") == {}
    town.let_go()
    assert town.answer("second") == {"linked": True}
    assert town.answer("third") == {"linked": False, "reason": "limit"}
    assert town.values("user:u") == ["e1", "e2", "u"]


def test_of_many_who_ask_at_once_no_more_come_in_than_may(town: Town) -> None:
    for number in range(6):
        town.event("visit", {"email": f"e{number}"})
    town.hold(Accept, Reject)
    for number in range(6):
        town.tie("user:u", f"email:e{number}", f"tie{number}")
    town.let_go()
    answers = [town.answer(f"tie{number}") for number in range(6)]
    refused = {"linked": False, "reason": "limit"}
    assert answers == [{"linked": True}] * 2 + [refused] * 4
    assert town.values("user:u") == ["e0", "e1", "u"]


def test_a_limit_that_slides_lets_in_again_what_it_refused(town: Town) -> None:
    for number in range(2):
        town.event("visit", {"user": "u", "device": f"d{number}"})
    town.tie("user:u", "device:d2", "early")
    assert town.answer("early") == {"linked": False, "reason": "limit"}
    town.to(9.999)
    town.tie("user:u", "device:d2", "still early")
    assert town.answer("still early") == {"linked": False, "reason": "limit"}
    town.to(10)
    town.tie("user:u", "device:d2", "in time")
    assert town.answer("in time") == {"linked": True}


# --- bounds of the queue


@pytest.mark.parametrize(("number", "characters"), [(1, 1_000), (1_000, 150)])
def test_over_a_bound_of_the_queue_the_source_is_busy_and_asks_again(
    number: int, characters: int, town: Town
) -> None:
    town.bounds = Bounds(queue=number, queue_characters=characters)
    for cookie in ("c1", "c2", "c3"):
        town.event("visit", {"cookie": cookie}, name=cookie)
    town.hold(Accept)
    town.event("visit", {"user": "u", "email": "e"})
    town.tie("email:e", "cookie:c1")
    for cookie in ("c2", "c3"):
        town.event("visit", {"email": "e", "cookie": cookie}, name=f"e and {cookie}")
    assert town.counts["cjo_state_bounds_total", "queue"] == 2
    asked = town.identifier("email:e").asked
    assert [asked[town.hash(f"cookie:{c}")].aside for c in ("c2", "c3")] == [True, True]
    town.let_go()
    assert town.values("user:u") == ["c1", "e", "u"]
    assert "e and c2" in names(town, "user:u"), "a busy link holds nothing up"
    town.to(30)
    assert town.values("user:u") == ["c1", "c2", "c3", "e", "u"]
    assert town.identifier("email:e").asked == {}
    assert "refused" not in [kind for kind, _ in town.changes()]


def test_links_of_long_identifiers_fill_a_queue_sooner(town: Town) -> None:
    town.bounds = Bounds(queue_characters=3_000)
    for named in ({"user": "u"}, {"cookie": "c"}):
        town.event("visit", named)
    town.hold(Propose)
    town.event("visit", {"user": "u", "cookie": "c"})
    for number in range(12):
        town.tie("user:u", f"cookie:{number:01000}", f"{number}")
        town.tie("cookie:c", f"cookie:{number:01000}", f"again {number}")
    queues = [town.customer(one).membership for one in ("user:u", "cookie:c")]
    (waiting,) = [one.queue for one in queues if one is not None]
    links = [one for one in waiting if isinstance(one, Link)]
    assert len(links) == 2
    assert town.counts["cjo_state_bounds_total", "queue"] > 0


def test_an_erasure_has_room_in_a_full_queue(town: Town) -> None:
    town.bounds = Bounds(queue=0)
    town.hold(Accept)
    town.event("visit", {"user": "u", "email": "e"})
    town.send(town.key("email:e"), Find(Erase("erase", confirmed=True)))
    assert town.answer("erase") == {}
    town.let_go()
    assert town.answer("erase")["removed"]["identifiers"] == {"email": 1, "user": 1}


def test_an_operators_link_is_not_asked_again_but_answered(town: Town) -> None:
    town.bounds = Bounds(queue=0)
    town.event("visit", {"cookie": "c"})
    town.hold(Accept)
    town.event("visit", {"user": "u", "email": "e"})
    town.tie("email:e", "cookie:c")
    assert town.answer("tie") == {"linked": False, "reason": "busy"}
    town.let_go()
    town.to(100)
    assert town.values("user:u") == ["e", "u"]
    town.event("visit", {"email": "e", "cookie": "c"})
    assert town.values("user:u") == ["c", "e", "u"], "what an operator hears is no refusal to keep"


# --- the parcel


def test_a_large_customer_moves_in_parts(town: Town) -> None:
    town.bounds = Bounds(piece_bytes=64)
    for number in range(5):
        town.event("visit", {"cookie": "c"}, name=str(number))
    town.hold(Absorb)
    town.event("visit", {"user": "u", "cookie": "c"}, name="identified")
    assert len(town.posted(Absorb)) > 10
    for _ in range(3):
        town.let_one_go()
        town.event("visit", {"cookie": "c"}, name="on the way")
    assert town.posted(Linked) == []
    town.let_go()
    assert names(town, "user:u") == ["0", "1", "2", "3", "4", "on the way", "identified"]
    assert len(town.timelines.read("p" + town.customer("user:u").id, 0)) >= 9


def test_linked_comes_after_the_state(town: Town) -> None:
    town.event("visit", {"cookie": "c"}, name="under the cookie")
    town.hold(Absorb)
    town.event("visit", {"user": "u", "cookie": "c"}, name="identified")
    assert town.identifier("user:u").held
    town.let_go()
    assert not town.identifier("user:u").held
