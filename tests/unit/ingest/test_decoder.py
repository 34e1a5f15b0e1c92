"""docs/events.md: what is an event, and the first reason why a record is none."""

from __future__ import annotations

import gc
import json
from typing import Any

import msgspec
import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Blocked, Channel, IdentifierType, Input
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import decoder, identifier_hash

NOW = 1_709_290_000_000
KEY = b"tenant"
PROGRAM = Program(
    topology="shop",
    region="DE",
    channels={
        "web": Channel(name="web", input=Input(topic="cjo.event.web.v1")),
        "app": Channel(name="app", input=Input(topic="app", format="segment")),
        "mail": Channel(name="mail", output="cjo.action.mail.v1", address="email"),
    },
    identifiers={
        "user_id": IdentifierType(type="user_id", rank=0),
        "email": IdentifierType(type="email", rank=16, normalise="email"),
        "phone": IdentifierType(type="phone", rank=32, normalise="phone"),
        "cookie": IdentifierType(type="cookie", rank=48),
    },
    blocked=(Blocked(None, "guest"),),
)
GOOD = {
    "type": "cart_updated",
    "time": "2024-03-01T10:00:00Z",
    "identifiers": {"user_id": "u1"},
    "attributes": {"total": 3},
}


def record(value: bytes | dict[str, Any], channel: str | None = "web", **fields: Any) -> RawRecord:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    given = {"topic": "t", "topic_id": "i", "partition": 2, "offset": 7, "time": NOW, **fields}
    return RawRecord(value=text, channel=channel, **given)


def decode(value: bytes | dict[str, Any], channel: str | None = "web", **fields: Any) -> Any:
    return decoder(PROGRAM, KEY)(record(value, channel, **fields))


def event_of(**changes: Any) -> Event:
    decoded = decode({**GOOD, **changes})
    assert isinstance(decoded, Event), decoded
    return decoded


def reason_of(value: bytes | dict[str, Any], channel: str | None = "web", **fields: Any) -> str:
    decoded = decode(value, channel, **fields)
    return decoded.reason if isinstance(decoded, InputError) else "event"


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in GOOD.items() if field != name}


def test_an_event_carries_what_its_record_says() -> None:
    assert decode({**GOOD, "id": "e1", "extra": [1]}) == Event(
        type="cart_updated",
        time=1_709_287_200_000,
        attributes={"total": 3},
        id="e1",
        channel="web",
        identifiers=event_of().identifiers,
        own_id=True,
        received=NOW,
        topic="t",
        partition=2,
        offset=7,
    )


def test_an_event_without_an_id_is_named_by_its_coordinates() -> None:
    event = event_of()
    assert (event.id, event.own_id) == ("t/2/7", False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time": "2026-03-01 10:00:00"}, "`time` is not RFC 3339 with an offset, as 2026-03-01T"),
        ({"type": "Order Placed"}, ", as order_placed"),
        ({"channel": "wbe"}, "`channel` is none that takes events in (web, "),
        (
            {"type": "cjo.consent", "attributes": {"purpose": "marketing", "status": "maybe"}},
            "no word such as granted, denied or revoked",
        ),
    ],
)
def test_a_refusal_says_what_to_write(changes: dict[str, Any], said: str) -> None:
    assert said in decode({**GOOD, "channel": "web", **changes}, channel=None).detail


# --- reasons ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        ("too_large", b"x" * (256 * 1024 + 1)),
        ("event", json.dumps(GOOD).encode().ljust(256 * 1024)),
        ("malformed", b""),
        ("malformed", b"null"),
        ("malformed", b"[{}]"),
        ("malformed", b'"text"'),
        ("malformed", b"12"),
        ("malformed", b"{}}"),
        ("malformed", b"{'type': 'x'}"),
        ("malformed", b"\xef\xbb\xbf{}"),
        ("malformed", json.dumps(GOOD).encode("utf-16")),
        ("malformed", json.dumps({**GOOD, "x": "é"}, ensure_ascii=False).encode("latin-1")),
        ("malformed", b'{"type": 5, "time": '),
        ("malformed", b'{"type": "a", "x": NaN}'),
        ("malformed", b'{"type": "a", "x": -Infinity}'),
        ("event", json.dumps({**GOOD, "x": "\ud800"}).encode()),
        ("malformed", b'{"type": "a", "x": "\xed\xa0\x80"}'),
        ("malformed", b'{"type": "a", "x": "a\nb"}'),
        ("invalid", b"{}"),
    ],
)
def test_the_form_of_a_record_is_judged_first(reason: str, value: bytes) -> None:
    assert reason_of(value) == reason


