"""Which events are repeats, however many customers use one id."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.filling.repeat import Ids
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.filling.source import EventRow
from cjo_stream.insight.layer.manifest import latest
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.table import Row

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
START_MS = 1_772_445_600_000
CUSTOMERS = 1_000


def event(
    at_ms: int, *names: str, id_: str | None = "1", channel: str = "web", position: int = 1
) -> Row:
    return (
        id_, "cart", channel, at_ms, list(names), len(names), at_ms, "{}", "events-000000",
        position,
    )  # fmt: skip


class Time(int):
    """A time that counts with how many others it is compared."""

    compared: ClassVar[Counter[str]] = Counter()

    def __sub__(self, other: int) -> int:
        self.compared["times"] += 1
        return int(self) - int(other)

    def __lt__(self, other: int) -> bool:
        self.compared["times"] += 1
        return int(self) < int(other)


class Name(str):
    """An identifier that counts with how many others it is compared."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: Any) -> bool:
        Time.compared["names"] += 1
        return str(self) == str(other)


@pytest.mark.parametrize("customers", [1, CUSTOMERS])
def test_each_event_is_compared_with_few_that_have_its_id(tmp_path: Path, customers: int) -> None:
    ids = Ids(Folder(str(tmp_path)), [])
    Time.compared.clear()
    rows = [
        (event(Time(START_MS + number * HOUR_MS), Name(f"email:{number % customers}")), HOUR_MS)
        for number in range(CUSTOMERS)
    ]
    assert all(ids.are_new(rows))
    again = [(event(Time(row[3] + 1), *row[4]), dedupe_ms) for row, dedupe_ms in rows]
    assert not any(ids.are_new(again))
    assert Time.compared.total() < 2 * CUSTOMERS * 20


@pytest.mark.parametrize("dedupe_ms", [None, HOUR_MS])
@pytest.mark.parametrize("is_in_layer", [True, False])
def test_a_repeat_has_the_id_the_channel_and_if_it_ends_the_customer(
    tmp_path: Path, dedupe_ms: int | None, is_in_layer: bool
) -> None:
    before = [event(START_MS, "email:a", "phone:1"), event(START_MS, id_="2")]
    folder = Folder(str(tmp_path))
    if is_in_layer:
        sink = Sink(str(tmp_path))
        sink.add_event(EventRow(0, "", before, None, dedupe_ms))
        sink.publish()
    ids = Ids(folder, latest(folder).parts)
    if not is_in_layer:
        assert all(ids.are_new([(one, dedupe_ms) for one in before]))
    last = START_MS + HOUR_MS - 1
    ends = dedupe_ms is not None
    for row, is_new in (
        (event(START_MS, "email:a", id_=None), True),
        (event(START_MS, "email:a", channel="app"), True),
        (event(START_MS, "email:b"), ends),
        (event(START_MS), ends),
        (event(last, "email:c", "phone:1"), False),
        (event(START_MS - HOUR_MS + 1, "phone:1"), False),
        (event(last + 1, "phone:1"), ends),
        (event(START_MS - HOUR_MS, "email:a"), ends),
        (event(last, id_="2"), False),
        (event(last, "email:a", id_="2"), ends),
    ):
        assert ids.are_new([(row, dedupe_ms)]) == [is_new], row


def test_of_the_layer_only_what_may_be_repeated_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink(str(tmp_path))
    days = [event(START_MS + day * DAY_MS, "email:a", position=day) for day in range(9)]
    sink.add_event(EventRow(0, "", days, None, HOUR_MS))
    sink.publish()
    read: list[int] = []
    events_of = Layer.events_of

    def counted(*of: Any) -> Any:
        found = events_of(*of)
        read.append(len(found))
        return found

    monkeypatch.setattr(Layer, "events_of", counted)
    folder = Folder(str(tmp_path))
    ids = Ids(folder, latest(folder).parts)
    rows = [event(START_MS + 4 * DAY_MS, "email:a"), event(START_MS + 5 * DAY_MS, "email:b")]
    assert ids.are_new([(one, HOUR_MS) for one in rows]) == [False, True]
    assert read == [2]
