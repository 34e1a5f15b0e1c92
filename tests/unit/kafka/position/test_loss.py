"""A log that lost acknowledged records is known by the last record that was taken from it."""

from collections.abc import Mapping

import pytest

from cjo_stream.engine.codec import UNKNOWN, record_digest
from cjo_stream.engine.port import LogRecord
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.position.loss import Taken, check

PLACE: Place = ("web", 3)
RECORD = LogRecord(49, 1_000, b"an event")
TAKEN = Taken(PLACE, 49, record_digest(1_000, b"an event"))


def look_at(*records: LogRecord, first: int = 0) -> list[Mapping[Place, int]]:
    """Check TAKEN against a log of these records; return what was asked of it."""
    asked = []
    there = {record.offset: record for record in records}

    def look(offsets: Mapping[Place, int]) -> dict[Place, LogRecord | None]:
        asked.append(offsets)
        return {place: there.get(at) for place, at in offsets.items() if at >= first}

    check([TAKEN], look, "or begin anew")
    return asked


def test_a_log_that_has_the_record_still_is_the_same_log() -> None:
    assert look_at(RECORD) == [{PLACE: 49}]


@pytest.mark.parametrize(
    "there",
    [
        LogRecord(49, 1_000, b"another event"),
        LogRecord(49, 1_001, b"an event"),
        LogRecord(50, 1_000, b"an event"),
    ],
)
def test_a_log_with_another_record_in_its_place_or_none_lost_records(there: LogRecord) -> None:
    with pytest.raises(RefusalError) as told:
        look_at(there)
    assert "web/3: the record at offset 49 is not the one that was read" in str(told.value)
    assert "lost records that it had acknowledged" in str(told.value)
    assert str(told.value).endswith("or begin anew")


def test_a_log_that_begins_after_the_record_tells_nothing() -> None:
    look_at(LogRecord(60, 1_000, b"a later event"), first=50)


def test_a_position_before_which_nothing_was_taken_is_not_looked_at() -> None:
    def look(_: Mapping[Place, int]) -> dict[Place, LogRecord | None]:
        raise AssertionError("there is nothing to compare")

    check([Taken(PLACE, -1, UNKNOWN), Taken(("web", 4), 7, UNKNOWN)], look, "")
