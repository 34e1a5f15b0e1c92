"""Exports of other systems through a whole run: times, lists in rows, tests for null."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """
topology: reports
channels:
  imp:
    in:
      format: mapped
      map:
        type: slug(row.event)
        time: TIME
        identifiers: {user: row.user}
        attributes: {total: row.total}
  email: {out: {address: user}}
identity: {identifiers: [{type: user}]}
profile: {traits: {orders: {count: order_placed}, last: {last: event.time, on: order_placed}}}
"""
TEN = 1_772_013_600_000
"""2026-02-25 10:00 UTC."""


def run(folder: Path, cli: Cli, text: str, rows: list[dict[str, Any]]) -> tuple[Any, str]:
    topology = folder / "topology"
    topology.mkdir()
    (topology / "topology.yaml").write_text(text)
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    arguments = (topology, folder / "events.jsonl", "--out", folder / "out")
    done = cli("run", *arguments, "--now", "2026-12-01T00:00:00Z")
    return json.loads((folder / "out" / "summary.json").read_text()), done.err


def lines(folder: Path, name: str) -> list[Any]:
    return [json.loads(line) for line in (folder / "out" / name).read_text().splitlines()]


@pytest.mark.parametrize(
    ("time", "written"),
    [
        (
            "timestamp(row.ts)",
            [
                "2026-02-25T10:00:00Z",
                "2026-02-25T10:00:00.000+0000",
                "2026-02-25 10:00:00 UTC",
                "2026-02-25 11:00:00 +0100",
                "2026-02-25T10:00Z",
                "Wed, 25 Feb 2026 11:00:00 +0100",
                "1772013600000",
                TEN,
            ],
        ),
        ("timestamp(row.ts, 's')", [TEN // 1000, f"{TEN // 1000}", f"{TEN // 1000}.000"]),
        (
            "timestamp(row.ts, '%d.%m.%Y %H:%M', 'Europe/Berlin')",
            ["25.02.2026 11:00", "25.2.2026 11:00"],
        ),
        ("timestamp(row.ts, null, 'europe/berlin')", ["2026-02-25 11:00", "2026-02-25T11:00:00"]),
    ],
)
def test_each_spelling_of_a_time_is_the_same_time(
    time: str, written: list[Any], tmp_path: Path, cli: Cli
) -> None:
    rows = [{"event": "order placed", "user": f"u{n}", "ts": ts} for n, ts in enumerate(written)]
    text = TOPOLOGY.replace("time: TIME", f'time: "{time}"')
    summary, _ = run(tmp_path, cli, text, rows)
    assert (summary["events"], summary["dead_letters"]) == (len(written), 0)
    customers = lines(tmp_path, "customers.jsonl")
    assert [one["traits"]["last"] for one in customers] == [TEN] * len(written)


def test_a_time_that_cannot_be_read_is_shown_in_the_dead_letter_alone(
    tmp_path: Path, cli: Cli
) -> None:
    rows = [
        {"event": "order placed", "user": "u", "ts": ts}
        for ts in ("2026-02-25 10 o'clock", "2026-02-25T10:00Z")
    ]
    summary, said = run(tmp_path, cli, TOPOLOGY.replace("TIME", "timestamp(row.ts)"), rows)
    assert (summary["events"], summary["dead_letters"]) == (1, 1)
    (letter,) = lines(tmp_path, "dead_letters.jsonl")
    assert letter["detail"].startswith("`time` was '2026-02-25 10 o'clock', which ")
    assert "o'clock" not in said
    assert "channel.imp: 1 value of row.ts could not be used" in said


def test_the_events_of_a_row_are_counted_each(tmp_path: Path, cli: Cli) -> None:
    text = TOPOLOGY.replace(
        "        attributes: {total: row.total}",
        "        each: row.lines\n        attributes: {total: item.price}",
    ).replace("TIME", "row.ts")
    lines_ = [{"price": 5}, {"price": 7}, {"price": 9}]
    row = {"event": "order placed", "user": "u", "ts": TEN, "lines": lines_}
    summary, said = run(tmp_path, cli, text, [row, {**row, "lines": []}])
    assert (summary["events"], summary["dead_letters"]) == (3, 1)
    assert said.count("\n") == 1
    assert "refused: 1 record unmapped: `row.lines` is an empty list" in said
    assert lines(tmp_path, "customers.jsonl")[0]["traits"]["orders"] == 3


def test_a_test_for_null_is_a_warning_and_its_advice_works(tmp_path: Path, cli: Cli) -> None:
    text = TOPOLOGY.replace("TIME", "row.ts") + "".join(
        f"""
---
journey: {name}
version: 1
owner: o
entry: {{on: order_placed, when: "{when}", reentry: always}}
initial: a
states: {{a: {{end: done}}}}
"""
        for name, when in (("a", "event.coupon == null"), ("b", "not has(event.coupon)"))
    )
    rows = [{"event": "order placed", "user": "u", "ts": TEN, "total": 1}]
    _, said = run(tmp_path, cli, text, rows)
    assert "warning CJO507" in said
    assert "write not has(event.coupon)" in said
    entered = [one["journey"] for one in lines(tmp_path, "transitions.jsonl")]
    assert set(entered) == {"b"}
