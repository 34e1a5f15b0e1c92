"""The shop with records switched off: they are not made, and nothing else is another byte."""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cjo_stream.definition import DefinitionSet, load
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.port import RawRecord
from cjo_stream.ingest import decoder
from cjo_stream.simulate import traffic
from tests.differential.engine import run_in_memory
from tests.differential.worlds import plain

SHOP = Path(__file__).resolve().parents[2] / "topologies" / "shop"
DAY_MS = 86_400_000
START_MS = 1_772_323_200_000
LEARNT = re.compile(r"propensity: \{prior: ([0-9.]+), features: \[[^]]*\]\}")
KINDS = ("transition", "decision", "profile", "reward")
LEFT = ("action", "identity", "dead_letter", "prediction")
"""What is made in any case; models learn from predictions."""
Found = tuple[list[Effect], list[dict[str, object]]]


def shop(records: str) -> DefinitionSet:
    """Return the shop, with each propensity a number: then rewards may be switched off, too."""
    with TemporaryDirectory() as folder:
        shutil.copytree(SHOP, Path(folder, "shop"))
        for path in Path(folder, "shop").rglob("*.yaml"):
            text = LEARNT.sub(r"propensity: \1", path.read_text())
            path.write_text(text.replace("topology: shop\n", f"topology: shop\n{records}\n", 1))
        return load(Path(folder, "shop"))


def run_over(definitions: DefinitionSet, events: list[tuple[int, str, bytes]]) -> Found:
    raw = [
        RawRecord(channel, "t", 0, number, time_ms, value, None, (), channel)
        for number, (time_ms, channel, value) in enumerate(events)
    ]
    return run_in_memory(definitions, decoder(definitions.program, b"key"), raw, 30 * DAY_MS, 1)


@cache
def events() -> list[tuple[int, str, bytes]]:
    """Return the events of three weeks, with an acceptance an hour after some commands."""
    simulated = traffic("shop", people=30, seed=26, start_ms=START_MS, duration_ms=21 * DAY_MS)
    visits = [(one.arrives_ms, one.channel, one.value) for one in simulated]
    effects, _ = run_over(shop(""), visits)
    sent = [json.loads(one.value) for one in effects if one.kind == "action"]
    answers = [
        (
            one["issued_at"] + 3_600_000,
            "web",
            json.dumps({
                "type": "cjo.outcome",
                "time": one["issued_at"] + 3_600_000,
                "attributes": {"action_id": one["action_id"], "outcome": "accept"},
            }).encode(),
        )
        for one in sent[::3]
    ]  # fmt: skip
    return sorted([*visits, *answers], key=lambda event: event[0])


@cache
def ran(records: str = "") -> Found:
    """Return all effects, and the customers at the end."""
    return run_over(shop(records), events())


def asks(effect: Effect) -> Any:
    return json.loads(effect.value)["request"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_switched_off(kind: str) -> None:
    whole, customers = ran()
    assert any(one.kind == kind for one in whole)
    effects, found = ran(f"records: {{{kind}: off}}")
    assert effects_but_governance(effects) == [
        plain(one) for one in whole if one.kind not in (kind, "governance")
    ]
    assert found == customers


def test_decisions_of_act_are_switched_off() -> None:
    whole, _ = ran()
    left = [one for one in whole if one.kind != "decision" or "act" not in asks(one)]
    assert 0 < sum(one.kind == "decision" for one in left) < len(whole) - len(left)
    effects, _ = ran("records: {decision: decide}")
    assert effects_but_governance(effects) == effects_but_governance(left)


def test_commands_who_is_who_and_what_models_learn_from_are_left() -> None:
    whole, customers = ran()
    off = ", ".join(f"{kind}: off" for kind in KINDS)
    effects, found = ran(f"records: {{{off}}}")
    assert effects_but_governance(effects) == [plain(one) for one in whole if one.kind in LEFT]
    assert found == customers


def test_the_record_of_the_set_says_what_it_switches_off() -> None:
    effects, _ = ran("records: {decision: decide}")
    [applied] = [json.loads(one.value) for one in effects if one.kind == "governance"]
    assert applied["records"] == {"decision": "decide"}
    [applied] = [json.loads(one.value) for one in ran()[0] if one.kind == "governance"]
    assert "records" not in applied


def effects_but_governance(effects: list[Effect]) -> list[tuple[Any, ...]]:
    return [plain(one) for one in effects if one.kind != "governance"]


SPINS = """\
topology: spins
channels: {web: {in: {}}}
identity: {identifiers: [{type: user}]}
RECORDS
---
journey: spin
version: 1
entry: {on: go}
exit: {on: stop, as: stopped}
initial: calm
states:
  calm: {after: {1s: here}}
  here: {always: {when: "true", to: there}}
  there: {always: {when: "true", to: here}}
"""


def test_the_dead_letter_of_a_timer_shows_its_transition_all_the_same(tmp_path: Path) -> None:
    letters = []
    for records in ("", "records: {transition: off}"):
        (tmp_path / "all.yaml").write_text(SPINS.replace("RECORDS", records))
        event = {"type": "go", "time": START_MS, "identifiers": {"user": "a"}}
        effects, _ = run_over(load(tmp_path), [(START_MS, "web", json.dumps(event).encode())])
        letters.append([plain(one) for one in effects if one.kind == "dead_letter"])
    [whole], [without] = letters
    assert whole == without
    assert json.loads(whole[3])["reason"] == "moved"
