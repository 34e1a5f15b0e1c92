"""The view `event` has what the engine has taken: no refused events, repeats as by `dedupe`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.word import ArchiveForm
from cjo_stream.definition import load
from cjo_stream.embedded import taking
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import RetryError
from cjo_stream.ingest import decoder
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.filling.source import EventRow, event_of_topic
from cjo_stream.insight.layer.reading import connect
from cjo_stream.settings import DEMO_TENANT_KEY
from tests.world.archiving import archive_of
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """
topology: small
dedupe: 2d
channels: {web: {in: {}}, app: {in: {}}}
identity: {identifiers: [{type: user}, {type: email, normalise: email}]}
profile: {traits: {visits: {count: visit}}}
"""
DAY_MS = 86_400_000


def event(day: int, id_: str | None = None, user: str = "u", **more: Any) -> dict[str, Any]:
    own = {} if id_ is None else {"id": id_}
    return {"type": "visit", "time": f"2026-03-{day:02}T10:00:00Z", "channel": "web",
            "identifiers": {"user": user}, **own, **more}  # fmt: skip


def outcome(**attributes: Any) -> dict[str, Any]:
    names = {"email": "Ada@Example.com"}
    return event(2, type="cjo.outcome", identifiers=names, attributes=attributes)


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    folder = tmp_path / "topology"
    folder.mkdir()
    (folder / "all.yaml").write_text(TOPOLOGY)
    return folder


def written(file: Path, events: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(one) + "\n" for one in events))
    return file


def both(cli: Cli, folder: Path, events: list[dict[str, Any]], *more: str) -> tuple[int, int]:
    """Return how many events the engine counts, and how many the layer holds."""
    file = written(folder / "in.jsonl", events)
    out = folder / "out"
    assert cli("run", folder / "topology", file, "--out", out).code in (0, 1)
    done = cli("insight", "sink", out, "--events", file, "--layer", folder / "layer", *more)
    assert done.code == 0, done.err
    counted = json.loads((out / "summary.json").read_text())["events"]
    return counted, rows(folder)


def rows(folder: Path) -> int:
    found: list[tuple[int]] = (
        connect(str(folder / "layer"))[0].execute("SELECT count(*) FROM event").fetchall()
    )
    return found[0][0]


@pytest.mark.parametrize("by_topology", [True, False])
def test_events_that_customers_refused_are_left_out(
    cli: Cli, topology: Path, tmp_path: Path, *, by_topology: bool
) -> None:
    events = [
        outcome(action="hello", outcome="clicked"),
        outcome(action="helo", outcome="click"),
        outcome(action_id="a", outcome="click", nested={"b": [1, "ü"]}),
        event(3),
    ]
    more = ("--topology", str(topology)) if by_topology else ()
    assert both(cli, tmp_path, events, *more) == (1, 1)
    again = cli("insight", "sink", tmp_path / "out", "--events", tmp_path / "in.jsonl",
                "--layer", tmp_path / "layer2", *more)  # fmt: skip
    assert "3 rows of events refused: not taken; the first is in.jsonl, line 1: `outcome`" in (
        again.err
    )


@pytest.mark.parametrize("left_bytes", [1, 40])
def test_a_dead_letter_that_is_half_written_ends_no_sink(
    cli: Cli, topology: Path, tmp_path: Path, left_bytes: int
) -> None:
    events = [outcome(action="x", outcome="click"), outcome(action="y", outcome="click"), event(3)]
    file = written(tmp_path / "in.jsonl", events)
    out, layer = tmp_path / "out", tmp_path / "layer"
    cli("run", topology, file, "--out", out)
    letters = out / "dead_letters.jsonl"
    letters.write_bytes(letters.read_bytes()[:-left_bytes])
    assert len(letters.read_text().splitlines()) == 2
    done = cli("insight", "sink", out, "--events", file, "--layer", layer)
    assert (done.code, rows(tmp_path)) == (0, 2)
    listed = cli("dead-letters", "list", out, "--json")
    assert (listed.code, len(listed.out.splitlines())) == (0, 1)


def test_a_state_tells_what_was_refused_in_all_of_its_runs(
    cli: Cli, topology: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    files = []
    for number in (1, 2):
        file = written(tmp_path / f"{number}.jsonl", [outcome(action="x", outcome="click"),
                                                      event(number)])  # fmt: skip
        files += [file]
        cli("run", topology, file, "--out", tmp_path / f"out{number}", "--state", state)
    done = cli("insight", "sink", state, "--events", *files, "--layer", tmp_path / "layer")
    assert (done.code, rows(tmp_path)) == (0, 2)


DECIDING = """
topology: small
channels:
  web: {in: {}}
  app:
    in:
      format: mapped
      map:
        each: row.people
        type: "'cjo.outcome'"
        time: timestamp(row.at)
        identifiers: {user: item}
        attributes: {action: row.action, outcome: row.outcome}
  sms: {out: {address: user}}
