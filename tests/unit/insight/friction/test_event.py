"""Events in order: which come first, and how many-th they are, against a count by other code."""

from __future__ import annotations

import random
from typing import NamedTuple

import pyarrow as pa
import pytest

from cjo_stream.insight.friction.event import DAY_MS, HOUR_MS, Events

COLUMNS = ("customer_id", "type", "channel", "time", "lane", "position")


class Row(NamedTuple):
    customer: str
    type: str
    channel: str
    time: int
    lane: str
    position: int


def drawn(seed: int) -> list[Row]:
    draw = random.Random(seed)
    return [
        Row(
            draw.choice("abc"),
            draw.choice(("paid", "asked")),
            draw.choice(("web", "app")),
            draw.randrange(40) * 3 * HOUR_MS + draw.randrange(2) * DAY_MS,
            draw.choice(("10", "9", "x")),
            number,
        )
        for number in draw.sample(range(1_000), draw.randrange(60))
    ]


def test_more_than_twenty_one_within_a_day_are_not_told_apart() -> None:
    often = [Row("a", "paid", "web", 0 if place < 3 else place, "x", place) for place in range(40)]
    later = Row("a", "paid", "web", DAY_MS + 30, "x", 41)
    other = [Row("b", "paid", "web", 31, "x", 42)]
    events = opened([*often, later, *other])
    ordinals = [3, 3, 3, *range(4, 22), *[22] * 19]
    assert events.of_type[events.of("a")].tolist() == [*ordinals, 11]
    assert events.of_type[events.of("b")].tolist() == [1]


def opened(rows: list[Row]) -> Events:
    types = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.string(), pa.int64())
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    arrays = [pa.array(one, type_) for one, type_ in zip(columns, types, strict=True)]
    return Events(pa.table(arrays, list(COLUMNS)))


@pytest.mark.parametrize("seed", range(40))
def test_events_are_in_order_and_counted_within_a_day(seed: int) -> None:
    rows = drawn(seed) if seed else []
    events = opened(rows)
    in_order = sorted(rows, key=lambda row: (row.time, row.lane, row.position))
    for customer in "abc":
        of = events.of(customer)
        here = [row for row in in_order if row.customer == customer]
        assert events.time[of].tolist() == [row.time for row in here]
        assert [events.types[one] for one in events.type[of]] == [row.type for row in here]
        assert events.hour[of].tolist() == [row.time // HOUR_MS for row in here]
        for row, first, times in zip(here, events.is_first[of], events.of_type[of], strict=True):
            day = [one for one in here if row.time - DAY_MS <= one.time <= row.time]
            assert first == (len(day) == 1)
            assert times == sum(one.type == row.type for one in day)
