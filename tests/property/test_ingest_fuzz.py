"""Whatever a producer sends becomes an event or a dead letter, with the reason that holds.

The oracle of form is the standard library's JSON reader, which the decoder does not use.
"""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cjo_stream.core.event import Event
from cjo_stream.core.expression import Names, Place, compile_expression
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, IdentifierType, Input, RowMap
from cjo_stream.core.word import Format
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import decoder

NOW = 1_709_290_000_000
REASONS = ("too_large", "malformed", "unmapped", "invalid", "future", "unidentified")
MAP = RowMap(
    type=compile_expression("row.type", Place.MAP, Names()),
    time=compile_expression("row.time", Place.MAP, Names()),
    identifiers={"user_id": compile_expression("row.userId", Place.MAP, Names())},
    attributes={"all": compile_expression("row.attributes", Place.MAP, Names())},
)
FORMATS = tuple(Format)
DECODE = decoder(
    Program(
        topology="fuzz",
        region="DE",
        channels={
            form: Channel(
                name=form,
                input=Input(topic=form, format=form, maps=(MAP,) if form.has_map else ()),
            )
            for form in FORMATS
        },
        identifiers={
            "user_id": IdentifierType(type="user_id", rank=0),
            "email": IdentifierType(type="email", rank=16, normalise="email"),
            "phone": IdentifierType(type="phone", rank=32, normalise="phone"),
        },
    ),
    b"key",
)
GOOD = {
    "native": {
        "type": "seen",
        "time": NOW,
        "identifiers": {"user_id": "u1", "email": "a@b.de", "phone": "0170 1234567"},
        "attributes": {"a": [1, {"b": -2.5e3}], "c": "é\n"},
    },
    "segment": {
        "type": "track",
        "event": "Seen it",
        "userId": "u1",
        "timestamp": "2024-03-01T10:00:00Z",
        "context": {"device": {"id": "d"}, "traits": {"email": "a@b.de"}},
        "properties": {"a": 1},
    },
    "cloudevents": {
        "specversion": "1.0",
        "type": "a.b",
        "source": "/s",
        "id": "1",
        "time": "2024-03-01T10:00:00Z",
        "data": {"identifiers": {"user_id": "u1"}},
    },
    "mapped": {"type": "seen", "time": NOW, "userId": "u1", "attributes": {"a": [1]}},
    "debezium": {
        "schema": {"fields": [{"field": "after", "fields": [{"field": "a", "type": "int32"}]}]},
        "payload": {
            "after": {"type": "seen", "time": NOW, "userId": "u1", "a": 1},
            "op": "c",
            "ts_ms": NOW,
        },
    },
}

counted = settings(max_examples=300, derandomize=True, deadline=None, database=None)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**17, 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def reason_of(value: bytes, channel: str | None, **fields: Any) -> str:
    """Return the reason, or "event"; whatever comes out must be fit to be sent."""
    record = RawRecord(
        topic="t", topic_id="i", partition=0, offset=0, time=NOW, value=value, channel=channel,
        **fields,
    )  # fmt: skip
    decoded = DECODE(record)
    if isinstance(decoded, InputError):
        assert decoded.reason in REASONS
        decoded.detail.encode()
        return decoded.reason
    if decoded == []:
        return "skipped"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(decoded), type=Event) == decoded
    return "event"


def is_object(text: bytes) -> bool:
    """Return whether the standard library reads a JSON object."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return isinstance(json.loads(text.decode(), parse_constant=refuse), dict)
    except (ValueError, RecursionError):
        return False


@pytest.mark.parametrize("form", FORMATS)
def test_each_good_record_is_an_event(form: str) -> None:
    assert reason_of(json.dumps(GOOD[form]).encode(), form) == "event"


@counted
@given(st.binary(max_size=200), st.sampled_from([*FORMATS, None, "nowhere"]))
def test_random_bytes_are_malformed(value: bytes, channel: str | None) -> None:
    assume(not is_object(value))
    is_tombstone = channel == "debezium" and (not value or value.strip() == b"null")
    assert reason_of(value, channel) == ("skipped" if is_tombstone else "malformed")


@counted
@given(st.data(), st.sampled_from([*FORMATS]), st.booleans())
def test_any_value_in_any_field_is_judged(data: st.DataObject, form: str, by_topic: bool) -> None:
    record: dict[str, Any] = json.loads(json.dumps(GOOD[form]))
    record["channel"] = form
    spots = [(record, name) for name in [*record, "id", "messageId", "data_base64"]]
    for name in ("identifiers", "attributes", "context", "properties", "data"):
        inner = record.get(name)
        if isinstance(inner, dict):
            spots += [(inner, key) for key in inner]
    for parent, key in data.draw(st.lists(st.sampled_from(spots), min_size=1, max_size=3)):
        parent[key] = data.draw(documents)
    value = json.dumps(record, ensure_ascii=data.draw(st.booleans())).encode()
    assert reason_of(value, form if by_topic else None) not in ("malformed", "too_large")


@counted
@given(
    st.sampled_from(FORMATS),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=3),
    st.booleans(),
)
def test_a_broken_record_is_malformed_where_its_form_is(
    form: str, breaks: list[tuple[int, int]], by_topic: bool
) -> None:
    value = bytearray(json.dumps({**GOOD[form], "channel": form}, ensure_ascii=False).encode())
    for at, byte in breaks:
        value[at % len(value)] = byte
    text = bytes(value)
    reason = reason_of(text, form if by_topic else None)
    assert (reason == "malformed") == (not is_object(text))


@counted
@given(st.integers(1, 300), st.lists(st.integers(0, 2000), max_size=3), st.integers(0))
@example(65, [], 0)
@example(129, [], 0)
def test_depth_is_told_from_form(depth: int, cuts: list[int], seed: int) -> None:
    pick, text = random.Random(seed), "1"
    for _ in range(depth):
        side = pick.choice(["", '"]",', "[[]],", "2,"])
        text = f"[{side}{text}]" if pick.random() < 0.5 else f'{{"[{{": {text}, "b": [0]}}'
    text = '{"attributes": ' + text + "}"
    for cut in cuts:
        text = text[: cut % len(text)] + text[cut % len(text) + 1 :]
    expected = "invalid" if is_object(text.encode()) else "malformed"
    assert reason_of(text.encode(), "native") == expected


@counted
@given(st.binary(max_size=60), st.dictionaries(st.text(max_size=9), st.binary(max_size=9)))
def test_any_headers_are_judged(value: bytes, headers: dict[str, bytes]) -> None:
    given = (("ce_specversion", b"1.0"), *((f"ce_{name}", v) for name, v in headers.items()))
    assert reason_of(value, "cloudevents", headers=given) != "event"


@pytest.mark.parametrize("form", FORMATS)
def test_numbers_that_nothing_holds_end_as_dead_letters(form: str) -> None:
    good = json.dumps({**GOOD[form], "channel": form})
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "00"):
        for name in GOOD[form]:
            value = json.dumps({**GOOD[form], name: "HERE"}).replace('"HERE"', number).encode()
            assert reason_of(value, form) != "event"
    assert reason_of(good.encode().ljust(300 * 1024), form) == "too_large"
    for encoding in ("utf-16", "utf-32", "utf-8-sig"):
        assert reason_of(good.encode(encoding), form) == "malformed"