identity: {identifiers: [{type: user}]}
---
journey: greet
version: 1
entry: {on: visit}
initial: a
states: {a: {enter: [{act: hello}], end: done}}
---
action: hello
class: transactional
treatments: {sms: {template: hello_v1}}
---
policy: p
"""


@pytest.fixture
def deciding(tmp_path: Path) -> Path:
    folder = tmp_path / "topology"
    folder.mkdir()
    (folder / "all.yaml").write_text(DECIDING)
    return folder


def kept(cli: Cli, folder: Path, file: Path, out: str, *more: str) -> dict[str, Any]:
    """Run a file into the state `S`; return the run's summary."""
    done = cli("run", folder / "topology", file, "--out", folder / out, "--state", folder / "S",
               *more)  # fmt: skip
    assert done.code in (0, 1), done.err
    found: dict[str, Any] = json.loads((folder / out / "summary.json").read_text())
    return found


def clicked(user: str, day: int = 2) -> dict[str, Any]:
    said = {"action": "hello", "outcome": "click"}
    return event(day, user=user, type="cjo.outcome", attributes=said)


@pytest.mark.parametrize("named", ["in.jsonl", "another.jsonl"])
def test_what_a_run_refused_of_a_file_that_was_corrected_since_is_taken(
    cli: Cli, deciding: Path, tmp_path: Path, named: str
) -> None:
    """Under whatever name: a state knows a file by its content."""
    kept(cli, tmp_path, written(tmp_path / "visits.jsonl", [event(1, user="u1")]), "out1")
    outcomes = tmp_path / "in.jsonl"
    assert kept(cli, tmp_path, written(outcomes, [clicked("u9")]), "out2")["events"] == 0
    corrected = [clicked("u1"), clicked("u9", 3)]
    assert kept(cli, tmp_path, written(outcomes, corrected), "out3")["events"] == 1
    events = outcomes.rename(tmp_path / named)
    done = cli("insight", "sink", tmp_path / "S", "--events", events,
               "--layer", tmp_path / "layer")  # fmt: skip
    assert f"1 row of events refused: not taken; the first is {named}, line 2: " in done.err
    assert rows(tmp_path) == 1


def test_what_a_run_refused_and_a_later_one_took_again_is_taken(
    cli: Cli, deciding: Path, tmp_path: Path
) -> None:
    outcomes = tmp_path / "in.jsonl"
    first = kept(cli, tmp_path, written(outcomes, [clicked("u1"), event(1, user="u2")]), "out1")
    assert first["events"] == 1
    kept(cli, tmp_path, written(tmp_path / "visits.jsonl", [event(1, user="u1")]), "out2")
    written(outcomes, [clicked("u1"), event(1, user="u3")])
    assert kept(cli, tmp_path, outcomes, "out3", "--again")["events"] == 2
    done = cli("insight", "sink", tmp_path / "S", "--events", outcomes,
               "--layer", tmp_path / "layer")  # fmt: skip
    assert (rows(tmp_path), "refused" in done.err) == (2, False)


@pytest.mark.parametrize("is_last", [False, True])
def test_a_file_that_was_taken_again_as_it_was_is_the_later_one(
    cli: Cli, deciding: Path, tmp_path: Path, is_last: bool
) -> None:
    """All was refused at first, as no command had gone out; its content is the same."""
    outcomes = written(tmp_path / "in.jsonl", [clicked("u1")])
    visits = written(tmp_path / "visits.jsonl", [event(1, user="u1")])
    if is_last:  # the file with the highest number is the refused one
        kept(cli, tmp_path, written(tmp_path / "others.jsonl", [event(1, user="u2")]), "out0")
    assert kept(cli, tmp_path, outcomes, "out1")["events"] == 0
    if is_last:
        more = [clicked("u1"), event(1, user="u1")]
        kept(cli, tmp_path, written(tmp_path / "in.jsonl", more[:1]), "out2", "--again")
    kept(cli, tmp_path, visits, "out3")
    assert kept(cli, tmp_path, outcomes, "out4", "--again")["events"] == 1
    done = cli("insight", "sink", tmp_path / "S", "--events", outcomes,
               "--layer", tmp_path / "layer")  # fmt: skip
    assert (rows(tmp_path), "refused" in done.err) == (1, False)
    assert kept(cli, tmp_path, outcomes, "out5")["events"] == 0


