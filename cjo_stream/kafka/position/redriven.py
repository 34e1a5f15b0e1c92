"""Which dead letters were sent again: marks in the cursor topic.

record of the cursor topic                  key                      value
of the letters of partition 3 from          redriven/TOPIC ID/3/0    a bit each, the first
offset 0 on, CHUNK of them                                           the lowest of byte 0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cjo_stream.kafka.client.sender import Outgoing

CHUNK: Final = 4_096
_STAGE: Final = "redriven"


class Marks:
    """The marks of one dead letter topic; new ones are written with what they are of."""

    def __init__(self, topic: str, topic_id: str, records: Mapping[bytes, bytes]) -> None:
        """`topic` is the cursor topic, `records` what it holds."""
        self._topic = topic
        self._prefix = f"{_STAGE}/{topic_id}/"
        self._chunks: dict[str, bytearray] = {}
        self._changed: set[str] = set()
        for key, value in records.items():
            name = key.decode(errors="replace")
            if name.startswith(self._prefix):
                self._chunks[name] = bytearray(value.ljust(CHUNK // 8, b"\0"))

    def has(self, partition: int, offset: int) -> bool:
        """Return whether a letter was sent again."""
        chunk = self._chunks.get(self._name(partition, offset))
        place = offset % CHUNK
        return chunk is not None and bool(chunk[place // 8] >> place % 8 & 1)

    def add(self, partition: int, offset: int) -> None:
        """Note that a letter is sent again."""
        name, place = self._name(partition, offset), offset % CHUNK
        self._chunks.setdefault(name, bytearray(CHUNK // 8))[place // 8] |= 1 << place % 8
        self._changed.add(name)

    def records(self) -> list[Outgoing]:
        """Return the records of what has changed, to be written now."""
        found = [
            Outgoing(self._topic, bytes(self._chunks[name]), 0, name.encode())
            for name in sorted(self._changed)
        ]
        self._changed.clear()
        return found

    def _name(self, partition: int, offset: int) -> str:
        return f"{self._prefix}{partition}/{offset // CHUNK}"


def marks_in(records: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the marks among the records of the cursor topic, by key."""
    return {key: value for key, value in records.items() if key.startswith(f"{_STAGE}/".encode())}


def marks_of(marks: Mapping[bytes, bytes], topic_id: str) -> dict[bytes, bytes]:
    """Return those of marks that are of letters in this dead letter topic."""
    begin = f"{_STAGE}/{topic_id}/".encode()
    return {key: value for key, value in marks.items() if key.startswith(begin)}
