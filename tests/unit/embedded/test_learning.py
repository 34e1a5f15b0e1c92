"""The embedded learner: the same log gives the same weights, whatever is killed on the way."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from cjo_stream.core.learning.feature import BIAS
from cjo_stream.core.record import Prediction, Reward
from cjo_stream.embedded.learning import Learning
from cjo_stream.embedded.log import EFFECT, DurableLog, MemoryLog
from cjo_stream.engine.frame import START, Effect, EffectWriter
from cjo_stream.engine.learner import Learner
from cjo_stream.engine.port import Log
from cjo_stream.store.rocks import RocksStore
from tests.unit.embedded.killing import KILLS, run_killed
from tests.world.scene import ACTIONS, ASK, HEAD, PROFILE

R = TypeVar("R", Prediction, Reward)
START_MS = 1_772_323_200_000
FILES = ("actions", "decisions", "rewards", "predictions", "transitions", "dead_letters",
         "customers")  # fmt: skip
PREDICT = """
predict:
  asks: {on: ask, event: ask, within: 6h, prior: 0.5, features: [profile.tier, profile.asked]}
"""


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("topology")
    more = ASK.replace("EXPLORE", "explore: {thompson: true}").replace("HOLDOUT", "")
    more = more.replace("value: 1\n", "value: predict.asks + 1\n")
    assert "predict.asks" in more
    profile = PROFILE + "  traits: {asked: {count: ask, per: 1d}}\n" + PREDICT
    (folder / "all.yaml").write_text(f"{HEAD}{profile}{ACTIONS}---\n{more}")
    return folder


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of six days: who asks, what they answer; mostly a card when in the mood."""
    draw = random.Random(4)
    lines = []
    for number in range(900):
        at = START_MS + number * 576_000
        mood = draw.choice(["fine", "sad"])
        user = {"user": f"u{draw.randrange(50)}", "email": f"u{draw.randrange(50)}@example.com"}
        lines.append(event("ask", at, user, k=number, mood=mood))
        if draw.random() < (0.5 if mood == "fine" else 0.05):
            lines.append(event("cjo.outcome", at + 60_000, user, action="card", outcome="accept"))
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def event(type_: str, at: int, identifiers: dict[str, str], **attributes: object) -> str:
    told = {"type": type_, "time": at, "channel": "web", "identifiers": identifiers}
    return json.dumps({**told, "attributes": attributes})


def command(topology: Path, events: Path, out: Path, *more: str) -> list[str]:
    base = [sys.executable, "-m", "cjo_stream", "run", str(topology), str(events)]
    return [*base, "--out", str(out), "--drain", "3d", "--now", "2026-04-01T00:00:00Z", *more]


def run(arguments: list[str], hash_seed: str = "0", **more: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, **more}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def read(out: Path) -> dict[str, bytes]:
    return {name: (out / f"{name}.jsonl").read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def undisturbed(
    topology: Path, events: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    run(command(topology, events, out))
    return read(out)


def test_models_follow_one_another_and_the_same_input_gives_the_same_bytes(
    topology: Path, events: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    decisions = [json.loads(line) for line in undisturbed["decisions"].splitlines()]
    versions = [d["model_version"] or 0 for d in decisions]
    assert versions == sorted(versions)
    assert versions[-1] > 50
    run(command(topology, events, tmp_path / "out"), hash_seed="5")
    assert read(tmp_path / "out") == undisturbed


def test_without_numpy_a_run_gives_the_same_bytes(
    topology: Path, events: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    (tmp_path / "numpy.py").write_text("raise ImportError\n")
    run(command(topology, events, tmp_path / "out"), PYTHONPATH=str(tmp_path))
    assert read(tmp_path / "out") == undisturbed


@pytest.mark.slow
def test_a_run_killed_again_and_again_learns_what_an_undisturbed_one_does(
    topology: Path, events: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    out, state = tmp_path / "out", tmp_path / "state"
    kills = run_killed(
        command(topology, events, out, "--state", str(state)), out, seed=8, most=KILLS, late_s=0.2
    )
    assert kills > KILLS // 2
    assert read(out) == undisturbed
    assert weights_of(state) == weights_from(undisturbed)
    predicted = records(undisturbed["predictions"], Prediction)
    assert len({one.probability for one in predicted if one.model_version}) > 20


def weights_of(state: Path) -> object:
    """Return the learner's model as a state folder notes it."""
    log = DurableLog(RocksStore(state / "log"))
    noted = log.note("learner")
    log.close()
    assert noted is not None
    return msgspec.msgpack.decode(noted)[0]


def weights_from(files: dict[str, bytes]) -> object:
    """Return the model that the records give in the order told; the drain ends after the last."""
    learner = Learner()
    rewards = records(files["rewards"], Reward)
    for reward in sorted(rewards, key=lambda one: (one.time, one.action_id)):
        learner.learn(reward)
    predictions = records(files["predictions"], Prediction)
    for prediction in sorted(predictions, key=lambda one: (one.time, one.prediction_id)):
        learner.learn_outcome(prediction)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(learner.model))


def records(lines: bytes, type_: type[R]) -> list[R]:
    return [msgspec.json.decode(line, type=type_) for line in lines.splitlines()]


def test_what_is_no_frame_is_passed_over_when_effects_are_read_again() -> None:
    told = Reward(
        decision_id="d",
        action_id="a",
        customer_id="c",
        action="card",
        channel="mail",
        features=[BIAS],
        probability=None,
        outcome=None,
        value=None,
        reward=0,
        issued_at=1,
        time=2,
    )
    writer = EffectWriter(Log("internal", 0))
    writer.add((1, 0), START, Effect("reward", "c", msgspec.json.encode(told)))
    log = MemoryLog()
    frames = map(msgspec.msgpack.encode, writer.frames())
    log.append([(EFFECT, 0, 0, b"{}"), *((EFFECT, 0, 0, frame) for frame in frames)])
    assert Learning(log, [1]).first == told.time
