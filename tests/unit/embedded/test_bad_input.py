"""Bad input, embedded: each a dead letter with its reason, and everything else goes on."""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.message import Deliver
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.run import Summary, feed, finish
from cjo_stream.engine.port import DecodedRecord, RawRecord
from cjo_stream.ingest import decoder
from tests.world import HOSTILE
from tests.world.handling import Handler, wrap_handlers

DEFINITIONS = load(HOSTILE)
START_MS = 1_772_323_200_000
SECRET = "secret-of-a-customer"


@pytest.fixture(autouse=True)
def nothing_of_a_customer_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which any log line holds a customer's value."""
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text


def event(**changes: object) -> bytes:
    base = {"type": "ping", "time": START_MS, "identifiers": {"user": "ada"}, "attributes": {}}
    return json.dumps({**base, **changes}).encode()


def run(
    out: Path, values: Sequence[bytes], *, channel: str | None = "web", partitions: int = 1
) -> tuple[Summary, list[dict[str, Any]]]:
    """Run raw records through the embedded engine; return its summary and dead letters."""
    decode = decoder(DEFINITIONS.program, b"key")

    def decoded() -> Iterator[DecodedRecord]:
        for offset, value in enumerate(values):
            record = RawRecord("t", "id", 0, offset, START_MS, value, channel=channel)
            yield record, decode(record)

    with open_installation(DEFINITIONS, out, state=None, partitions=partitions) as installation:
        assert feed(installation, "lane", decoded()) == len(values)
        summary = finish(installation, 1.0)
    lines = (out / "dead_letters.jsonl").read_bytes().splitlines()
    letters = [json.loads(line) for line in lines]
    assert len(letters) == summary.dead_letters
    assert not [letter for letter in letters if SECRET in letter["detail"]]
    return summary, letters


REASONS: list[tuple[str, bytes]] = [
    ("too_large", event(attributes={"x": SECRET * 15_000})),
    ("malformed", b'{"type": "' + SECRET.encode()),
    ("invalid", event(type=SECRET.upper())),
    ("future", event(time=START_MS + 25 * 3_600_000, attributes={"x": SECRET})),
    ("unidentified", event(identifiers={"nobody": SECRET})),
    ("loop", event(type="spin")),
    ("failed", event(type="boom", attributes={"x": SECRET})),
]


@pytest.mark.parametrize("partitions", [1, 3])
def test_each_reason_is_said_once_and_what_is_good_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, partitions: int
) -> None:
    def faulty(good: Handler) -> Handler:
        def handle(key: str, state: Any, message: Deliver, turn: Turn) -> Any:
            if message.event.type == "boom":
                raise ValueError(message.event.attributes["x"])
            return good(key, state, message, turn)

        return handle

    wrap_handlers(monkeypatch, Deliver, faulty)
    values = [event()]
    for _, value in REASONS:
        values += [value, event(identifiers={"user": "eve"})]
    summary, letters = run(tmp_path / "out", values, partitions=partitions)
    assert [(x["reason"], x["offset"]) for x in letters] == [
        (reason, 1 + 2 * n) for n, (reason, _) in enumerate(REASONS)
    ]
    assert summary.customers == 2
    assert summary.events == 1 + len(REASONS) + 1  # those that loop have had their effect
    refused = [x["value"].encode() for x in letters if x["reason"] in ("malformed", "future")]
    assert refused == [REASONS[1][1], REASONS[3][1]]


def test_what_a_map_gives_no_event_for_is_unmapped(tmp_path: Path) -> None:
    value = json.dumps({"user": "ada", "note": SECRET}).encode()
    _, letters = run(tmp_path / "out", [value], channel="till")
    assert [letter["reason"] for letter in letters] == ["unmapped"]
    assert letters[0]["value"].encode() == value


