"""What can never mean anything does not load in silence: it is told at its place."""

from __future__ import annotations

from pathlib import Path

import phonenumbers
import pytest

from cjo_stream.definition.build.topology import _regions
from tests.unit.definition.test_errors import ACTION, TOPOLOGY, at_mark, changed, errors_of

FACTS = "facts: {tier: string, vip: {type: boolean, default: false}}"
IDENTIFIERS = "[{type: email, normalise: email}, {type: cookie}]"
TRAIT = "{orders: {count: order_placed}}"
MAP = "{topic: t, format: mapped, map: {type: %s, time: row.t, identifiers: {email: row.e}}}"

TOPOLOGIES = {
    "a region that is none": (
        TOPOLOGY + "region: §ZZ\n",
        "error: unknown region 'ZZ'; known: AC, ",
    ),
    "a time zone that is a number": (
        changed(TOPOLOGY, FACTS, "facts: {timezone: §number}"),
        "error: the fact 'timezone' is the customer's time zone: a 'string', not a number",
    ),
    "a time zone of a long form that is a list": (
        changed(TOPOLOGY, FACTS, "facts: {timezone: {type: §list}}"),
        "error: the fact 'timezone' is the customer's time zone",
    ),
    "a default that is no time zone": (
        changed(TOPOLOGY, FACTS, "facts: {timezone: {type: string, default: §Europe/Berln}}"),
        "error: unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?",
    ),
    "a type that is shared by itself": (
        changed(TOPOLOGY, IDENTIFIERS, "[{type: email, §shared_after: 3}, {type: cookie}]"),
        "warning: this counts values of 'email' itself: name 'of: cookie', or remove it",
    ),
    "cases that never close": (
        TOPOLOGY + "service: {§opened: {on: ticket_opened}}\n",
        "warning: nothing is 'closed'",
    ),
    "cases that never open": (
        TOPOLOGY + "service: {§closed: {on: ticket_closed}}\n",
        "warning: nothing is 'opened'",
    ),
    "a grace that is never asked for": (
        TOPOLOGY + "§grace: 2d\n",
        "warning: 'grace' exceeds 'max_late'",
    ),
    "a sum of texts": (
        changed(TOPOLOGY, TRAIT, "{spent: {sum: §lower(event.total), on: order_placed}}"),
        "warning: this is never a number: 'sum' stays empty",
    ),
    "a channel that reads what it writes": (
        changed(
            TOPOLOGY,
            "in: {}, out: {address: cookie}",
            "in: {§topic: t}, out: {address: cookie, topic: t}",
        ),
        "warning: channel 'web' writes its commands there",
    ),
    "a map to no event type": (
        changed(TOPOLOGY, "desk: {in: {}}", f"desk: {{in: {MAP}}}" % "§\"'Order placed'\""),
        "error: this is not an event type",
    ),
    "a map that names nobody": (
        changed(
            TOPOLOGY,
            "desk: {in: {}}",
            "desk: {in: {topic: t, format: mapped, §map: {type: row.k, time: row.t}}}",
        ),
        "warning: without 'identifiers' the events of this map have no customer",
    ),
}

POLICIES = {
    "a gate without cases": (
        "policy: contact\n§service_gate: {block: [marketing]}\n",
        "warning: no rule under 'service' opens a case: this gate never stops anything",
    ),
    "a cap on a channel that sends nothing": (
        "policy: contact\ncaps: [{channel: §desk, max: 1, per: day}]\n",
        "warning: channel 'desk' has no 'out': this has no effect",
    ),
    "quiet hours of a channel that sends nothing": (
        "policy: contact\nquiet_hours: {channel: §desk, days: [sun], then: drop}\n",
        "warning: channel 'desk' has no 'out': this has no effect",
    ),
}


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_what_a_topology_cannot_mean_is_told_at_its_place(name: str, tmp_path: Path) -> None:
    document, message = TOPOLOGIES[name]
    there, elsewhere = at_mark(tmp_path, document, ACTION)
    assert len(there) == 1
    assert there[0].startswith(message)
    assert elsewhere == []


@pytest.mark.parametrize("name", POLICIES)
def test_what_a_policy_cannot_mean_is_told_at_its_place(name: str, tmp_path: Path) -> None:
    document, message = POLICIES[name]
    there, elsewhere = at_mark(tmp_path, document, TOPOLOGY, ACTION)
    assert there == [message]
    assert elsewhere == []


def test_a_gate_that_names_no_class_is_told(tmp_path: Path) -> None:
    service = "service: {opened: {on: a}, closed: {on: b}}\n"
    document = "policy: contact\nservice_gate: {§block: []}\n"
    there, elsewhere = at_mark(tmp_path, document, TOPOLOGY + service, ACTION)
    assert there == ["warning: no class is named: this gate never stops anything"]
    assert elsewhere == []


def test_what_means_something_is_not_told(tmp_path: Path) -> None:
    topology = changed(
        TOPOLOGY,
        IDENTIFIERS,
        "[{type: email}, {type: phone, normalise: phone, shared_after: 3}, {type: cookie, "
        "shared_after: 2, of: phone}]",
    )
    topology = changed(
        topology, FACTS, "facts: {timezone: {type: string, default: Europe/Berlin}}"
    )
    topology += (
        "region: XK\nservice: {opened: {on: a}, closed: {on: b}}\nmax_late: 2d\ngrace: 1d\n"
    )
    policy = "policy: contact\nservice_gate: {block: [marketing]}\n"
    assert errors_of(tmp_path, topology, ACTION, policy) == []


def test_the_regions_are_those_that_phone_numbers_have() -> None:
    assert _regions() == phonenumbers.SUPPORTED_REGIONS
