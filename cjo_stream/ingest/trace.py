"""Trace contexts in the headers of raw records, by W3C Trace Context (Recommendation, 2021).

    traceparent: 00-<trace id, 32 hex digits>-<parent id, 16>-<flags, 2>     section 3.2
    tracestate:  <key>=<value>,<key>=<value>,...                             section 3.3

An event takes its context as it is: this engine starts no trace. A traceparent that is not valid
counts as none, and so its tracestate does; a tracestate that is not valid is left out alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from cjo_stream.core.event import TRACEPARENT, TRACESTATE, Traced
from cjo_stream.engine.port import RawRecord

STATE_CHARACTERS_MAX: Final = 512
"""A longer tracestate is left out: section 3.3.1.5 asks for no more."""
STATE_MEMBERS_MAX: Final = 32
STATE_READ_MAX: Final = 8_192
"""Of more characters, with its blanks and empty members, none is looked at."""
Headers = Sequence[tuple[str, bytes]]

_PARENT: Final = re.compile(
    rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
_MEMBER: Final = re.compile(
    r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)


class TraceReader:
    """Reads the contexts of records, and keeps those read since the last `take`."""

    def __init__(self) -> None:
        self._read: dict[str, None] = {}
        self._counts: dict[tuple[str, ...], int] = {}
        self._last: tuple[RawRecord, int | Traced] | None = None
        """The last record, of which several events may come, and what was read of it."""

    def received(self, record: RawRecord) -> int | Traced:
        """Return when a record was received, with its trace context if it has one."""
        if self._last is None or self._last[0] is not record:
            self._last = record, self._read_of(record)
        return self._last[1]

    def _read_of(self, record: RawRecord) -> int | Traced:
        if not any(name == TRACEPARENT for name, _ in record.headers):
            return record.time
        context = read_context(record.headers)
        if context is None:
            self._count("malformed")
            return record.time
        parent, state = context
        self._count("accepted" if state is not None else "without_state")
        self._read[parent] = None
        return Traced(record.time, parent, state or "")

    def take(self) -> list[str]:
        """Return the contexts (traceparent) read since the last call, each once."""
        read, self._read = self._read, {}
        return list(read)

    def take_counts(self) -> dict[tuple[str, ...], int]:
        """Return the counts since the last call."""
        counts, self._counts = self._counts, {}
        return counts

    def _count(self, result: str) -> None:
        key = ("cjo_trace_contexts_total", result)
        self._counts[key] = self._counts.get(key, 0) + 1


def read_context(headers: Headers) -> tuple[str, str | None] | None:
    """Return the traceparent and the tracestate ("": none, None: not valid) of a record's headers.

    None where there is no valid traceparent, or more than one.
    """
    parents = [value for name, value in headers if name == TRACEPARENT]
    parent = read_parent(parents[0]) if len(parents) == 1 else None
    if parent is None:
        return None
    return parent, read_state(value for name, value in headers if name == TRACESTATE)


def read_parent(value: bytes) -> str | None:
    """Return a traceparent in the form of version 00; None if it is not valid.

    Of a later version only what that has in common with 00 is read.

    >>> read_parent(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    >>> read_parent(b"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-09-more")
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    """
    found = _PARENT.fullmatch(value)
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    is_unknown = version == b"ff" or (version == b"00" and more is not None)
    if is_unknown or not trace.strip(b"0") or not parent.strip(b"0"):
        return None
    if version != b"00":
        flags = b"%02x" % (int(flags, 16) & 1)
    return b"-".join((b"00", trace, parent, flags)).decode()


def read_state(values: Iterable[bytes]) -> str | None:
    """Return tracestate headers as one, "" if there is none; None if they are not valid.

    >>> read_state([b"congo=t61rcWkgMzE", b" rojo=00f067aa0ba902b7"])
    'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7'
    """
    text = b",".join(values)
    if len(text) > STATE_READ_MAX or not text.isascii():
        return None
    members = [member for part in text.decode().split(",") if (member := part.strip(" \t"))]
    keys = {member.partition("=")[0] for member in members}
    joined = ",".join(members)
    is_valid = (
        len(members) <= STATE_MEMBERS_MAX
        and len(joined) <= STATE_CHARACTERS_MAX
        and len(keys) == len(members)
        and all(_MEMBER.fullmatch(member) for member in members)
    )
    return joined if is_valid else None
