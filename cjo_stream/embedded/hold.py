"""Commands of a state that an operator holds.

hold:KEY     a hold of one operator; empty once it is released
shelf:N      what of partition N waits; the commands are records of the log
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cjo_stream.embedded.log import HELD, Append, EmbeddedLog
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.hold import (
    Hold,
    Shelf,
    decode_command,
    decode_hold,
    decode_shelf,
    encode,
    encode_hold,
)
from cjo_stream.errors import InvariantError
from cjo_stream.installation.answer import Holding, holding_of

_HOLD: Final = "hold:"
_SHELF: Final = "shelf:"
_RELEASE_RECORDS_MAX: Final = 1_024


def note_of(hold: Hold, *, is_held: bool) -> dict[str, bytes]:
    """Return the note that lets commands wait, or takes a hold back."""
    return {_HOLD + hold.key.decode(): encode_hold(hold) if is_held else b""}


def holds_in(log: EmbeddedLog) -> list[Hold]:
    """Return the holds in force, the oldest first."""
    found = (decode_hold(noted) for _, noted in log.notes(_HOLD) if noted)
    return sorted(found, key=lambda hold: hold.at)


def holding_in(log: EmbeddedLog, partitions: int) -> Holding:
    """Return what is held, and what waits."""
    shelves = [_shelf(log, partition) for partition in range(partitions)]
    return holding_of(holds_in(log), shelves)


class Shelves:
    """The shelves of all partitions, and the holds in force."""

    def __init__(self, log: EmbeddedLog, partitions: int) -> None:
        self._log = log
        self._shelves = [_shelf(log, partition) for partition in range(partitions)]
        self.heed()

    def heed(self) -> None:
        """Read the holds in force."""
        self._holds = frozenset(hold.which for hold in holds_in(self._log))

    def take(
        self, partition: int, effects: list[Effect], now_ms: int
    ) -> tuple[list[Effect], list[Append], dict[str, bytes]]:
        """Return the effects that go out; and of those that wait the records, with their note."""
        out, held = self._shelves[partition].take(effects, self._holds)
        if not held:
            return out, [], {}
        appends: list[Append] = [(HELD, partition, now_ms, encode(one)) for one in held]
        return out, appends, self._note(partition)

    def release(self, partition: int, now_ms: int) -> tuple[list[Effect], dict[str, bytes]] | None:
        """Return some commands that wait no longer, and the note of that; None: none does."""
        shelf = self._shelves[partition]
        if not shelf.leaving(self._holds):
            return None
        start = shelf.start(self._holds)
        records = self._log.read(HELD, partition, start - 1, _RELEASE_RECORDS_MAX)
        if not records:
            raise InvariantError(f"commands that wait in partition {partition} are gone")
        found = [(record.offset, decode_command(record.value)) for record in records]
        out = shelf.release(found, records[-1].offset + 1, self._holds, now_ms)
        return out, self._note(partition)

    def trim(self, partition: int) -> None:
        """Remove what no longer waits, once that is noted."""
        self._log.trim(HELD, partition, self._shelves[partition].low - 1)

    def _note(self, partition: int) -> dict[str, bytes]:
        return shelf_note(partition, self._shelves[partition])


def waiting_in(log: EmbeddedLog, partition: int) -> Iterator[Effect]:
    """Yield the commands of a partition that wait, in order."""
    shelf, after = _shelf(log, partition), -1
    while records := log.read(HELD, partition, after, _RELEASE_RECORDS_MAX):
        for record in records:
            command = decode_command(record.value)
            if shelf.has(record.offset, command):
                yield command
        after = records[-1].offset


def shelf_note(partition: int, shelf: Shelf) -> dict[str, bytes]:
    """Return the note of what of a partition waits."""
    return {f"{_SHELF}{partition}": encode(shelf)}


def _shelf(log: EmbeddedLog, partition: int) -> Shelf:
    noted = log.note(f"{_SHELF}{partition}")
    return decode_shelf(noted) if noted else Shelf()
