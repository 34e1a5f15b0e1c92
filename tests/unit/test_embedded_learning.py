"""The embedded learner: the same log gives the same weights, whatever is killed on the way."""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.record import DeadLetter, Reward
from cjo_stream.definition import DefinitionSet, compile_content, load
from cjo_stream.embedded.log import INTERNAL, DurableLog
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.state import section
from cjo_stream.engine.frame import Effect, tick_frame
from cjo_stream.engine.learner import Learner
from cjo_stream.store.memory import MemoryStore
from cjo_stream.store.rocks import RocksStore
from tests.unit.killing import run_killed
from tests.unit.partition import hash_of
from tests.unit.scene import ACTIONS, HEAD
from tests.unit.test_reward import ASK, PROFILE

START_MS = 1_772_323_200_000
FILES = ("actions", "decisions", "rewards", "transitions", "dead_letters", "customers")


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("topology")
    more = ASK.replace("EXPLORE", "explore: {thompson: true}").replace("HOLDOUT", "")
    (folder / "all.yaml").write_text(f"{HEAD}{PROFILE}{ACTIONS}---\n{more}")
    return folder


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of ten days: who asks, what they answer; mostly a card when in the mood."""
    draw = random.Random(4)
    lines = []
    for number in range(1_500):
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


def run(arguments: list[str], hash_seed: str = "0") -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
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
    assert versions[-1] > 80
    run(command(topology, events, tmp_path / "out"), hash_seed="5")
    assert read(tmp_path / "out") == undisturbed


def test_a_run_killed_again_and_again_learns_what_an_undisturbed_one_does(
    topology: Path, events: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    out, state = tmp_path / "out", tmp_path / "state"
    kills = run_killed(
        command(topology, events, out, "--state", str(state)), out, seed=8, most=5, late_s=0.2
    )
    assert kills >= 3
    assert read(out) == undisturbed
    assert weights_of(state) == weights_from(undisturbed["rewards"])


def weights_of(state: Path) -> object:
    """Return the learner's model as a state folder notes it."""
    log = DurableLog(RocksStore(state / "log"))
    noted = log.note("learner")
    log.close()
    assert noted is not None
    return msgspec.msgpack.decode(noted)[0]


def weights_from(lines: bytes) -> object:
    """Return the model that rewards give in the order told; the drain ends after the last."""
    rewards = [msgspec.json.decode(line, type=Reward) for line in lines.splitlines()]
    learner = Learner()
    for reward in sorted(rewards, key=lambda one: (one.time, one.action_id)):
        learner.take(reward)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(learner.model))


class KilledError(BaseException):
    """The process is gone."""


class Disk(MemoryStore):
    """A store that outlives its process, which dies before write number `dies_at`."""

    dies_at = -1
    writes = 0

    def write(self, batch: Sequence[tuple[bytes, bytes | None]]) -> None:
        self.writes += 1
        if self.writes == self.dies_at:
            raise KilledError
        super().write(batch)

    def close(self) -> None:
        """Keep everything."""


class Told:
    """An output: effects in order, cut back to what was noted."""

    def __init__(self, noted: bytes | None, before: list[Effect]) -> None:
        self.effects = before[: int(noted or 0)]

    def write(self, effects: Sequence[Effect]) -> None:
        self.effects += effects

    def refuse(self, letter: DeadLetter) -> None:
        raise AssertionError(letter)

    def notes(self) -> dict[str, bytes]:
        return {"told": str(len(self.effects)).encode()}


