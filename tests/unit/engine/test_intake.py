"""Intake: where each record goes, and the same numbers again after any restart."""

from __future__ import annotations

import random

import pytest
from pydantic import ValidationError

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import (
    Arrive,
    Deliver,
    customer_id,
    customer_key,
    identifier_key,
    partition_of,
)
from cjo_stream.engine.frame import decode_frame
from cjo_stream.engine.intake import (
    METADATA_BYTES_MAX,
    PARTITIONS_MAX,
    Committed,
    Intake,
    Router,
    address,
    new_metadata,
    read_metadata,
    renumbered,
)
from cjo_stream.engine.port import Decode, Log, RawRecord
from cjo_stream.errors import InputError, InvariantError, RefusalError
from cjo_stream.kafka.position.position import joined
from cjo_stream.settings import Settings

PARTITIONS = 5
Sent = tuple[int, Log, tuple[int, int], tuple[int, int], str]


def raw(offset: int, partition: int = 0, value: bytes = b"{}") -> RawRecord:
    return RawRecord("cjo.event.web.v1", "id", partition, offset, 7, value, b"key", channel="web")


def event_for(number: int, record: RawRecord) -> Event:
    """Return an event of user `number`, who lies in partition `number` modulo how many."""
    user = Identifier("user", f"u{number}", f"{number:012x}{'0' * 20}")
    return Event("ping", 1, {}, "e", "web", [user], topic="t", partition=0, offset=record.offset)


def by_offset(record: RawRecord) -> Event | InputError:
    """Refuse every seventh record; spread the others."""
    if record.offset % 7 == 3:
        return InputError("malformed", "not JSON")
    return event_for(record.offset * 31 % 11 + record.partition, record)


def intake(decode: Decode = by_offset, partitions: int = PARTITIONS) -> Intake:
    return Intake(decode, partitions, 4)


def sent(frames: list[tuple[int, bytes]]) -> list[Sent]:
    """Return the items of frames: receiver, lane, number, predecessor, actor."""
    items = []
    for to, value in frames:
        frame = decode_frame(value)
        for item in frame.items:
            previous = (item.previous_offset, item.previous_index)
            lane = frame.lanes[item.lane]
            items.append((to, lane, (item.offset, item.index), previous, item.to))
    return sorted(items, key=lambda i: (i[0], i[1].partition, i[2]))


def test_each_record_goes_to_the_partition_of_its_anchor_numbered_in_its_lane() -> None:
    taking = intake(lambda record: event_for(record.offset % 2, record))
    taking.resume(Log("id", 0))
    step = taking.process([raw(10), raw(11), raw(12)])
    lane = Log("id", 0)
    assert sent(step.frames) == [
        (0, lane, (10, 0), (-1, -1), identifier_key(f"{0:012x}{'0' * 20}")),
        (0, lane, (12, 0), (10, 0), identifier_key(f"{0:012x}{'0' * 20}")),
        (1, lane, (11, 0), (-1, -1), identifier_key(f"{1:012x}{'0' * 20}")),
    ]
    ((end, metadata),) = step.positions.values()
    assert (end, read_metadata(metadata)) == (13, Committed("id", 4, {0: 1, 1: 2}))


def test_a_lane_that_was_given_up_is_unknown() -> None:
    router = Router(PARTITIONS)
    router.resume(Log("id", 0))
    assert router.knows(Log("id", 0))
    router.release(Log("id", 0))
    assert not router.knows(Log("id", 0))


def test_metadata_says_what_was_written() -> None:
    fresh = read_metadata(new_metadata(Log("id", 3), 9))
    assert (fresh.topic_id, fresh.set_number, fresh.distances) == ("id", 9, {})
    taking = intake()
    taking.resume(Log("id", 3), 70, "id 4 0:1 4:1z")
    ((_, metadata),) = taking.process([raw(70 + n, 3) for n in range(9)]).positions.values()
    assert read_metadata(renumbered(metadata, 5)) == Committed(
        "id", 5, read_metadata(metadata).distances
    )


