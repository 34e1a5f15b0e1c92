"""Whether the files of a store are consistent; RocksDB opens some stores whose files are not.

RocksDB numbers its writes. A MANIFEST says up to which number the tables hold them; a log of
writes says with which number it begins. RocksDB accepts a MANIFEST that lost its end as a shorter
one: it leaves out the tables that the lost part named, applies the log of writes that came after
them, and has a state with a hole in it. So a store must not be opened if its log begins beyond
what the tables hold, or if its MANIFEST ends within a frame. A power cut may also leave the
latter; the state is then rebuilt, because the numbers alone do not reveal every hole.

Both are files of frames: checksum (4), length (2), type (1), content; blocks of 32 KiB.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

_BLOCK_BYTES: Final = 32_768
_HEAD_BYTES: Final = 7
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_TORN: Final = -1
_RECYCLED: Final = range(5, 9)
"""Types of frames in a recycled file, which we never have: RocksDB never returns from reading a
MANIFEST that contains one."""

_COMPARATOR, _LOG, _NEXT_FILE, _SEQUENCE, _PREVIOUS_LOG = 1, 2, 3, 4, 9
_FAMILIES_MAX, _DB_ID = 203, (1 << 13) + 1
_TEXTS: Final = {_COMPARATOR, _DB_ID}
_NUMBERS: Final = {_LOG, _NEXT_FILE, _SEQUENCE, _PREVIOUS_LOG, _FAMILIES_MAX}


def fault_in(folder: Path) -> str | None:
    """Return what is wrong with the files of a store; None if nothing is.

    Faults that RocksDB itself finds are left to it. Another process may have the store open, so
    the logs are read first: a log is deleted only once the MANIFEST has its content.
    """
    logs = sorted(folder.glob("*.log"), key=_number)
    begins = next((begin for log in logs if (begin := _begin(log)) is not None), None)
    try:
        name = (folder / "CURRENT").read_text("ascii", "replace").strip()
    except FileNotFoundError:
        # RocksDB would begin an empty store here, and delete the tables.
        return "CURRENT is missing" if any(folder.glob("*.sst")) else None
    if not name.startswith("MANIFEST-") or not (folder / name).is_file():
        return None
    held: int | None = None
    for kind, content in _frames((folder / name).read_bytes()):
        if kind in _RECYCLED:
            return f"{name} has a frame of type {kind}"
        if kind == _TORN:
            return f"{name} ends within a frame"
        if kind in (_WHOLE, _FIRST) and (number := _sequence(content)) is not None:
            held = max(held or 0, number)
    if held is not None and begins is not None and begins > held + 1:
        return f"the tables hold what was written up to {held}, the log begins with {begins}"
    return None


def _number(log: Path) -> int:
    return int(log.stem) if log.stem.isdigit() else -1


def _begin(log: Path) -> int | None:
    """Return the number of the first write in a log; None if it has no write."""
    with log.open("rb") as file:
        data = file.read(_BLOCK_BYTES)
    for kind, content in _frames(data):
        if kind in (_WHOLE, _FIRST) and len(content) >= 8:
            return int.from_bytes(content[:8], "little")
    return None


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of the frames; last, _TORN if the data ends within a frame."""
    at = 0
    while at + _HEAD_BYTES <= len(data):
        room = _BLOCK_BYTES - at % _BLOCK_BYTES
        if room < _HEAD_BYTES:
            at += room
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        end = at + _HEAD_BYTES + length
        if kind == 0:
            return
        if end > len(data):
            yield _TORN, b""
            return
        yield kind, data[at + _HEAD_BYTES : end]
        at = end
    if data[at:].strip(b"\0"):
        yield _TORN, b""


def _sequence(edit: bytes) -> int | None:
    """Return the number of the last write in the tables, if the edit states it."""
    at = 0
    while at < len(edit):
        tag, at = _varint(edit, at)
        if tag == _SEQUENCE:
            return _varint(edit, at)[0]
        if tag in _TEXTS:
            length, at = _varint(edit, at)
            at += length
        elif tag in _NUMBERS:
            _, at = _varint(edit, at)
        else:
            break  # what follows is files
    return None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return (number, index behind it)."""
    number = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return number, at