HOSTILE: list[tuple[str, bytes]] = [
    ("malformed", b""),
    ("malformed", b"\x00"),
    ("malformed", b"null"),
    ("malformed", b"[]"),
    ("malformed", b'"' + SECRET.encode() + b'"'),
    ("malformed", b"1e400"),
    ("malformed", b"[" * 100_000),
    ("malformed", b'{"a":' * 40_000),
    ("malformed", b'{"type":"ping","time":NaN}'),
    ("malformed", b'{"type":"ping","time":Infinity}'),
    ("malformed", event().decode().encode("utf-16")),
    ("malformed", event().decode().encode("utf-32")),
    ("malformed", event(attributes={"x": "Zürich"}).replace(b"\\u00fc", b"\xfc")),
    ("malformed", b"\xef\xbb\xbf" + event()),
    ("malformed", event() + event()),
    ("malformed", event()[:-1]),
    ("invalid", b"{}"),
    ("invalid", event(time=None)),
    ("invalid", event(time="yesterday " + SECRET)),
    ("invalid", event(time=-(10**30))),
    ("unidentified", event(identifiers={"user": None})),
    ("invalid", event(identifiers={"user": {"x": SECRET}})),
    ("invalid", event(identifiers={"user": True})),
    ("invalid", event(identifiers=[SECRET])),
    ("invalid", event(identifiers={"user": [f"{SECRET}{n}" for n in range(500)]})),
    ("invalid", event(id="")),
    ("invalid", event(id="x" * 201)),
    ("invalid", event(id=7)),
    ("invalid", event(type="")),
    ("invalid", event(type="x" * 101)),
    ("invalid", event(attributes=SECRET)),
    ("invalid", event(attributes={"x": [[[[[[1]]]]]]})),
    ("invalid", event(attributes={"x": SECRET * 4_000})),
    ("future", event(time="9999-12-31T23:59:59Z")),
    ("unidentified", event(identifiers={})),
    ("unidentified", event(identifiers={"user": []})),
    ("unidentified", event(identifiers={"user": "n/a"})),
    ("unidentified", event(identifiers={"user": "x" * 10_000})),
    ("too_large", b" " * (300 * 1024)),
    ("too_large", event(attributes={"x": "x" * (300 * 1024)})),
]


@pytest.mark.parametrize("partitions", [1, 3])
def test_hostile_records_are_refused_one_by_one_among_good_ones(
    tmp_path: Path, partitions: int
) -> None:
    values = [part for _, value in HOSTILE for part in (value, event())]
    summary, letters = run(tmp_path / "out", values, partitions=partitions)
    assert [(x["offset"], x["reason"]) for x in letters] == [
        (2 * n, reason) for n, (reason, _) in enumerate(HOSTILE)
    ]
    assert (summary.events, summary.customers) == (len(HOSTILE), 1)


ODD: list[bytes] = [
    event(attributes={"x": 2**63 - 1, "y": -(2**63), "z": 1e308, "w": 5e-324, "v": -0.0}),
    event(attributes={"x": [[[[1]]]]}),
    event(attributes={"\x00": "\x00", "": "", "\U0001f600": "\ud83d\ude00"}),
    event(attributes={f"k{n}": n for n in range(2_000)}),
    event(identifiers={"user": [f"u{n}" for n in range(50)]}),
    event(identifiers={"user": 10**15, "nobody": "x"}),
    event(identifiers={"user": "\u202e\u0000 ada \n"}),
    event(time=-62_135_596_800_000),
    event(time="0001-01-01T00:00:00Z"),
    event(nobody_asked={"deep": [[[[[[[[1]]]]]]]]}),
]


def test_odd_but_lawful_events_have_their_effect(tmp_path: Path) -> None:
    summary, letters = run(tmp_path / "out", ODD)
    assert letters == []
    assert summary.events == len(ODD)


def mutated(draw: random.Random, value: bytes) -> bytes:
    """Return `value` with some of its bytes changed, cut, or doubled."""
    data = bytearray(value)
    for _ in range(draw.randrange(1, 6)):
        at = draw.randrange(len(data) or 1)
        match draw.randrange(4):
            case 0 if data:
                data[min(at, len(data) - 1)] = draw.randrange(256)
            case 1:
                del data[at : at + draw.randrange(1, 9)]
            case 2:
                data[at:at] = draw.randbytes(draw.randrange(1, 9))
            case _:
                data[at:at] = data[at : at + 12]
    return bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("channel", ["web", "till", None])
def test_random_bytes_stop_nothing_and_every_record_is_accounted_for(
    tmp_path: Path, channel: str | None
) -> None:
    draw = random.Random(7)
    whole = [
        event(channel="web", attributes={"note": SECRET, "total": 3}),
        event(channel="till", type="spin"),
        json.dumps({"user": SECRET, "kind": "ping", "ts": START_MS}).encode(),
    ]
    values = [draw.randbytes(draw.randrange(0, 400)) for _ in range(500)]
    values += [mutated(draw, draw.choice(whole)) for _ in range(2_500)]
    summary, letters = run(tmp_path / "out", values, channel=channel)
    reasons = Counter(letter["reason"] for letter in letters)
    looped = reasons.pop("loop", 0)
    assert summary.events + summary.repeated + reasons.total() == 3_000
    assert looped <= summary.events
    assert reasons["malformed"] >= 500
    assert set(reasons) <= {"malformed", "invalid", "unmapped", "future", "unidentified"}