@pytest.mark.parametrize("name", ["type", "time"])
def test_a_missing_field_is_invalid(name: str) -> None:
    assert reason_of(without(name)) == "invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": ""},
        {"type": "Order"},
        {"type": "1st"},
        {"type": "a\n"},
        {"type": "a-b"},
        {"type": "a" * 101},
        {"type": None},
        {"type": 5},
        {"time": None},
        {"time": True},
        {"time": 1.5},
        {"time": "yesterday"},
        {"time": "2024-03-01T10:00:00"},
        {"time": "2024-02-30T10:00:00Z"},
        {"time": "1709290000000"},
        {"time": -(10**30)},
        {"identifiers": None},
        {"identifiers": []},
        {"identifiers": "u1"},
        {"identifiers": {"user_id": [["u1"]]}},
        {"identifiers": {"user_id": True}},
        {"identifiers": {"user_id": {"value": "u1"}}},
        {"id": ""},
        {"id": "x" * 201},
        {"id": 5},
        {"id": None},
        {"attributes": None},
        {"attributes": []},
        {"attributes": {"a": {"b": {"c": {"d": {"e": {}}}}}}},
        {"attributes": {"a": [[[[[]]]]]}},
        {"attributes": {"n": 2**64}},
        {"attributes": {"n": [-(2**63) - 1]}},
        {"attributes": {"text": "x" * 65536}},
    ],
)
def test_a_wrong_value_is_invalid(changes: dict[str, Any]) -> None:
    assert reason_of({**GOOD, **changes}) == "invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "a" * 100},
        {"type": "a.b_1"},
        {"id": "x" * 200},
        {"attributes": {"a": {"b": {"c": {"d": {"e": None}}}}}},
        {"attributes": {"a": [[[[1]]]]}},
        {"attributes": {"n": 2**64 - 1, "m": -(2**63)}},
        {"attributes": {"text": "x" * 65000}},
        {"x": {"extra": 2**70}},
        {"channel": 7},
    ],
)
def test_what_lies_within_the_rules_is_an_event(changes: dict[str, Any]) -> None:
    event = event_of(**changes)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=Event) == event


def test_a_number_that_no_float_holds_is_invalid_where_it_is_read() -> None:
    text = json.dumps(GOOD)
    assert reason_of(text.replace("3}", "1e999}").encode()) == "invalid"
    assert reason_of(text.replace("3}", "9" * 5000 + "}").encode()) == "invalid"
    assert reason_of((text[:-1] + ', "x": 1e999}').encode()) == "event"


def test_the_last_of_a_repeated_key_counts() -> None:
    decoded = decode(json.dumps(GOOD)[:-1].encode() + b', "type": "last"}')
    assert decoded.type == "last"


def test_reasons_are_looked_for_in_their_order() -> None:
    far = {"time": 10**15, "identifiers": {}}
    assert reason_of({**GOOD, **far, "type": 5}) == "invalid"
    assert reason_of({**GOOD, **far}) == "future"
    assert reason_of({**GOOD, **far, "time": NOW}) == "unidentified"
    assert reason_of({**GOOD, **far}, channel="nowhere") == "invalid"
    assert reason_of(b"no json", channel="nowhere") == "malformed"
    assert reason_of(b"[]", channel=None) == "malformed"


def test_no_refusal_shows_a_value() -> None:
    for changes in (
        {"type": "secret secret"},
        {"time": "secret"},
        {"id": "secret" * 99},
        {"identifiers": {"user_id": ["null", "(secret)" * 200], "email": "secret"}},
        {"identifiers": {"it's secret": "secret"}},
        {"attributes": "secret"},
        {"attributes": {"secret": {"secret": 2**99}}},
        {"channel": "secret"},
    ):
        decoded = decode({**GOOD, **changes}, channel=None if "channel" in changes else "web")
        assert isinstance(decoded, InputError)
        assert "secret" not in str(decoded)
    for value in (b'{"secret": secret}', b"secret", b'{"a": "secret\xff"}'):
        assert "secret" not in str(decode(value))