def test_of_a_file_that_grew_what_was_refused_before_stays_so(
    cli: Cli, deciding: Path, tmp_path: Path
) -> None:
    outcomes = tmp_path / "in.jsonl"
    kept(cli, tmp_path, written(outcomes, [clicked("u1"), event(1, user="u1")]), "out1")
    written(outcomes, [clicked("u1"), event(1, user="u1"), clicked("u1", 3), clicked("u2", 3)])
    kept(cli, tmp_path, outcomes, "out2")
    done = cli("insight", "sink", tmp_path / "S", "--events", outcomes,
               "--layer", tmp_path / "layer")  # fmt: skip
    assert "2 rows of events refused: not taken; the first is in.jsonl, line 1: " in done.err
    assert rows(tmp_path) == 2


def test_what_a_state_has_not_taken_to_its_end_waits_for_its_run(
    cli: Cli, deciding: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise RetryError("killed")

    file = written(tmp_path / "in.jsonl", [clicked("u1"), event(1, user="u1")])
    with monkeypatch.context() as patch:
        patch.setattr(taking, "end", killed)
        done = cli("run", deciding, file, "--out", tmp_path / "out", "--state", tmp_path / "S")
    assert "killed" in done.err
    sink = ("insight", "sink", tmp_path / "S", "--events", file, "--layer", tmp_path / "layer")
    early = cli(*sink)
    assert (early.code, "give its command again first" in early.err) == (2, True)
    kept(cli, tmp_path, file, "out")
    assert cli(*sink).code == 0
    assert rows(tmp_path) == 1
    with file.open("a") as lines:
        lines.write(json.dumps(clicked("u9")) + "\n")
    grown = cli(*sink)
    assert (grown.code, "in.jsonl has rows that this state has not taken" in grown.err) == (
        2,
        True,
    )
    kept(cli, tmp_path, file, "out2")
    assert cli(*sink).code == 0
    assert rows(tmp_path) == 1


@pytest.mark.parametrize("is_native", [False, True])
@pytest.mark.parametrize("by", ["S", "out"])
def test_what_customers_refused_of_an_archive_is_left_out_and_counted_of_none_of_its_files(
    cli: Cli, topology: Path, tmp_path: Path, by: str, is_native: bool
) -> None:
    """Letters have the coordinates of the topic, not those of the archive's file."""
    program = load(topology).program
    events = [event(1), event(2), outcome(action="x", outcome="click"), event(3)]
    raw = [
        RawRecord("cjo.event.web.v1", "id", 0, offset, 1_772_600_000_000, json.dumps(one).encode(),
                  channel="web")
        for offset, one in enumerate(events, 7)
    ]  # fmt: skip
    archive = tmp_path / "archive"
    archive_of(raw, program, str(archive), ArchiveForm.JSONL)
    summary = kept(cli, tmp_path, archive, "out")
    assert (summary["events"], [one["refused"] for one in summary["files"]]) == (3, [0])
    read_by = () if is_native else ("--topology", topology)
    done = cli("insight", "sink", tmp_path / by, "--events", archive, "--layer",
               tmp_path / "layer", *read_by)  # fmt: skip
    assert "1 row of events refused: not taken; the first is " in done.err
    assert rows(tmp_path) == 3


def test_dead_letters_are_read_for_events_alone(cli: Cli, topology: Path, tmp_path: Path) -> None:
    out, layer = tmp_path / "out", tmp_path / "layer"
    file = written(tmp_path / "in.jsonl", [outcome(action="x", outcome="click"), event(3)])
    cli("run", topology, file, "--out", out)
    (out / "dead_letters.jsonl").write_text("no letter\n")
    assert cli("insight", "sink", out, "--layer", layer).code == 0
    assert cli("insight", "sink", out, "--layer", layer, "--events", file).code == 2


@pytest.mark.parametrize("by", ["S", "out2"])
def test_events_of_one_row_are_told_apart_by_their_identifiers(
    cli: Cli, deciding: Path, tmp_path: Path, by: str
) -> None:
    kept(cli, tmp_path, written(tmp_path / "visits.jsonl", [event(1, user="u1")]), "out1")
    row = {"channel": "app", "at": "2026-03-02T10:00:00Z", "action": "hello", "outcome": "click"}
    file = written(tmp_path / "in.jsonl", [{**row, "people": ["u1", "u2"]}])
    assert kept(cli, tmp_path, file, "out2")["events"] == 1
    done = cli("insight", "sink", tmp_path / by, "--events", file, "--layer", tmp_path / "layer",
               "--topology", deciding)  # fmt: skip
    assert (done.code, rows(tmp_path)) == (0, 1)
    layer = connect(str(tmp_path / "layer"))[0]
    assert layer.execute("SELECT identifiers FROM part.event").fetchall() == [(["user:u1"],)]


REPEATS: dict[str, tuple[list[dict[str, Any]], int]] = {
    "within dedupe": ([event(1, "p"), event(2, "p")], 1),
    "beyond dedupe": ([event(1, "p"), event(5, "p")], 2),
    "at its end": ([event(1, "p"), event(3, "p")], 2),
    "each a day after the last": ([event(1, "p"), event(2, "p"), event(3, "p")], 2),
    "on another channel": ([event(1, "p"), event(1, "p", channel="app")], 2),
    "of another customer": ([event(1, "p"), event(1, "p", "v")], 2),
    "with one identifier more": (
        [event(1, "p"), event(1, "p", identifiers={"email": "a@b.de", "user": "u"})],
        1,
    ),
    "written in another way": (
        [
            event(1, "p", identifiers={"email": "A@b.de"}),
            event(1, "p", identifiers={"email": "a@B.de "}),
        ],
        1,
    ),
    "without an id": ([event(1), event(1)], 2),
}


@pytest.mark.parametrize("name", REPEATS)
def test_repeats_are_taken_as_by_the_engine(
    cli: Cli, topology: Path, tmp_path: Path, name: str
) -> None:
    events, count = REPEATS[name]
    assert both(cli, tmp_path, events, "--topology", str(topology)) == (count, count)


@pytest.mark.parametrize("name", [one for one in REPEATS if one != "without an id"])
def test_repeats_of_a_later_sink_are_too(
    cli: Cli, topology: Path, tmp_path: Path, name: str
) -> None:
    events, count = REPEATS[name]
    out = tmp_path / "out"
    out.mkdir()
    for number, one in enumerate(events):
        file = written(tmp_path / f"{number}.jsonl", [one])
        done = cli("insight", "sink", out, "--events", file, "--layer", tmp_path / "layer",
                   "--topology", topology)  # fmt: skip
        assert done.code == 0, done.err
    assert rows(tmp_path) == count


def test_without_a_topology_an_id_counts_once_a_channel(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    file = written(tmp_path / "in.jsonl", REPEATS["beyond dedupe"][0])
    cli("insight", "sink", out, "--events", file, "--layer", tmp_path / "layer")
    assert rows(tmp_path) == 1


def test_on_kafka_time_is_that_of_receipt(topology: Path, tmp_path: Path) -> None:
    program = load(topology).program
    decode = decoder(program, DEMO_TENANT_KEY.encode())
    sink = Sink(str(tmp_path / "layer"))

    def came(offset: int, at_ms: int, one: dict[str, Any]) -> EventRow:
        value = json.dumps(one).encode()
        record = RawRecord("cjo.event.web.v1", "id", 0, offset, at_ms, value, channel="web")
        return event_of_topic(record, decode(record), "lane", program.dedupe_ms)

    at_ms = 1_772_500_000_000
    for offset, days in enumerate((0, 1, 3)):
        sink.add_event(came(offset, at_ms + days * DAY_MS, event(1, "p")))
    unlisted = came(3, at_ms, outcome(action="x", outcome="clicked"))
    assert unlisted.rows == []
    sink.add_event(unlisted)
    sunk = sink.publish()
    assert (sunk.rows["event"], sunk.repeated, sunk.refused) == (2, 1, 1)
