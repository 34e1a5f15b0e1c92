"""Lanes: exactly once between two partitions without transactions.

A lane is one source partition seen from one receiver. Its items are numbered by (offset, index),
and each names the one before it. The receiver's *cursor* is the highest number accepted:

    number <= cursor                 a repeat (a replay, a zombie, a second sender): dropped
    predecessor == cursor            the next one: accepted
    predecessor in doubt, < cursor   likewise: see below
    otherwise                        a hole, something was lost: the process stops with an error

A predecessor is in *doubt* (index DOUBT) if a source record between it and the item was refused
for a reason that may change, as that a schema registry does not know its schema. A sender before
this one, which was killed before it committed, may have sent that record. If so, the cursor is
beyond the predecessor, and nothing is lost: all that this sender sent before was accepted, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cjo_stream.engine import codec
from cjo_stream.engine.frame import START, Position
from cjo_stream.engine.port import Batch, Log, Store
from cjo_stream.errors import HoleError

DOUBT: Final = 1
"""Beyond every index that an item of intake has."""


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
        if previous != cursor and not _is_in_doubt(previous, cursor):
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

    def all(self) -> dict[Log, Position]:
        """Return the cursor of each lane."""
        return self._positions

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


def _is_in_doubt(previous: Position, cursor: Position) -> bool:
    """Return whether a predecessor is in doubt, and was itself accepted, too."""
    certain = START if previous[0] == START[0] else (previous[0], 0)
    return previous[1] == DOUBT and certain <= cursor


class Numbering:
    """Numbers the items from one source to each receiver; keeps each receiver's last number."""

    __slots__ = ("_first", "_indexes", "_last", "_offset", "_settled")

    def __init__(self, last: dict[int, Position] | None = None) -> None:
        self._last = dict(last or {})
        self._settled = dict(self._last)
        self._first = START
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
        previous = self._last.get(receiver, self._first)
        position = (self._offset, index)
        self._last[receiver] = position
        return position, previous

    def pass_on(self, receiver: int, last: Position | None) -> Position:
        """Note the last number of several items, if there are any; return the one before them."""
        previous = self._last.get(receiver, self._first)
        if last is not None:
            self._last[receiver] = last
        return previous

    def doubt(self, offset: int) -> None:
        """Put the numbers before a source record in doubt, at every receiver."""
        self._first = (START[0], DOUBT)
        for receiver, (at, _) in self._last.items():
            if at < offset:
                self._last[receiver] = (at, DOUBT)

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