def two_days_later(
    disk: Disk, before: list[Effect], partitions: int, definitions: DefinitionSet, day: int = 2
) -> tuple[list[Effect], bool]:
    """Run through a day from where the disk stands; return what was told, and whether all was."""
    log = DurableLog(disk)
    output = Told(log.note("told"), before)
    try:
        stores = [section(disk, partition) for partition in range(partitions)]
        with Runtime(log=log, stores=stores, compile_=compile_content, output=output) as runtime:
            if runtime.active_number == 0:
                runtime.apply(1, definitions.content)
            for number in range(runtime.taken("lane") + 1, 2 * ASKS * (1 + day // 2)):
                runtime.offer("lane", number, now_and_then(number))
                runtime.settle()
    except KilledError:
        return output.effects, False
    return output.effects, True


ASKS = 10
"""On a day, 50 minutes apart; each is answered 10 minutes later."""


def now_and_then(number: int) -> Event:
    """Return what comes on days 0 and 2: a reward of day 0 is told shortly before one of day 2."""
    ask, is_answer = divmod(number, 2)
    day, nth = divmod(ask, ASKS)
    at = START_MS + day * 2 * 86_400_000 + nth * 3_000_000 + 60_000 * day + 600_000 * is_answer
    named = [
        Identifier("user", f"u{nth}", hash_of(nth)),
        Identifier("email", f"u{nth}@example.com", hash_of(100 + nth)),
    ]
    if is_answer:
        answer: dict[str, object] = {"action": "card", "outcome": "accept"}
        return Event("cjo.outcome", at, answer, f"e{number}", "web", named)
    return Event("ask", at, {"k": number, "mood": "fine"}, f"e{number}", "web", named)


@pytest.mark.parametrize("partitions", [1, 3])
def test_killed_before_any_write_it_learns_what_an_undisturbed_one_does(
    topology: Path, partitions: int
) -> None:
    definitions = load(topology)
    disk = Disk()
    first, _ = two_days_later(disk, [], partitions, definitions, day=0)
    began = copy.deepcopy(disk)
    undisturbed, _ = two_days_later(disk, list(first), partitions, definitions)
    decisions = [
        msgspec.json.decode(effect.value) for effect in undisturbed if effect.kind == "decision"
    ]
    assert len({decision["model_version"] for decision in decisions}) > 2
    for dies_at in range(began.writes + 1, disk.writes + 1, partitions):
        broken = copy.deepcopy(began)
        broken.dies_at = dies_at
        before, ended = two_days_later(broken, list(first), partitions, definitions)
        assert not ended
        broken.dies_at = -1
        after, ended = two_days_later(broken, before, partitions, definitions)
        assert ended
        assert after == undisturbed, dies_at


def test_time_that_one_partition_had_run_to_before_a_kill_holds_for_all(topology: Path) -> None:
    disk, later = Disk(), START_MS + 5_000
    DurableLog(disk).append([(INTERNAL, 0, later, tick_frame())])
    runtime = Runtime(
        log=DurableLog(disk),
        stores=[section(disk, partition) for partition in range(3)],
        compile_=compile_content,
        output=Told(None, []),
    )
    runtime.apply(1, load(topology).content)
    assert [task.clock for task in runtime.tasks] == [later] * 3


@pytest.mark.parametrize("partitions", [1, 3])
def test_interrupted_between_any_two_lines_it_ends_as_if_it_was_killed(
    topology: Path, partitions: int
) -> None:
    definitions = load(topology)
    disk = Disk()
    with interrupted(at=-1) as lines:
        undisturbed, _ = two_days_later(disk, [], partitions, definitions, day=0)
    draw = random.Random(3)
    for at in sorted(draw.sample(range(lines.passed), 40)):
        broken = Disk()
        with interrupted(at):
            before, ended = two_days_later(broken, [], partitions, definitions, day=0)
        assert not ended
        after, ended = two_days_later(broken, before, partitions, definitions, day=0)
        assert ended
        assert after == undisturbed, at


LOOKED_AT = ("embedded/runtime.py", "embedded/log.py", "embedded/learning.py", "engine/task.py")


class Lines:
    """Lines of code that were passed."""

    passed = 0


@contextmanager
def interrupted(at: int) -> Iterator[Lines]:
    """Let a KilledError come at this line of those that an embedded run passes; -1: at none."""
    lines = Lines()

    def at_line(_: FrameType, event: str, __: object) -> Any:
        if event == "line":
            if lines.passed == at:
                sys.settrace(None)
                raise KilledError
            lines.passed += 1
        return at_line

    def at_call(frame: FrameType, _: str, __: object) -> Any:
        is_meant = frame.f_code.co_filename.endswith(LOOKED_AT)
        return at_line if is_meant and frame.f_code.co_name != "__exit__" else None

    sys.settrace(at_call)
    try:
        yield lines
    finally:
        sys.settrace(None)
