"""The names of files of the archive.

    day=2026-03-01/hour=14/<topic>~<topic id>~<partition>~<offset>.jsonl.gz

The topic's id is quoted as in a URL, because a broker's ids may have `/` and `+`. Day and hour are
those, in UTC, in which the broker received the first event of the file; the offset is that
event's, with 20 digits. So a file's name follows from its first event alone. A copy that somebody
has unpacked ends in `.jsonl`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from cjo_stream.core.word import ArchiveForm

ORDERS: Final = "erasures"
"""The folder of the erasures that are not done (`order`)."""
HOUR_MS: Final = 3_600_000
_LAST_HOUR: Final = 253_402_297_200_000 // HOUR_MS
"""The last of the year 9999."""
_NAME: Final = re.compile(
    r"(?P<topic>[A-Za-z0-9._-]+)~(?P<id>[^~/]+)~(?P<partition>[0-9]+)~(?P<first>[0-9]{20})"
    r"\.(?:jsonl(?:\.gz)?|parquet)"
)
_ENDINGS: Final = {ArchiveForm.JSONL: ".jsonl.gz", ArchiveForm.PARQUET: ".parquet"}


class Lane(NamedTuple):
    """One partition of one incarnation of a topic."""

    topic: str
    topic_id: str
    partition: int


class Named(NamedTuple):
    """The parts of a file's name: the lane of its events, and the offset of the first."""

    lane: Lane
    first: int


def hour_of(received_ms: int) -> int:
    """Return the hour since the epoch in which an event was received."""
    return received_ms // HOUR_MS


def folder_of(hour: int) -> str:
    """Return the folder of an hour.

    >>> folder_of(hour_of(1_772_373_599_999))
    'day=2026-03-01/hour=13'
    """
    at = datetime.fromtimestamp(max(0, min(hour, _LAST_HOUR)) * 3_600, UTC)
    return f"day={at:%Y-%m-%d}/hour={at:%H}"


def path_of(lane: Lane, hour: int, first: int, form: ArchiveForm) -> str:
    """Return the path of a file below the archive's folder."""
    id_ = quote(lane.topic_id, safe="")
    name = f"{lane.topic}~{id_}~{lane.partition}~{first:020d}{_ENDINGS[form]}"
    return f"{folder_of(hour)}/{name}"


def read_name(path: str) -> Named | None:
    """Return the parts of a file's name; None if it is no file of an archive.

    >>> read_name("hour=13/cjo.event.web.v1~k7-Q~0~00000000000000000042.jsonl.gz")
    Named(lane=Lane(topic='cjo.event.web.v1', topic_id='k7-Q', partition=0), first=42)
    """
    found = _NAME.fullmatch(path.rpartition("/")[2])
    if found is None:
        return None
    lane = Lane(found["topic"], unquote(found["id"]), int(found["partition"]))
    return Named(lane, int(found["first"]))
