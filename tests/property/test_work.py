"""What one record costs is bounded by its size: no record holds up those behind it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cjo_stream.core.word import Format
from cjo_stream.definition import load
from tests.property.work import FORMS, RATIO_MAX, START_MS, TOPOLOGY, Meter, dearest

RECORDS = 300
WHEN = "2024-03-01T10:00:00Z"
ACCENTS = "\u0301\u0316" * 15_000


def native(**fields: object) -> bytes:
    given = {"type": "seen", "time": START_MS, "identifiers": {"user_id": "u"}, **fields}
    return json.dumps(given, ensure_ascii=False).encode()


def call(**fields: object) -> bytes:
    given = {"type": "track", "event": "seen", "userId": "u", "timestamp": WHEN, **fields}
    return json.dumps(given, ensure_ascii=False).encode()


POISON = {
    "a string that never closes": ("native", b"[" * 65 + b'"' + b'\\"' * 100_000),
    "brackets that never close": ("native", b"[" * 250_000),
    "brackets without end": ("native", b'{"a":' + b"[" * 120_000 + b"]" * 120_000 + b"}"),
    "brackets at the bound": ("native", b'{"a":[' + b"[" * 62 + b"[],0," * 40_000),
    "phone numbers": (
        "native",
        native(identifiers={"phone": [f"0170{n:07d}" for n in range(9_000)]}),
    ),
    "cookies": ("native", native(identifiers={"cookie": [f"{n}" for n in range(20_000)]})),
    "e-mail addresses": ("rows", native(email=[f"a{n}@b.de" for n in range(9_000)])),
    "one long phone number": ("native", native(identifiers={"phone": "12" + "  " * 120 + "x"})),
    "a name of accents": ("segment", call(event=ACCENTS)),
    "traits": ("segment", call(type="identify", traits={f"aB{n}": 1 for n in range(18_000)})),
    "external ids": (
        "segment",
        call(context={"externalIds": [{"type": f"aB{n}", "id": 1} for n in range(8_000)]}),
    ),
    "accents in an identifier": ("native", native(identifiers={"cookie": [ACCENTS[:1_000]] * 50})),
    "accents in a text": ("native", native(attributes={"a": ACCENTS, "b": ACCENTS[1:], "c": []})),
    "a part in a text": (
        "native",
        native(attributes={"a": "a" * 2_400, "b": "a" * 1_100 + "ba", "c": ["a" * 500] * 50}),
    ),
    "lists that nearly equal": (
        "native",
        native(attributes={"a": "x", "b": [0] * 10_000, "c": [*[0] * 9_999, 1]}),
    ),
    "empty objects": (
        "rows",
        native(id=1, user_id="u", email="a@b.de", a="x", b=["x", "y"], c=[1, [{}] * 58_000]),
    ),
    "digits": ("native", native(attributes={"a": [int("9" * 4_000)] * 60})),
}


@pytest.fixture
def meter(tmp_path: Path) -> Meter:
    return Meter(tmp_path)


def test_records_of_every_format_are_grown(tmp_path: Path) -> None:
    (tmp_path / "work.yaml").write_text(TOPOLOGY)
    channels = load(tmp_path).program.channels
    assert {channels[form].input.format for form in FORMS} == set(Format), (
        "tests/property/work.py: add a channel of the new format to TOPOLOGY, its name to FORMS, "
        "and a record to _record"
    )


@pytest.mark.parametrize("name", POISON)
def test_what_held_up_intake_once_costs_little(meter: Meter, name: str) -> None:
    form, value = POISON[name]
    found = meter.compare(form, value)
    assert found.ratio <= RATIO_MAX, found


@pytest.mark.slow
def test_no_grown_record_costs_more_than_twenty_ordinary_ones(meter: Meter) -> None:
    worst = dearest(meter, 7, RECORDS)[0]
    assert worst.ratio <= RATIO_MAX, worst
