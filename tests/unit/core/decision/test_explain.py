"""A decision in words, for people who ask why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.cli.app import call
from cjo_stream.core.decision.explain import explain
from cjo_stream.core.record import Decision
from tests.world.desk import Desk, when

GOODS = """
action: gold
value: 200
propensity: 0.125
treatments: {push: {}, mail: {}}
limits: {outcome: reject, pause: 30d}
---
action: silver
value: 100
propensity: 0.5
context: [{when: event.kind == 'x', weight: 50}]
treatments: {mail: {}}
---
action: lead
value: event.none
treatments: {mail: {}}
"""
POLICY = """
caps: {name: one_push, channel: push, max: 0, per: day}
levers: {}
explore: 0%
"""


def told(decision: dict[str, Any]) -> list[str]:
    lines = explain(msgspec.convert(decision, Decision))
    return [line.replace(decision["decision_id"], "ID") for line in lines]


def desk_of(
    folder: Path, step: str = "decide: {actions: [gold, silver, lead]}", **more: Any
) -> Desk:
    return Desk(folder, step=step, actions=GOODS, policy=more.pop("policy", POLICY), **more)


def test_every_candidate_is_told_with_its_factors_or_what_stopped_it(tmp_path: Path) -> None:
    decision = desk_of(tmp_path).ask(1.5, kind="x", id="e1")
    assert told(decision) == [
        "2026-03-01 00:00:01.500Z  decide over actions gold|silver|lead",
        "  journey desk v1 in state home, at event ask e1  [ID]",
        "  > silver/mail  passed: P 0.5 x C 1.5 x V 100 x L 1 = 75",
        "    gold/mail    passed: P 0.125 x C 1 x V 200 x L 1 = 25",
        "    gold/push    stopped at caps (one_push)",
        "    lead/mail    stopped at priority: P 1 x C 1 x V missing x L 1",
        "  sent silver on mail, probability 1",
    ]


def test_the_choice_stands_before_its_equals(tmp_path: Path) -> None:
    decision = desk_of(tmp_path).ask(1, kind="x")
    for candidate in decision["candidates"]:
        candidate.update({"gate": None, "priority": 75.0})
    marked = [line[2] for line in told(decision)[2:-1]]
    assert marked == [">", " ", " ", " "]


def test_an_act_is_told_without_priorities(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "act: {action: gold, channels: [mail, push]}")
    lines = told(desk.ask(1))
    assert lines[0] == "2026-03-01 00:00:01Z  act gold, on mail, push"
    assert lines[2:] == [
        "  > gold/mail  passed",
        "    gold/push  stopped at caps (one_push)",
        "  sent gold on mail, probability 1",
    ]


def test_the_chance_of_an_explored_choice_is_told(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "decide: {}", policy="explore: 100%")
    lines = told(desk.ask(1))
    assert lines[0].endswith("decide over the whole portfolio")
    assert lines[-1].endswith("probability 0.1667")


def test_why_nothing_was_sent_is_told(tmp_path: Path) -> None:
    night = 'quiet_hours: {from: "21:00", until: "08:00", then: delay}'
    desk = desk_of(tmp_path, "act: gold", policy=night)
    at = when("2026-03-04 22:00", "Europe/Berlin")
    waits = desk.ask(at)
    assert told(waits)[-1] == "  nothing sent: the request waits until 2026-03-05 07:00:00Z"
    desk.scene.to(at + 86_400)
    assert told(desk.decisions()[-1])[1] == "  journey desk v1 in state home, at a due time  [ID]"
    desk.outcome(at + 86_400, "reject", "gold")
    lines = told(desk.ask(at + 86_401))
    assert lines[2].endswith("stopped at limits (reject pause 30d)")
    assert lines[-1] == "  nothing sent: no candidate passed"
    gone = {**waits, "candidates": [{**c, "gate": "ended"} for c in waits["candidates"]]}
    dropped = "  nothing sent: the request was dropped while it waited"
    assert told({**gone, "deferred_until": None})[-1] == dropped


def test_what_a_holdout_kept_back_is_told(tmp_path: Path) -> None:
    decision = desk_of(tmp_path, holdout="100%").ask(1)
    assert told(decision)[-1].endswith("probability 1, held back: holdout")


PREDICT = """
profile:
  traits: {asked: {count: ask}}
