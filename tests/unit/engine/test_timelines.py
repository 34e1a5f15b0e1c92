"""Timelines in a store: a ring of entries, read in the order of their clock."""

from __future__ import annotations

import random

import msgspec
import pytest

from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.timeline import (
    SHOWN_BYTES_MAX,
    SHOWN_BYTES_MIN,
    EventEntry,
    TimelineEntry,
    event_entry,
    shown,
)
from cjo_stream.engine import codec
from cjo_stream.engine.timelines import HeldTimelines, Timelines
from cjo_stream.store.memory import MemoryStore

KEY = "p" + "ab" * 19
FIRST = TimelineEntry(0, "", "event", b"{}")


def test_what_a_merge_adds_late_is_read_in_its_place() -> None:
    timelines = Timelines(MemoryStore())
    for noted, at in enumerate([10, 30, 20, 5]):
        timelines.extend(KEY, noted, [TimelineEntry(at, "", "event", b"{}")])
    assert [entry.at for entry in timelines.read(KEY, 4)] == [5, 10, 20, 30]


def test_of_too_many_entries_the_first_added_goes_written_or_not() -> None:
    store = MemoryStore()
    timelines = Timelines(store)
    for noted in range(BOUNDS.timeline + 2):
        timelines.extend(KEY, noted, [TimelineEntry(noted, "", "event", b"{}")])
        if noted == BOUNDS.timeline:
            store.write(timelines.batch())
            timelines.settle()
    read = [entry.at for entry in timelines.read(KEY, BOUNDS.timeline + 2)]
    assert read == list(range(2, BOUNDS.timeline + 2))


def test_a_note_of_several_entries_is_one_value_and_a_full_ring_has_the_newest() -> None:
    store = MemoryStore()
    timelines = Timelines(store, 7)
    noted = 0
    for number in range(40):
        more = [TimelineEntry(3 * number + n, "", "event", b"{}") for n in range(3)]
        noted += timelines.note(KEY, noted, more)
        store.write(timelines.batch())
        timelines.settle()
        assert len(list(store.scan(b"", b"\xff"))) <= min(number + 1, 3)
    assert [entry.at for entry in timelines.read(KEY, noted)] == list(range(114, 120))


@pytest.mark.parametrize("most", [1, 2, 7])
def test_of_a_turn_with_more_entries_than_a_timeline_the_last_are_kept(most: int) -> None:
    stored, held = Timelines(MemoryStore(), most), HeldTimelines(most)
    more = [TimelineEntry(at, "", "event", b"{}") for at in range(1_000)]
    for one in (stored, held):
        noted = one.note(KEY, 0, more[:1])
        for _ in range(3):
            noted += one.note(KEY, noted, more)
            assert one.read(KEY, noted) == more[-most:]
        assert noted == 1 + 3 * most


def test_what_is_held_of_a_timeline_has_its_bound() -> None:
    held = HeldTimelines(300)
    for number in range(400):
        held.note(KEY, 0, [TimelineEntry(number, "", "event", b"{}")] * 20)
        held.settle()
    assert sum(map(len, held._settled[KEY])) == 300


def test_a_ring_of_an_earlier_release_has_an_entry_under_each_key() -> None:
    store = MemoryStore()
    ring = codec.ring_key(KEY)
    store.write(
        (
            codec.slot_key(ring, at),
            b"\x01" + msgspec.msgpack.encode([at, "", "", b""]),
        )
        for at in range(2)
    )
    timelines = Timelines(store)
    timelines.note(KEY, 2, [TimelineEntry(2, "", "", b""), TimelineEntry(3, "", "", b"")])
    assert [entry.at for entry in timelines.read(KEY, 4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("seed", range(20))
def test_timelines_in_no_store_are_as_those_in_a_store(seed: int) -> None:
    draw = random.Random(seed)
    store = MemoryStore()
    stored, held = Timelines(store, 7), HeldTimelines(7)
    noted = written = 0
    for at in range(200):
        size = draw.randint(0, 9)
        entries = [TimelineEntry(draw.randint(0, at), "", "event", b"%d" % n) for n in range(size)]
        match draw.choice(["extend", "note", "note", "replace", "settle", "reset"]):
            case "extend":
                for one in (stored, held):
                    one.extend(KEY, noted, entries)
                noted += size
            case "note":
                kept = {one.note(KEY, noted, entries or [FIRST]) for one in (stored, held)}
                assert kept == {min(len(entries) or 1, 7)}
                noted += kept.pop()
            case "replace":
                for one in (stored, held):
                    one.replace(KEY, noted, entries[:7])
                noted = len(entries[:7])
            case "settle":
                store.write(stored.batch())
                assert held.batch() == []
                for one in (stored, held):
                    one.settle()
                written = noted
            case "reset":
                for one in (stored, held):
                    one.reset()
                noted = written
        assert held.read(KEY, noted) == stored.read(KEY, noted)


def test_a_timeline_is_shown_from_the_newest_on_as_far_as_there_is_room() -> None:
    body = EventEntry("seen", 1, None, None, {"t": "x" * 9_900})
    entries = [event_entry(at, "", body) for at in range(80)]
    size = len(entries[0].body) + 100
    for over, number in (0, 20), (1, 19):
        rows, left_out = shown(entries, {}, SHOWN_BYTES_MAX - 20 * size + over)
        assert [row["at"] for row in rows] == list(range(80 - number, 80))
        assert left_out == 80 - number
    rows, _ = shown(entries, {}, SHOWN_BYTES_MAX)
    assert len(rows) == SHOWN_BYTES_MIN // size
