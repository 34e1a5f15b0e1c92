"""Words of built-in meaning are a closed vocabulary: what misspells one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.word import AttributeType
from cjo_stream.definition import load
from cjo_stream.errors import InputError
from cjo_stream.ingest.archive.row import CHANNEL, rows_of
from cjo_stream.ingest.decoder import decoder
from tests.unit.ingest.test_decoder import GOOD, KEY, NOW, PROGRAM, decode, event_of, record


@pytest.mark.parametrize(
    ("type_", "near"),
    [
        ("cjo.consnt", "cjo.consent"),
        ("cjo.profil", "cjo.profile"),
        ("cjo.outcomes", "cjo.outcome"),
        ("cjo.order", None),
        ("cjo.", None),
    ],
)
def test_a_type_that_begins_as_the_engines_own_is_one_of_them(
    type_: str, near: str | None
) -> None:
    refused = decode({**GOOD, "type": type_})
    assert isinstance(refused, InputError)
    assert refused.reason == "invalid"
    assert "is none of cjo.consent, cjo.outcome, cjo.profile" in refused.detail
    assert refused.detail.endswith(f"did you mean {near}?") == (near is not None)


@pytest.mark.parametrize("type_", ["journey.entered", "journey.ended", "journey.goal"])
def test_what_the_engine_raises_comes_from_nobody_else(type_: str) -> None:
    refused = decode({**GOOD, "type": type_})
    assert isinstance(refused, InputError)
    assert refused.detail == f"the engine alone raises {type_}: give the event another `type`"


@pytest.mark.parametrize("type_", ["cjo", "cjos.order", "journey.planned", "journey"])
def test_other_types_are_free(type_: str) -> None:
    assert event_of(type=type_).type == type_


TOPOLOGY = """
topology: forms
channels:
  native: {in: {}}
  segment: {in: {format: segment}}
  cloudevents: {in: {format: cloudevents}}
  mapped: {in: {format: mapped, map: &map {
    type: row.type, time: timestamp(row.time), identifiers: {user_id: row.user},
    attributes: {outcome: row.outcome, action_id: row.action_id, valeu: row.valeu}}}}
  debezium: {in: {format: debezium, map: *map}}
identity: {identifiers: [{type: user_id}]}
"""


def in_form(format_: str, type_: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return an event as records of a format hold it."""
    time = GOOD["time"]
    row = {"type": type_, "time": time, "user": "u1", **said}
    forms = {
        "native": {**GOOD, "type": type_, "attributes": said},
        "segment": {
            "type": "track",
            "event": type_,
            "userId": "u1",
            "timestamp": time,
            "properties": said,
        },
        "cloudevents": {
            "specversion": "1.0",
            "type": type_,
            "source": "/s",
            "id": "7",
            "time": time,
            "data": {"identifiers": {"user_id": "u1"}, **said},
        },
        "mapped": row,
        "debezium": {
            "before": None,
            "after": row,
            "source": {"connector": "postgresql", "table": "t", "ts_ms": NOW},
            "op": "c",
            "ts_ms": NOW,
        },
    }
    return forms[format_]


@pytest.mark.parametrize("format_", ["native", "segment", "cloudevents", "mapped", "debezium"])
def test_the_rule_holds_for_every_format(tmp_path: Path, format_: str) -> None:
    (tmp_path / "topology.yaml").write_text(TOPOLOGY)
    decode = decoder(load(tmp_path).program, KEY)

    def decoded(type_: str, **said: Any) -> Any:
        return decode(record(in_form(format_, type_, said), format_, topic=format_))

    event = decoded("cjo.outcome", action_id="a", outcome="accept")
    assert isinstance(event, Event), event
    assert (event.type, event.attributes["outcome"]) == ("cjo.outcome", "accept")
    assert "did you mean cjo.outcome?" in decoded("cjo.outcmoe").detail
    misspelt = decoded("cjo.outcome", action_id="a", outcome="accept", valeu=1)
    assert misspelt.detail == "unknown attribute `valeu`; did you mean `value`?"


@pytest.mark.parametrize(
    ("attributes", "near"),
    [
        ({"action": "hello", "outcome": "accept", "valeu": 12.5}, "value"),
        ({"action_id": "a", "outcome": "accept", "Value": 12.5}, "value"),
        ({"action": "hello", "outcome": "click", "chanel": "web"}, "channel"),
        ({"action": "hello", "outcome": "click", "actionId": "a"}, "action_id"),
        ({"action_id": "a", "outcom": "click"}, "outcome"),
        ({"action_id": "a", "outcome": "accept", "values": 12.5}, "value"),
        ({"action_id": "a", "outcome": "converted", "values": 12.5}, "value"),
    ],
)
def test_an_outcome_with_a_misspelt_attribute_is_refused(
    attributes: dict[str, Any], near: str
) -> None:
    refused = decode({**GOOD, "type": "cjo.outcome", "attributes": attributes})
    assert isinstance(refused, InputError)
    assert refused.reason == "invalid"
    assert refused.detail.endswith(f"did you mean `{near}`?")


@pytest.mark.parametrize(
    "attributes",
    [
        {"action_id": "a", "outcome": "click", "reaction": "smile", "channels": ["web"]},
        {"action": "hello", "outcome": "click", "campaign": "x", "transaction_id": 3},
        {"action": "hello", "outcome": "click", "value": 1, "values": [1]},
        {"action": "hello", "outcome": "click", "valeu": None},
        *(
            {"action_id": "a", "outcome": outcome, name: ["x"]}
            for outcome in ("delivered", "impression", "click", "reject", "failed", ["accept"])
            for name in ("values", "Value", "valeu")
        ),
        *(
            {"action": "hello", "outcome": "click", "channel": "web", name: 1}
            for name in ("p_value", "x_value", "xvalue", "value2", "valued", "reaction_id")
        ),
        *(
            {"action": "hello", "outcome": "click", "value": 1, name: 1}
            for name in ("channel_id", "channel2", "my_channel", "reaction_id", "transaction")
        ),
    ],
)
def test_what_else_an_outcome_says_is_taken(attributes: dict[str, Any]) -> None:
    assert event_of(type="cjo.outcome", attributes=attributes).attributes == attributes


def test_an_attribute_that_is_declared_misspells_none() -> None:
    declared = {"cjo.outcome": {"values": AttributeType.LIST}}
    decode = decoder(msgspec.structs.replace(PROGRAM, events=declared), KEY)
    said = {"action_id": "a", "outcome": "accept", "values": [1]}
    assert isinstance(decode(record({**GOOD, "type": "cjo.outcome", "attributes": said})), Event)


@pytest.mark.parametrize(
    ("type_", "attributes"),
    [
        ("cjo.consnt", {}),
        ("journey.ended", {}),
        ("cjo.outcome", {"action": "hello", "outcome": "accept", "valeu": 1}),
        ("cjo.consent", {"purpose": "marketing", "status": "granted", "chanel": "mail"}),
    ],
)
def test_an_archive_gives_what_was_accepted_once(type_: str, attributes: dict[str, Any]) -> None:
    """What an earlier release took is read from its archive as it was taken then."""
    came = record(GOOD)
    was = Event(
        type_,
        event_of().time,
        attributes,
        "e1",
        "web",
        event_of().identifiers,
        True,
        NOW,
        "t",
        2,
        7,
    )
    (row,) = rows_of((came, was))
    again = decoder(PROGRAM, KEY)(record(row, CHANNEL))
    assert isinstance(again, Event)
    assert (again.type, again.attributes, again.id) == (type_, attributes, "e1")