predict:
  buys: {on: ask, event: order, within: 2d, prior: 0.25, features: [profile.asked]}
  leaves: {on: ask, without: order, within: 2d, prior: 0.3}
"""
LIKELY = """
action: gold
eligible: predict.buys < 0.5
propensity: predict.buys * 2
treatments: {mail: {}}
"""
GUARDED = """
journey: guarded
version: 1
entry: {on: other, when: predict.leaves < 0.5}
initial: only
states: {only: {enter: [{act: gold}], after: {9d: over}}, over: {end: over}}
"""


def test_the_predictions_that_were_read_are_told_with_their_model(tmp_path: Path) -> None:
    desk = Desk(tmp_path, step="decide: {}", actions=LIKELY, more=GUARDED, profile=PREDICT)
    decision = desk.ask(1)
    assert decision["predictions"] == {"buys": 0.25}
    assert told(decision)[2] == "  read predict.buys 0.25, by the prior: there was no model yet"
    lines = explain(
        msgspec.convert({**decision, "model_version": 12}, Decision), 1_772_323_200_000
    )
    assert lines[2] == (
        "  read predict.buys 0.25, by model 12, first used at 2026-03-01 00:00:00Z"
    )
    guarded = desk.ask(2, "other")
    assert guarded["predictions"] == {"leaves": 0.3, "buys": 0.25}
    assert told(guarded)[2].startswith("  read predict.leaves 0.3, predict.buys 0.25, by")


def test_a_decision_that_reads_no_prediction_has_none(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, profile=PREDICT)
    assert "predictions" not in desk.ask(1)


# --- the command


@pytest.fixture
def results(tmp_path: Path) -> Path:
    decision = desk_of(tmp_path).ask(1)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "decisions.jsonl").write_bytes(msgspec.json.encode(decision) + b"\n")
    return folder


def test_a_decision_of_a_run_is_explained(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = json.loads((results / "decisions.jsonl").read_text())
    explained = ["decisions", "explain", written["decision_id"], str(results)]
    for asked, words in (
        ([*explained[:2], "nobody's", explained[3]], "a command's decision_id names it"),
        ([*explained[:3], str(results / "none")], "name the --out folder of a `run`"),
    ):
        assert call(asked) == 2
        assert words in capsys.readouterr().err
    assert call(explained) == 0
    assert capsys.readouterr().out.splitlines() == explain(msgspec.convert(written, Decision))
    assert call(["decisions", "explain", written["decision_id"], str(results), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == written


def test_a_decision_that_is_not_there_and_a_folder_that_is_none_are_said(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["decisions", "explain", "d9", str(results)]) == 2
    assert "no decision d9" in capsys.readouterr().err
    whole = json.loads((results / "decisions.jsonl").read_text())["decision_id"]
    with (results / "decisions.jsonl").open("a") as file:
        file.write('{"decision_id":"d9","custom')
    assert call(["decisions", "explain", whole, str(results)]) == 0
    assert call(["decisions", "explain", "d9", str(results)]) == 2
    assert "it is not as a `run` wrote it" in capsys.readouterr().err
    assert call(["decisions", "explain", "d9", str(results / "no")]) == 2
    assert "decisions.jsonl cannot be read" in capsys.readouterr().err


def test_the_first_use_of_the_model_is_found_among_all_decisions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path, step="decide: {}", actions=LIKELY, profile=PREDICT)
    first, *others = (desk.ask(second) for second in (1, 2, 3))
    written = [first, *({**one, "model_version": 7} for one in reversed(others))]
    (tmp_path / "decisions.jsonl").write_bytes(
        b"".join(msgspec.json.encode(one) + b"\n" for one in written)
    )
    assert call(["decisions", "explain", others[1]["decision_id"], str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "by model 7, first used at 2026-03-01 00:00:02Z" in said