def test_metadata_of_an_earlier_release_is_read() -> None:
    assert read_metadata("id 4 0:1 z:zz") == Committed("id", 4, {0: 1, 35: 35 * 37})
    assert read_metadata("id 4 0:1") == Committed("id", 4, {0: 1})


@pytest.mark.parametrize(
    "metadata",
    [
        "garbage",
        "id",
        "id x",
        "id 4 1 2",
        "id 4 0",
        "id 4 x",
        "id 4 3GA",
        "id 4 1\x7f",
        "id 4 1:2:3",
        "id 4 !:1",
        "id 4  1:2",
        "é",
    ],
)
def test_metadata_that_intake_did_not_write_is_refused(metadata: str) -> None:
    with pytest.raises(RefusalError, match="another consumer"):
        intake().resume(Log("id", 0), 5, metadata)


def test_a_restart_anywhere_gives_identical_numbers() -> None:
    records = [raw(offset, partition) for offset in range(60) for partition in range(2)]
    lanes = [Log("id", 0), Log("id", 1)]
    through = intake()
    for lane in lanes:
        through.resume(lane)
    whole = sent(through.process(records).frames)
    for seed in range(60):
        draw = random.Random(seed)
        taking, items = intake(), set()
        committed: dict[Log, tuple[int, str | None]] = dict.fromkeys(lanes, (0, None))
        for lane in lanes:
            taking.resume(lane)
        while any(at < 60 for at, _ in committed.values()):
            batch = []
            for lane, (at, _) in committed.items():
                batch += [raw(o, lane.partition) for o in range(at, min(60, at + 4))]
            draw.shuffle(batch)
            batch.sort(key=lambda record: record.offset)
            step = taking.process(batch[: draw.randrange(1, len(batch) + 1)])
            items |= set(sent(step.frames))  # what was produced stays, committed or not
            if draw.random() < 0.3:
                taking = intake()
                for lane, (at, metadata) in committed.items():
                    taking.resume(lane, at, metadata)
            else:
                committed.update(step.positions)
        assert sorted(items, key=lambda i: (i[0], i[1].partition, i[2])) == whole, seed


def test_a_refused_record_is_a_dead_letter_as_it_came_and_takes_no_number() -> None:
    taking = intake()
    taking.resume(Log("id", 0))
    step = taking.process([raw(2), raw(3, value=b"\xff\x00"), raw(4)])
    (letter,) = step.dead_letters
    assert (letter.reason, letter.detail) == ("malformed", "not JSON")
    assert (letter.topic, letter.partition, letter.offset) == ("cjo.event.web.v1", 0, 3)
    assert (letter.value, letter.key) == (b"\xff\x00", b"key")
    assert [item[2] for item in sent(step.frames)] == [(2, 0), (4, 0)]
    assert taking.take_counts() == {("cjo_dead_letters_total", "malformed"): 1}


def test_a_batch_of_dead_letters_only_still_moves_on() -> None:
    taking = intake(lambda _: InputError("invalid", "nothing"))
    taking.resume(Log("id", 0), 50, "id 4 0:1 3:7")
    step = taking.process([raw(50), raw(53)])
    assert step.frames == []
    ((end, metadata),) = step.positions.values()
    assert (end, read_metadata(metadata).distances) == (54, {0: 5, 3: 11})


