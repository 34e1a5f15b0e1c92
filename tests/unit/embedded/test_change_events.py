"""A table's change events through a whole run: rows become facts, deletes take them back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """\
topology: crm
channels:
  crm:
    in:
      format: debezium
      map:
        type: "'cjo.profile'"
        time: row.ts_ms
        identifiers: {crm_id: row.id, email: row.mail}
        attributes: {tier: row.tier, age: row.age, renewal: "timestamp(row.renewal, 'us')"}
  email: {out: {address: email}}
identity: {identifiers: [{type: crm_id}, {type: email, normalise: email}]}
profile: {facts: {tier: string, age: number, renewal: time}}
---
journey: welcome
version: 1
entry: {on: cjo.profile, when: "profile.tier == 'gold'", reentry: after_end}
initial: done
states: {done: {enter: [{act: hello}], end: done}}
---
action: hello
class: transactional
treatments: {email: {template: t}}
"""
START_MS = 1_772_442_000_000


def row(number: int, **columns: Any) -> dict[str, Any]:
    return {"id": number, "mail": f"p{number}@x.example", "tier": "gold", "age": 30,
            "renewal": 1_775_001_600_000_000, **columns}  # fmt: skip


def change(minute: int, operation: str, columns: dict[str, Any] | None) -> dict[str, Any]:
    parts = (columns, None) if operation == "d" else (None, columns)
    envelope = dict(zip(("before", "after"), parts, strict=True))
    return {**envelope, "op": operation, "ts_ms": START_MS + minute * 60_000}


CHANGES = [
    change(0, "r", row(1)),
    change(1, "r", row(2)),
    change(2, "c", row(3, tier="basic")),
    change(3, "u", row(1, tier=None, age=31)),
    {"ts_ms": START_MS},
    change(4, "d", row(2)),
    None,
    change(5, "d", {"id": 3, "mail": None, "tier": None, "age": None, "renewal": None}),
    None,
    change(6, "t", None),
]


def run(
    folder: Path, cli: Cli, lines: list[str], *arguments: object
) -> tuple[Any, list[Any], Any]:
    (folder / "topology").mkdir(exist_ok=True)
    (folder / "topology" / "topology.yaml").write_text(TOPOLOGY)
    (folder / "changes.jsonl").write_text("\n".join(lines) + "\n")
    done = cli(
        "run", folder / "topology", folder / "changes.jsonl", "--out", folder / "out", "--force",
        "--now", "2026-12-01T00:00:00Z", *arguments,
    )  # fmt: skip
    rows = (folder / "out" / "customers.jsonl").read_text().splitlines()
    summary = json.loads((folder / "out" / "summary.json").read_text())
    return summary, [json.loads(one) for one in rows], done


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("options", [(), ("--sort",)])
def test_a_table_becomes_facts_and_a_delete_takes_them_back(
    is_wrapped: bool, options: tuple[str, ...], tmp_path: Path, cli: Cli
) -> None:
    lines = [
        json.dumps({"schema": {"type": "struct"}, "payload": one} if is_wrapped and one else one)
        for one in CHANGES
    ]
    summary, customers, done = run(tmp_path, cli, lines, *options)
    assert done.code == 0
    facts = {one["identifiers"]["crm_id"][0]: one["facts"] for one in customers}
    assert facts == {"1": {"age": 31, "renewal": 1_775_001_600_000}, "2": {}, "3": {}}
    assert (summary["events"], summary["dead_letters"], summary["actions"]) == (6, 1, 2)
    (letter,) = summary["refused"]
    assert letter["reason"] == "unmapped"
    assert letter["detail"].startswith("the table was emptied")
    skipped = {one["reason"]: one["times"] for one in summary["ignored"]}
    assert skipped == {"tombstone": 2, "heartbeat": 1}
    assert "channel.crm: 2 records skipped, first in changes.jsonl, line 7: tombstones" in done.err


def test_a_file_of_which_all_but_skipped_records_is_refused_is_an_error(
    tmp_path: Path, cli: Cli
) -> None:
    summary, _, done = run(tmp_path, cli, ["null", json.dumps(row(1)), "null"])
    assert (summary["dead_letters"], done.code) == (1, 1)
    assert "no change event: it has no `op`" in done.err


def test_a_file_of_nothing_but_skipped_records_is_none(tmp_path: Path, cli: Cli) -> None:
    for _ in range(2):
        summary, _, done = run(tmp_path, cli, ["null", "null"], "--state", tmp_path / "state")
        assert (summary["events"], summary["dead_letters"], done.code) == (0, 0, 0)


def test_change_events_in_a_state_go_on_where_they_ended(tmp_path: Path, cli: Cli) -> None:
    lines = [json.dumps(one) for one in CHANGES[:-1]]
    for last in (2, 5, 7, 9):
        _, customers, done = run(tmp_path, cli, lines[:last], "--state", tmp_path / "state")
        assert done.code == 0, done.err
    facts = {one["identifiers"]["crm_id"][0]: one["facts"] for one in customers}
    assert facts == {"1": {"age": 31, "renewal": 1_775_001_600_000}, "2": {}, "3": {}}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("format: debezium", "format 'debezium' needs 'map'"),
        ("format: segment\n      map: {type: \"'a'\", time: row.t}", "'format: debezium'"),
        ("format: debezum\n      map: {type: \"'a'\", time: row.t}", "debezium"),
    ],
)
def test_a_map_goes_with_the_formats_of_rows(
    written: str, words: str, tmp_path: Path, cli: Cli
) -> None:
    text = TOPOLOGY.split("---")[0].split("      format")[0] + f"      {written}\n"
    text += "identity: {identifiers: [{type: crm_id}]}\n"
    (tmp_path / "topology.yaml").write_text(text)
    done = cli("validate", tmp_path)
    assert done.code == 2
    assert words in done.err
