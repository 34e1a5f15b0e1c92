"""Trace contexts of records' headers, by the rules of W3C Trace Context."""

from __future__ import annotations

import pytest

from cjo_stream.core.event import Event, Traced
from cjo_stream.definition import load
from cjo_stream.engine.port import RawRecord
from cjo_stream.ingest import decoder
from cjo_stream.ingest.trace import TraceReader, read_parent, read_state
from tests.world import TOPOLOGY

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
VALID = f"00-{TRACE}-{PARENT}-01"
NOW = 1_772_323_200_000


def record(*headers: tuple[str, bytes]) -> RawRecord:
    value = b'{"type": "cart", "time": %d, "identifiers": {"user": "u1"}}' % NOW
    return RawRecord("t", "id", 0, 7, NOW, value, headers=headers, channel="web")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (VALID, VALID),
        (f"00-{TRACE}-{PARENT}-00", f"00-{TRACE}-{PARENT}-00"),
        (f"00-{TRACE}-{PARENT}-03", f"00-{TRACE}-{PARENT}-03"),
        (f"01-{TRACE}-{PARENT}-01", VALID),
        (f"cc-{TRACE}-{PARENT}-09-more-of-it", VALID),
        (f"cc-{TRACE}-{PARENT}-08-", f"00-{TRACE}-{PARENT}-00"),
    ],
)
def test_a_valid_context_is_taken_as_version_00(given: str, read: str) -> None:
    assert read_parent(given.encode()) == read


@pytest.mark.parametrize(
    "given",
    [
        "",
        "rubbish",
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01-",
        f"cc-{TRACE}-{PARENT}-01more",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-0x",
        f" {VALID}",
        f"{VALID}\n",
        VALID.replace("0", "٠"),
    ],
)
def test_what_is_not_valid_is_none(given: str) -> None:
    assert read_parent(given.encode()) is None


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ([], ""),
        ([b""], ""),
        ([b"a=1"], "a=1"),
        ([b"a=1,b=2", b"c=3"], "a=1,b=2,c=3"),
        ([b" a=1\t, ,b=2 "], "a=1,b=2"),
        ([b"fw529a3039@dt=FfD, 0x@vendor=!~"], "fw529a3039@dt=FfD,0x@vendor=!~"),
        ([b"a=" + b"x" * 256], "a=" + "x" * 256),
        ([b"a=" + b"x" * 257], None),
        ([b"a=1,a=2"], None),
        ([b"A=1"], None),
        ([b"a"], None),
        ([b"a="], None),
        ([b"a=b=c"], None),
        ([b"a=\xc3\xa9"], None),
        ([b"a=1\n"], None),
        ([b"a=1" + b"," * 8_189], "a=1"),
        ([b"a=1" + b"," * 8_190], None),
        (
            [",".join(f"k{n}=v" for n in range(32)).encode()],
            ",".join(f"k{n}=v" for n in range(32)),
        ),
        ([",".join(f"k{n}=v" for n in range(33)).encode()], None),
        ([b"a=" + b"x" * 254 + b",b=" + b"x" * 256], None),
    ],
)
def test_a_state_is_taken_whole_or_not_at_all(given: list[bytes], read: str | None) -> None:
    assert read_state(given) == read


@pytest.mark.parametrize(
    ("headers", "received", "counted"),
    [
        ([], NOW, {}),
        ([("other", b"x"), ("tracestate", b"a=1")], NOW, {}),
        ([("traceparent", VALID.encode())], Traced(NOW, VALID), {"accepted": 1}),
        (
            [("traceparent", VALID.encode()), ("tracestate", b"a=1"), ("tracestate", b"b=2")],
            Traced(NOW, VALID, "a=1,b=2"),
            {"accepted": 1},
        ),
        (
            [("tracestate", b"A"), ("traceparent", VALID.encode())],
            Traced(NOW, VALID),
            {"without_state": 1},
        ),
        ([("traceparent", b"no"), ("tracestate", b"a=1")], NOW, {"malformed": 1}),
        ([("traceparent", VALID.encode())] * 2, NOW, {"malformed": 1}),
    ],
)
def test_an_event_has_the_context_of_its_record(
    headers: list[tuple[str, bytes]], received: int | Traced, counted: dict[str, int]
) -> None:
    traces = TraceReader()
    decode = decoder(load(TOPOLOGY).program, b"a key for tests", traces=traces)
    event = decode(record(*headers))
    assert isinstance(event, Event)
    assert event.received == received
    assert event.received_at == NOW
    assert traces.take_counts() == {
        ("cjo_trace_contexts_total", result): n for result, n in counted.items()
    }
    assert traces.take_counts() == {}
    assert traces.take() == ([received.traceparent] if isinstance(received, Traced) else [])
    assert traces.take() == []


def test_a_record_of_several_events_counts_once() -> None:
    traces = TraceReader()
    raw = record(("traceparent", VALID.encode()))
    assert traces.received(raw) is traces.received(raw)
    traces.received(record(("traceparent", VALID.encode())))
    assert traces.take_counts() == {("cjo_trace_contexts_total", "accepted"): 2}


def test_without_a_reader_headers_are_not_read() -> None:
    decode = decoder(load(TOPOLOGY).program, b"a key for tests")
    event = decode(record(("traceparent", VALID.encode())))
    assert isinstance(event, Event)
    assert event.received == NOW
