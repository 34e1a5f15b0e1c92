"""The closed loop: people answer the engine's commands, and the answers are its next events.

    records that arrive before the end of a window ──▶ engine ──▶ actions.jsonl
              ▲                                                        │ those issued in the window
              └────────────── people, who answer later ◀───────────────┘

Nobody answers a command within the window it was issued in. So the loop goes by windows, not by
events, and the whole is a function of the seed. People receive commands from the file these are
written to. After a kill -9 the file is cut back to its noted length, people receive the same
commands again and send the same records, and the engine skips the records that it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from cjo_stream.core.catalogue import ACTION, FILES
from cjo_stream.embedded.installation import Installation
from cjo_stream.embedded.progress import Progress
from cjo_stream.embedded.run import REPORT_EVERY, progress, put
from cjo_stream.engine.port import Decode, RawRecord


class People(Protocol):
    """The customers of the engine."""

    def before(self, time_ms: int) -> Iterator[RawRecord]:
        """Yield the records that arrive before `time_ms` and were not yielded yet, in order."""

    def hear(self, command: bytes) -> None:
        """Receive one action command, in JSON; commands come in order of issue."""

    @property
    def is_over(self) -> bool:
        """Whether no record will come any more, unless people receive another command."""


class Span(msgspec.Struct, frozen=True):
    """A time from `begin_ms` to at least `end_ms`, in windows of `window_ms`."""

    begin_ms: int
    end_ms: int
    window_ms: int


class _Issued(msgspec.Struct):
    """The field of a command that the loop reads."""

    issued_at: int


def converse(
    installation: Installation,
    lane: str,
    people: People,
    decode: Decode,
    out: Path,
    span: Span,
    report: Callable[[Progress], None] | None = None,
) -> int:
    """Run to the span's end, and until people send nothing more; return the number of records.

    The n-th record that people send has offset n in `lane`. `out` is the installation's output
    folder. Timers due before a window's end fire before the next window begins.
    """
    runtime = installation.runtime
    last = runtime.last_offset(lane)
    began = time.monotonic()
    number = -1
    until_ms = span.begin_ms
    with (out / FILES[ACTION.name]).open("rb") as file:
        commands = _Commands(file)
        while until_ms < span.end_ms or not people.is_over:
            until_ms += span.window_ms
            for record in people.before(until_ms):
                number += 1
                if number <= last:
                    continue
                put(installation, lane, number, record, decode(record))
                if report is not None and number % REPORT_EVERY == 0:
                    report(progress(installation, number + 1, began))
            if number >= last:
                runtime.advance(until_ms - 1)
            for command in commands.before(until_ms):
                people.hear(command)
    if report is not None:
        report(progress(installation, number + 1, began))
    return number + 1


class _Commands:
    """The lines of a file of commands that is still being written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decode = msgspec.json.Decoder(_Issued).decode
        self._held: tuple[int, bytes] | None = None

    def before(self, time_ms: int) -> Iterator[bytes]:
        """Yield the lines of commands issued before `time_ms` that were not yielded before."""
        while True:
            if self._held is None:
                line = self._file.readline()
                if not line:
                    return
                self._held = self._decode(line).issued_at, line
            issued_ms, line = self._held
            if issued_ms >= time_ms:
                return
            self._held = None
            yield line
