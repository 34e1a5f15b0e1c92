"""Dispatch: effect frames become single records, each once.

Task p writes only effect partition p, so one cursor a partition is enough. It travels as text
beside the consumed offset, in the same transaction: `topic id, offset, index` separated by blanks.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from cjo_stream.engine.effect import effect_of
from cjo_stream.engine.failure import foreign_letter
from cjo_stream.engine.frame import START, Effect, Position, decode_effect_frame
from cjo_stream.engine.lane import Cursors
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.errors import HoleError, InputError, RefusalError

_LOG = logging.getLogger(__name__)


class DispatchStep(msgspec.Struct):
    """What to write in one transaction: the effects, in order, and (next offset, metadata)."""

    effects: list[Effect]
    position: tuple[int, str]


class Dispatch:
    """The cursors of any number of effect partitions."""

    def __init__(self, topic_id: str, *, without_lost: bool = False) -> None:
        """`without_lost`: go on past effects that are gone for good, as an operator decided."""
        self._topic_id = topic_id
        self._without_lost = without_lost
        self._cursors: dict[int, Cursors] = {}
        self._positions: dict[int, tuple[str, Position]] = {}
        self._counts: dict[tuple[str, ...], int] = {}

    def resume(self, partition: int, metadata: str | None) -> None:
        """Take over a partition at its metadata's position; None: from the beginning."""
        if metadata:
            topic_id, position = _read_metadata(metadata)
            self._cursors[partition] = Cursors({Log(topic_id, partition): position})
            self._positions[partition] = (topic_id, position)
        else:
            self._cursors[partition] = Cursors()
            self._positions[partition] = ("", START)

    def release(self, partition: int) -> None:
        """Give up a partition, which another process has now."""
        self._cursors.pop(partition, None)
        self._positions.pop(partition, None)

    def process(self, partition: int, records: Sequence[LogRecord]) -> DispatchStep:
        """Return the effects of these records that are new; raises a StopError on a hole.

        If the step is not written after all, `resume` the partition from its last metadata.
        """
        cursors = self._cursors[partition]
        topic_id, position = self._positions[partition]
        effects: list[Effect] = []
        applied = repeated = 0
        for record in records:
            try:
                frame = decode_effect_frame(record.value)
            except InputError as error:
                letter = foreign_letter(Log(self._topic_id, partition), record, error)
                effects.append(effect_of(letter))
                self._count("cjo_dead_letters_total", error.reason)
                continue
            if topic_id not in ("", frame.lane.topic_id) or frame.lane.partition != partition:
                raise RefusalError(
                    f"effect partition {partition} has frames of topic {frame.lane.topic_id}, "
                    f"partition {frame.lane.partition}, after those of topic {topic_id}: the "
                    "internal topic was created anew. Delete the effect topic, too, and run "
                    "`cjo-stream topics create TOPOLOGY`: what was not sent of it is lost"
                )
            topic_id = frame.lane.topic_id
            for item in frame.items:
                at = (item.offset, item.index)
                previous = (item.previous_offset, item.previous_index)
                if self._accept(cursors, frame.lane, at, previous):
                    position = at
                    applied += 1
                    effects.append(item.effect)
                else:
                    repeated += 1
        self._positions[partition] = (topic_id, position)
        self._count("cjo_items_total", "dispatch", "applied", by=applied)
        self._count("cjo_items_total", "dispatch", "repeated", by=repeated)
        metadata = f"{topic_id} {position[0]} {position[1]}" if topic_id else ""
        return DispatchStep(effects, (records[-1].offset + 1, metadata))

    def _accept(self, cursors: Cursors, lane: Log, at: Position, previous: Position) -> bool:
        """Return whether an item is new, and move the cursor."""
        try:
            return cursors.accept(lane, at, previous)
        except HoleError as error:
            if not self._without_lost:
                raise HoleError(
                    f"{error}. If what is missing is gone for good, start dispatch once with "
                    "--without-lost, which goes on without it"
                ) from error
            _LOG.warning("as an operator said, dispatch goes on without what is lost: %s", error)
            cursors.pass_over(lane, previous)
            return cursors.accept(lane, at, previous)

    def take_counts(self) -> dict[tuple[str, ...], int]:
        """Return the counts since the last call."""
        counts, self._counts = self._counts, {}
        return counts

    def _count(self, *key: str, by: int = 1) -> None:
        if by:
            self._counts[key] = self._counts.get(key, 0) + by


def _read_metadata(metadata: str) -> tuple[str, Position]:
    """Return what dispatch wrote beside an offset; raises RefusalError."""
    try:
        topic_id, offset, index = metadata.split(" ")
        return topic_id, (int(offset), int(index))
    except ValueError as error:
        raise RefusalError(
            "dispatch's committed offset carries metadata that dispatch did not write: another "
            "consumer uses its group. Stop that consumer, delete the group's offsets "
            "(kafka-consumer-groups.sh), and start dispatch once with --restore-offsets"
        ) from error