@pytest.mark.parametrize("apart", [1, 1_000, 10**9, 10**11])
def test_as_many_partitions_as_the_settings_allow_fit_the_metadata_however_seldom_one_hears(
    apart: int,
) -> None:
    assert Settings(partitions=PARTITIONS_MAX).partitions == PARTITIONS_MAX
    lane = Log("A" * 22, 0)  # as long as a topic's id is

    def one(record: RawRecord) -> Event:
        return event_for(record.offset // apart, record)

    taking = Intake(one, PARTITIONS_MAX, 999_999_999)
    taking.resume(lane)
    records = [RawRecord("t", lane.topic_id, 0, n * apart, 0, b"") for n in range(PARTITIONS_MAX)]
    ((end, metadata),) = taking.process(records).positions.values()
    assert len(joined("B" * 22, metadata, (1 << 64) - 1, 1 << 48)) <= METADATA_BYTES_MAX
    distances = {n: end - n * apart for n in range(PARTITIONS_MAX)}
    assert read_metadata(metadata).distances == distances
    # A successor gives the next record to each receiver the predecessor it has.
    successor = Intake(one, PARTITIONS_MAX, 999_999_999)
    successor.resume(lane, end, metadata)
    more = [RawRecord("t", lane.topic_id, 0, end + n, 0, b"") for n in range(500)]
    assert sent(successor.process(more).frames) == sent(taking.process(more).frames)


def test_beyond_that_the_settings_refuse_and_metadata_never_outgrows_what_a_broker_keeps() -> None:
    with pytest.raises(ValidationError, match="512"):
        Settings(partitions=PARTITIONS_MAX + 1)
    taking = intake(lambda record: event_for(record.offset, record), partitions=4_096)
    taking.resume(Log("id", 0))
    with pytest.raises(InvariantError, match="at most 512"):
        taking.process([raw(offset) for offset in range(4_096)])


def test_a_released_lane_begins_where_its_next_owner_left_it() -> None:
    taking = intake(lambda record: event_for(0, record))
    lane = Log("id", 0)
    taking.resume(lane)
    taking.process([raw(1)])
    taking.release(lane)
    taking.resume(lane, 8, "id 4 0:2")
    assert sent(taking.process([raw(8)]).frames)[0][3] == (6, 0)


# --- routing


def outcome(action_id: object) -> Event:
    return Event("cjo.outcome", 1, {"action_id": action_id, "outcome": "opened"})


def test_an_outcome_without_identifiers_goes_to_the_customer_its_action_id_begins_with() -> None:
    customer = customer_id(2, "0" * 11 + "3" + "0" * 20, 0)
    event = outcome(f"{customer}-a12")
    assert address(event) == (customer_key(customer), Deliver(event))
    assert partition_of(customer_key(customer), PARTITIONS) == 3


def test_an_event_with_identifiers_goes_to_its_anchor_whatever_else_it_says() -> None:
    event = outcome("f" * 40)
    event.identifiers = event_for(1, raw(0)).identifiers
    assert address(event) == (identifier_key(event.identifiers[0].hash), Arrive(event))


@pytest.mark.parametrize(
    "action_id", ["", "a1", "g" * 40, "F" * 40, "0" * 37, "٣" * 40, 7, None, [], {"a": 1}]
)
def test_an_outcome_of_nobody_is_invalid(action_id: object) -> None:
    refused = address(outcome(action_id))
    assert isinstance(refused, InputError)
    assert refused.reason == "invalid"
    assert str(action_id) not in refused.detail or not str(action_id)


def test_an_outcome_that_cannot_be_routed_is_a_dead_letter_of_intake() -> None:
    taking = intake(lambda _: outcome("nobody"))
    taking.resume(Log("id", 0))
    step = taking.process([raw(0)])
    assert [letter.reason for letter in step.dead_letters] == ["invalid"]
    assert step.frames == []


@pytest.mark.parametrize(("distance", "bytes_"), [(255, 1), (256, 2)])
def test_metadata_takes_no_more_bytes_a_partition_than_the_longest_distance_needs(
    distance: int, bytes_: int
) -> None:
    taking = intake(lambda record: event_for(int(record.offset > 0), record))
    taking.resume(Log("id", 0))
    ((_, metadata),) = taking.process([raw(0), raw(distance - 1)]).positions.values()
    assert read_metadata(metadata).distances == {0: distance, 1: 1}
    assert len(metadata) - len(new_metadata(Log("id", 0), 4)) == {1: 5, 2: 7}[bytes_]
