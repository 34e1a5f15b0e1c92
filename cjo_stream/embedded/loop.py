"""The closed loop: what the engine sends is answered, and the answers are its next events.

    records that arrive before the end of a window ──▶ engine ──▶ actions.jsonl
              ▲                                                        │ those issued in the window
              └────────────── people, who answer later ◀───────────────┘

Nobody answers a command within the window it was issued in; so windows, not events, are settled,
and the whole is a function of the seed. People hear the commands from the file they are written
to: after a kill -9 it was cut back to what was noted, people hear again what they had heard, so
they say again what they had said, and the engine skips what it had taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from cjo_stream.core.catalogue import ACTION, FILES
from cjo_stream.embedded.installation import Installation
from cjo_stream.embedded.run import REPORT_EVERY, Progress, progress, put
from cjo_stream.engine.port import Decode, RawRecord


class People(Protocol):
    """Those whom the engine serves."""

    def before(self, time_ms: int) -> Iterator[RawRecord]:
        """Yield the records that arrive before `time_ms` and did not come before, in order."""

    def hear(self, command: bytes) -> None:
        """Take one action command, in JSON; in order of issue."""

    @property
    def is_over(self) -> bool:
        """Whether nothing will come any more, unless something is heard."""


class Span(msgspec.Struct, frozen=True):
    """From `begin_ms` to `end_ms` at least, in windows of `window_ms`."""

    begin_ms: int
    end_ms: int
    window_ms: int


class _Issued(msgspec.Struct):
    """What the loop reads of a command."""

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
    """Run until the span's end, and until nobody has anything to say; return how many records.

    The n-th record that people send has offset n in `lane`. `out` is the installation's output
    folder. What comes due before a window's end is done before the next begins.
    """
    runtime = installation.runtime
    taken = runtime.taken(lane)
    began = time.monotonic()
    number = -1
    until_ms = span.begin_ms
    with (out / FILES[ACTION.name]).open("rb") as file:
        commands = _Commands(file)
        while until_ms < span.end_ms or not people.is_over:
            until_ms += span.window_ms
            for record in people.before(until_ms):
                number += 1
                if number <= taken:
                    continue
                put(installation, lane, number, record, decode(record))
                if report is not None and number % REPORT_EVERY == 0:
                    report(progress(installation, number + 1, began))
            if number >= taken:
                runtime.advance(until_ms - 1)
            for command in commands.before(until_ms):
                people.hear(command)
    if report is not None:
        report(progress(installation, number + 1, began))
    return number + 1


class _Commands:
    """The lines of a file of commands that is being written to."""

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
