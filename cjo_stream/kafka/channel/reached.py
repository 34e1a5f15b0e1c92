"""How far the commands of one partition are answered, though they are answered out of order.

    committed offset      the first command that waits for its answer, else the next to read
    committed metadata    the topic's id, a blank, then base64 of: a varint for each other command
                            that waits, its distance from the one before, and one more for the
                            distance to the next offset to read; all that is between is answered;
                            then a blank and up to where the topic of holds is heeded, if it is

So one command that nobody answers for days holds up neither the others nor what a restart needs
to know of them: only what was answered since the last commit is taken again. A broker bounds the
metadata (offset.metadata.max.bytes, 4,096). What has no room is left out at its end, and would
be taken again.
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final

METADATA_BYTES_MAX: Final = 4_000
_ID_BYTES_MAX: Final = 40
"""Of the topic's id and of the number, each with a blank."""
_PACKED_BYTES_MAX: Final = (METADATA_BYTES_MAX - _ID_BYTES_MAX) // 4 * 3


class Reached:
    """The commands of one partition: `take` each offset in its order, then `answer` it."""

    def __init__(self, topic_id: str, offset: int, metadata: str = "", first: int = 0) -> None:
        """Begin at a committed position, of a log that begins at `first`.

        Metadata that is none of ours counts as none.
        """
        self.topic_id = topic_id
        self.next = max(offset, first)
        self._waiting: OrderedDict[int, None] = OrderedDict()
        self._known, before = _unpacked(topic_id, offset, metadata)
        self._before = max(before, offset)
        gone = {one for one in self._known if one < first}
        self._known -= gone
        self.lost = len(gone) + max(0, first - self._before)
        """Offsets that the log no longer holds, and that were not answered."""

    @property
    def waits(self) -> int:
        """Return how many commands wait for their answer."""
        return len(self._waiting)

    def take(self, offset: int) -> bool:
        """Note that a command was read; return whether it is still to be answered."""
        if offset < self.next:
            return False
        self.next = offset + 1
        if offset < self._before and offset not in self._known:
            return False
        self._known.discard(offset)
        self._waiting[offset] = None
        return True

    def ends_at(self, end: int) -> None:
        """Note that there are no records before `end` that were not read."""
        self.next = max(self.next, end)

    def answer(self, offset: int) -> None:
        """Note that a command needs nothing more."""
        self._waiting.pop(offset, None)

    def position(self, heeded: int = 0) -> tuple[int, str]:
        """Return the offset and the metadata to commit; `heeded`: as of `heeded_by`."""
        # What was not read again yet is known from the last commit.
        unread = sorted(offset for offset in self._known if offset >= self.next)
        offsets = (*self._waiting, *unread)
        end = max(self.next, self._before)
        packed = _packed(offsets, end) if offsets else ""
        metadata = f"{self.topic_id} {packed}{f' {heeded}' if heeded else ''}"
        return offsets[0] if offsets else end, metadata


def heeded_by(metadata: str) -> int:
    """Return before which offset of the topic of holds a committed position heeds every record."""
    words = metadata.split(" ")
    return int(words[2]) if len(words) == 3 and words[2].isdecimal() else 0


def _packed(offsets: Iterable[int], end: int) -> str:
    """Return offsets behind the first, and the end, as far as there is room."""
    parts: list[bytes] = []
    size = 0
    before: int | None = None
    for offset in (*offsets, end):
        if before is not None:
            part = _varint(offset - before)
            size += len(part)
            if size > _PACKED_BYTES_MAX:
                # The last that has room is the end then: what comes behind is taken again.
                break
            parts.append(part)
        before = offset
    return base64.b64encode(b"".join(parts)).decode()


def _unpacked(topic_id: str, offset: int, metadata: str) -> tuple[set[int], int]:
    """Return the offsets that wait behind a committed one, and the end of what is known."""
    owner, _, rest = metadata.partition(" ")
    packed = rest.partition(" ")[0]
    if owner != topic_id or not packed:
        return set(), offset
    try:
        distances = list(_varints(base64.b64decode(packed, validate=True)))
    except (binascii.Error, ValueError):
        return set(), offset
    waiting, at = {offset}, offset
    for distance in distances[:-1]:
        at += distance
        waiting.add(at)
    return waiting, at + (distances[-1] if distances else 0)


def _varint(number: int) -> bytes:
    """Return a number as seven bits a byte, the lowest first (LEB128)."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _varints(packed: bytes) -> Iterator[int]:
    """Yield numbers; raises ValueError where the last is cut off."""
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("the last number is cut off")
