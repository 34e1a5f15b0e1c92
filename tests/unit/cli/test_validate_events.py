"""`validate --events` compares a topology with a sample; `run` shows what is not declared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.world.command_line import EVENTS, SHOP, Cli, cli

__all__ = ["cli"]

TOPOLOGY = """\
topology: clubs
channels: {desk: {in: {}}}
identity: {identifiers: [{type: user}]}
"""
DECLARED = """\
events:
  joined: {club: string, fee: number}
  left: {}
"""
JOURNEY = """\
---
journey: member
version: 1
entry: {on: joined, when: event.club != 'x'}
exit: {on: left, as: left}
initial: inside
states: {inside: {}}
"""


def event(type_: str, **attributes: Any) -> str:
    fields = {"type": type_, "time": "2026-03-01T10:00:00Z", "identifiers": {"user": "u1"}}
    return json.dumps({**fields, "channel": "desk", "attributes": attributes})


def written(folder: Path, topology: str, *lines: str) -> tuple[Path, Path]:
    (folder / "clubs").mkdir()
    (folder / "clubs" / "topology.yaml").write_text(topology, encoding="utf-8")
    (folder / "sample.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "clubs", folder / "sample.jsonl"


def test_what_is_declared_and_what_a_sample_holds(cli: Cli, tmp_path: Path) -> None:
    folder, sample = written(
        tmp_path,
        TOPOLOGY + DECLARED,
        event("joined", club="chess", fee="5", culb="go"),
        event("joind", club="chess"),
        event("joind"),
        "{}",
    )
    done = cli("validate", folder, "--events", sample)
    assert done.code == 1
    assert done.out.splitlines()[1:] == [
        "the sample has 3 events of 2 types, 1 record refused",
        "joind: 2 events in the sample, not declared",
        "left: declared, and not in the sample",
        "joined.culb: 1 value in the sample, not declared",
        "joined.fee: 1 value of another type than declared",
    ]
    told = json.loads(cli("validate", folder, "--events", sample, "--json").out)
    assert told["sample"]["types"] == {"joind": 2, "joined": 1}
    assert told["differences"][0] == {
        "lack": "undeclared", "event": "joind", "attribute": None, "times": 2, "near": None,
    }  # fmt: skip


def test_the_nearest_names_are_told(cli: Cli, tmp_path: Path) -> None:
    folder, sample = written(tmp_path, TOPOLOGY + DECLARED, event("joind"), event("left"))
    done = cli("validate", folder, "--events", sample)
    assert "joind: 1 event in the sample, not declared; did you mean joined?\n" in done.out
    assert "joined: declared, and not in the sample; did you mean joind?\n" in done.out


def test_an_equal_sample_is_exit_0(cli: Cli, tmp_path: Path) -> None:
    folder, sample = written(
        tmp_path, TOPOLOGY + DECLARED, event("joined", club="chess", fee=5), event("left")
    )
    done = cli("validate", folder, "--events", sample)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "the definitions and the sample name the same"


def test_a_sample_that_lacks_what_is_declared_is_no_error(cli: Cli, tmp_path: Path) -> None:
    folder, sample = written(tmp_path, TOPOLOGY + DECLARED, event("joined", club="chess"))
    done = cli("validate", folder, "--events", sample)
    assert done.code == 0
    assert "left: declared, and not in the sample\n" in done.out


def test_without_events_the_names_of_definitions_are_compared(cli: Cli, tmp_path: Path) -> None:
    folder, sample = written(
        tmp_path, TOPOLOGY + JOURNEY, event("joined", culb="chess"), event("lefft"), event("other")
    )
    done = cli("validate", folder, "--events", sample)
    assert done.code == 1
    assert "the sample has no event type 'left'; the nearest is 'lefft'" in done.err
    assert "the sample has no attribute of joined 'club'; the nearest is 'culb'" in done.err
    assert "other: 1 event in the sample, no definition listens to it\n" in done.out
    told = json.loads(cli("validate", folder, "--events", sample, "--json").out)
    assert [(one["line"], one["suggestion"]) for one in told["named"]] == [
        (7, "culb"),
        (8, "lefft"),
    ]


def test_a_sample_without_an_event_says_why(cli: Cli, tmp_path: Path) -> None:
    folder, sample = written(tmp_path, TOPOLOGY, "{}")
    done = cli("validate", folder, "--events", sample)
    assert done.code == 1
    assert "error: no event of the sample could be read: 1 x invalid" in done.err


def test_options_of_files_go_with_events(cli: Cli, tmp_path: Path) -> None:
    folder, sample = written(tmp_path, TOPOLOGY, event("joined"))
    assert cli("validate", folder, "--events", sample, "--channel", "desk").code == 0
    done = cli("validate", folder, "--delimiter", ";")
    assert (done.code, done.err) == (
        2, "error: --channel and the options of files go with --events\n",
    )  # fmt: skip


def test_the_bundled_shop_names_what_its_events_have(cli: Cli) -> None:
    done = cli("validate", SHOP, "--events", EVENTS)
    assert done.code == 0
    assert "email_clicked: 6 events in the sample, no definition listens to it\n" in done.out
    assert done.err.count("the sample has no event type") == 3  # it is short, and lacks some


def test_a_run_shows_what_is_not_declared(cli: Cli, tmp_path: Path) -> None:
    folder, sample = written(
        tmp_path,
        TOPOLOGY + DECLARED,
        event("joined", club="chess"),
        event("joined", culb="chess", fee="5"),
        event("joind"),
    )
    done = cli("run", folder, sample, "--out", tmp_path / "out")
    assert done.code == 0
    desk, first = "channel desk: 1", "first in sample.jsonl, line"
    assert done.err.splitlines()[-4:] == [
        f"{desk} event of a type that `events` does not declare, {first} 3",
        f"{desk} attribute of joined that `events` does not declare, {first} 2",
        f"{desk} value of joined.fee of another type than `events` declares, {first} 2",
        f"`cjo-stream validate {folder} --events FILE` names what is not declared",
    ]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["undeclared"][0] == {
        "channel": "desk", "event": "", "attribute": "", "reason": "type", "times": 1,
        "file": "sample.jsonl", "line": 3,
    }  # fmt: skip
    assert summary["events"] == 3