# --- depth ------------------------------------------------------------------------------------


def nested(depth: int, brackets: str = "[]") -> str:
    return brackets[0] * depth + brackets[1] * depth


@pytest.mark.parametrize("depth", [6, 64, 65, 200, 100_000])
def test_deep_attributes_are_invalid_however_deep(depth: int) -> None:
    text = json.dumps({**GOOD, "attributes": {"deep": 0}}).replace("0}", nested(depth) + "}")
    assert reason_of(text.encode()) == "invalid"


@pytest.mark.parametrize("depth", [65, 130, 100_000])
def test_a_deep_text_that_is_no_json_object_is_malformed(depth: int) -> None:
    deep = nested(depth)
    whole = '{"attributes": {"a": ' + deep + "}}"
    for text in (
        deep,
        whole[:-1],
        whole + "]",
        "}" + whole,
        '{"a": ' + "[" * depth + "x" + "]" * depth + "}",
        '{"a": ' + "[" * depth + "1 2" + "]" * depth + "}",
        '{"a": ' + "[" * depth + "}" * depth + "}",
        '{"a": ' + deep + ' "open}',
        '{"a": ' + deep + ", 1}",
    ):
        assert reason_of(text.encode()) == "malformed", text[:40]


def test_brackets_within_text_are_not_depth() -> None:
    assert event_of(attributes={"a": "[{" * 500, 'b"\\': '"]}' * 100}).attributes["a"][:2] == "[{"


def test_many_small_objects_are_not_deep() -> None:
    items = [{"sku": [n]} for n in range(200)]
    assert event_of(attributes={"items": items}).attributes["items"] == items


def test_an_extra_field_may_be_nested_up_to_64_levels() -> None:
    text = json.dumps({**GOOD, "x": 0})
    assert reason_of(text.replace("0}", nested(63) + "}").encode()) == "event"
    assert reason_of(text.replace("0}", nested(64) + "}").encode()) == "invalid"


# --- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2024-03-01T10:00:00Z", 1_709_287_200_000),
        ("2024-03-01T11:00:00.001999+01:00", 1_709_287_200_001),
        ("2024-03-01t10:00:00.9999999999z", 1_709_287_200_999),
        ("2024-03-01 10:00:00.5-00:00", 1_709_287_200_500),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        (1_709_287_200_000, 1_709_287_200_000),
        (-5, -5),
    ],
)
def test_times_are_ms_and_cut(written: str | int, time: int) -> None:
    assert event_of(time=written).time == time


@pytest.mark.parametrize(
    "written",
    [
        "2024-03-01",
        "2024-03-01T10:00Z",
        "2024-03-01T24:00:00Z",
        "2024-03-01T10:00:00+24:00",
        "2024-03-01T10:00:00+01",
        "2024-03-01T10:00:00,5Z",
        "2024-03-01T10:00:00Z ",
        "20240301T100000Z",
        "٢٠٢٤-03-01T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
    ],
)
def test_other_writings_of_time_are_invalid(written: str) -> None:
    assert reason_of({**GOOD, "time": written}) == "invalid"


def test_future_is_more_than_a_day_ahead_of_the_record() -> None:
    assert reason_of({**GOOD, "time": NOW + 86_400_000}) == "event"
    assert reason_of({**GOOD, "time": NOW + 86_400_001}) == "future"
    assert reason_of({**GOOD, "time": 10**30}) == "future"
    assert reason_of({**GOOD, "time": NOW + 86_400_001}, time=NOW + 1) == "event"


# --- identifiers ------------------------------------------------------------------------------


def pairs(identifiers: Any) -> list[tuple[str, str]]:
    return [(one.type, one.value) for one in event_of(identifiers=identifiers).identifiers]


def test_identifiers_stand_strongest_type_first_and_values_as_given() -> None:
    given = {"cookie": ["c2", "c1", " c2 "], "email": "Ann@Example.com", "user_id": 7}
    assert pairs(given) == [
        ("user_id", "7"),
        ("email", "ann@example.com"),
        ("cookie", "c2"),
        ("cookie", "c1"),
    ]


