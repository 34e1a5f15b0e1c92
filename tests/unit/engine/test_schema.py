"""The published schemas say what the code does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from cjo_stream.cli.schema import _schema, names
from cjo_stream.core.record import Record
from cjo_stream.engine.description import descriptions
from cjo_stream.engine.schema import RECORDS, record_schema
from cjo_stream.ingest.format.native import Native
from cjo_stream.ingest.schema import event_schema
from tests.world.schema import faults

EXPECTED = Path(__file__).parents[3] / "topologies" / "shop" / "expected"
FILES = {
    "cjo.action.v1": "actions.jsonl",
    "cjo.decision.v1": "decisions.jsonl",
    "cjo.transition.v1": "transitions.jsonl",
    "cjo.identity.v1": "identities.jsonl",
    "cjo.dead_letter.v1": "dead_letters.jsonl",
}


def test_every_record_has_a_schema_that_is_tested() -> None:
    """Others are not kept of the shop: `test_reward`, `test_prediction`, `test_measure`, …"""
    apart = {"profile", "reward", "prediction", "measure", "governance"}
    tested = {*FILES, *(f"cjo.{name}.v1" for name in apart)}
    assert set(RECORDS) == tested, (
        "add the new record to FILES, if the shop's sample has some; else to this set, with a "
        "test that holds its records against its schema"
    )


@pytest.mark.parametrize("name", list(FILES))
def test_every_record_of_a_run_is_as_its_schema_says(name: str) -> None:
    schema = record_schema(name)
    lines = (EXPECTED / FILES[name]).read_bytes().splitlines()
    assert lines
    for line in lines:
        record = json.loads(line)
        assert not faults(record, schema, schema)
        assert record.get("schema", name) == name


def test_the_events_schema_names_the_fields_that_are_read() -> None:
    assert set(event_schema()["properties"]) == set(Native.__struct_fields__)


def test_a_schema_finds_what_is_wrong() -> None:
    schema = record_schema("cjo.transition.v1")
    line = (EXPECTED / "transitions.jsonl").read_bytes().splitlines()[0]
    record = json.loads(line)
    assert faults({**record, "time": "today"}, schema, schema)
    assert faults({**record, "reason": "for fun"}, schema, schema)
    assert faults({**record, "more": 1}, schema, schema)
    del record["journey"]
    assert faults(record, schema, schema)
    assert msgspec.json.decode(line)["schema"] == schema["properties"]["schema"]["enum"][0]


def test_the_value_of_a_dead_letter_in_a_file_is_text() -> None:
    value = record_schema("cjo.dead_letter.v1")["properties"]["value"]
    assert value["type"] == "string"
    assert "contentEncoding" not in value


def properties(schema: Any, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and schema of each property, wherever it stands."""
    if isinstance(schema, dict):
        for name, one in (schema.get("properties") or {}).items():
            yield f"{at}.{name}", one
        for name, one in schema.items():
            yield from properties(one, f"{at}.{name}")
    elif isinstance(schema, list):
        for one in schema:
            yield from properties(one, at)


@pytest.mark.parametrize("name", names())
def test_every_field_says_what_it_means(name: str) -> None:
    found = list(properties(_schema(name), name))
    assert found
    for place, drawn in found:
        assert len(drawn.get("description", "")) > 10, place


def test_every_field_of_every_record_is_described() -> None:
    """Those without a schema, and what a schema leaves out, too."""
    for struct in get_args(Record):
        assert set(descriptions(struct)) == set(struct.__struct_encode_fields__)
