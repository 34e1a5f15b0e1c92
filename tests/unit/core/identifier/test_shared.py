"""Identifiers that are nobody's: shared by many, or blocked."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.core.message import Absorb, LinkRequest
from cjo_stream.definition import load
from tests.world.scene import Scene
from tests.world.town import Town

TOPOLOGY = """
topology: sharing
channels: {web: {in: {}}}
identity:
  identifiers:
    - {type: user, limit: 2}
    - {type: email, limit: 5}
    - {type: device, limit: 5, shared_after: 2}
    - {type: cookie, limit: 9, shared_after: 1, of: email}
profile:
  traits: {names: {distinct: event.name, on: visit}}
---
journey: nothing
version: 1
entry: {on: never}
initial: there
states: {there: {end: there}}
"""
NOTHING = """
action: nothing
treatments: {mail: {template: t}}
"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    (tmp_path / "all.yaml").write_text(TOPOLOGY)
    return Town(load(tmp_path).program)


def share(town: Town) -> None:
    """Let three users have been seen with one tablet."""
    for user in ("u1", "u2", "u3"):
        town.event("visit", {"user": user, "device": "tablet"}, name=user)


def test_seen_with_more_users_than_it_may_it_leaves_its_customer(town: Town) -> None:
    town.event("visit", {"user": "u1", "device": "tablet"})
    town.event("visit", {"user": "u2", "device": "tablet"})
    assert town.values("device:tablet") == ["tablet", "u1", "u2"]
    town.event("visit", {"user": "u3", "device": "tablet"})
    assert town.values("user:u1") == ["u1", "u2"]
    assert town.values("user:u3") == ["u3"]
    assert town.identifier("device:tablet").is_shared
    assert town.identifier("device:tablet").users == []
    assert ("detached", "shared") in town.changes()
    assert ("refused", "shared") in town.changes()


def test_whom_it_had_linked_stay_linked(town: Town) -> None:
    town.event("visit", {"user": "u1", "device": "tablet"})
    town.event("visit", {"device": "tablet", "cookie": "c"})
    town.event("visit", {"user": "u2", "device": "tablet"})
    town.event("visit", {"user": "u3", "device": "tablet"})
    assert town.values("cookie:c") == ["c", "u1", "u2"]
    linked = [{e.a, e.b} for e in town.customer("user:u1").evidence]
    others = ("cookie:c", "user:u2")
    assert linked == [{town.hash("user:u1"), town.hash(other)} for other in others]


def test_shared_links_nobody_in_either_direction(town: Town) -> None:
    share(town)
    town.event("visit", {"device": "tablet", "cookie": "c"})
    town.event("visit", {"email": "e", "device": "tablet"})
    town.tie("device:tablet", "cookie:c")
    assert town.answer("tie") == {"linked": False, "reason": "shared"}
    town.tie("cookie:c", "device:tablet")
    assert town.answer("tie") == {"linked": False, "reason": "shared"}
    assert town.values("email:e") == ["e"]
    assert town.values("device:tablet") == ["tablet"]


def test_its_own_anonymous_events_go_to_its_new_incarnation(town: Town) -> None:
    share(town)
    town.event("visit", {"device": "tablet"}, name="anonymous")
    assert town.customer("device:tablet").traits["names"] == ["anonymous"]
    assert town.identifier("device:tablet").epoch == 2
    assert "anonymous" not in town.customer("user:u1").traits["names"]


def test_the_type_named_by_of_is_counted_where_it_is_no_anchor(town: Town) -> None:
    for number in range(2):
        identifiers = {"user": "u", "email": f"e{number}", "cookie": "c"}
        town.event("visit", identifiers)
    assert town.identifier("cookie:c").is_shared
    assert town.values("user:u") == ["e0", "e1", "u"]


def test_an_event_held_for_its_links_goes_on_when_its_anchor_becomes_shared(town: Town) -> None:
    town.hold(LinkRequest, to="cookie:c")
    town.event("visit", {"device": "tablet", "cookie": "c"}, name="anonymous")
    share(town)
    assert town.customer("device:tablet").traits["names"] == ["anonymous"]
    assert town.identifier("device:tablet").held == []


def test_shared_while_its_customer_is_on_its_way_elsewhere(town: Town) -> None:
    town.event("visit", {"device": "tablet", "cookie": "c"})
    town.hold(Absorb)
    share(town)
    town.let_go()
    town.event("visit", {"device": "tablet"})
    assert town.values("device:tablet") == ["tablet"]
    assert town.values("cookie:c") == ["c", "u1", "u2"]


def test_a_blocked_value_is_no_identifier(tmp_path: Path) -> None:
    head = {
        "    - {type: cookie, limit: 5}\n": "    - {type: cookie, limit: 5}\n"
        '  blocked: ["test@example.com"]\n'
    }
    scene = Scene(tmp_path, NOTHING, head=head)
    for number in range(3):
        ids = {"cookie": f"c{number}", "email": "Test@Example.com"}
        scene.send("e", number, identifiers=ids)
    assert scene.driver.customer("email:test@example.com") is None
    row = scene.driver.customer("cookie:c1")
    assert row is not None
    assert row["identifiers"] == {"cookie": ["c1"]}


def test_an_anchor_counts_what_it_was_seen_with_itself(tmp_path: Path) -> None:
    text = TOPOLOGY.replace("email, limit: 5", "email, limit: 5, shared_after: 2, of: device")
    (tmp_path / "all.yaml").write_text(text)
    town = Town(load(tmp_path).program)
    for number in range(3):
        town.event("visit", {"email": "e", "device": f"d{number}"})
    anchor = town.identifier("email:e")
    assert (anchor.is_shared, anchor.counted) == (True, "device")


def test_at_rest_an_event_that_names_nobody_new_needs_no_turn_of_its_identifier(
    town: Town, tmp_path: Path
) -> None:
    def needs_none(identifiers: dict[str, str]) -> bool:
        before = town.passed_on  # the town compares each with what the handler does
        town.event("visit", identifiers)
        return town.passed_on > before

    both, tablet = {"user": "u", "device": "tablet"}, {"device": "tablet"}
    assert [needs_none({"user": "u"}), needs_none({"user": "u"})] == [False, True]
    assert [needs_none(both), needs_none(both), needs_none(tablet)] == [False, True, True]
    town.event("visit", {"device": "tablet", "email": "a@example.com"})
    stricter = TOPOLOGY.replace("shared_after: 2", "shared_after: 1")
    seen = {"cookie": "c", "device": "tablet"}
    assert [needs_none(seen), needs_none(seen)] == [False, True]
    town.event("visit", {"user": "u2", "device": "tablet"})
    (tmp_path / "all.yaml").write_text(stricter)
    town.program = load(tmp_path).program
    assert [needs_none(tablet), needs_none(tablet)] == [False, True]  # it leaves, then rests
    share(town)
    assert needs_none({"device": "tablet", "cookie": "d"})  # shared, it links nobody
    town.erase("user:u")
    assert not needs_none({"user": "u"})
