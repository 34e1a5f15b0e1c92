"""What definitions could not use in a run is counted by field, and shown at the end of it."""

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
        time: timestamp(row.ts)
        identifiers: {user: row.user}
        attributes: {total: TOTAL, minutes: int(row.minutes)}
  email: {out: {address: user}}
identity: {identifiers: [{type: user}]}
profile:
  traits: {orders: {count: order_placed}, spend: {sum: event.total, on: order_placed}}
---
journey: big
version: 1
owner: o
entry: {on: order_placed, when: "event.total >= 20", reentry: always}
initial: a
states: {a: {enter: [{act: hello}], end: done}}
---
action: hello
class: transactional
treatments: {email: {template: hello_v1}}
"""
HEADER = "event,ts,user,total,minutes"
NOW = ("--now", "2026-12-01T00:00:00Z")


def row(total: str = "80", minutes: str = "5", ts: str = "2026-02-25T10:00:00Z") -> str:
    return f"Order Placed,{ts},u1,{total},{minutes}"


def summary_of(folder: Path, cli: Cli, *rows: str, total: str = "row.total") -> tuple[Any, str]:
    topology = folder / "topology"
    topology.mkdir()
    (topology / "topology.yaml").write_text(TOPOLOGY.replace("TOTAL", total))
    (folder / "events.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    done = cli("run", topology, folder / "events.csv", "--out", folder / "out", *NOW)
    assert done.code == 0, done.err
    return json.loads((folder / "out" / "summary.json").read_text()), done.err


def unread(summary: Any) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {
        (one["definition"], one["field"]): (
            one["reason"], one["values"], one["is_every"], one["file"], one["line"]
        )
        for one in summary["unread"]
    }  # fmt: skip


def test_a_text_compared_and_summed_is_a_warning(tmp_path: Path, cli: Cli) -> None:
    summary, said = summary_of(tmp_path, cli, row(), row("90"))
    of = ("type", 2, True, "events.csv", 2)
    assert unread(summary) == {
        ("journey.big", "event.total"): of,
        ("trait.spend", "event.total"): of,
    }
    for definition in ("journey.big", "trait.spend"):
        assert (
            f"warning: {definition}: no value of event.total could be used (2 values), first in "
            "events.csv, line 2: it has the wrong type. float(x) makes a number of a text"
        ) in said


def test_the_cure_of_the_warning_is_one(tmp_path: Path, cli: Cli) -> None:
    summary, said = summary_of(tmp_path, cli, row(), row("90"), total="float(row.total)")
    assert (summary["unread"], said) == ([], "")
    assert summary["actions"] == 2


def test_some_values_that_cannot_be_used_are_counted_without_a_warning(
    tmp_path: Path, cli: Cli
) -> None:
    rows = (row(), row(minutes="many"), row(minutes=""), row("eighty"))
    summary, said = summary_of(tmp_path, cli, *rows, total="float(row.total)")
    assert unread(summary) == {
        ("channel.imp", "row.minutes"): ("value", 1, False, "events.csv", 3),
        ("channel.imp", "row.total"): ("value", 1, False, "events.csv", 5),
    }
    assert (
        "channel.imp: 1 value of row.minutes could not be used, first in events.csv, line 3"
        in said
    )
    assert "warning" not in said
    assert "many" not in said
    assert "eighty" not in said


def test_a_column_of_a_map_without_any_number_is_a_warning(tmp_path: Path, cli: Cli) -> None:
    summary, said = summary_of(tmp_path, cli, row(minutes="a"), row(minutes="b"))
    assert unread(summary)["channel.imp", "row.minutes"] == ("value", 2, True, "events.csv", 2)
    assert "warning: channel.imp: no value of row.minutes could be used (2 values)" in said


def test_seconds_in_a_column_of_ms_are_a_warning_with_the_cure(tmp_path: Path, cli: Cli) -> None:
    topology = tmp_path / "topology"
    topology.mkdir()
    (topology / "topology.yaml").write_text(TOPOLOGY.replace("TOTAL", "row.total"))
    event = {"event": "seen", "user": "u", "ts": 1_772_442_000, "total": None, "minutes": None}
    (tmp_path / "events.jsonl").write_text(json.dumps(event))
    arguments = ("run", topology, tmp_path / "events.jsonl", "--out", tmp_path / "out", *NOW)
    assert (
        "warning: channel.imp: 1 value of row.ts can only be seconds, and counted as ms, in the "
        "year 1970, first in events.jsonl, line 1. Send ms, or write `timestamp(row.ts, 's')`"
    ) in cli(*arguments).err
    cured = TOPOLOGY.replace("timestamp(row.ts)", "timestamp(row.ts, 's')")
    (topology / "topology.yaml").write_text(cured.replace("TOTAL", "row.total"))
    assert cli(*arguments, "--force").err == ""


@pytest.mark.parametrize(("kinds", "is_every"), [(["80", 5], False), (["80", "5", None], True)])
def test_one_value_that_can_be_used_is_not_every(
    kinds: list[Any], is_every: bool, tmp_path: Path, cli: Cli
) -> None:
    topology = tmp_path / "topology"
    topology.mkdir()
    (topology / "topology.yaml").write_text(TOPOLOGY.replace("TOTAL", "row.total"))
    events = [
        {"event": "order placed", "user": "u", "ts": "2026-02-25T10:00:00Z", "total": total}
        for total in kinds
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    done = cli("run", topology, tmp_path / "events.jsonl", "--out", tmp_path / "out", *NOW)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert unread(summary)["trait.spend", "event.total"][2] == is_every
    assert ("warning" in done.err) == is_every


def test_many_fields_are_shown_in_part(tmp_path: Path, cli: Cli) -> None:
    traits = ", ".join(f"t{n}: {{sum: event.a{n}, on: seen}}" for n in range(15))
    (tmp_path / "topology.yaml").write_text(
        "topology: many\nchannels: {web: {in: {}}}\n"
        f"identity: {{identifiers: [{{type: user}}]}}\nprofile: {{traits: {{{traits}}}}}\n"
    )
    event = {
        "type": "seen", "time": 1_772_442_000_000, "identifiers": {"user": "u"}, "channel": "web",
        "attributes": {f"a{n}": "x" for n in range(15)},
    }  # fmt: skip
    (tmp_path / "events.jsonl").write_text(json.dumps(event))
    done = cli("run", tmp_path, tmp_path / "events.jsonl", "--out", tmp_path / "out", *NOW)
    assert done.err.count("warning: trait.t") == 10
    assert (
        "5 more fields had values that could not be used: see `unread` in summary.json" in done.err
    )
