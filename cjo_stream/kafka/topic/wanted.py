"""The required configuration of an installation's topics.

| topic                         | partitions   | kept                                 |
|-------------------------------|--------------|--------------------------------------|
| private: a row of PRIVATE     | as its row   | as its row                           |
| of a record kind: its row in  | as its row   | as its row, else as the broker does  |
| the catalogue                 |              |                                      |
| a channel's, named by default | `partitions` | as the broker does                   |
| a channel's, named by a       | any          | as its owner wants: only its         |
| topology                      |              | existence is checked, and whether    |
|                               |              | events have the broker's append time |

Records of events' topics, and of the private logs, have the broker's append time. `internal` must
never be written by a transactional producer: its markers are offsets without a record, which a
task would take for holes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from cjo_stream.core import catalogue
from cjo_stream.core.catalogue import RecordKind
from cjo_stream.core.program.program import Program
from cjo_stream.engine.frame import RECORD_BYTES_MAX
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

LOG_KEPT_MS: Final = 7 * 86_400_000
"""A task restored from its newest checkpoint, minutes old, replays the rest of the log. Even if
the checkpoint store was away for days, the log must reach back to the newest checkpoint."""

APPEND_TIME: Final[Mapping[str, str]] = {"message.timestamp.type": "LogAppendTime"}
"""The broker's clock, not a producer's, decides what lies in the future."""
_COMPACTED: Final = {"cleanup.policy": "compact"}
_OFTEN_COMPACTED: Final = {
    **_COMPACTED,
    # Only closed segments are compacted, and dispatch writes its cursors with every transaction.
    "segment.ms": "600000",
    "segment.bytes": str(32 << 20),
    "min.cleanable.dirty.ratio": "0.1",
    # A marker of each transaction stays as long as a null value does, a day by default: more bytes
    # than all that is read. A reader is through in seconds, so it misses no null value.
    "delete.retention.ms": "600000",
}
_LOG: Final = {
    **APPEND_TIME,
    "cleanup.policy": "delete",
    "retention.ms": str(LOG_KEPT_MS),
    "retention.bytes": "-1",
}
_SHELF: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""Dispatch deletes what no longer waits there."""


class Private(msgspec.Struct, frozen=True):
    """A topic of no record kind and no channel."""

    name: str
    config: Mapping[str, str]
    holds: str | None
    """What of a person it holds, for an erasure to name."""
    partitions: int | None = None
    """None: as many as the installation has."""
    is_ours: bool = True
    """Whether only the installation's own processes write it. Then the number of partitions and
    the size of records are checked; other writers use as many and as large as they like."""


PRIVATE: Final = (
    Private("internal", _LOG, "events on their way"),
    Private("effect", _LOG, "records on their way"),
    Private("definition", _COMPACTED, None, partitions=1),
    Private("cursor", _OFTEN_COMPACTED, None, partitions=1),
    Private("hold", _COMPACTED, None, partitions=1),
    Private("held", _SHELF, "commands that an operator holds"),
    Private("model", _OFTEN_COMPACTED, None, partitions=1),
    Private("outcome", APPEND_TIME, "outcomes", is_ours=False),
)


class Wanted(msgspec.Struct, frozen=True):
    """A topic with its required configuration."""

    name: str
    partitions: int
    config: Mapping[str, str] = {}
    counted: bool = False
    """Whether the number of partitions must be this one."""
    holds: str | None = None
    """What of a person it holds."""
    advised: Mapping[str, str] = {}
    """How it had better be, and is where we make it; whoever it belongs to decides."""


def wanted_topics(settings: Settings, program: Program | None) -> list[Wanted]:
    """Return every topic that an installation needs; without a program, not the channels'."""
    names = Names(settings.topic_prefix)
    many, ours = settings.partitions, _ours(settings)
    found = list(_channel_topics(names, program, many, ours)) if program is not None else []
    found += [
        Wanted(
            names.of(row.name),
            row.partitions or many,
            {**ours, **row.config} if row.is_ours else row.config,
            row.is_ours,
            row.holds,
        )
        for row in PRIVATE
    ]
    found += [
        Wanted(
            names.out(kind),
            kind.partitions or many,
            {**ours, **_config(kind)},
            kind.partitions is not None,
            kind.holds,
        )
        for kind in catalogue.RECORDS
        if kind is not catalogue.ACTION
    ]
    return list({topic.name: topic for topic in found}.values())


def channel_topics(settings: Settings, program: Program) -> list[str]:
    """Return the topics that only this program's channels need."""
    names = Names(settings.topic_prefix)
    return [topic.name for topic in _channel_topics(names, program, 1, {})]


def _ours(settings: Settings) -> dict[str, str]:
    """Return the configuration that all topics written by the installation's processes need."""
    ours = {"max.message.bytes": str(RECORD_BYTES_MAX)}
    if settings.replication_factor > 2:
        ours["min.insync.replicas"] = "2"
    return ours


def _config(kind: RecordKind) -> Mapping[str, str]:
    if kind.is_compacted:
        return _COMPACTED
    if kind.kept_ms is not None:
        return {"retention.ms": str(kind.kept_ms), "retention.bytes": "-1"}
    return {}


def _channel_topics(
    names: Names, program: Program, partitions: int, ours: Mapping[str, str]
) -> Iterator[Wanted]:
    for channel in program.channels.values():
        if channel.input is not None:
            is_ours = channel.input.prefixed
            yield Wanted(
                names.source(channel.input),
                partitions,
                config=APPEND_TIME if is_ours else {},
                holds="raw events",
                advised={} if is_ours else APPEND_TIME,
            )
        target = names.target(channel)
        if target is not None:
            config = ours if channel.output_prefixed else {}
            yield Wanted(target, partitions, config, holds=catalogue.ACTION.holds)
