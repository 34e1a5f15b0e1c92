"""Segment calls, CloudEvents and mapped rows become the same events as native ones."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import pytest

from cjo_stream.core.expression import Expression, Names, Place, compile_expression
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, IdentifierType, Input, RowMap
from cjo_stream.core.word import Format
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import decoder
from cjo_stream.ingest.decoder import READERS

NOW = 1_709_290_000_000
TIME = "2024-03-01T10:00:00Z"
TIME_MS = 1_709_287_200_000
TYPES = ("user_id", "loyalty_id", "email", "device", "cookie")


def expression(text: str) -> Expression:
    return compile_expression(text, Place.MAP, Names())


def expressions(**texts: str) -> dict[str, Expression]:
    return {name: expression(text) for name, text in texts.items()}


MAP = RowMap(
    id=expression("row.receipt"),
    type=expression("'order_placed' if row.kind == 'sale' else row.other"),
    time=expression("row.ts"),
    identifiers=expressions(loyalty_id="row.card", cookie="row.cookie"),
    attributes=expressions(
        total="float(row.sum)", goods="row.goods", big="row.n", text="row.t", again="row.t"
    ),
)


def program(form: str) -> Program:
    taken = Input(topic="raw", format=form, maps=(MAP,) if Format(form).has_map else ())
    return Program(
        topology="shop",
        channels={"in": Channel(name="in", input=taken)},
        identifiers={
            name: IdentifierType(type=name, rank=rank) for rank, name in enumerate(TYPES)
        },
    )


@cache
def decoder_of(form: str) -> Any:
    return decoder(program(form), b"k")


def decode(form: str, value: Any, headers: dict[str, str] | None = None) -> Any:
    record = RawRecord(
        topic="raw",
        topic_id="i",
        partition=0,
        offset=3,
        time=NOW,
        value=value if isinstance(value, bytes) else json.dumps(value).encode(),
        headers=tuple((name, text.encode()) for name, text in (headers or {}).items()),
        channel="in",
    )
    return decoder_of(form)(record)


def reason_of(form: str, value: Any, headers: dict[str, str] | None = None) -> str:
    decoded = decode(form, value, headers)
    return decoded.reason if isinstance(decoded, InputError) else "event"


def pairs(event: Any) -> list[tuple[str, str]]:
    return [(one.type, one.value) for one in event.identifiers]


# --- Segment ----------------------------------------------------------------------------------


def call(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": TIME, "messageId": "m1", "userId": "u1", **fields}


def test_a_track_call_is_an_event_of_its_name() -> None:
    given = call("track", event="Order Completed", properties={"total": 5, "orderId": "o"})
    event = decode("segment", given)
    assert (event.type, event.time, event.id) == ("order_completed", TIME_MS, "m1")
    assert event.attributes == {"total": 5, "orderId": "o"}
    assert decode("segment", call("track", event="order.completed")).type == "order.completed"


def test_names_in_any_script_are_event_types_of_their_own() -> None:
    names = [
        "테스트",
        "Order 주문",
        "Order 취소",
        "Order",
        "Ærø",
        "2nd Purchase",
        "Año",
        "Ano",
        "🎉",
    ]
    types = [decode("segment", call("track", event=name)).type for name in names]
    assert len(set(types)) == len(names)
    assert types[1] == "order_jumun__f5bf1a41175d"
    assert types[3] == "order"


def test_an_empty_object_may_be_an_empty_list() -> None:
    context = {"device": [], "traits": []}
    given = call("identify", traits=[], context=context)
    assert decode("segment", given).attributes == {}
    assert decode("segment", call("track", event="seen", properties=[])).attributes == {}
    assert decode("segment", call("track", event="seen", context=[])).type == "seen"


def test_no_trait_takes_the_place_of_another() -> None:
    traits = {"firstName": "A", "first_name": "B", "имя": "C", "名": "D", "First Name": "B"}
    assert decode("segment", call("identify", traits=traits)).attributes == {
        "first_name": "B",
        "firstName": "A",
        "имя": "C",
        "名": "D",
    }


@pytest.mark.parametrize("form", ["segment", "native", "cloudevents", "mapped"])
@pytest.mark.parametrize(
    "half", [r"\ud83d", r"\uDE00", r"\ud83d\ud83d", r"\\\uD83Dx", r"\ud83d\n"]
)
def test_half_of_a_surrogate_pair_is_replaced(form: str, half: str) -> None:
    given = {
        "segment": call("track", event="seen", properties={"t": "HALF"}),
        "native": {
            "type": "seen",
            "time": TIME,
            "identifiers": {"user_id": "u1"},
            "attributes": {"t": "HALF"},
        },
        "cloudevents": {**CONTEXT, "data": {**DATA, "t": "HALF"}},
        "mapped": {**ROW, "t": "HALF"},
    }[form]
    event = decode(form, json.dumps(given).replace("HALF", rf"\ud83d\ude00{half}").encode())
    text = half.replace("\\\\", "/").replace("\\n", "\n")
    for escape in (r"\ud83d", r"\uDE00", r"\uD83D"):
        text = text.replace(escape, "\ufffd")
    read = event.attributes["text" if form == "mapped" else "t"]
    assert read == "😀" + text.replace("/", "\\")


def test_identifiers_that_lost_a_character_name_nobody() -> None:
    given = json.dumps(call("track", event="seen", userId="a\ud83d")).encode()
    assert reason_of("segment", given) == "unidentified"


def test_an_identify_call_tells_facts_and_identifiers() -> None:
    traits = {"firstName": "Ann", "email": "ann@example.com", "loyaltyId": 9, "device": {"x": 1}}
    event = decode("segment", call("identify", traits=traits))
    assert event.type == "cjo.profile"
    assert event.attributes["first_name"] == "Ann"
    assert pairs(event) == [
        ("user_id", "u1"),
        ("loyalty_id", "9"),
        ("email", "ann@example.com"),
    ]


def test_page_and_screen_calls_carry_their_name() -> None:
    event = decode("segment", call("page", name="Home", category=None, properties={"url": "/"}))
    assert (event.type, event.attributes) == ("page", {"url": "/", "name": "Home"})
    event = decode("segment", call("screen", name="Home", properties={"name": "own"}))
    assert (event.type, event.attributes) == ("screen", {"name": "own"})


def test_a_group_call_has_the_groups_traits_and_not_its_identifiers() -> None:
    event = decode("segment", call("group", groupId="g", traits={"email": "office@example.com"}))
    assert event.attributes == {"email": "office@example.com", "group_id": "g"}
    assert pairs(event) == [("user_id", "u1")]


def test_an_alias_call_names_both_sides() -> None:
    event = decode("segment", call("alias", previousId="c1", anonymousId="c1"))
    assert (event.type, event.attributes) == ("alias", {})
    assert pairs(event) == [("user_id", "u1"), ("cookie", "c1")]


def test_the_context_names_device_and_traits() -> None:
    context = {
        "device": {"id": "d1", "model": "x", "token": "t"},
        "traits": {"email": "ann@example.com"},
        "externalIds": [{"type": "loyaltyId", "id": "l1"}, {"type": 5}, "x"],
    }
    given = call("track", event="seen", userId=None, anonymousId="a", context=context)
    assert pairs(decode("segment", given)) == [
        ("loyalty_id", "l1"),
        ("email", "ann@example.com"),
        ("device", "d1"),
        ("cookie", "a"),
    ]


def test_the_first_time_there_is_counts() -> None:
    given = call("track", event="seen", timestamp=None, sentAt=TIME, receivedAt="never")
    assert decode("segment", given).time == TIME_MS


@pytest.mark.parametrize(
    ("reason", "given"),
    [
        ("unmapped", {"type": "heartbeat"}),
        ("unmapped", {}),
        ("unmapped", {"type": ["track"]}),
        ("malformed", []),
        ("invalid", call("track")),
        ("invalid", call("track", event="")),
        ("invalid", call("track", event=" - ")),
        ("invalid", call("track", event="x" * 1_001)),
        ("invalid", call("track", event="half a pair \ud83d")),
        ("invalid", call("track", event="order_jumun__f5bf1a41175d")),
        ("invalid", call("track", event="seen", timestamp=None)),
        ("invalid", call("track", event="seen", properties=[5])),
        ("invalid", call("track", event="seen", context="x")),
        ("invalid", call("track", event="seen", messageId="")),
        ("invalid", call("track", event="seen", userId={"a": 1})),
        ("invalid", call("page", context={"device": 1})),
        ("unidentified", call("track", event="seen", userId=None)),
        ("event", call("track", event="seen", properties=None, context=None, integrations=5)),
    ],
)
def test_a_segment_call_that_is_none_is_refused(reason: str, given: Any) -> None:
    assert reason_of("segment", given) == reason


# --- CloudEvents ------------------------------------------------------------------------------

CONTEXT = {
    "specversion": "1.0",
    "type": "com.example.order_placed",
    "source": "/carts/1",
    "id": "7",
    "time": TIME,
}
DATA = {"total": 5, "identifiers": {"user_id": "u1"}}


def test_a_structured_cloudevent_is_an_event() -> None:
    event = decode("cloudevents", {**CONTEXT, "data": DATA})
    assert (event.type, event.time, event.id) == (CONTEXT["type"], TIME_MS, "/carts/1 7")
    assert event.attributes == {"total": 5}
    assert pairs(event) == [("user_id", "u1")]


def test_both_modes_give_the_same_event() -> None:
    headers = {f"ce_{name}": value for name, value in CONTEXT.items()}
    binary = decode("cloudevents", DATA, {**headers, "content-type": "application/json"})
    assert binary == decode("cloudevents", {**CONTEXT, "data": DATA})
    structured = {"content-type": "application/cloudevents+json; charset=UTF-8"}
    assert decode("cloudevents", {**CONTEXT, "data": DATA}, structured) == binary


def test_extension_attributes_name_identifiers_where_the_data_does_not() -> None:
    given = {**CONTEXT, "userid": "u1", "cookie": 5, "data": {"total": 5}}
    assert pairs(decode("cloudevents", given)) == [("user_id", "u1"), ("cookie", "5")]
    headers = {f"ce_{name}": value for name, value in {**CONTEXT, "userid": "u1"}.items()}
    event = decode("cloudevents", b"", headers)
    assert (pairs(event), event.attributes) == ([("user_id", "u1")], {})


def test_an_attribute_that_is_null_is_unset() -> None:
    given = {**CONTEXT, "userid": "u1", "cookie": None, "data_base64": None, "data": None}
    assert pairs(decode("cloudevents", given)) == [("user_id", "u1")]
    assert reason_of("cloudevents", {**given, "time": None}) == "invalid"
    assert reason_of("cloudevents", {**given, "specversion": None}) == "unmapped"


def test_data_in_base64_is_read() -> None:
    encoded = base64.b64encode(json.dumps(DATA).encode()).decode()
    assert decode("cloudevents", {**CONTEXT, "data_base64": encoded}).attributes == {"total": 5}


def test_a_long_source_still_tells_events_apart() -> None:
    long = {**CONTEXT, "source": "x" * 300, "data": DATA}
    one, other = decode("cloudevents", long), decode("cloudevents", {**long, "id": "8"})
    assert one.own_id
    assert len(one.id) == len(other.id) == 64
    assert one.id != other.id


@pytest.mark.parametrize(
    ("reason", "given", "headers"),
    [
        ("unmapped", {**CONTEXT, "specversion": "0.3", "data": DATA}, {}),
        ("unmapped", {"type": "a"}, {}),
        ("unmapped", {**CONTEXT}, {"content-type": "application/cloudevents-batch+json"}),
        ("malformed", b"<xml/>", {"ce_specversion": "1.0"}),
        ("malformed", b"[]", {}),
        ("invalid", {**CONTEXT, "data": "<xml/>"}, {}),
        ("invalid", {**CONTEXT, "data_base64": "?"}, {}),
        ("invalid", {**CONTEXT, "data_base64": 5}, {}),
        ("invalid", {**CONTEXT, "data_base64": "é"}, {}),
        ("invalid", {**CONTEXT, "data_base64": "eA=="}, {}),
        ("invalid", {**CONTEXT, "source": ""}, {}),
        ("invalid", {**CONTEXT, "id": 7}, {}),
        ("invalid", {**CONTEXT, "type": None}, {}),
        ("invalid", {**CONTEXT, "time": 7}, {}),
        ("invalid", {name: CONTEXT[name] for name in CONTEXT if name != "time"}, {}),
        ("invalid", {**CONTEXT, "data": {"identifiers": []}}, {}),
        ("unidentified", CONTEXT, {}),
        ("unidentified", {**CONTEXT, "data": {"identifiers": {}}, "userid": "u1"}, {}),
    ],
)
def test_a_cloudevent_that_is_none_is_refused(
    reason: str, given: Any, headers: dict[str, str]
) -> None:
    assert reason_of("cloudevents", given, headers) == reason


def test_a_header_that_is_no_utf8_is_malformed() -> None:
    record = RawRecord(
        "raw", "i", 0, 3, NOW, b"{}", headers=(("ce_specversion", b"\xff"),), channel="in"
    )
    decoded = decoder_of("cloudevents")(record)
    assert isinstance(decoded, InputError)
    assert decoded.reason == "malformed"


# --- mapped -----------------------------------------------------------------------------------

ROW = {"kind": "sale", "receipt": 17, "ts": TIME, "card": "l1", "sum": "12.5"}


def test_a_row_is_an_event_by_the_map() -> None:
    event = decode("mapped", {**ROW, "goods": [{"sku": 1}]})
    assert (event.type, event.time, event.id) == ("order_placed", TIME_MS, "17")
    assert event.own_id
    assert event.attributes == {"total": 12.5, "goods": [{"sku": 1}]}
    assert pairs(event) == [("loyalty_id", "l1")]


@pytest.mark.parametrize("receipt", [None, ""])
def test_an_absent_id_is_made_of_the_coordinates(receipt: str | None) -> None:
    event = decode("mapped", {**ROW, "receipt": receipt})
    assert (event.id, event.own_id) == ("raw/0/3", False)


def test_a_mapped_time_may_be_any_number() -> None:
    assert decode("mapped", {**ROW, "ts": TIME_MS + 0.9}).time == TIME_MS
    assert decode("mapped", {**ROW, "ts": TIME_MS}).time == TIME_MS
    assert decode("mapped", {**ROW, "ts": "2024-03-01 10:00:00.000+00:00"}).time == TIME_MS


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("unmapped", {"kind": "return"}),
        ("unmapped", {"ts": None}),
        ("invalid", {"kind": "return", "other": "Not A Type"}),
        ("invalid", {"kind": "return", "other": 5}),
        ("invalid", {"ts": "yesterday"}),
        ("invalid", {"ts": True}),
        ("invalid", {"receipt": [1]}),
        ("invalid", {"card": {"a": 1}}),
        ("unidentified", {"card": [None]}),
        ("invalid", {"goods": [[[[[]]]]]}),
        ("invalid", {"n": 2**64}),
        ("invalid", {"t": "x" * 40_000}),
        ("event", {"t": "x" * 30_000}),
        ("event", {"n": 1e300}),
        ("event", {"sum": "no number"}),
        ("future", {"ts": NOW + 10**9}),
        ("unidentified", {"card": None}),
        ("unidentified", {"card": ""}),
    ],
)
def test_a_row_that_is_no_event_is_refused(reason: str, changes: dict[str, Any]) -> None:
    assert reason_of("mapped", {**ROW, **changes}) == reason


def test_every_format_has_a_reader() -> None:
    assert set(READERS) == set(Format)
