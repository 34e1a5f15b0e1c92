"""How far a partition is answered, over restarts."""

import random

from cjo_stream.kafka.channel.reached import METADATA_BYTES_MAX, Reached, heeded_by

ID = "AAAAAAAAAAAAAAAAAAAAAA"


def begun(at: tuple[int, str], first: int = 0) -> Reached:
    return Reached(ID, *at, first)


def test_the_committed_offset_is_the_first_that_waits() -> None:
    reached = Reached(ID, 10)
    assert [reached.take(offset) for offset in (10, 11, 15)] == [True] * 3
    reached.answer(11)
    assert reached.position()[0] == 10
    reached.answer(10)
    assert reached.position()[0] == 15
    reached.answer(15)
    assert reached.position() == (16, f"{ID} ")
    reached.ends_at(20)
    assert reached.position() == (20, f"{ID} ")


def test_after_a_restart_only_what_waits_is_taken_again() -> None:
    before = Reached(ID, 10)
    for offset in range(10, 400):
        assert before.take(offset)
    for offset in range(10, 400):
        if offset not in (10, 57, 300):
            before.answer(offset)
    after = begun(before.position())
    taken = [offset for offset in range(10, 403) if after.take(offset)]
    assert taken == [10, 57, 300, 400, 401, 402]


def test_a_commit_before_all_is_read_again_forgets_nothing() -> None:
    before = Reached(ID, 0)
    for offset in range(10):
        before.take(offset)
    for offset in (1, 2, 4, 5, 6, 8):
        before.answer(offset)
    middle = begun(before.position())
    assert middle.take(0)
    middle.answer(0)
    assert not middle.take(1)
    after = begun(middle.position())
    assert [offset for offset in range(11) if after.take(offset)] == [3, 7, 9, 10]


def test_a_record_is_taken_once() -> None:
    reached = Reached(ID, 3)
    assert not reached.take(2)
    assert reached.take(3)
    assert not reached.take(3)


def test_of_a_log_that_begins_later_it_is_told_what_was_lost() -> None:
    before = Reached(ID, 0)
    for offset in range(10):
        before.take(offset)
    for offset in (1, 2, 4, 5, 6, 8):
        before.answer(offset)
    after = begun(before.position(), first=4)
    assert after.lost == 2  # 0 and 3
    assert [offset for offset in range(4, 11) if after.take(offset)] == [7, 9, 10]
    assert begun(before.position(), first=20).lost == 4 + 10
    assert Reached(ID, 5, "", 9).lost == 4


def test_metadata_of_another_log_or_of_nobody_counts_as_none() -> None:
    before = Reached("another", 0)
    for offset in range(4):
        before.take(offset)
    before.answer(1)
    offset, metadata = before.position()
    broken = (metadata, f"{ID} ", f"{ID} ???", f"{ID} gA==", "", f"{ID}")
    for one in broken:
        after = Reached(ID, offset, one)
        assert [o for o in range(4) if after.take(o)] == [0, 1, 2, 3], one


def test_metadata_has_room_in_any_broker_and_errs_to_taking_again() -> None:
    draw = random.Random(7)
    before = Reached(ID, 0)
    offsets = sorted(draw.sample(range(50_000_000), 2_000))
    for offset in offsets:
        before.take(offset)
    answered = set(draw.sample(offsets, 300)) - {offsets[0]}
    for offset in answered:
        before.answer(offset)
    at = before.position()
    assert len(at[1]) <= METADATA_BYTES_MAX
    after = begun(at)
    taken = [offset for offset in offsets if after.take(offset)]
    waiting = [offset for offset in offsets if offset not in answered]
    assert set(waiting) <= set(taken)
    again = [offset for offset in taken if offset in answered]
    assert again
    assert min(again) > offsets[900], "what had room was not kept"


def test_what_is_heeded_stands_beside_what_waits() -> None:
    before = Reached(ID, 10)
    assert heeded_by(before.position()[1]) == 0
    assert before.position(7) == (10, f"{ID}  7")
    assert heeded_by(before.position(7)[1]) == 7
    for offset in range(10, 20):
        before.take(offset)
    for offset in (11, 12, 17):
        before.answer(offset)
    at = before.position(7)
    assert heeded_by(at[1]) == 7
    after = begun(at)
    assert [o for o in range(10, 21) if after.take(o)] == [10, 13, 14, 15, 16, 18, 19, 20]
    for one in ("", ID, f"{ID} ", f"{ID} gA==", f"{ID} gA== x", f"{ID} gA== -1"):
        assert heeded_by(one) == 0, one
