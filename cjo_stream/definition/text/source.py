"""Texts of definitions: their documents, and the line and column of an index."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_BEGIN = re.compile(r"^(?=---(?:\s|$))|(?<=^\.\.\.)(?=\s|$)", re.MULTILINE)
_NO_CONTENT = re.compile(r"(?:[ \t]*(?:#[^\n]*)?(?:\r?\n|$)|%[^\n]*(?:\n|$))*")


class Position(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Source:
    """The text of one file; diagnostics name it by `name`."""

    name: str
    text: str
    _line_starts: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0, *(found.end() for found in re.finditer("\n", self.text))]
        object.__setattr__(self, "_line_starts", starts)

    def line(self, number: int) -> str:
        """Return a line's text, counted from 1; empty if there is no such line."""
        if number > len(self._line_starts):
            return ""
        start = self._line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else None].rstrip("\r")

    def locate(self, index: int) -> tuple[int, int]:
        """Return line and column, from 1, of a character."""
        line = bisect_right(self._line_starts, index)
        return line, index - self._line_starts[line - 1] + 1


@dataclass(frozen=True)
class Document:
    """One YAML document: the characters `start` to `end` of its source."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The document as written."""
        return self.source.text[self.start : self.end]


def documents(source: Source) -> Iterator[Document]:
    """Yield a file's documents, so that one that is not YAML does not hide the next.

    Any line that begins with `---` begins a document, one that begins with `...` ends it (YAML
    1.2, 9.1.2). Comments and directives before a document belong to it.
    """
    begins = [found.start() for found in _BEGIN.finditer(source.text)]
    start = 0
    for end in (*begins, len(source.text)):
        if end == len(source.text) or _NO_CONTENT.fullmatch(source.text, start, end) is None:
            yield Document(source, start, end)
            start = end
