"""Digests of a file's content and of its beginnings, in one pass over its pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from cjo_stream.ingest.taken import HEAD_BYTES, Found, Place, digest, first_lines

_LIST_END: Final = b" \t\r\n]"
_BEFORE_LIST: Final = b"\xef\xbb\xbf \t\r\n"


class Digesting:
    """Digests a content that comes in pieces, and its beginnings of some lengths."""

    def __init__(self, asked: Sequence[int]) -> None:
        self._asked = sorted(set(asked), reverse=True)
        self._hash = hashlib.sha256()
        self._begins: dict[int, bytes] = {}
        self._ends_line: set[int] = set()
        self._fresh: list[int] = []
        """Lengths behind which no byte was seen yet."""
        self._bytes = 0
        self._line_ends = 0
        self._last = b"\n"
        self._inner_bytes = 0
        """Of what lies before the closing bracket of a list; `_inner` digests it."""
        self._inner = self._hash.copy()

    def add(self, chunk: bytes) -> None:
        """Go on with the next piece."""
        begin = 0
        end_bytes = self._bytes + len(chunk)
        inner = len(chunk.rstrip(_LIST_END))
        asked = []
        while self._asked and self._asked[-1] <= end_bytes:
            asked.append(self._asked.pop() - self._bytes)
        for at in sorted({*asked, inner}):
            self._hash.update(memoryview(chunk)[begin:at])
            begin = at
            if at == inner > 0:
                self._inner_bytes, self._inner = self._bytes + at, self._hash.copy()
            if at in asked:
                self._begins[self._bytes + at] = self._hash.digest()
                self._fresh.append(self._bytes + at)
        for length in self._fresh:
            if length < end_bytes and chunk[length - self._bytes] in b"\r\n":
                self._ends_line.add(length)
        self._fresh = [length for length in self._fresh if length == end_bytes]
        self._hash.update(memoryview(chunk)[begin:])
        self._bytes = end_bytes
        self._line_ends += chunk.count(b"\n")
        self._last = chunk[-1:] or self._last

    def found(self, path: str | None, begin: bytes, *, is_json: bool = False) -> Found:
        """Return what the content was, at its end; `begin` are its first HEAD_BYTES, or more."""
        is_open = self._last != b"\n"
        is_list = is_json and begin.lstrip(_BEFORE_LIST).startswith(b"[")
        inner = self._inner_bytes, self._inner.digest()
        return Found(
            path=path,
            end=Place(self._bytes, self._line_ends + is_open),
            digest=self._hash.digest(),
            head=digest(begin[:HEAD_BYTES]),
            first=first_lines(begin),
            begins=self._begins,
            ends_line=frozenset(self._ends_line),
            is_open=is_open,
            inner=(*inner, digest(begin[: min(HEAD_BYTES, inner[0])]))
            if is_list and inner[0] < self._bytes
            else None,
        )
