"""`validate --events` compares a topology with a sample; `run` shows what is not declared."""

from __future__ import annotations

import json
import os
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


ADVISED = """\
---
journey: member
version: 1
entry: {on: joined, when: event.club != 'x'}
exit: {on: [left, quit], as: left}
initial: inside
states:
  inside:
    on: {moved: {when: event.fee > 3 and event.fee < 2, to: gone}}
    after: {1d: gone, 30d: gone}
  gone: {after: {2d: long_gone}}
  long_gone: {end: gone}
"""


def test_advice_is_printed_and_is_no_failure(cli: Cli, tmp_path: Path) -> None:
    folder, _ = written(tmp_path, TOPOLOGY + ADVISED)
    done = cli("validate", folder, "--advice")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[1].startswith(
        f"{folder}/topology.yaml:12:24: advice CJO601: this condition can never be"
    )
    assert lines[3] == "    |                        " + "^" * len(
        "event.fee > 3 and event.fee < 2"
    )
    assert lines[4].startswith(
        f"{folder}/topology.yaml:13:23: advice CJO602: 'member: inside after 30d to"
    )
    assert lines[-1] == "2 pieces of advice"
    assert "advice" not in cli("validate", folder).out


def test_advice_is_data_for_programs(cli: Cli, tmp_path: Path) -> None:
    folder, _ = written(tmp_path, TOPOLOGY + ADVISED)
    found = json.loads(cli("validate", folder, "--advice", "--json").out)
    assert found["valid"] is True
    assert [(one["code"], one["severity"]) for one in found["diagnostics"]] == [
        ("CJO601", "advice"),
        ("CJO602", "advice"),
    ]
    assert json.loads(cli("validate", folder, "--json").out)["diagnostics"] == []


def test_a_set_without_advice_says_so(cli: Cli, tmp_path: Path) -> None:
    folder, _ = written(tmp_path, TOPOLOGY + JOURNEY)
    assert cli("validate", folder, "--advice").out.splitlines()[-1] == "no advice"


def test_advice_with_events_tells_what_they_did_not_reach(cli: Cli, tmp_path: Path) -> None:
    later = event("seen").replace("03-01", "03-03")
    folder, sample = written(
        tmp_path, TOPOLOGY + ADVISED, "{}", event("joined", club="chess"), later
    )
    done = cli("validate", folder, "--advice", "--events", sample)
    no_event = "advice CJO610: no event of the files led to "
    told = [line.split(no_event)[1] for line in done.out.splitlines() if no_event in line]
    assert [one.split(": the")[0].split(": look")[0] for one in told] == [
        "'member: exit as left'",
        "'member: gone after 2d to long_gone'",
        "state 'long_gone'",
    ]
    found = json.loads(cli("validate", folder, "--advice", "--events", sample, "--json").out)
    assert [one["code"] for one in found["diagnostics"]].count("CJO610") == 3
    assert found["sample"]["events"] == 2


def test_a_pipe_is_read_for_advice_once_it_is_a_file(cli: Cli, tmp_path: Path) -> None:
    folder, sample = written(tmp_path, TOPOLOGY + JOURNEY, event("joined"), event("left"))
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    done = cli("validate", folder, "--advice", "--events", pipe)
    assert done.code == 2
    assert "is a pipe, and --advice reads each file twice" in done.err
    assert cli("validate", folder, "--advice", "--events", sample).code == 0
