"""Timelines in a store: a ring of entries, read in the order of their clock."""

from __future__ import annotations

from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.timeline import Entry
from cjo_stream.engine.timelines import Timelines
from cjo_stream.store.memory import MemoryStore

KEY = "p" + "ab" * 19


def test_what_a_merge_adds_late_is_read_in_its_place() -> None:
    timelines = Timelines(MemoryStore())
    for noted, at in enumerate([10, 30, 20, 5]):
        timelines.append(KEY, noted, Entry(at, "", "event", b"{}"))
    assert [entry.at for entry in timelines.read(KEY, 4)] == [5, 10, 20, 30]


def test_of_too_many_entries_the_first_added_goes_written_or_not() -> None:
    store = MemoryStore()
    timelines = Timelines(store)
    for noted in range(BOUNDS.timeline + 2):
        timelines.append(KEY, noted, Entry(noted, "", "event", b"{}"))
        if noted == BOUNDS.timeline:
            store.write(timelines.batch())
            timelines.settle()
    read = [entry.at for entry in timelines.read(KEY, BOUNDS.timeline + 2)]
    assert read == list(range(2, BOUNDS.timeline + 2))
