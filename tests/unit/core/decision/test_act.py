"""docs/decisions.md, for `act`: candidates, gates, the choice, the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.world.scene import Scene

DAY = 86_400
ASK = """
journey: ask
version: 1
entry: {on: ask, key: event.k, reentry: always}
data: {a: event.a, b: event.b}
initial: asked
states:
  asked: {enter: [{act: STEP}], after: {10s: over}}
  over: {enter: [{act: late}], end: over}
---
action: late
class: service
treatments: {mail: {payload: {type: event.type, a: data.a, key: key}}}
---
"""
PITCH = """
action: pitch
issue: sales
group: cards
class: CLASS
GATES
expires: 2h
treatments:
  push: {template: t1, payload: {x: data.a}}
  mail: {template: t2, payload: {x: data.a, none: event.none, fixed: 5, on: candidate.channel}}
  web: {template: t3}
"""
EVERYWHERE = {"user": "u", "email": "u@example.com", "device": "d", "cookie": "c"}


def scene_of(
    folder: Path,
    step: str = "pitch",
    gates: str = "",
    class_: str = "marketing",
    profile: str = "",
) -> Scene:
    pitch = PITCH.replace("GATES", gates).replace("CLASS", class_)
    ask = ASK.replace("STEP", step)
    return Scene(folder, ask + pitch, profile=profile)


def asked(scene: Scene, at: float = 1, **more: Any) -> dict[str, Any]:
    """Ask once; return the decision."""
    scene.send("ask", at, **{"identifiers": EVERYWHERE, "k": 1, **more})
    decision: dict[str, Any] = scene.driver.decisions()[-1]
    return decision


def judged(decision: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(c["channel"], c["gate"]) for c in decision["candidates"]]


def test_act_takes_the_first_channel_in_the_order_of_treatments_and_judges_all(
    tmp_path: Path,
) -> None:
    decision = asked(scene_of(tmp_path))
    assert judged(decision) == [("push", None), ("mail", None), ("web", None)]
    assert decision["chosen"] == {"action": "pitch", "channel": "push"}


def test_act_takes_the_first_channel_in_the_order_asked(tmp_path: Path) -> None:
    decision = asked(scene_of(tmp_path, "{action: pitch, channels: [web, push]}"))
    assert judged(decision) == [("web", None), ("push", None)]
    assert decision["chosen"] == {"action": "pitch", "channel": "web"}
    assert decision["request"]["act"] == "pitch"
    assert list(decision["request"]["channels"]) == ["web", "push"]


def test_a_channel_without_an_address_is_passed_over(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    decision = asked(scene, identifiers={"user": "u", "email": "u@example.com"})
    assert judged(decision) == [("push", "address"), ("mail", None), ("web", "address")]
    assert scene.sent() == [(1, "pitch", "mail")]


def test_nothing_is_sent_where_no_candidate_passes_and_the_decision_is_recorded(
    tmp_path: Path,
) -> None:
    scene = scene_of(tmp_path)
    decision = asked(scene, identifiers={"user": "u"})
    assert [gate for _, gate in judged(decision)] == ["address"] * 3
    assert decision["chosen"] is None
    assert decision["suppressed"] is None
    assert scene.sent() == []


@pytest.mark.parametrize(
    ("facts", "gate"),
    [
        ({}, "eligible"),
        ({"e": True}, "applicable"),
        ({"e": True, "a": True}, "suitable"),
        ({"e": True, "a": True, "s": True}, "address"),
        ({"s": True, "a": True}, "eligible"),
    ],
)
def test_each_candidate_is_stopped_at_the_first_gate(
    tmp_path: Path, facts: dict[str, Any], gate: str
) -> None:
    gates = "eligible: profile.e\napplicable: profile.a\nsuitable: profile.s"
    profile = "profile: {facts: {e: boolean, a: boolean, s: boolean}}\n"
    scene = scene_of(tmp_path, gates=gates, profile=profile)
    scene.send("cjo.profile", 0, identifiers={"user": "u"}, **facts)
    decision = asked(scene, identifiers={"user": "u"})
    assert [g for _, g in judged(decision)] == [gate] * 3


def test_gates_read_the_candidates_channel_the_request_and_its_event(tmp_path: Path) -> None:
    gates = """eligible: candidate.channel != 'push'
