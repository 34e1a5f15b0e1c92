"""What is switched off is said by each command that reads those records."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cjo_stream.installation.unrecorded import Switched, unrecorded
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """\
topology: greeter
channels: {web: {in: {}}, email: {out: {address: email}}}
identity: {identifiers: [{type: email}]}
RECORDS
---
journey: greet
version: 1
entry: {on: signed_up}
initial: greeted
states: {greeted: {enter: [{act: hello}], after: {1d: over}}, over: {end: over}}
---
action: hello
treatments: {email: {template: hello}}
"""
OFF = "records: {transition: off, decision: off, profile: off, reward: off}"
NO_WHY = "decision records are switched off since {}: why something was sent or not is not known"
NO_WHERE = (
    "transition records are switched off since {}: where customers were in journeys, their goals "
    "and their ends are not known"
)
THEN = "2026-03-02 10:00 UTC"


def folder(place: Path, records: str) -> Path:
    place.mkdir(exist_ok=True)
    (place / "topology.yaml").write_text(TOPOLOGY.replace("RECORDS", records))
    return place


def events(place: Path, who: str = "a", day: int = 2) -> Path:
    line = {
        "type": "signed_up",
        "time": f"2026-03-{day:02}T10:00:00Z",
        "channel": "web",
        "identifiers": {"email": f"{who}@example.com"},
    }
    place.write_text(json.dumps(line) + "\n")
    return place


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> Path:
    """A run, on a state, that records commands alone."""
    topology, file = folder(tmp_path / "off", OFF), events(tmp_path / "events.jsonl")
    out, state = tmp_path / "out", tmp_path / "state"
    done = cli("run", topology, file, "--out", out, "--state", state)
    assert done.code == 0
    assert NO_WHY.format("set 1") in done.err
    assert len((out / "actions.jsonl").read_text().splitlines()) == 1
    for name in ("transitions", "decisions", "rewards"):
        assert (out / f"{name}.jsonl").read_text() == ""
    return out


def test_a_run_says_it_in_its_summary(run: Path, cli: Cli, tmp_path: Path) -> None:
    said = json.loads((run / "summary.json").read_text())["records"]
    kinds = ("transition", "decision", "profile", "reward")
    assert said == dict.fromkeys(kinds, "off")
    out, file = tmp_path / "on", tmp_path / "events.jsonl"
    assert cli("run", folder(tmp_path / "all", ""), file, "--out", out).err == ""
    assert "records" not in json.loads((out / "summary.json").read_text())


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("report lift", {"transition", "decision"}),
        ("report shadow", {"decision"}),
        ("decisions explain D", {"decision"}),
        ("decisions evaluate", {"decision", "reward"}),
        ("records transition", {"transition"}),
        ("records action", set()),
    ],
)
def test_commands_over_records_say_what_they_cannot_know(
    run: Path, cli: Cli, words: str, kinds: set[str]
) -> None:
    more = ["uniform"] if words == "decisions evaluate" else []
    said = cli(*words.split(), run, *more).err
    assert set(re.findall(r"^(\w+) records are switched off since 2026", said, re.M)) == kinds
    assert ("decision" not in kinds) or NO_WHY.format(THEN) in said


def test_status_and_history_say_since_which_set(run: Path, cli: Cli, tmp_path: Path) -> None:
    state = ["--state", tmp_path / "state"]
    assert NO_WHERE.format("set 1") in cli("status", *state).out
    [kept] = json.loads(cli("status", *state, "--json").out)["sets"]
    assert kept["records"]["decision"] == "off"
    history = cli("customer", "history", "email:a@example.com", *state)
    assert NO_WHY.format("set 1") in history.err
    assert NO_WHERE.format("set 1") in history.err
    assert "reward" not in history.err
    assert re.findall(r"^[-:.\w ]+?  (event|identity|\w+ion) ", history.out, re.M) == [
        "event",
        "identity",
        "action",
    ]


def test_a_kind_that_is_on_again_was_off_in_between(run: Path, cli: Cli, tmp_path: Path) -> None:
    state = ["--state", tmp_path / "state"]
    on = folder(tmp_path / "on", "records: {decision: decide}")
    assert cli("apply", on, *state, "--yes").code == 0
    said = cli("status", *state).out
    assert "transition records were switched off from set 1 until 20" in said
    assert "decision records of `act` are switched off since 20" in said
    more, out = events(tmp_path / "more.jsonl", "b", 3), tmp_path / "more"
    assert cli("run", on, more, "--out", out, *state).code == 0
    assert len((out / "transitions.jsonl").read_text().splitlines()) == 2
    assert (out / "decisions.jsonl").read_text() == ""
    # The set was in force before this run, which says it in its summary alone.
    said = cli("report", "shadow", out).err
    assert "decision records of `act` are switched off since the beginning" in said


def test_figures_and_reports_of_a_layer_say_it(run: Path, cli: Cli, tmp_path: Path) -> None:
    layer = ["--layer", tmp_path / "layer"]
    assert cli("insight", "sink", run, *layer).code == 0
    for words in (["insight", "dwell"], ["report", "journeys"]):
        said = cli(*words, *layer).err
        assert NO_WHERE.format(THEN) in said, words
        assert NO_WHY.format(THEN) in said, words
    page = tmp_path / "page.html"
    assert cli("report", "journeys", *layer, "--html", page).code == 0
    assert "transition records are switched off since" in page.read_text()


def test_a_layer_without_such_a_set_says_nothing(cli: Cli, tmp_path: Path) -> None:
    topology, file = folder(tmp_path / "on", ""), events(tmp_path / "events.jsonl")
    assert cli("run", topology, file, "--out", tmp_path / "out").code == 0
    layer = ["--layer", tmp_path / "layer"]
    assert cli("insight", "sink", tmp_path / "out", *layer).code == 0
    assert "switched off" not in cli("insight", "dwell", *layer).err


def test_a_change_of_the_word_ends_one_gap_and_begins_another() -> None:
    sets = [
        Switched(3, 1_767_312_000_000, {}),
        Switched(1, None, {"decision": "off"}),
        Switched(2, 1_767_225_600_000, {"decision": "decide"}),
    ]
    first, second = unrecorded(sets)
    assert first.startswith("decision records were switched off from set 1 until 2026-01-01 00:00")
    assert first.endswith(": why something was sent or not is not known")
    assert second.startswith("decision records of `act` were switched off from 2026-01-01 00:00")
    assert "until 2026-01-02 00:00 UTC: why an `act` sent something or not is" in second
