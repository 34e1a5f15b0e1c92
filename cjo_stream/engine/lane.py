"""Lanes: exactly once between two partitions without transactions.

A lane is one source partition seen from one receiver. Its items are numbered by (offset, index),
and each names the one before it. The receiver's *cursor* is the highest number accepted:

    number <= cursor                 a repeat (a replay, a zombie, a second sender): dropped
    predecessor == cursor            the next one: accepted
    otherwise                        a hole, something was lost: the process stops with an error
"""

from __future__ import annotations

from collections.abc import Mapping

from cjo_stream.engine import codec
from cjo_stream.engine.frame import START, Position
from cjo_stream.engine.port import Batch, Log, Store
from cjo_stream.errors import HoleError


class Cursors:
    """The cursors of one receiver, with the changes since the last `settle`."""

    __slots__ = ("_positions", "_settled")

    def __init__(self, positions: dict[Log, Position] | None = None) -> None:
        self._positions = dict(positions or {})
        self._settled = dict(self._positions)

    def accept(self, lane: Log, position: Position, previous: Position) -> bool:
        """Return whether the item is new, and move the cursor; raises HoleError."""
        cursor = self._positions.get(lane, START)
        if position <= cursor:
            return False
        if previous != cursor:
            raise HoleError(
                f"lane {lane.topic_id}/{lane.partition}: item {position} follows {previous}, but "
                f"the last one accepted is {cursor}. Something in between never arrived. Find "
                "what cut the log, and bring back what it has lost, from a replica or a copy"
            )
        self._positions[lane] = position
        return True

    def pass_over(self, lane: Log, position: Position) -> None:
        """Move a cursor beyond items that an operator has given up."""
        self._positions[lane] = position

    @classmethod
    def of(cls, store: Store) -> Cursors:
        """Return the cursors that a store holds."""
        return cls(
            {
                codec.read_lane_in_key(key): codec.decode_position(value)
                for key, value in store.scan(*codec.LANES_IN)
            }
        )

    def batch(self) -> Batch:
        """Return the writes of the cursors moved since the last `settle`."""
        settled = self._settled
        return [
            (codec.lane_in_key(lane), codec.encode_position(at))
            for lane, at in self._positions.items()
            if settled.get(lane) != at
        ]

    def settle(self) -> None:
        """Mark everything as written."""
        self._settled = dict(self._positions)

    def reset(self) -> None:
        """Go back to what was last written."""
        self._positions = dict(self._settled)


class Numbering:
    """Numbers the items from one source to each receiver; keeps each receiver's last number."""

    __slots__ = ("_indexes", "_last", "_offset", "_settled")

    def __init__(self, last: dict[int, Position] | None = None) -> None:
        self._last = dict(last or {})
        self._settled = dict(self._last)
        self._offset = -1
        self._indexes: dict[int, int] = {}

    def begin(self, offset: int, first: Mapping[int, int] | None = None) -> None:
        """Begin the numbers of the items that the source record at `offset` causes.

        `first` are the indexes to begin with, by receiver; 0 where none is given.
        """
        self._offset = offset
        self._indexes.clear()
        if first:
            self._indexes.update(first)

    def number(self, receiver: int) -> tuple[Position, Position]:
        """Return the number of the next item to `receiver`, and its predecessor's."""
        index = self._indexes.get(receiver, 0)
        self._indexes[receiver] = index + 1
        previous = self._last.get(receiver, START)
        position = (self._offset, index)
        self._last[receiver] = position
        return position, previous

    def last(self) -> dict[int, Position]:
        """Return the last number given to each receiver."""
        return self._last

    @classmethod
    def of(cls, store: Store) -> Numbering:
        """Return the last numbers that a store holds."""
        return cls(
            {
                codec.read_lane_out_key(key): codec.decode_position(value)
                for key, value in store.scan(*codec.LANES_OUT)
            }
        )

    def batch(self) -> Batch:
        """Return the writes of the last numbers changed since the last `settle`."""
        settled = self._settled
        return [
            (codec.lane_out_key(to), codec.encode_position(at))
            for to, at in self._last.items()
            if settled.get(to) != at
        ]

    def settle(self) -> None:
        """Mark everything as written."""
        self._settled = dict(self._last)

    def reset(self) -> None:
        """Go back to what was last written."""
        self._last = dict(self._settled)
        self._indexes.clear()
