"""An embedded run that is killed before any write, or interrupted between any two lines.

Its state lies in one store in memory, which outlives it. What it tells once it has gone on must be
what an undisturbed run tells: customers who ask, are answered by what was learnt, and accept.
"""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import msgspec
import pytest

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.record import DeadLetter
from cjo_stream.definition import DefinitionSet, compile_content, load
from cjo_stream.embedded.log import INTERNAL, DurableLog
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.state import section
from cjo_stream.engine.frame import Effect, tick_frame
from cjo_stream.store.memory import MemoryStore
from tests.world.partition import hash_of
from tests.world.scene import ACTIONS, ASK, HEAD, PROFILE

START_MS = 1_772_323_200_000


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> DefinitionSet:
    folder = tmp_path_factory.mktemp("topology")
    more = ASK.replace("EXPLORE", "explore: {thompson: true}").replace("HOLDOUT", "")
    (folder / "all.yaml").write_text(f"{HEAD}{PROFILE}{ACTIONS}---\n{more}")
    return load(folder)


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


def run_a_day(
    disk: Disk,
    before: list[Effect],
    partitions: int,
    definitions: DefinitionSet,
    day: int = 2,
    events_a_record: int = 1,
) -> tuple[list[Effect], bool]:
    """Run through a day from where the disk stands; return what was told, and whether all was."""
    log = DurableLog(disk)
    output = Told(log.note("told"), before)
    try:
        stores = [section(disk, partition) for partition in range(partitions)]
        with Runtime(log=log, stores=stores, compile_=compile_content, output=output) as runtime:
            if runtime.active_number == 0:
                runtime.apply(1, definitions.content)
            records = 2 * ASKS * (1 + day // 2) // events_a_record
            for number in range(runtime.last_offset("lane") + 1, records):
                first = number * events_a_record
                events = [asked_or_answered(first + n) for n in range(events_a_record)]
                runtime.offer("lane", number, events if events_a_record > 1 else events[0])
                runtime.flush()
    except KilledError:
        return output.effects, False
    return output.effects, True


ASKS = 10
"""On a day, 50 minutes apart; each is answered 10 minutes later."""


def asked_or_answered(number: int) -> Event:
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


@pytest.mark.slow
@pytest.mark.parametrize("partitions", [1, 3])
def test_killed_before_any_write_it_learns_what_an_undisturbed_one_does(
    definitions: DefinitionSet, partitions: int
) -> None:
    disk = Disk()
    first, _ = run_a_day(disk, [], partitions, definitions, day=0)
    began = copy.deepcopy(disk)
    undisturbed, _ = run_a_day(disk, list(first), partitions, definitions)
    decisions = [
        msgspec.json.decode(effect.value) for effect in undisturbed if effect.kind == "decision"
    ]
    assert len({decision["model_version"] for decision in decisions}) > 2
    for dies_at in range(began.writes + 1, disk.writes + 1, partitions):
        broken = copy.deepcopy(began)
        broken.dies_at = dies_at
        before, ended = run_a_day(broken, list(first), partitions, definitions)
        assert not ended
        broken.dies_at = -1
        after, ended = run_a_day(broken, before, partitions, definitions)
        assert ended
        assert after == undisturbed, dies_at


@pytest.mark.slow
@pytest.mark.parametrize("partitions", [1, 3])
def test_killed_between_two_events_of_a_record_each_counts_once(
    definitions: DefinitionSet, partitions: int
) -> None:
    disk = Disk()
    undisturbed, _ = run_a_day(disk, [], partitions, definitions, 0, events_a_record=5)
    alone, _ = run_a_day(Disk(), [], partitions, definitions, 0)
    assert len(undisturbed) == len(alone) > ASKS
    for dies_at in range(1, disk.writes + 1):
        broken = Disk()
        broken.dies_at = dies_at
        before, ended = run_a_day(broken, [], partitions, definitions, 0, events_a_record=5)
        assert not ended
        broken.dies_at = -1
        after, ended = run_a_day(broken, before, partitions, definitions, 0, events_a_record=5)
        assert ended
        assert after == undisturbed, dies_at


def test_time_that_one_partition_had_run_to_before_a_kill_holds_for_all(
    definitions: DefinitionSet,
) -> None:
    disk, later = Disk(), START_MS + 5_000
    DurableLog(disk).append([(INTERNAL, 0, later, tick_frame())])
    runtime = Runtime(
        log=DurableLog(disk),
        stores=[section(disk, partition) for partition in range(3)],
        compile_=compile_content,
        output=Told(None, []),
    )
    runtime.apply(1, definitions.content)
    assert [task.clock for task in runtime.tasks] == [later] * 3


@pytest.mark.slow
@pytest.mark.parametrize("partitions", [1, 3])
def test_interrupted_between_any_two_lines_it_ends_as_if_it_was_killed(
    definitions: DefinitionSet, partitions: int
) -> None:
    disk = Disk()
    with interrupted(at=-1) as lines:
        undisturbed, _ = run_a_day(disk, [], partitions, definitions, day=0)
    assert lines.files == set(LOOKED_AT)
    draw = random.Random(3)
    for at in sorted(draw.sample(range(lines.passed), 40)):
        broken = Disk()
        with interrupted(at):
            before, ended = run_a_day(broken, [], partitions, definitions, day=0)
        assert not ended
        after, ended = run_a_day(broken, before, partitions, definitions, day=0)
        assert ended
        assert after == undisturbed, at


LOOKED_AT = (
    "embedded/runtime.py",
    "embedded/log.py",
    "embedded/learning.py",
    "engine/task.py",
    "engine/turns.py",
    "engine/enforcement.py",
    "engine/outgoing.py",
    "engine/task_state.py",
)


class Lines:
    """Lines of code that were passed, and the files that they are in."""

    def __init__(self) -> None:
        self.passed = 0
        self.files: set[str] = set()


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
        name = next((one for one in LOOKED_AT if frame.f_code.co_filename.endswith(one)), None)
        if name is None or frame.f_code.co_name == "__exit__":
            return None
        lines.files.add(name)
        return at_line

    sys.settrace(at_call)
    try:
        yield lines
    finally:
        sys.settrace(None)
