import pytest

from cjo_stream.engine.lane import DOUBT, Cursors, Numbering
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


@pytest.mark.parametrize("cursor", [(7, 0), (8, -1), (11, 0)])
def test_what_follows_a_predecessor_in_doubt_follows_all_that_may_have_been_sent_since(
    cursor: tuple[int, int],
) -> None:
    cursors = Cursors({LANE: cursor})
    assert cursors.accept(LANE, (12, 0), (7, DOUBT))
    assert not cursors.accept(LANE, (12, 0), (7, DOUBT))


@pytest.mark.parametrize("cursor", [(6, 0), (7, -1), (-1, -1)])
def test_a_predecessor_in_doubt_must_have_come_itself(cursor: tuple[int, int]) -> None:
    with pytest.raises(HoleError):
        Cursors({LANE: cursor}).accept(LANE, (12, 0), (7, DOUBT))


def test_a_receiver_may_have_had_nothing_before_what_is_in_doubt() -> None:
    numbers = Numbering({1: (4, 0)})
    numbers.doubt(9)
    numbers.begin(12)
    assert numbers.number(1) == ((12, 0), (4, DOUBT))
    assert numbers.number(2) == ((12, 0), (-1, DOUBT))
    for cursors in (Cursors(), Cursors({LANE: (9, 0)})):
        assert cursors.accept(LANE, (12, 0), (-1, DOUBT))


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