def test_numbers_are_read_as_text() -> None:
    assert pairs({"user_id": [12345678901234567890123, 1.5, -7]}) == [
        ("user_id", "12345678901234567890123"),
        ("user_id", "1.5"),
        ("user_id", "-7"),
    ]


def test_hashes_are_keyed_and_tell_types_apart() -> None:
    (identifier,) = event_of().identifiers
    assert identifier.hash == identifier_hash(KEY, "user_id", "u1")
    assert len(identifier.hash) == 32
    others = {
        identifier_hash(KEY, "cookie", "u1"),
        identifier_hash(KEY, "user_id", "u2"),
        identifier_hash(b"other", "user_id", "u1"),
    }
    assert len(others | {identifier.hash}) == 4


@pytest.mark.parametrize(
    "identifiers",
    [
        {},
        {"user_id": []},
        {"account": "a1"},
        {"user_id": "GUEST", "cookie": [0, -1, "", " ", "N/A", "Null", "0000-0000", "Unknown"]},
        {"email": "not an address", "phone": "call me"},
        {"cookie": "x" * 1001},
    ],
)
def test_an_event_that_names_nobody_is_unidentified(identifiers: dict[str, Any]) -> None:
    assert reason_of({**GOOD, "identifiers": identifiers}) == "unidentified"


@pytest.mark.parametrize(
    ("identifiers", "why"),
    [
        ({"user_id": None}, "user_id is empty"),
        (
            {"user_id": "NULL", "email": ["ann", "n/a"]},
            "user_id is blocked; email is blocked and unusable",
        ),
        ({"phone": "4936360287", "fax": "1"}, "phone is ambiguous; fax is undeclared"),
        ({"user_id": 1e300}, "user_id is ambiguous"),
        ({}, "there are none"),
    ],
)
def test_a_refusal_says_why_no_identifier_names_anybody(
    identifiers: dict[str, Any], why: str
) -> None:
    decoded = decode({**GOOD, "identifiers": identifiers})
    assert isinstance(decoded, InputError)
    assert decoded.detail == f"no identifier of a declared type names anybody: {why}"


def test_a_null_beside_another_identifier_is_absent() -> None:
    decode_ = decoder(PROGRAM, KEY)
    event = decode_(
        record({**GOOD, "identifiers": {"user_id": ["u1", None], "email": None, "x": None}})
    )
    assert [one.value for one in event.identifiers] == ["u1"]
    assert decode_.take_counts() == {}


def test_a_number_and_its_float_are_one_customer() -> None:
    found = [
        decode({**GOOD, "identifiers": {"user_id": one}})
        for one in (12345, 12345.0, "12345.0", "12345")
    ]
    assert len({one.identifiers[0].hash for one in found}) == 1


def test_a_record_without_identifiers_is_unidentified() -> None:
    assert reason_of(without("identifiers")) == "unidentified"


def test_ignored_identifiers_are_counted_by_reason() -> None:
    decode_ = decoder(PROGRAM, KEY)
    given = {"user_id": "u1", "account": "a", "shoe": 4, "email": "no", "cookie": ["none", "0"]}
    for _ in range(2):
        decode_(record({**GOOD, "identifiers": given}))
    assert decode_.take_counts() == {
        ("cjo_identifiers_ignored_total", "", "undeclared"): 4,
        ("cjo_identifiers_ignored_total", "email", "unusable"): 2,
        ("cjo_identifiers_ignored_total", "cookie", "blocked"): 4,
    }
    assert decode_.take_counts() == {}


def test_an_event_has_at_most_fifty_identifiers() -> None:
    given = {"cookie": [f"c{n}" for n in range(49)], "user_id": "u1"}
    identifiers = event_of(identifiers=given).identifiers
    assert len(identifiers) == 50
    assert identifiers[0].value == "u1"
    for more in ("c49", "c1", "none", 0):
        refused = decode({**GOOD, "identifiers": {**given, "cookie": [*given["cookie"], more]}})
        assert (refused.reason, refused.detail) == ("invalid", "more than 50 identifiers")


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("phone", [f"0170 12{n:05d}" for n in range(50)]),
        ("email", [f"a@{'ü' * 20}{n}.de" for n in range(10)]),
        ("email", [f"a{n}@xn--{'a-' * 100}.de" for n in range(3)]),
        ("cookie", [f"{n}" + "\u0301\u0316" * 300 for n in range(3)]),
    ],
    ids=["phone", "idn", "punycode", "accents"],
)
def test_identifiers_that_take_too_long_are_refused_seen_before_or_not(
    type_: str, values: list[str]
) -> None:
    decode_ = decoder(PROGRAM, KEY)
    one_by_one = [decode_(record({**GOOD, "identifiers": {type_: one}})) for one in values]
    assert not any(getattr(one, "reason", "") == "invalid" for one in one_by_one)
    for known in (decode_, decoder(PROGRAM, KEY)):
        refused = known(record({**GOOD, "identifiers": {type_: values}}))
        assert refused.detail == "the identifiers are too long together"


