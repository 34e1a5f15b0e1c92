"""Lines of a JSON file that are each one row, told without reading values.

No JSON value goes on over a line end between `}` and `{`, so each of those parts two rows. A line
with anything else behind it is one row only if it is one whole object.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Final

from cjo_stream.ingest.table import LINE_BYTES_MAX

_NEXT_VALUE: Final = re.compile(rb"\}[ \t\r]*+[{\[]")
_scan: Final = json.JSONDecoder().raw_decode


def plain_lines_of(text: bytes) -> list[bytes]:
    """Return the lines of a text before the last one with an object; none if one is not plain."""
    end = text.rfind(b"}\n{") + 1
    if not end or not text.startswith(b"{"):
        return []
    is_plain = (
        text.count(b"\n", 0, end) + 1 == text.count(b"}\n{", 0, end + 2)
        and text.find(b"\n") <= LINE_BYTES_MAX
        and not _NEXT_VALUE.search(text, 0, end)
    )
    return text[:end].split(b"\n") if is_plain else []


def is_plain(line: bytes, behind: bytes) -> bool:
    """Return whether a line is one row; `behind` is the first byte of the next, if it was read."""
    return (
        line[:1] == b"{"
        and line.endswith((b"}", b"}\r"))
        and len(line) <= LINE_BYTES_MAX
        and (_NEXT_VALUE.search(line) is None if behind == b"{" else _is_object(line))
    )


def _is_object(line: bytes) -> bool:
    """Return whether a line that begins with `{` is one object of JSON."""
    text = line.rstrip(b"\r").decode("latin-1")
    with suppress(ValueError, RecursionError):
        return _scan(text)[1] == len(text)
    return False
