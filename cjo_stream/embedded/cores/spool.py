"""All entries of a run in order, in a file: written in one pass, read by each share in the next.

An entry is the frame of one event, or the line of a record that was refused:

    clock (8), is an event (1), length (4), content
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cjo_stream.errors import RetryError

_HEAD: Final = struct.Struct("<q?I")
_BUFFER_BYTES: Final = 1 << 20


class Entry(NamedTuple):
    """One event or refused record."""

    number: int
    """Its place in the run."""
    clock: int
    """The highest event time up to it, ms."""
    is_event: bool
    content: bytes


class Spool:
    """The file while it is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("wb", _BUFFER_BYTES)
        except OSError as error:
            raise _no_room(path, error) from error

    def add(self, clock: int, content: bytes, *, is_event: bool) -> None:
        """Append an entry."""
        try:
            self._file.write(_HEAD.pack(clock, is_event, len(content)) + content)
        except OSError as error:
            raise _no_room(self._path, error) from error

    def close(self) -> None:
        """Leave the file as it is."""
        try:
            self._file.close()
        except OSError as error:
            raise _no_room(self._path, error) from error


def entries(path: Path, owners: bytes, share: int) -> Iterator[Entry]:
    """Yield the entries of one share, in order; `owners` is each entry's."""
    with path.open("rb", _BUFFER_BYTES) as file:
        for number, owner in enumerate(owners):
            clock, is_event, length = _HEAD.unpack(file.read(_HEAD.size))
            content = file.read(length)
            if owner == share:
                yield Entry(number, clock, is_event, content)


def _no_room(path: Path, error: OSError) -> RetryError:
    return RetryError(
        f"{path.parent} cannot take the events of the run ({error.strerror}), which with --cores "
        "wait there: make room, or name another folder in --out, then give the command again "
        "with --force"
    )
