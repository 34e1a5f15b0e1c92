"""A raw partition goes over from one definition set to the next once it was read far enough."""

from __future__ import annotations

import pytest

from cjo_stream.engine.codec import record_digest
from cjo_stream.engine.intake import SWITCHED_OFF, read_metadata
from cjo_stream.engine.port import Log, RawRecord
from cjo_stream.kafka.position.position import Found, Position, Start, start_of_intake
from cjo_stream.kafka.stage.lane import Lane, is_past, routed_topics, set_for, take_up, waiting

READ = {1: {"web", "app"}, 2: {"web"}, 3: {"web", "app"}}


def found(topic: str, end: int = 9, committed: Position | None = None, first: int = 0) -> Found:
    return Found((topic, 0), "id", "internal", first, end, "group", committed, None)


def taken_up(topic: str, start: Start, current: int, end: int = 9) -> Lane:
    return take_up(found(topic, end), start, current, lambda number: READ[number])


def take(lane: Lane, offset: int) -> None:
    lane.next = offset + 1
    lane.last = RawRecord(lane.place[0], "id", 0, offset, 1_000, b"an event")


def test_a_restart_goes_on_by_the_set_that_was_committed_up_to_the_logs_end() -> None:
    lane = taken_up("web", Start(5, "id 1 0:2", 77), current=2)
    assert (lane.next, lane.safe, lane.set_number, lane.digest) == (5, 9, 1, 77)
    assert not is_past(lane)
    take(lane, 8)
    assert is_past(lane)


@pytest.mark.parametrize("end", [9, 12])
def test_a_log_that_ends_in_a_marker_is_read_to_its_end(end: int) -> None:
    lane = taken_up("web", Start(8, "id 1 0:2"), current=2)
    lane.ends_at(end)
    assert is_past(lane)
    # What was delivered is where it was, so a record in the marker's place is taken.
    assert lane.next == 8


def test_a_lane_with_nothing_to_wait_for_is_past_at_once() -> None:
    assert is_past(taken_up("web", Start(9, "id 1"), current=2))
    new = taken_up("web", Start(3, None), current=2)
    assert (new.set_number, is_past(new)) == (2, True)


def test_a_topic_that_was_taken_out_is_read_by_its_set_then_switched_off() -> None:
    lane = taken_up("app", Start(5, "id 1 0:2"), current=2)
    assert lane.set_number == 1
    assert waiting([lane], 2, READ[2]) == [lane]
    assert not is_past(lane)
    take(lane, 8)
    assert is_past(lane)
    assert set_for("app", 2, READ[2]) == SWITCHED_OFF


@pytest.mark.parametrize("metadata", ["id 0 0:2", "id 2 0:2", None])
def test_no_set_takes_what_it_does_not_read(metadata: str | None) -> None:
    lane = taken_up("app", Start(5, metadata), current=2)
    assert lane.is_off
    assert waiting([lane], 2, READ[2]) == []
    assert lane.metadata == ("id 0 0:2" if metadata else "id 0")
    # It is as it was left, wherever its log ends.
    lane.ends_at(9)
    assert lane.position("internal") == Position(5, f"internal {lane.metadata}")


def test_a_topic_that_was_put_back_before_it_was_left_is_read_again() -> None:
    lane = taken_up("app", Start(5, "id 0 0:2"), current=2)
    assert waiting([lane], 3, READ[3]) == [lane]
    assert is_past(lane)
    again = taken_up("app", Start(5, "id 0 0:2"), current=3)
    assert (again.set_number, again.next, again.metadata) == (3, 5, "id 3 0:2")


def test_a_lane_whose_records_have_all_aged_out_with_their_marker_goes_on() -> None:
    lane = taken_up("web", Start(0, None), current=1)
    take(lane, 0)
    lane.metadata = "id 1 0:1"
    lane.ends_at(2)
    committed = lane.position("internal")
    assert committed.offset == 1
    for first, offset in ((0, 1), (1, 1), (2, 2)):
        start = start_of_intake(found("web", 2, committed, first))
        assert (start.offset, start.offset + start.blank) == (offset, 2)
    kept = taken_up("web", start_of_intake(found("web", 2, committed)), current=1, end=2)
    assert kept.position("internal") == committed
    assert kept.digest == record_digest(1_000, b"an event")
    gone = taken_up("web", start_of_intake(found("web", 2, committed, 2)), current=1, end=2)
    # Its last item keeps its number, so the tasks find no hole.
    assert (gone.next, read_metadata(gone.metadata).distances) == (2, {0: 2})


def test_what_is_still_routed_by_a_set_that_is_kept_is_looked_for() -> None:
    routed = {"a.web/0": 2, "a.app/0": 0, "a.app/1": 1, "old/0": 7}
    assert routed_topics(routed, {1: "set", 2: "set"}) == {"a.web", "a.app"}


def test_a_position_is_of_the_log_it_was_read_in() -> None:
    lane = Lane(("web", 0), Log("id", 0), 5, 5, 1)
    lane.metadata = "id 1"
    lane.ends_at(3)
    assert (lane.reach, lane.position("internal").metadata) == (5, "internal id 1")
