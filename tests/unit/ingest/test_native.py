"""Fields that native events have beside those of their form, and which field each is meant as."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from cjo_stream.core.likeness import surely
from cjo_stream.engine.port import RawRecord
from cjo_stream.ingest.format import native
from cjo_stream.ingest.format.native import Loose, meant


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("atributes", "attributes"),
        ("Attributes", "attributes"),
        ("properties", "attributes"),
        ("eventId", "id"),
        ("message_id", "id"),
        ("identifier", "identifiers"),
        ("chanel", "channel"),
        ("attribution", None),
        ("identities", None),
        ("channel_type", None),
        ("tenant", None),
        ("x" * 1_000, None),
    ],
)
def test_a_field_is_meant_as_what_it_misspells_or_is_called_elsewhere(
    name: str, field: str | None
) -> None:
    assert meant(name) == field


FIELDS = {
    "type": "a",
    "time": 5,
    "identifiers": {},
    "id": "e1",
    "attributes": {},
    "channel": "web",
}


@pytest.mark.parametrize("lacking", [(), ("id",), ("attributes", "channel")])
def test_a_name_is_compared_with_the_fields_that_its_event_lacks(
    monkeypatch: pytest.MonkeyPatch, lacking: tuple[str, ...]
) -> None:
    """Names may be new in every event, and no such event is to take long."""
    compared: list[tuple[str, Sequence[str]]] = []

    def counted(name: str, words: Sequence[str]) -> str | None:
        compared.append((name, words))
        return surely(name, words)

    monkeypatch.setattr(native, "surely", counted)
    fields = {name: value for name, value in FIELDS.items() if name not in lacking}
    names = ["Id", "props", "tenant"]
    event = json.dumps({**fields, **dict.fromkeys(names)}).encode()
    read = native.read(RawRecord("in", "", 0, 1, 0, event))
    assert isinstance(read, Loose)
    assert compared == [(name, lacking) for name in names if lacking]
    meanings = {"id": "Id", "attributes": "props"}
    assert read.misspelt == [meanings[name] for name in lacking if name in meanings]
    assert read.unknown == names
