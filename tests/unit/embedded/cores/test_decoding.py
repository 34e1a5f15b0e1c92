"""Records that the shares decode are those that one decoder gives, and so is what it notes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cjo_stream import ingest
from cjo_stream.definition import DefinitionSet, load, succeed
from cjo_stream.embedded.absent import absent_in
from cjo_stream.embedded.cores import decoding, wire
from cjo_stream.embedded.cores.decoding import decode_by
from cjo_stream.embedded.recorded import Recorded, run_files
from cjo_stream.engine.port import DecodedRecord, RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.files import Part, open_files, read_parts
from tests.unit.embedded.cores.test_cores import BUNDLED, KEY, START_MS, carts, simulated
from tests.world import TOPOLOGY
from tests.world.crew import Together

MAPPED = """\
topology: mapped
channels:
  till:
    in:
      format: mapped
      map:
        type: row.type
        time: int(row.at)
        identifiers: {card: row.card}
        attributes: {total: row.total, long: abs(row.total), note: row.remark}
identity:
  identifiers: [{type: card, limit: 1}]
events:
  sold: {total: string, long: number, note: string}
"""


def shown(records: Sequence[DecodedRecord]) -> list[Any]:
    """Return records in a form in which errors can be compared."""
    return [
        (record, (one.reason, one.detail, one.may_change) if isinstance(one, InputError) else one)
        for record, one in records
    ]


def check_same(
    definitions: DefinitionSet, records: Sequence[RawRecord], monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[str, ...], int]:
    """Check that three shares decode and note the same as one decoder; return what they count."""
    monkeypatch.setattr(decoding, "BATCH_RECORDS", 7)
    alone = ingest.decoder(definitions.program, KEY)
    wanted = [(record, alone(record)) for record in records]
    together = ingest.decoder(definitions.program, KEY)
    crew = Together(succeed(definitions, None), 3, KEY)
    found = list(decode_by(crew, together)((record, None) for record in records))
    assert shown(found) == shown(wanted)
    assert together.examples == alone.examples
    assert together.given == alone.given
    assert [*absent_in(together)] == [*absent_in(alone)]
    assert list(together.identifiers.undeclared.items()) == list(
        alone.identifiers.undeclared.items()
    )
    counts = together.take_counts()
    assert counts == alone.take_counts()
    assert together.take_counts() == {}
    return counts


def test_formats_and_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    check_same(load(BUNDLED / "shop"), simulated("shop", 60), monkeypatch)


def test_what_maps_and_identifiers_could_not_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "topology.yaml").write_text(MAPPED)
    rows = [
        {
            "type": "sold" if n % 5 else ["sold", "sold"],
            "at": START_MS + n,
            "card": f"c{n % 3}",
            "total": 4 if n % 4 else "four",
            f"remark{n}": "x",
        }
        for n in range(60)
    ]
    records = [
        RawRecord("t", "t", 0, n, START_MS, json.dumps(row).encode(), channel="till")
        for n, row in enumerate(rows)
    ]
    counts = check_same(load(tmp_path), records, monkeypatch)
    assert {key[0] for key in counts} >= {
        "cjo_expression_errors_total",
        "cjo_values_unread_total",
        "cjo_events_undeclared_total",
    }


@pytest.mark.parametrize("types_each", [2, 30])
def test_the_first_types_that_are_not_declared_are_counted_by_name(
    types_each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a batch of one share has more types than are counted in all."""
    given = [
        {"user": "u"} | {f"type{n * step % 250}": "a" for step in range(9, 9 + types_each)}
        for n in range(300)
    ]
    records = [
        RawRecord(
            *("t", "t", 0, n, START_MS),
            json.dumps({"type": "cart", "time": START_MS, "identifiers": of}).encode(),
            channel="web",
        )
        for n, of in enumerate(given)
    ]
    check_same(load(TOPOLOGY), records, monkeypatch)


def test_a_row_that_is_none_keeps_its_reason_and_its_place() -> None:
    crew = Together(succeed(load(TOPOLOGY), None), 2, KEY)
    why = InputError("malformed", "a row of another width")
    rows = [(record, why if n % 5 == 2 else None) for n, record in enumerate(carts(30))]
    found = list(decode_by(crew, ingest.decoder(load(TOPOLOGY).program, KEY))(iter(rows)))
    assert [record for record, _ in found] == [record for record, _ in rows]
    assert [n for n, (_, decoded) in enumerate(found) if decoded is why] == [2, 7, 12, 17, 22, 27]


def test_files_that_are_merged_are_decoded_where_they_are_read(tmp_path: Path) -> None:
    for name in "ab":
        lines = b"".join(record.value + b"\n" for record in carts(9))
        (tmp_path / f"{name}.jsonl").write_bytes(lines)
    files = open_files([str(tmp_path / f"{name}.jsonl") for name in "ab"])
    parts = [Part(file, number) for number, file in enumerate(files)]
    asked = []

    def decode_all(records: Any) -> Any:
        asked.append(records)
        return iter(())

    decode = ingest.decoder(load(TOPOLOGY).program, KEY)
    for sort, times in ((False, 0), (True, 2)):
        asked.clear()
        list(read_parts(parts, decode, channel="web", now=0, sort=sort, decode_all=decode_all))
        assert len(asked) == times


def test_large_rows_are_shared_out_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BATCH_BYTES", 1_000)
    asked = []

    class Crew(Together):
        def ask_one(self, share: int, told: wire.Asked) -> None:
            if isinstance(told, wire.Decode):
                asked.append(sum(len(one.value) for one in told.records))
            super().ask_one(share, told)

    rows = [(record, None) for record in carts(200)]
    crew = Crew(succeed(load(TOPOLOGY), None), 2, KEY)
    found = list(decode_by(crew, ingest.decoder(load(TOPOLOGY).program, KEY))(iter(rows)))
    assert [record for record, _ in found] == [record for record, _ in rows]
    assert len(asked) > 10
    assert max(asked) < 1_000 + max(len(record.value) for record, _ in rows)


@pytest.mark.slow
@pytest.mark.parametrize("sort", [False, True])
def test_a_file_gives_the_same_bytes_on_several_cores(tmp_path: Path, sort: bool) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(record.value + b"\n" for record in carts(1_200)))
    topology = shutil.copytree(TOPOLOGY, tmp_path / "topology")
    (topology / "of_this_test.yaml").write_text("# compiled anew: a test poisoned the other\n")
    definitions = load(topology)
    results = []
    for cores in (1, 2):
        recorded = Recorded(
            files=open_files([str(events)]),
            decode=ingest.decoder(definitions.program, KEY),
            channel="web",
            now=START_MS + 10**9,
            sort=sort,
        )
        out = tmp_path / str(cores)
        run_files(definitions, recorded, out, tenant_key=KEY, cores=cores)
        summary = json.loads((out / "summary.json").read_bytes())
        del summary["wall_seconds"], summary["events_per_second"]
        files = {one.name: one.read_bytes() for one in out.iterdir() if one.suffix == ".jsonl"}
        results.append((files, summary))
    assert results[0] == results[1]
