"""Events are held against `events`: what is not declared is counted, and taken all the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.word import AttributeType, Undeclared
from cjo_stream.ingest import decoder
from cjo_stream.ingest.declared import fits
from tests.unit.ingest.test_decoder import GOOD, KEY, PROGRAM, record

METRIC = "cjo_events_undeclared_total"
EVENTS = {
    "cart_updated": {
        "total": AttributeType.NUMBER,
        "gift": AttributeType.BOOLEAN,
        "due": AttributeType.TIME,
        "note": AttributeType.STRING,
        "items": AttributeType.LIST,
        "shop": AttributeType.OBJECT,
    },
    "cjo.outcome": {"reason": AttributeType.STRING},
}
DECLARED = msgspec.structs.replace(PROGRAM, events=EVENTS)


def counts_of(*events: dict[str, Any]) -> dict[tuple[str, ...], int]:
    decode = decoder(DECLARED, KEY)
    for event in events:
        assert isinstance(decode(record(event)), Event)
    counts = decode.take_counts()
    assert decode.examples.keys() == counts.keys()
    assert decode.take_counts() == {}
    return counts


def count(type_: str, name: str, reason: Undeclared) -> tuple[str, ...]:
    return (METRIC, "web", type_, name, reason)


def test_another_type_is_counted_by_its_channel() -> None:
    other = {**GOOD, "type": "cart_updatet"}
    assert counts_of(other, GOOD, other) == {count("", "", Undeclared.TYPE): 2}


def test_another_attribute_is_counted_by_its_type_without_its_name() -> None:
    event = {**GOOD, "attributes": {"total": 1, "totl": 2, "x": 3}}
    assert counts_of(event) == {count("cart_updated", "", Undeclared.ATTRIBUTE): 2}


@pytest.mark.parametrize(
    ("name", "value", "does"),
    [
        ("total", 3, True),
        ("total", 3.5, True),
        ("total", "3", False),
        ("total", True, False),
        ("gift", False, True),
        ("gift", 0, False),
        ("due", "2024-03-01T10:00:00Z", True),
        ("due", 1709287200000, True),
        ("due", "2024-03-01", False),
        ("due", False, False),
        ("note", "", True),
        ("note", 5, False),
        ("items", [], True),
        ("items", {}, False),
        ("shop", {}, True),
        ("shop", [], False),
    ],
)
def test_a_value_of_another_type_is_counted(name: str, value: Any, does: bool) -> None:
    assert fits(EVENTS["cart_updated"][name], value) is does
    counted = {} if does else {count("cart_updated", name, Undeclared.VALUE): 1}
    assert counts_of({**GOOD, "attributes": {name: value}}) == counted


def test_null_is_of_every_type() -> None:
    attributes = dict.fromkeys(EVENTS["cart_updated"])
    assert counts_of({**GOOD, "attributes": attributes}) == {}


def test_of_a_built_in_type_only_declared_attributes_are_compared() -> None:
    profile = {**GOOD, "type": "cjo.profile", "attributes": {"anything": 1}}
    outcome = {
        **GOOD,
        "type": "cjo.outcome",
        "attributes": {"action": "a", "outcome": "click", "reason": 5},
    }
    assert counts_of(profile, outcome) == {count("cjo.outcome", "reason", Undeclared.VALUE): 1}


def test_refused_records_are_not_compared() -> None:
    decode = decoder(DECLARED, KEY)
    decode(record({**GOOD, "type": "other", "identifiers": {"user_id": "guest"}}))
    assert not any(key[0] == METRIC for key in decode.take_counts())


def test_without_events_nothing_is_compared() -> None:
    decode = decoder(PROGRAM, KEY)
    decode(record({**GOOD, "attributes": {"anything": 1}}))
    assert decode.take_counts() == {}
