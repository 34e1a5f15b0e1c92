"""Dispatch: each effect of a partition once, whatever comes again; a hole stops it."""

from __future__ import annotations

import random

import msgspec
import pytest

from cjo_stream.engine.dispatch import Dispatch
from cjo_stream.engine.frame import Effect, EffectWriter
from cjo_stream.engine.intake import PARTITIONS_MAX
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.errors import HoleError, RefusalError
from cjo_stream.kafka.position.position import Found, Position, Start, start_of_dispatch

LOG = Log("internal", 2)


def record(offset: int, *numbers: int, log: Log = LOG) -> LogRecord:
    """Return a record of effects; number n follows n - 1."""
    return LogRecord(offset, 0, frame(log, *numbers))


def frame(log: Log, *numbers: int) -> bytes:
    writer = EffectWriter(log)
    for number in numbers:
        writer.add((number, 0), (number - 1, 0 if number else -1), effect(number))
    (written,) = writer.frames()
    return msgspec.msgpack.encode(written)


def effect(number: int) -> Effect:
    return Effect("action", "customer", b'{"n":%d}' % number, "mail")


def opened(metadata: str | None = None) -> Dispatch:
    dispatch = Dispatch("effect")
    dispatch.resume(LOG.partition, metadata)
    return dispatch


def test_effects_come_in_order_and_the_next_offset_with_them() -> None:
    step = opened().process(2, [record(0, 0, 1), record(1, 2), record(4, 3)])
    assert step.effects == [effect(n) for n in range(4)]
    assert step.position == (5, "internal 3 0")


def test_what_comes_again_is_dropped_and_counted() -> None:
    dispatch = opened()
    dispatch.process(2, [record(0, 0, 1)])
    step = dispatch.process(2, [record(1, 0, 1), record(2, 1, 2), record(3, 2)])
    assert step.effects == [effect(2)]
    assert step.position == (4, "internal 2 0")
    assert dispatch.take_counts() == {
        ("cjo_items_total", "dispatch", "applied"): 3,
        ("cjo_items_total", "dispatch", "repeated"): 4,
    }
    assert dispatch.take_counts() == {}


def test_a_step_of_repeats_only_still_moves_the_offset() -> None:
    dispatch = opened("internal 5 0")
    step = dispatch.process(2, [record(90, 4, 5)])
    assert (step.effects, step.position) == ([], (91, "internal 5 0"))


def test_an_effect_whose_predecessor_never_came_stops_dispatch() -> None:
    with pytest.raises(HoleError, match=r"internal/2: item \(7, 0\)"):
        opened("internal 5 0").process(2, [record(9, 7)])


def test_a_lane_that_does_not_begin_at_its_beginning_is_a_hole() -> None:
    with pytest.raises(HoleError):
        opened().process(2, [record(0, 1)])


def test_a_record_that_is_no_frame_is_a_dead_letter_and_what_it_replaced_is_missed() -> None:
    dispatch = opened()
    step = dispatch.process(2, [record(0, 0), LogRecord(1, 0, b"{}"), record(2, 1)])
    letter = step.effects.pop(1)
    assert step.effects == [effect(0), effect(1)]
    assert (letter.kind, letter.value, dict(letter.headers)["offset"]) == (
        "dead_letter",
        b"{}",
        b"1",
    )
    assert dispatch.take_counts() == {
        ("cjo_items_total", "dispatch", "applied"): 2,
        ("cjo_dead_letters_total", "invalid"): 1,
    }
    with pytest.raises(HoleError):
        dispatch.process(2, [LogRecord(3, 0, b"{}"), record(4, 3)])


@pytest.mark.parametrize("known", [None, "internal 5 0"])
def test_an_operator_may_have_it_go_on_without_what_is_gone(known: str | None) -> None:
    with pytest.raises(HoleError, match="--without-lost"):
        opened(known).process(2, [record(9, 8, 9)])
    dispatch = Dispatch("effect", without_lost=True)
    dispatch.resume(2, known)
    step = dispatch.process(
        2, [record(9, 4, 5), record(10, 8, 9), record(11, 8, 9, 10)][not known :]
    )
    assert step.effects == [effect(8), effect(9), effect(10)]
    assert step.position == (12, "internal 10 0")
    # From there on everything is as ever.
    successor = opened(step.position[1])
    assert successor.process(2, [record(12, 11)]).effects == [effect(11)]
    with pytest.raises(HoleError):
        successor.process(2, [record(13, 13)])


