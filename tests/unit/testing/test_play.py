"""What an `expect` compares, and what it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.testing.suite import run_cases
from tests.world.cases import ADA, CART, GIVEN, case, passes, play, unmet, write

BUY = f"event: {{type: order_placed, identifiers: {ADA}, attributes: {{cart_id: c1, total: 40}}}}"
TWO = (
    "customers: {ada: {email: ada@example.com}, bob: {email: bob@example.com, device: d1}}\n"
    + GIVEN
)


@pytest.mark.parametrize(
    ("expected", "is_met"),
    [
        ("{state: {cart: waiting}, actions: []}", True),
        ("{state: {cart: [waiting]}}", True),
        ("{state: {cart: reminded}}", False),
        ("{state: {cart: null}}", False),
        ("{state: {quiet: null}}", True),
        ("{actions: [reminder]}", False),
        ("{data: {cart: {total: 40}}}", True),
        ("{data: {cart: {total: 41}}}", False),
        ("{profile: {tier: basic, carts: 1, since: null, open_cases: 0}}", True),
        ("{profile: {tier: null}}", False),
        ("{identifiers: {email: [Ada@Example.com], device: []}}", True),
        ("{identifiers: {email: [bob@example.com]}}", False),
        ("{transitions: [{journey: cart, from: null, reason: entered, key: c1}]}", True),
        ("{transitions: [waiting]}", True),
        ("{transitions: [{key: c2}]}", False),
        ("{transitions: [{journey: cart, outcome: null, version: 1, holdout: false}]}", True),
        ("{transitions: [{journey: cart, from: waiting}]}", False),
        ("{transitions: []}", False),
        ("{transitions: [{journey: quiet}]}", False),
        ("{suppressed: [], not_sent: [], refused: []}", True),
    ],
)  # fmt: skip
def test_how_things_stand_after_an_event(tmp_path: Path, expected: str, is_met: bool) -> None:
    assert passes(tmp_path, CART, f"expect: {expected}") == is_met


@pytest.mark.parametrize(
    ("expected", "is_met"),
    [
        ("{actions: [reminder]}", True),
        ("{actions: reminder}", True),
        ("{actions: []}", False),
        ("{actions: [reminder, reminder]}", False),
        ("{actions: [{action: reminder, channel: email, journey: cart, state: reminded}]}", True),
        ("{actions: [{payload: {total: 40}}]}", True),
        ("{actions: [{payload: {total: 40, tier: gold}}]}", False),
        ("{actions: [{template: mail, class: marketing, address: ada@example.com}]}", True),
        ("{actions: [{at: 2026-03-02T11:30:00+01:00}]}", True),
        ("{actions: [{expires: 2026-03-09T10:30:00Z}]}", True),
        ("{actions: [{at: 2026-03-02T10:31:00Z}]}", False),
        ("{not_sent: [{action: reminder, channel: push, gate: address}]}", True),
        ("{not_sent: [{channel: push}]}", True),
        ("{not_sent: [{channel: push}, {channel: push}]}", False),
        ("{not_sent: [{action: reminder, gate: caps}]}", False),
        ("{not_sent: []}", False),
        ("{customer: {email: ada@example.com}, actions: [reminder]}", True),
        ("{customer: {email: bob@example.com}, actions: [reminder]}", False),
        ("{transitions: [waiting, reminded]}", True),
        ("{transitions: [reminded, waiting]}", False),
    ],
)  # fmt: skip
def test_messages_that_were_sent_and_stopped(tmp_path: Path, expected: str, is_met: bool) -> None:
    assert passes(tmp_path, CART, "advance: 30m", f"expect: {expected}") == is_met


def test_an_expectation_looks_at_what_came_since_the_last(tmp_path: Path) -> None:
    assert passes(
        tmp_path, CART, "advance: 30m", "expect: {actions: [reminder]}", "expect: {actions: []}",
        "expect: {transitions: []}",
    )  # fmt: skip


def test_the_end_of_a_journey_is_its_final_state_or_nowhere(tmp_path: Path) -> None:
    for state in ("bought", "null"):
        assert passes(tmp_path, CART, BUY, f"expect: {{state: {{cart: {state}}}}}")
    assert not passes(tmp_path, CART, BUY, "expect: {state: {cart: waiting}}")
    empty = f"event: {{type: cart_emptied, identifiers: {ADA}, attributes: {{cart_id: c1}}}}"
    assert passes(tmp_path, CART, empty, "expect: {state: {cart: null}}")
    assert not passes(tmp_path, CART, empty, "expect: {state: {cart: lapsed}}")


def test_a_choice_that_shadow_holds_back_is_suppressed(tmp_path: Path) -> None:
    held = "{action: thanks, channel: email, why: shadow, journey: quiet}"
    assert passes(tmp_path, CART, BUY, f"expect: {{actions: [], suppressed: [{held}]}}")
    assert not passes(tmp_path, CART, BUY, "expect: {suppressed: [{why: holdout}]}")


def test_what_waits_for_the_morning_says_until_when(tmp_path: Path) -> None:
    seen = "event: {type: cart_updated, identifiers: {device: d}, attributes: {cart_id: c, total: 40}}"  # noqa: E501 - one event
    stopped = "{gate: quiet_hours, rule: 21:00-08:00 delay, until: 2026-03-03T07:00:00Z}"
    assert passes(
        tmp_path,
        "advance: 2026-03-02T20:00:00Z",
        seen,
        "advance: 30m",
        f"expect: {{actions: [], not_sent: [{stopped}]}}",
        "advance: 2026-03-03T07:00:00Z",
        "expect: {actions: [{action: reminder, channel: push}]}",
    )


CHOSEN = (
    "event: {type: cart_updated, identifiers: {email: e3@example.com}, "
    "attributes: {cart_id: c1, total: 40}}"
)


@pytest.mark.parametrize(
    ("expected", "is_met"),
    [
        ("[dear, cheap]", True),
        ("[cheap, dear]", False),
        ("[{action: dear, priority: 2.3}]", True),
        ("[{action: dear, priority: 2.25}]", True),
        ("[{action: dear, priority: 2.250}]", True),
        ("[{action: dear, priority: 2.4}]", False),
        ("[{action: dear, P: 0.02, C: 1, V: 100, L: 1.0}]", True),
        ("[{action: dear, V: 101}]", False),
    ],
)
def test_priorities_of_a_decision(tmp_path: Path, expected: str, is_met: bool) -> None:
    steps = (CHOSEN, "advance: 26h", f"expect: {{priorities: {expected}}}")
    report = play(tmp_path, *steps)
    assert report.results[0].looks[0][2].rows("priorities"), "choose another identifier: a split"
    assert bool(unmet(report)) != is_met


def test_what_is_given_holds_before_the_first_event_and_no_journey_hears_it(
    tmp_path: Path,
) -> None:
    given = "given: {profile: {tier: gold, since: 2020-01-01T00:00:00Z}}\n"
    assert passes(
        tmp_path, CART, "expect: {profile: {tier: gold}, transitions: [waiting]}",
        "expect: {profile: {since: 1577836800000}}",
        head=given,
    )  # fmt: skip
    stated = f"event: {{type: cjo.profile, identifiers: {ADA}, attributes: {{tier: silver}}}}"
    heard = "{profile: {tier: silver}, transitions: [{journey: stated, to: only}]}"
    assert passes(tmp_path, stated, f"expect: {heard}", head=given)


def test_a_later_refusal_of_the_same_instant_overrules_a_given_grant(tmp_path: Path) -> None:
    deny = f"event: {{type: cjo.consent, identifiers: {ADA}, attributes: {{purpose: marketing, status: denied}}}}"  # noqa: E501 - one event
    stopped = "{not_sent: [{channel: email, gate: consent}], actions: []}"
    assert passes(tmp_path, deny, CART, "advance: 30m", f"expect: {stopped}")
    grant = deny.replace("denied", "granted")
    given = "given: {consent: {purpose: marketing, status: denied}}\n"
    assert passes(
        tmp_path, grant, CART, "advance: 30m", "expect: {actions: [reminder]}", head=given
    )


def test_given_holds_for_each_customer_and_once(tmp_path: Path) -> None:
    given = "given: {profile: {tier: gold}}\n"
    other = CART.replace("ada@", "bob@")
    silver = f"event: {{type: cjo.profile, identifiers: {ADA}, attributes: {{tier: silver}}}}"
    known = CART.replace(ADA, "{email: ada@example.com, device: d9}")
    for who, tier in (("ada", "silver"), ("bob", "gold")):
        look = f"expect: {{customer: {{email: {who}@example.com}}, profile: {{tier: {tier}}}}}"
        assert passes(tmp_path, CART, silver, other, known, look, head=given)


def test_a_second_user_of_one_device_is_given_it_too(tmp_path: Path) -> None:
    """The link is refused, because a customer has one `user`: so it is a customer of its own."""
    given = "given: {profile: {tier: gold}}\n"
    first = CART.replace(ADA, "{user: u1, device: d1}")
    second = CART.replace(ADA, "{user: u2, device: d1}")
    look = "expect: {customer: {user: u2}, profile: {tier: gold}}"
    assert passes(tmp_path, first, second, look, head=given)


def test_customers_are_addressed_by_name_or_identifiers(tmp_path: Path) -> None:
    events = [
        f"event: {{customer: {who}, type: cart_updated, attributes: {{cart_id: {who}, total: {total}}}}}"  # noqa: E501 - one event
        for who, total in (("ada", 40), ("bob", 50))
    ]
    looks = [
        "expect: {customer: bob, state: {cart: waiting}, data: {cart: {total: 50}}, transitions: [waiting]}",  # noqa: E501 - one look
        "advance: 30m",
        "expect: {actions: [{customer: ada, channel: email}, {customer: bob, channel: push}]}",
        "expect: {customer: {device: d1}, state: {cart: reminded}}",
    ]
    assert passes(tmp_path, *events, *looks, head=TWO)
    swapped = (
        "expect: {actions: [{customer: bob, channel: push}, {customer: ada, channel: email}]}"
    )
    assert passes(tmp_path, *events, "advance: 30m", swapped, head=TWO)
    wrong = "expect: {actions: [{customer: bob, channel: email}, {customer: ada, channel: push}]}"
    assert not passes(tmp_path, *events, "advance: 30m", wrong, head=TWO)
    (found,) = unmet(play(tmp_path, *events, "expect: {state: {cart: waiting}}", head=TWO))
    assert found.got == "2 customers"
    assert "customer: {email: a@example.com}" in found.hints[0]


def test_two_customers_that_merge_are_one(tmp_path: Path) -> None:
    anonymous = CART.replace(ADA, "{device: d7}")
    joined = "event: {type: page_viewed, identifiers: {email: ada@example.com, device: d7}}"
    other = CART.replace("c1", "c2")
    look = "expect: {state: {cart: [waiting, waiting]}, profile: {carts: 2}}"
    assert passes(tmp_path, anonymous, other, joined, look)
    mine = "expect: {customer: {email: ada@example.com}, transitions: [waiting, waiting]}"
    assert passes(tmp_path, anonymous, other, joined, mine)


def test_a_refused_event_fails_unless_the_case_asks_for_it(tmp_path: Path) -> None:
    nobody = "event: {type: cart_updated, identifiers: {email: nobody}}"
    (found,) = unmet(play(tmp_path, nobody, "expect: {actions: []}"))
    assert found.part == "refused"
    assert found.got[0]["reason"] == "unidentified"
    assert passes(tmp_path, nobody, "expect: {refused: [unidentified]}")
    assert not passes(tmp_path, nobody, "expect: {refused: [invalid]}")
    assert not passes(tmp_path, "expect: {actions: []}", nobody)


def test_a_late_event_and_a_repeated_one(tmp_path: Path) -> None:
    late = f"event: {{type: cart_updated, time: 2026-02-20T10:00:00Z, identifiers: {ADA}, attributes: {{cart_id: c1, total: 40}}}}"  # noqa: E501 - one event
    assert passes(tmp_path, late, "expect: {profile: {carts: 1}, state: {cart: null}}")
    again = CART.replace("type:", "id: e1, type:")
    assert passes(tmp_path, again, again, "expect: {profile: {carts: 1}}")


def test_what_was_expected_and_did_not_come_is_explained(tmp_path: Path) -> None:
    steps = (CART, "advance: 30m")
    (found,) = unmet(
        play(tmp_path, *steps, "expect: {actions: [{action: reminder, channel: push}]}")
    )
    assert found.hints == ["2026-03-02 10:30:00Z reminder on push: stopped at address"]
    (found,) = unmet(play(tmp_path, *steps, "expect: {actions: [reminder, thanks]}"))
    assert found.hints == ["nobody asked for thanks; asked for: reminder"]
    (found,) = unmet(play(tmp_path, BUY, "expect: {actions: [thanks]}"))
    assert found.hints == ["2026-03-02 10:00:00Z thanks on email: suppressed by shadow"]
    (found,) = unmet(play(tmp_path, CART, "expect: {state: {cart: reminded}}"))
    assert found.hints == ["2026-03-02 10:00:00Z cart (c1) entered to waiting, by cart_updated"]
    (found,) = unmet(play(tmp_path, CART, "expect: {state: {quiet: thanks}}"))
    assert found.hints == ["nobody entered quiet"]


def test_cases_know_nothing_of_each_other(tmp_path: Path) -> None:
    second = case("expect: {state: {cart: null}}", name="other")
    folder = write(tmp_path, one=case(CART, "expect: {state: {cart: waiting}}"), two=second)
    assert not run_cases(folder).failed
