"""Statements of consent are read as senders write them, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.vocabulary import STATUSES
from cjo_stream.core.word import AttributeType, ConsentStatus
from cjo_stream.definition import load
from cjo_stream.errors import InputError
from cjo_stream.ingest.consent import read_consent
from cjo_stream.ingest.decoder import decoder
from tests.unit.ingest.test_decoder import KEY, PROGRAM, decode, record

CHANNELS = ("web", "email")
WORDS = [(word, status) for status, words in STATUSES.items() for word in words]


def read(**attributes: Any) -> dict[str, Any]:
    return read_consent({"purpose": "marketing", "status": "granted", **attributes}, CHANNELS)


@pytest.mark.parametrize(("word", "status"), WORDS)
def test_each_word_is_read_in_any_case_and_with_blanks_or_dashes(
    word: str, status: ConsentStatus
) -> None:
    for written in (
        word,
        word.upper(),
        word.title(),
        word.replace("_", "-"),
        word.replace("_", " "),
    ):
        assert read(status=f" {written} ")["status"] == status


def test_a_word_has_one_meaning() -> None:
    assert len({word for word, _ in WORDS}) == len(WORDS)


@pytest.mark.parametrize(("given", "status"), [(True, "granted"), (False, "denied")])
def test_a_boolean_says_yes_or_no(given: bool, status: str) -> None:
    assert read(status=given)["status"] == status


def test_purpose_and_channel_are_read_in_any_case() -> None:
    assert read(purpose="Marketing ", channel="EMail") == {
        "purpose": "marketing", "status": "granted", "channel": "email",
    }  # fmt: skip
    assert "channel" not in read()
    for everywhere in ("*", "all", "ANY"):
        assert read(channel=everywhere)["channel"] == "*"
    assert read(reason="form")["reason"] == "form"


@pytest.mark.parametrize(
    "attributes",
    [
        {"status": "pending"}, {"status": "cleaned"}, {"status": ""}, {"status": None},
        {"status": 1}, {"status": ["granted"]}, {"purpose": None}, {"purpose": ""},
        {"purpose": ["marketing"]}, {"purpose": "x" * 101}, {"channel": "fax"}, {"channel": ""},
        {"channel": ["email"]},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(attributes: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        read(**attributes)
    assert refused.value.reason == "invalid"


def test_intake_reads_them() -> None:
    event = {
        "type": "cjo.consent", "time": "2024-03-01T10:00:00Z", "identifiers": {"user_id": "u1"},
        "attributes": {"purpose": "MARKETING", "status": "Unsubscribed", "channel": "Mail"},
    }  # fmt: skip
    decoded = decode(event)
    assert isinstance(decoded, Event)
    assert decoded.attributes == {"purpose": "marketing", "status": "revoked", "channel": "mail"}
    refused = decode({**event, "attributes": {"purpose": "marketing", "status": "maybe"}})
    assert isinstance(refused, InputError)
    assert "docs/events.md" in refused.detail


@pytest.mark.parametrize("name", ["chanel", "Channel", "channels", "channle", "CHANNEL"])
def test_a_misspelt_attribute_never_widens_a_statement(name: str) -> None:
    event = {
        "type": "cjo.consent", "time": "2024-03-01T10:00:00Z", "identifiers": {"user_id": "u1"},
        "attributes": {"purpose": "marketing", "status": "granted", name: "mail"},
    }  # fmt: skip
    refused = decode(event)
    assert isinstance(refused, InputError)
    assert refused.reason == "invalid"
    assert refused.detail == f"unknown attribute `{name}`; did you mean `channel`?"
    right = {"purpose": "marketing", "status": "granted", "channel": "web", name: "mail"}
    assert isinstance(decode({**event, "attributes": right}), Event)


@pytest.mark.parametrize("status", ["revoked", "Unsubscribed", "denied", False])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chanel", "mail"), ("Channel", "mail"), ("channels", ["sms"]), ("channel_id", 7),
        ("my_channel", "app"), ("kanal", "mail"),
    ],
)  # fmt: skip
def test_a_denial_is_never_refused_for_what_it_says_more(
    status: object, name: str, value: object
) -> None:
    """It is about every channel then, which is the safe side."""
    event = {
        "type": "cjo.consent", "time": "2024-03-01T10:00:00Z", "identifiers": {"user_id": "u1"},
        "attributes": {"purpose": "marketing", "status": status, name: value},
    }  # fmt: skip
    decoded = decode(event)
    assert isinstance(decoded, Event)
    assert "channel" not in decoded.attributes


@pytest.mark.parametrize("name", ["channel_id", "my_channel", "channel2", "xchannel"])
def test_a_grant_whose_attribute_is_not_surely_a_channel_is_taken_and_counted(name: str) -> None:
    decode = decoder(PROGRAM, KEY)
    event = {
        "type": "cjo.consent", "time": "2024-03-01T10:00:00Z", "identifiers": {"user_id": "u1"},
        "attributes": {"purpose": "marketing", "status": "granted", name: 7},
    }  # fmt: skip
    assert isinstance(decode(record(event)), Event)
    assert decode.take_counts() == {("cjo_consent_ignored_total", "attribute"): 1}


def test_an_attribute_that_is_declared_misspells_none() -> None:
    declared = {"cjo.consent": {"channels": AttributeType.LIST}}
    decode = decoder(msgspec.structs.replace(PROGRAM, events=declared), KEY)
    for status in ("granted", "revoked"):
        stated = {"purpose": "marketing", "status": status, "channels": ["mail"]}
        event = {
            "type": "cjo.consent", "time": "2024-03-01T10:00:00Z",
            "identifiers": {"user_id": "u1"}, "attributes": stated,
        }  # fmt: skip
        assert isinstance(decode(record(event)), Event)
    assert decode.take_counts() == {}


def test_only_names_of_statements_that_count_are_kept() -> None:
    """Of the parts of `run --cores`, too."""
    decode, other = decoder(PROGRAM, KEY), decoder(PROGRAM, KEY)
    for more in (
        {"status": "granted", "kanal": "mail"},
        {"status": "granted", "channel": "mail", "text": "I agree"},
        {"status": "revoked", "source": "app"},
        {"status": "revoked", "chanel": "mail", "source": "app"},
        {"status": "granted", "ada@example.com": 1},
    ):
        event = {
            "type": "cjo.consent", "time": "2024-03-01T10:00:00Z",
            "identifiers": {"user_id": "u1"}, "attributes": {"purpose": "marketing", **more},
        }  # fmt: skip
        assert isinstance(decode(record(event)), Event)
    names = {("cjo_consent_ignored_total", "attribute"): {"kanal": 1, "chanel": 1}}
    assert decode.fields.names == names
    other.take_over(decode.take_noted())
    assert other.fields.names == names
    assert other.take_counts() == {("cjo_consent_ignored_total", "attribute"): 3}


@pytest.mark.parametrize(
    ("name", "right"), [("purpos", "purpose"), ("satus", "status"), ("Status", "status")]
)
def test_what_is_missing_is_named_where_it_is_misspelt(name: str, right: str) -> None:
    stated = {"purpose": "marketing", "status": "revoked"}
    stated[name] = stated.pop(right)
    refused = decode({
        "type": "cjo.consent", "time": "2024-03-01T10:00:00Z", "identifiers": {"user_id": "u1"},
        "attributes": stated,
    })  # fmt: skip
    assert isinstance(refused, InputError)
    assert refused.detail.endswith(f"did you mean `{right}`?")


@pytest.mark.parametrize(
    ("more", "counted"),
    [
        ({"kanal": "mail"}, 1),
        ({"kanal": "mail", "channel": "mail"}, 0),
        ({"kanal": "mail", "channel": "*"}, 0),
        ({"kanal": "mail", "status": "revoked"}, 0),
        ({"channel_id": "mail", "status": "revoked"}, 0),
        ({"chanel": "mail", "status": "revoked"}, 1),
        ({"chanel": "mail", "channel": "mail", "status": "revoked"}, 0),
        ({}, 0),
    ],
)
def test_a_grant_for_want_of_a_channel_that_says_more_is_counted(
    more: dict[str, Any], counted: int
) -> None:
    decode = decoder(PROGRAM, KEY)
    stated = {"purpose": "marketing", "status": "granted", **more}
    event = {
        "type": "cjo.consent", "time": "2024-03-01T10:00:00Z", "identifiers": {"user_id": "u1"},
        "attributes": stated,
    }  # fmt: skip
    assert isinstance(decode(record(event)), Event)
    key = ("cjo_consent_ignored_total", "attribute")
    assert decode.examples == ({key: ("t", 2, 7)} if counted else {})
    assert decode.take_counts() == ({key: 1} if counted else {})
    assert decode.take_counts() == {}


@pytest.mark.parametrize(
    ("row", "counted"),
    [
        ({"where": None}, 1),
        ({}, 1),
        ({"where": "*"}, 0),
        ({"where": "web"}, 0),
        ({"status": "revoked"}, 0),
    ],
)
def test_a_grant_whose_map_gives_no_channel_is_counted(
    tmp_path: Path, row: dict[str, Any], counted: int
) -> None:
    (tmp_path / "topology.yaml").write_text("""
topology: mapped
channels:
  web:
    in:
      format: mapped
      map: {type: "'cjo.consent'", time: row.t, identifiers: {user: row.user},
        attributes: {purpose: row.purpose, status: row.status, channel: row.where}}
identity: {identifiers: [{type: user}]}
""")
    decode = decoder(load(tmp_path).program, KEY)
    said = {"t": 5, "user": "u", "purpose": "marketing", "status": "granted", **row}
    assert isinstance(decode(record(said)), Event)
    counts = decode.take_counts()
    assert counts == ({("cjo_consent_ignored_total", "map"): 1} if counted else {})