def test_after_a_new_internal_topic_a_new_effect_topic_is_taken_from_its_beginning() -> None:
    anew = Log("created anew", 2)
    with pytest.raises(RefusalError, match="Delete the effect topic, too"):
        opened("internal 5 0").process(2, [record(9, 0, log=anew)])
    sent = Position(9, "effect internal 5 0")
    found = Found(("effect", 2), "new effect", anew.topic_id, 0, 1, "group", sent, sent)
    start = start_of_dispatch(found)
    assert start == Start(0, None)
    assert opened(start.metadata).process(2, [record(0, 0, log=anew)]).effects == [effect(0)]


@pytest.mark.parametrize("log", [Log("created anew", 2), Log("internal", 1)])
def test_frames_of_another_topic_or_partition_are_refused(log: Log) -> None:
    dispatch = opened("internal 5 0")
    with pytest.raises(RefusalError, match="created anew"):
        dispatch.process(2, [record(9, 0, log=log)])


@pytest.mark.parametrize("metadata", ["x", "a b c", "internal 1", "internal 1 2 3", " ", "é 1 ü"])
def test_metadata_that_dispatch_did_not_write_is_refused(metadata: str) -> None:
    with pytest.raises(RefusalError, match="another consumer"):
        opened(metadata)


def test_a_step_that_was_not_written_is_taken_again_after_resume() -> None:
    dispatch = opened("internal 5 0")
    lost = dispatch.process(2, [record(9, 6, 7)])
    dispatch.resume(2, "internal 5 0")
    assert dispatch.process(2, [record(9, 6, 7)]) == lost


def test_partitions_do_not_disturb_each_other() -> None:
    dispatch = opened()
    dispatch.resume(0, None)
    dispatch.process(2, [record(0, 0, 1)])
    dispatch.release(2)
    other = Log("internal", 0)
    assert dispatch.process(0, [record(0, 0, log=other)]).effects == [effect(0)]
    dispatch.resume(2, "internal 1 0")
    assert dispatch.process(2, [record(1, 1, 2)]).effects == [effect(2)]


def test_any_cuts_repeats_and_crashes_give_every_effect_once() -> None:
    for seed in range(100):
        draw = random.Random(seed)
        log: list[LogRecord] = []
        at = 0
        while at < 40:  # a task that goes back now and then, as after its own crashes
            begin = max(0, at - draw.choice([0, 0, 0, 1, 5]))
            at = begin + draw.randrange(1, 6)
            log.append(record(len(log), *range(begin, at)))
        end = max(at, 40)
        log.append(record(len(log), *range(end)))
        dispatch, committed, out = opened(), (0, ""), []
        while committed[0] < len(log):
            step = dispatch.process(2, log[committed[0] : committed[0] + draw.randrange(1, 5)])
            if draw.random() < 0.3:
                dispatch = opened(committed[1])
                continue
            committed = step.position
            out += step.effects
        assert out == [effect(n) for n in range(end)], seed


def test_as_many_partitions_as_the_settings_allow_are_taken_and_resumed() -> None:
    dispatch, committed = Dispatch("effect"), {}
    for number in range(PARTITIONS_MAX):
        dispatch.resume(number, None)
        log = Log("A" * 22, number)
        step = dispatch.process(
            number, [LogRecord(0, 0, frame(log, 0)), LogRecord(1, 0, frame(log, 1))]
        )
        assert step.effects == [effect(0), effect(1)]
        committed[number] = step.position
    successor = Dispatch("effect")
    for number, (offset, metadata) in committed.items():
        assert len(metadata) < 100
        successor.resume(number, metadata)
        log = Log("A" * 22, number)
        again = [LogRecord(offset, 0, frame(log, 1)), LogRecord(offset + 1, 0, frame(log, 2))]
        assert successor.process(number, again).effects == [effect(2)]
