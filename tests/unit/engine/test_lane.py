import pytest

from cjo_stream.engine.lane import Cursors, Numbering
from cjo_stream.engine.port import Log
from cjo_stream.errors import HoleError

LANE = Log("topic", 3)


def test_the_next_item_of_a_lane_is_taken_once() -> None:
    cursors = Cursors()
    assert cursors.accept(LANE, (5, 0), (-1, -1))
    assert not cursors.accept(LANE, (5, 0), (-1, -1))
    assert cursors.accept(LANE, (5, 1), (5, 0))


def test_a_zombie_that_repeats_older_items_moves_nothing() -> None:
    cursors = Cursors({LANE: (9, 2)})
    assert not cursors.accept(LANE, (4, 0), (3, 0))
    assert cursors.batch() == []


def test_an_item_whose_predecessor_never_came_stops_the_process() -> None:
    cursors = Cursors({LANE: (5, 0)})
    with pytest.raises(HoleError, match=r"item \(8, 0\) follows \(7, 0\)"):
        cursors.accept(LANE, (8, 0), (7, 0))


def test_lanes_of_a_topic_created_anew_begin_afresh() -> None:
    cursors = Cursors({LANE: (900, 0)})
    assert cursors.accept(Log("another id", 3), (0, 0), (-1, -1))


def test_reset_goes_back_to_what_was_written() -> None:
    cursors = Cursors({LANE: (5, 0)})
    cursors.accept(LANE, (6, 0), (5, 0))
    cursors.reset()
    assert cursors.accept(LANE, (6, 0), (5, 0))
    cursors.settle()
    assert cursors.batch() == []
    assert not cursors.accept(LANE, (6, 0), (5, 0))


def test_numbers_chain_per_receiver() -> None:
    numbers = Numbering()
    numbers.begin(10)
    assert numbers.number(1) == ((10, 0), (-1, -1))
    assert numbers.number(1) == ((10, 1), (10, 0))
    assert numbers.number(2) == ((10, 0), (-1, -1))
    numbers.begin(12)
    assert numbers.number(1) == ((12, 0), (10, 1))
    assert numbers.number(2) == ((12, 0), (10, 0))


def test_numbering_again_after_a_reset_gives_the_same_numbers() -> None:
    numbers = Numbering({1: (4, 0)})
    numbers.begin(7)
    first = numbers.number(1)
    numbers.reset()
    numbers.begin(7)
    assert numbers.number(1) == first == ((7, 0), (4, 0))
