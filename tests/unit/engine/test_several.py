"""Several events of one record: each counts once, whatever is read again, in the same numbers."""

from __future__ import annotations

import random

import pytest

from cjo_stream.core.event import Event, Identifier
from cjo_stream.engine.frame import decode_frame
from cjo_stream.engine.intake import Intake
from cjo_stream.engine.lane import Cursors
from cjo_stream.engine.port import Decoded, Log, RawRecord
from cjo_stream.errors import InputError

LANE = Log("id", 0)
Sent = tuple[int, tuple[int, int], tuple[int, int]]


def raw(offset: int) -> RawRecord:
    return RawRecord("cjo.event.web.v1", "id", 0, offset, 7, b"{}", b"key", channel="web")


def event_of(number: int) -> Event:
    """Return an event of user `number`, who lies in partition `number` modulo how many."""
    user = Identifier("user", f"u{number}", f"{number:012x}{'0' * 20}")
    return Event("ping", 1, {}, "e", "web", [user])


def sent(frames: list[tuple[int, bytes]]) -> list[Sent]:
    """Return the items of frames: receiver, number, predecessor."""
    return [
        (to, (item.offset, item.index), (item.previous_offset, item.previous_index))
        for to, value in sorted(frames, key=lambda frame: frame[0])
        for item in decode_frame(value).items
    ]


def by_offset(record: RawRecord) -> Decoded:
    """Return none to seven events of a record, of few customers."""
    draw = random.Random(record.offset)
    number = draw.randrange(8)
    if not number:
        return InputError("malformed", "not JSON")
    events = [event_of(draw.randrange(4)) for _ in range(number)]
    return events[0] if number == 1 else events


def test_the_items_of_a_record_count_up_to_0_at_each_receiver() -> None:
    events = [event_of(number) for number in (0, 1, 0, 0)]
    taking = Intake(lambda _: events, 2, 4)
    taking.resume(LANE)
    step = taking.process([raw(10), raw(11)])
    assert sent(step.frames) == [
        (0, (10, -2), (-1, -1)),
        (0, (10, -1), (10, -2)),
        (0, (10, 0), (10, -1)),
        (0, (11, -2), (10, 0)),
        (0, (11, -1), (11, -2)),
        (0, (11, 0), (11, -1)),
        (1, (10, 0), (-1, -1)),
        (1, (11, 0), (10, 0)),
    ]


@pytest.mark.parametrize("partitions", [1, 3])
def test_intake_that_begins_again_anywhere_sends_each_event_once(partitions: int) -> None:
    draw = random.Random(partitions)
    records = [raw(offset) for offset in range(60)]
    whole = Intake(by_offset, partitions, 4)
    whole.resume(LANE)
    wanted = sent(whole.process(records).frames)
    cursors = [Cursors() for _ in range(partitions)]
    accepted = []
    at, metadata = 0, None
    while at < len(records):
        taking = Intake(by_offset, partitions, 4)
        taking.resume(LANE, at, metadata)
        step = taking.process(records[at : at + draw.randint(1, 9)])
        for item in sent(step.frames):
            receiver, number, previous = item
            if cursors[receiver].accept(LANE, number, previous):
                accepted.append(item)
        if draw.random() < 0.6:  # else it dies before it commits, and all of it comes again
            ((at, metadata),) = step.positions.values()
    assert sorted(accepted) == sorted(wanted)


def test_a_record_with_an_event_that_reaches_nobody_is_refused_whole() -> None:
    lost = Event("cjo.outcome", 1, {"action_id": "?"}, "e", "web", [])
    taking = Intake(lambda record: [event_of(0), lost], 2, 4)
    taking.resume(LANE)
    step = taking.process([raw(10)])
    assert step.frames == []
    assert [letter.reason for letter in step.dead_letters] == ["invalid"]
