"""What tasks emit, from the effect partitions of the log into an output, each once.

dispatch:N    the last effect record of partition N that is in the output, and its cursor

Commands that an operator holds wait in the log instead (`hold`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from cjo_stream.core.record import DeadLetter
from cjo_stream.embedded.hold import Shelves
from cjo_stream.embedded.learning import Learning
from cjo_stream.embedded.log import EFFECT, EmbeddedLog
from cjo_stream.engine.dispatch import Dispatch
from cjo_stream.engine.frame import Effect

READ_RECORDS_MAX: Final = 1_024
_NOTE: Final = "dispatch:"


class Output(Protocol):
    """Where effects go, each once, in order."""

    def write(self, effects: Sequence[Effect]) -> None:
        """Write effects."""

    def refuse(self, letter: DeadLetter) -> None:
        """Write a dead letter of intake."""

    def notes(self) -> dict[str, bytes]:
        """Return the notes for the log, by which everything written later can be undone."""


def written_in(log: EmbeddedLog, partitions: int) -> list[int]:
    """Return of each partition the last effect record that is in the output."""
    noted = (log.note(f"{_NOTE}{partition}") for partition in range(partitions))
    return [int(one.partition(b"|")[0]) if one else -1 for one in noted]


class Effects:
    """The effect partitions of a log. `learning` has what teaches of what was written."""

    def __init__(self, log: EmbeddedLog, output: Output, partitions: int) -> None:
        self._log = log
        self._output = output
        self._dispatch = Dispatch("effect")
        self._written = written_in(log, partitions)
        for partition in range(partitions):
            noted = log.note(f"{_NOTE}{partition}")
            self._dispatch.resume(partition, noted.decode().partition("|")[2] if noted else None)
        self.learning = Learning(log, self._written)
        self._shelves = Shelves(log, partitions)

    def heed(self, notes: dict[str, bytes]) -> None:
        """Note what an operator holds now, and heed it."""
        self._log.append([], notes)
        self._shelves.heed()

    def write(self, partition: int, now_ms: int) -> None:
        """Write what a partition has; note how far it is written."""
        self._release(partition, now_ms)
        while records := self._log.read(
            EFFECT, partition, self._written[partition], READ_RECORDS_MAX
        ):
            step = self._dispatch.process(partition, records)
            out, held, noted = self._shelves.take(partition, step.effects, now_ms)
            self._output.write(out)
            self.learning.collect(partition, records[-1].offset, step.effects)
            notes = self._output.notes() | noted
            offset, metadata = step.position
            notes[f"{_NOTE}{partition}"] = f"{offset - 1}|{metadata}".encode()
            if self.learning.holds_too_much():
                notes |= self.learning.note()
            self._log.append(held, notes)
            self._written[partition] = offset - 1
            self._log.trim(EFFECT, partition, self.learning.needed_after(partition))

    def pass_on(self, partition: int, effects: list[Effect], now_ms: int) -> None:
        """Write effects that are in no log, because they end with the process."""
        self._release(partition, now_ms)
        out, held, noted = self._shelves.take(partition, effects, now_ms)
        self._output.write(out)
        self.learning.collect(partition, self._written[partition], effects)
        self._log.append(held, self._output.notes() | noted)

    def _release(self, partition: int, now_ms: int) -> None:
        """Write the commands that wait no longer."""
        while (released := self._shelves.release(partition, now_ms)) is not None:
            out, noted = released
            self._output.write(out)
            self._log.append([], self._output.notes() | noted)
            self._shelves.trim(partition)
