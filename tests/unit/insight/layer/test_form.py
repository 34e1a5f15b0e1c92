"""The form of a layer: what another release could not read has another number."""

from __future__ import annotations

import hashlib

import msgspec

from cjo_stream.insight.layer.manifest import FORM, Manifest, Part
from cjo_stream.insight.layer.table import PLACE, TABLES
from cjo_stream.installation.unrecorded import Switched

KEPT = (
    b'{"form":10,"generation":7,"parts":[{"path":"transition/day=2026-03-02/x.parquet",'
    b'"table":"transition","day":"2026-03-02","rows":3,"lanes":{"out/transitions.jsonl":[10,90]},'
    b'"is_stayed":false,"crc":77}],'
    b'"positions":{"transition":{"out/transitions.jsonl":90}},"events":[],"refused":1,'
    b'"repeated":2,"erased":3,"withheld":6,"key":"0123456789abcdef",'
    b'"moved":{"i1":[1772474300000,"c1"]},"until":1772474400000,"lost":{"cjo.action.email.v1":4},'
    b'"anew":{"cjo.transition.v1":1},"foreign":{"cjo.reward.v1":5},'
    b'"untaken":{"out":[1,2]},'
    b'"switched":{"out":[{"number":1,"at":1772474300000,"records":{"reward":"off"}}]},'
    b'"gone":{"manifest/00000000000000000006.json":1772474300000}}'
)


def test_a_manifest_of_this_form_is_read_and_written_as_ever() -> None:
    part = Part(
        path="transition/day=2026-03-02/x.parquet",
        table="transition",
        day="2026-03-02",
        rows=3,
        lanes={"out/transitions.jsonl": (10, 90)},
        crc=77,
    )
    manifest = Manifest(
        generation=7,
        parts=[part],
        positions={"transition": {"out/transitions.jsonl": 90}},
        refused=1,
        repeated=2,
        erased=3,
        withheld=6,
        key="0123456789abcdef",
        moved={"i1": (1_772_474_300_000, "c1")},
        until=1_772_474_400_000,
        lost={"cjo.action.email.v1": 4},
        anew={"cjo.transition.v1": 1},
        foreign={"cjo.reward.v1": 5},
        untaken={"out": (1, 2)},
        switched={"out": [Switched(1, 1_772_474_300_000, {"reward": "off"})]},
        gone={"manifest/00000000000000000006.json": 1_772_474_300_000},
    )
    assert msgspec.json.decode(KEPT, type=Manifest) == manifest
    assert msgspec.json.encode(manifest) == KEPT


def test_other_columns_are_another_form() -> None:
    columns = {name: [*table.columns.items()] for name, table in TABLES.items()}
    text = msgspec.json.encode([columns, [*PLACE.items()]])
    # Where this fails, a layer of an earlier release cannot be read: raise FORM.
    assert (FORM, hashlib.sha256(text).hexdigest()[:16]) == (10, "6f82b8719e1be38a")
