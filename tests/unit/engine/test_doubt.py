"""Records that are refused for a reason that may change: no false hole, and nothing lost."""

from __future__ import annotations

import random

import pytest

from cjo_stream.core.event import Event
from cjo_stream.engine.frame import decode_frame
from cjo_stream.engine.intake import (
    Committed,
    Intake,
    IntakeStep,
    moved_on,
    read_metadata,
    renumbered,
)
from cjo_stream.engine.lane import Cursors
from cjo_stream.engine.port import Log, RawRecord
from cjo_stream.errors import HoleError, InputError
from tests.unit.engine.test_intake import PARTITIONS, event_for, raw

LANE = Log("id", 0)
RECORDS = 40


class Registry:
    """What a schema registry knows, which may be another thing at each question."""

    def __init__(self) -> None:
        self.lacks = set[int]()

    def decode(self, record: RawRecord) -> Event | InputError:
        if record.offset in self.lacks:
            return InputError("malformed", "no such schema", may_change=True)
        return event_for(record.offset * 31 % 11, record)


class Receivers:
    """The tasks: what they have taken of a lane."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._cursors = [Cursors() for _ in range(PARTITIONS)]

    def take(self, frame: tuple[int, bytes]) -> None:
        to, value = frame
        for item in decode_frame(value).items:
            previous = (item.previous_offset, item.previous_index)
            if self._cursors[to].accept(LANE, (item.offset, item.index), previous):
                self.taken.append(item.offset)


def intake_at(registry: Registry, position: tuple[int, str | None]) -> Intake:
    intake = Intake(registry.decode, PARTITIONS, 4)
    intake.resume(LANE, *position)
    return intake


def test_a_record_that_was_sent_and_is_refused_after_a_restart_leaves_no_hole() -> None:
    registry, receivers = Registry(), Receivers()
    for frame in intake_at(registry, (0, None)).process([raw(n) for n in range(20)]).frames:
        receivers.take(frame)
    # Killed before its commit: the next one begins again, and the schema of some is gone.
    registry.lacks = set(range(5, 20))
    step = intake_at(registry, (0, None)).process([raw(n) for n in range(20)])
    assert step.letters_first
    assert [letter.offset for letter in step.dead_letters] == list(range(5, 20))
    ((end, metadata),) = step.positions.values()
    assert read_metadata(metadata).doubt == 1
    # One that begins where that ended knows it from the metadata.
    step = intake_at(registry, (end, metadata)).process([raw(n) for n in range(20, RECORDS)])
    assert not step.letters_first
    for frame in step.frames:
        receivers.take(frame)
    assert sorted(receivers.taken) == list(range(RECORDS))


def test_a_refusal_that_does_not_change_puts_nothing_in_doubt() -> None:
    def decode(record: RawRecord) -> Event | InputError:
        if record.offset == 3:
            return InputError("malformed", "not JSON")
        return event_for(1, record)

    intake = Intake(decode, PARTITIONS, 4)
    intake.resume(LANE)
    step = intake.process([raw(n) for n in range(3)])
    receivers = Receivers()
    for frame in step.frames:
        receivers.take(frame)
    intake.process([raw(4)])  # never arrives
    step = intake.process([raw(3), raw(5)])
    assert not step.letters_first
    with pytest.raises(HoleError):
        receivers.take(step.frames[0])


def test_a_doubt_moves_with_its_position() -> None:
    registry = Registry()
    registry.lacks = {2}
    step = intake_at(registry, (0, None)).process([raw(n) for n in range(3)])
    ((_, metadata),) = step.positions.values()
    distances = read_metadata(metadata).distances
    assert read_metadata(renumbered(metadata, 9)) == Committed("id", 9, distances, 1)
    further = {to: away + 7 for to, away in distances.items()}
    assert read_metadata(moved_on(metadata, 7)) == Committed("id", 4, further, 8)
    assert read_metadata(moved_on("id 4 ?2", 7)) == Committed("id", 4, {}, 9)


@pytest.mark.parametrize("seed", range(300))
def test_whatever_the_registry_lacks_each_record_is_taken_once_or_is_a_dead_letter(
    seed: int,
) -> None:
    draw = random.Random(seed)
    registry, receivers = Registry(), Receivers()
    position: tuple[int, str | None] = (0, None)
    letters = set[int]()
    while position[0] < RECORDS:
        intake, at = intake_at(registry, position), position[0]
        while at < RECORDS:
            share = draw.choice((0, 0.3, 1))
            registry.lacks = {n for n in range(RECORDS) if draw.random() < share}
            until = min(RECORDS, at + draw.randint(1, 8))
            step = intake.process([raw(n) for n in range(at, until)])
            if not _delivered(draw, step, receivers, letters):
                break
            at = until
            if draw.random() < 0.3:
                position = step.positions[LANE]
            if draw.random() < 0.2:
                break
    assert len(receivers.taken) == len(set(receivers.taken))
    assert set(receivers.taken) | letters == set(range(RECORDS))


def _delivered(
    draw: random.Random, step: IntakeStep, receivers: Receivers, letters: set[int]
) -> bool:
    """Deliver a step as intake does, or as much of it as a kill leaves; return whether all."""
    offsets = [letter.offset for letter in step.dead_letters]
    is_killed = draw.random() < 0.3
    if step.letters_first:
        arrived = draw.randint(0, len(offsets)) if is_killed else len(offsets)
        letters.update(offsets[:arrived])
        if arrived < len(offsets):
            return False
    for frame in step.frames:
        if is_killed and draw.random() < 0.5:
            return False
        receivers.take(frame)
    return not is_killed