def test_a_text_longer_than_its_kind_names_nobody() -> None:
    for given in (
        {"email": "a" * 250 + "@b.de"},
        {"phone": "0170 1234567" + " " * 40},
        {"cookie": "c" * 1_001},
    ):
        assert reason_of({**GOOD, "identifiers": given}) == "unidentified"


def test_an_outcome_of_a_known_command_needs_no_identifiers() -> None:
    outcome = {"type": "cjo.outcome", "time": NOW, "attributes": {"action_id": "a"}}
    assert reason_of(outcome) == "event"
    assert reason_of({**outcome, "attributes": {"action": "x"}}) == "unidentified"
    assert reason_of({**outcome, "type": "other"}) == "unidentified"


# --- channel ----------------------------------------------------------------------------------


def test_without_a_topic_the_field_tells_the_channel_and_so_the_format() -> None:
    call = {
        "channel": "app",
        "type": "track",
        "event": "Seen",
        "userId": "u1",
        "timestamp": GOOD["time"],
    }
    assert decode({**GOOD, "channel": "web"}, channel=None).channel == "web"
    assert decode({**GOOD, "channel": "mail"}, channel=None).channel == "mail"
    assert decode(call, channel=None).type == "seen"


@pytest.mark.parametrize("channel", [None, "nowhere", 5, ["web"], {"a": 1}])
def test_an_undeclared_or_missing_channel_is_invalid(channel: Any) -> None:
    assert reason_of({**GOOD, "channel": channel}, channel=None) == "invalid"
    assert reason_of({**GOOD, "channel": channel, "time": []}, channel=None) == "invalid"
    assert reason_of(GOOD, channel=None) == "invalid"


def test_a_refused_record_leaves_no_circles_that_only_the_collector_finds() -> None:
    decode_ = decoder(PROGRAM, KEY)
    bad = [
        {**GOOD, "channel": "app", "time": []},
        {**GOOD, "channel": "web", "time": []},
        {**GOOD, "channel": "nowhere", "time": []},
        {**GOOD, "time": []},
        {"channel": "web"},
        b"{",
    ]
    records = [record(one, channel=None) for one in bad]
    assert all(isinstance(decode_(one), InputError) for one in records)
    while gc.collect():  # what other tests left: finalizers may leave more
        pass
    gc.disable()
    try:
        for one in records * 10:
            decode_(one)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_the_topic_outweighs_the_field() -> None:
    assert event_of(channel="nowhere").channel == "web"


def test_the_outcome_topic_needs_no_channel() -> None:
    outcome = {"type": "cjo.outcome", "time": NOW, "attributes": {"action_id": "a"}}
    topic = "prefix.cjo.outcome.v1"
    assert decode(outcome, channel=None, topic=topic).channel is None
    assert decode({**outcome, "channel": "web"}, channel=None, topic=topic).channel == "web"
    assert reason_of(outcome, channel=None) == "invalid"
    assert reason_of({**GOOD}, channel=None, topic=topic) == "invalid"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b'[{"type": "a"}]', "a JSON list: a record is one JSON object; send each"),
        (b'{"type": "a"}{"type": "b"}', "several JSON objects, one behind the other: a record is"),
        (b' {"type": "a"}\n{"type": ', "several JSON objects"),
        (b"12", "a JSON value that is no object"),
        (b'{"type": "a"} x', "trailing characters"),
    ],
)
@pytest.mark.parametrize("channel", ["web", "app"])
def test_what_is_not_one_object_says_what_it_is(value: bytes, words: str, channel: str) -> None:
    refused = decode(value, channel)
    assert isinstance(refused, InputError)
    assert refused.reason == "malformed"
    assert words in refused.detail