applicable: event.type == 'ask' and key == 1
suitable: data.b == 'overlaid' or candidate.channel == 'mail'"""
    scene = scene_of(tmp_path, "{action: pitch, data: {a: event.z}}", gates)
    decision = asked(scene, z=9, a=1)
    assert judged(decision) == [("push", "eligible"), ("mail", None), ("web", "suitable")]


def test_the_command(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, "{action: pitch, channels: [mail]}")
    decision = asked(scene, a="x")
    (command,) = scene.driver.actions()
    (transition,) = scene.driver.transitions()
    assert command.pop("action_id").startswith(command["customer_id"])
    assert command == {
        "schema": "cjo.action.v1",
        "customer_id": transition["customer_id"],
        "topology": "scene",
        "action": "pitch",
        "issue": "sales",
        "group": "cards",
        "class": "marketing",
        "channel": "mail",
        "template": "t2",
        "payload": {"x": "x", "fixed": 5, "on": "mail"},
        "address": {"type": "email", "value": "u@example.com"},
        "issued_at": Scene.DAY_MS + 1_000,
        "expires_at": Scene.DAY_MS + 1_000 + 7_200_000,
        "decision_id": decision["decision_id"],
        "journey": {
            "name": "ask",
            "version": 1,
            "instance_id": transition["instance_id"],
            "state": "asked",
        },
    }


def test_the_decision_record(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, "{action: pitch, channels: [mail]}")
    decision = asked(scene, id="e1")
    (command,) = scene.driver.actions()
    assert decision["schema"] == "cjo.decision.v1"
    assert decision["customer_id"] == command["customer_id"]
    assert decision["time"] == Scene.DAY_MS + 1_000
    assert decision["trigger"] == {"kind": "event", "id": "e1", "type": "ask"}
    assert decision["journey"] == command["journey"]
    assert decision["probability"] == 1
    assert decision["deferred_until"] is None
    assert decision["candidates"][0]["action"] == "pitch"


def test_an_action_expires_after_7_days_unless_it_says_otherwise(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    asked(scene)
    scene.to(11)
    late = scene.driver.actions()[-1]
    assert (late["action"], late["expires_at"]) == ("late", late["issued_at"] + 7 * DAY * 1000)


def test_what_time_asks_for_has_no_event_but_data_and_key(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    asked(scene, a=3)
    scene.to(11)
    assert scene.driver.actions()[-1]["payload"] == {"a": 3, "key": 1}
    decision = scene.driver.decisions()[-1]
    assert decision["trigger"]["kind"] == "timer"
    assert decision["trigger"]["type"] is None
    assert decision["journey"]["state"] == "over"


def test_data_of_an_act_is_laid_over_the_instances_for_that_request_alone(tmp_path: Path) -> None:
    step = "{action: pitch, channels: [push], data: {a: data.a + 1}}"
    scene = scene_of(tmp_path, step)
    asked(scene, a=1)
    scene.to(11)
    payloads = [command["payload"] for command in scene.driver.actions()]
    assert payloads == [{"x": 2}, {"a": 1, "key": 1}]


def test_the_address_is_the_identifier_seen_last(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, "{action: pitch, channels: [push]}")
    for at, device in ((1, "one"), (5, "two"), (3, "one"), (4, "three")):
        scene.send("other", at, identifiers={"user": "u", "device": device})
    asked(scene, 6, identifiers={"user": "u"})
    scene.send("other", 7, identifiers={"user": "u", "device": "one"})
    asked(scene, 8, identifiers={"user": "u"})
    addresses = [command["address"]["value"] for command in scene.driver.actions()]
    assert addresses == ["two", "one"]


@pytest.mark.parametrize(
    ("class_", "suppressed"),
    [("marketing", "holdout"), ("service", "holdout"), ("transactional", None)],
)
def test_what_a_held_out_instance_chose_is_not_sent_unless_it_is_transactional(
    tmp_path: Path, class_: str, suppressed: str | None
) -> None:
    text = ASK.replace("STEP", "pitch")
    text = text.replace("initial:", "holdout: 100%\ninitial:")
    pitch = PITCH.replace("GATES", "").replace("CLASS", class_)
    scene = Scene(tmp_path, text + pitch)
    decision = asked(scene)
    assert decision["chosen"] == {"action": "pitch", "channel": "push"}
    assert decision["suppressed"] == suppressed
    assert len(scene.sent()) == (suppressed is None)


def test_a_held_out_decision_without_a_choice_has_nothing_suppressed(tmp_path: Path) -> None:
    text = ASK.replace("STEP", "pitch")
    text = text.replace("initial:", "holdout: 100%\ninitial:")
    scene = Scene(tmp_path, text + PITCH.replace("GATES", "").replace("CLASS", "service"))
    decision = asked(scene, identifiers={"user": "u"})
    assert (decision["chosen"], decision["suppressed"]) == (None, None)


def test_ids_are_deterministic_and_each_its_own(tmp_path: Path) -> None:
    def run() -> list[str]:
        scene = scene_of(tmp_path)
        for at in range(5):
            asked(scene, at, k=at)
        return [command["action_id"] for command in scene.driver.actions()]

    first = run()
    assert first == run()
    assert len(set(first)) == 5
