"""`records` of a topology: what may be switched off, and what is said of it."""
# ruff: noqa: E501 (a message is a line)

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.core.program.recording import Recording
from cjo_stream.definition import DefinitionSet, load
from cjo_stream.errors import DefinitionError
from cjo_stream.governance.difference import differences

TOPOLOGY = """\
topology: shop
channels:
  web: {in: {}, out: {address: cookie}}
identity:
  identifiers: [{type: cookie}]
RECORDS
---
action: reminder
treatments: {web: {template: reminder}}
---
journey: recovery
version: 1
entry: {on: cart_updated}
initial: waiting
states:
  waiting: {enter: [{act: reminder}], after: {30m: lapsed}}
  lapsed: {end: lapsed}
"""
LEARNS = ("treatments: {web: {", "treatments: {web: {propensity: {prior: 0.1}, ")
HELD_OUT = ("version: 1", "version: 1\nholdout: 10%")
SHADOW = ("version: 1", "version: 1\nstatus: shadow")
EXPLORES = ("---\naction", "---\npolicy: contact\nexplore: 5%\n---\naction")


def loaded(folder: Path, records: str, *edits: tuple[str, str]) -> DefinitionSet:
    text = TOPOLOGY.replace("RECORDS", records)
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    folder.mkdir(exist_ok=True)
    (folder / "all.yaml").write_text(text)
    return load(folder)


def found(folder: Path, records: str, *edits: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Return what is found at `records`: its severity, message and suggestion."""
    try:
        diagnostics = loaded(folder, records, *edits).warnings
    except DefinitionError as error:
        diagnostics = error.diagnostics
    return [(one.severity, one.message, one.suggestion) for one in diagnostics]


def test_everything_is_recorded_by_default(tmp_path: Path) -> None:
    recording = loaded(tmp_path, "").program.recording
    assert recording == Recording()
    assert recording.switched == {}


@pytest.mark.parametrize("kind", ["transition", "decision", "profile", "reward"])
def test_each_kind_is_switched_off_alone(tmp_path: Path, kind: str) -> None:
    for word in ("off", '"off"'):
        recording = loaded(tmp_path, f"records: {{{kind}: {word}}}").program.recording
        assert recording.switched == {kind: "off"}
    assert loaded(tmp_path, f"records: {{{kind}: on}}").program.recording == Recording()


def test_decisions_of_act_are_switched_off_alone(tmp_path: Path) -> None:
    recording = loaded(tmp_path, "records: {decision: decide}").program.recording
    assert recording == Recording(act=False)
    assert recording.switched == {"decision": "decide"}


@pytest.mark.parametrize(
    ("records", "message", "suggestion"),
    [
        ("{transition: false}", "must be a word, not false; write off", "off"),
        ("{transition: True}", "must be a word, not True; write on", "on"),
        ("{transition: decide}", "unknown switch of records 'decide'; known: off, on", ""),
        ("{decision: act}", "unknown switch of decisions 'act'; known: decide, off, on", ""),
        ("{transitions: off}", "unknown key of records 'transitions'; did you mean 'transition'?", "transition"),
        ("{action: off}", "commands are always on: they are what the engine is for", ""),
        ("{identity: off}", "identity records are always on: by them an erasure finds a person's events", ""),
        ("{measure: off}", "a measure is its records: take its document away instead", ""),
        ("{prediction: off}", "predictions learn from their records: take `predict` away instead", ""),
        ("{dead_letter: off}", "dead letters are always on: what was refused must be seen", ""),
        ("{governance: off}", "governance records are always on: they say what was switched off", ""),
        ("off", "must be a mapping (records), not text", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_an_error(
    tmp_path: Path, records: str, message: str, suggestion: str
) -> None:
    assert found(tmp_path, f"records: {records}") == [("error", message, suggestion)]


def test_rewards_that_a_propensity_learns_from_stay_on(tmp_path: Path) -> None:
    [(severity, message, _)] = found(tmp_path, "records: {reward: off}", LEARNS)
    assert severity == "error"
    assert message.startswith("the propensity of action 'reminder' learns from rewards: leave")
    assert found(tmp_path, "records: {transition: off, decision: off}", LEARNS) == []


@pytest.mark.parametrize(
    ("records", "edit", "said"),
    [
        ("{transition: off}", HELD_OUT, "journey 'recovery' has a holdout, and without"),
        ("{decision: off}", HELD_OUT, "journey 'recovery' has a holdout, and without"),
        ("{decision: decide}", SHADOW, "journey 'recovery' runs in shadow: what it would"),
        ("{decision: off}", EXPLORES, "the policy explores, and without these records"),
        ("{reward: off}", EXPLORES, "the policy explores, and without these records"),
    ],
)
def test_a_figure_that_loses_its_records_is_a_warning(
    tmp_path: Path, records: str, edit: tuple[str, str], said: str
) -> None:
    [(severity, message, _)] = found(tmp_path, f"records: {records}", edit)
    assert (severity, message[: len(said)]) == ("warning", said)
    others = "{profile: off}"
    assert found(tmp_path, f"records: {others}", edit) == []


def test_a_change_says_what_it_switches(tmp_path: Path) -> None:
    before = loaded(tmp_path / "before", "")
    assert differences(before, loaded(tmp_path / "same", "records: {transition: on}")) == []
    after = loaded(tmp_path / "after", "records: {transition: off}")
    [one] = differences(before, after)
    assert (one.kind, one.before, one.after) == ("topology", "on", "off")
    assert one.part == (("records",), ("transition",))
    assert one.at == "all.yaml:6"
