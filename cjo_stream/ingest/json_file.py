"""Rows of a JSON file: objects on lines, over several lines, behind each other, or in one list.

    {"a": 1}            { "a": 1,           {"a": 1}{"a": 2}        [{"a": 1},
    {"a": 2}              "b": 2 }                                   {"a": 2}]

A row is one object, as it stands there. A list stands for its elements where it begins with an
object; else it is one row, which no format takes. The number of a row is that of its first line;
each further row on a line counts as a line of its own.

What is no object is a row, too, so that it is counted. A broken one is parted from what follows:

- It ends with its first line. Lines that are indented further belong to it, and a closing bracket
  below them: so it is one row however it was laid out, and swallows no other.
- Within a line it ends before the next object: between `}` and `{`, in a list `},` and `{`, and
  there rather before one with the same first key, because values may be lists of objects.

One that the end of the file cuts off is one row up to there, whatever objects it holds: a later
reading of the file, grown, takes it whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import suppress
from typing import IO, Final, Protocol, cast

from cjo_stream.ingest.bracket import Bracketed, Standing
from cjo_stream.ingest.format.document import is_json
from cjo_stream.ingest.plain_lines import is_plain, plain_lines_of
from cjo_stream.ingest.table import LINE_BYTES_MAX, Ending, Row
from cjo_stream.ingest.taken import BEGINNING, Place

_READ_BYTES: Final = 256 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_QUOTE: Final = ord('"')
_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")
_BLANKS_IN_LIST: Final = re.compile(rb"[ \t\r\n,]*+")
_IN_LINE: Final = re.compile(rb"[ \t\r]*+")
_STRING_BEGIN: Final = rb'"(?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+'
_NO_OBJECT_IN_LIST: Final = re.compile(rb"\]*+(?:" + _STRING_BEGIN + rb'"|[^,\]\n])*+')
_UP_TO_CUT_STRING: Final = re.compile(
    rb"\]*+(?:" + _STRING_BEGIN + rb'"|[^",\]\n]|(?!' + _STRING_BEGIN + rb'\\?\Z)")*+'
)
_FIRST_KEY: Final = re.compile(rb"\{[ \t\r\n]*+" + _STRING_BEGIN + rb'"')
_NEXT_OBJECT: Final = re.compile(rb"\}[ \t\r]*+(\{)")
_NEXT_ELEMENT: Final = re.compile(rb"[}\]][ \t\r]*+,[ \t\r]*+(\{)")
_INDENTED: Final = re.compile(rb"\n(?:[ \t\r]*+\n)*+([ \t]*+)(\}?)[^\n]*+")
_scan: Final = json.JSONDecoder().raw_decode
"""Reads a value at a place of a text; returns it, and where it ends."""
_KEPT_BYTES: Final = 4096
"""Of a long broken row, what may belong to the beginning of the next one."""
_BEHIND: Final = b"\n{["
"""What may stand behind an object or a list; in a list anything, which is a row then."""


class _Source(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class _Content:
    """What was read of a stream and not taken yet: `text` from `at` on."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._source = cast(_Source, stream)
        self.text = b""
        self.at = 0
        self._passed_bytes = 0
        self.is_whole = False
        """Whether `text` ends where the stream does."""
        self._characters: str | None = None

    @property
    def place_bytes(self) -> int:
        """The place of `at` in the content."""
        return self._passed_bytes + self.at

    @property
    def characters(self) -> str:
        """`text` with one character for each byte, for readers of characters."""
        if self._characters is None:
            self._characters = self.text.decode("latin-1")
        return self._characters

    def more(self) -> bool:
        """Read more behind `text`, and forget what lies before `at`; at the end do nothing."""
        if self.is_whole:
            return False
        chunk = self._source.read1(_READ_BYTES)
        if not chunk:
            self.is_whole = True
            return False
        self._passed_bytes += self.at
        self.text = self.text[self.at :] + chunk
        self._characters = None
        self.at = 0
        return True

    def pass_to(self, place_bytes: int) -> bytes:
        """Pass over everything before a place; return the last bytes that were passed."""
        last = b""
        while (left := place_bytes - self.place_bytes) > 0 and (self.has_text() or self.more()):
            end = min(len(self.text), self.at + left)
            last = self.text[max(self.at, end - 1) : end] or last
            self.at = end
        return last

    def has_text(self) -> bool:
        """Return whether something was read and not taken."""
        return self.at < len(self.text)


def read_json(stream: IO[bytes], begin: Place, ending: Ending) -> Generator[Row]:
    """Yield the rows of a JSON file from a place on, where one reading of it had ended."""
    return JsonFile(stream, begin, ending).rows()


class JsonFile:
    """Reads the rows of one file."""

    def __init__(self, stream: IO[bytes], begin: Place, ending: Ending) -> None:
        self._content = _Content(stream)
        self._ending = ending
        self._used = begin.line
        """Numbers of rows that were given to one, or to a line without one."""
        self._is_used = self._begin(begin)
        """Whether the line of the present place has given its number to a row."""
        self._in_list = begin.in_list
        self._is_first = begin == BEGINNING
        self._line_bytes = self._content.place_bytes
        """Where the present line begins."""
        self._indent = 0
        """Of the line of the present row."""
        self._element_end: Place | None = None
        """Behind the last element of a list, behind which nothing else was found."""

    def rows(self) -> Generator[Row]:
        """Yield every row."""
        while True:
            if not self._in_list and self._is_at_line_begin():
                yield from self._plain_lines()
                self._line_bytes = self._content.place_bytes
            row = self._next()
            if row is None:
                return
            yield row

    def _is_at_line_begin(self) -> bool:
        """Go on to the next value; return whether that begins a line."""
        is_there = self._pass_blanks() and not self._is_used
        return is_there and self._content.place_bytes == self._line_bytes

    def _begin(self, begin: Place) -> bool:
        """Go to the beginning; return whether that lies within a line."""
        content = self._content
        if begin.bytes:
            return content.pass_to(begin.bytes) != b"\n"
        while len(content.text) < len(_BOM) and content.more():
            pass
        if content.text.startswith(_BOM):
            content.at = len(_BOM)
        return False

    def _plain_lines(self) -> Generator[Row]:
        """Yield objects that stand each on a line of its own, up to anything else."""
        content = self._content
        while True:
            text, at = content.text, content.at
            while (end := text.find(b"\n", at)) >= 0:
                line = text[at:end]
                if not is_plain(line, text[end + 1 : end + 2]):
                    return
                content.at = at = end + 1
                self._used += 1
                self._is_first = False
                self._element_end = None
                yield Row(self._used, line.rstrip(b"\r"))
            if len(text) - at > LINE_BYTES_MAX or not content.more():
                return
            lines = plain_lines_of(content.text)
            if lines:
                self._is_first = False
                self._element_end = None
                content.at = sum(map(len, lines)) + len(lines)
                for number, line in enumerate(lines, self._used + 1):
                    yield Row(number, line)
                self._used += len(lines)

    def _next(self) -> Row | None:
        """Return the next row; None at the end."""
        content = self._content
        while self._pass_blanks():
            first = content.text[content.at : content.at + 1]
            if self._in_list and first == b"]" and self._is_parted(1):
                self._in_list = False
            elif first == b"[" and not self._in_list and self._is_list_of_objects():
                self._in_list = True
            else:
                return self._row(first)
            content.at += 1
            self._is_first = False
        self._ending.is_list_open = self._in_list
        self._ending.end = self._element_end or Place(content.place_bytes, self._used)
        return None

    def _pass_blanks(self) -> bool:
        """Go to what is no blank, nor a comma in a list; return whether there is anything."""
        content = self._content
        while True:
            blanks = _BLANKS_IN_LIST if self._in_list else _BLANKS
            begin, text = content.at, content.text
            found = blanks.match(text, begin)
            assert found is not None, "it matches nothing, too"
            content.at = end = found.end()
            if newlines := text.count(b"\n", begin, end):
                self._used += newlines - self._is_used
                self._is_used = False
                line = text.rfind(b"\n", begin, end) + 1
                self._line_bytes = content.place_bytes - (end - line)
            if content.has_text():
                return True
            if not content.more():
                return False

    def _is_list_of_objects(self) -> bool:
        """Return whether the list that begins here begins with an object.

        A file that is an empty list is one, too: an export without a row.
        """
        content = self._content
        while True:
            found = _BLANKS.match(content.text, content.at + 1)
            assert found is not None, "it matches nothing, too"
            behind = content.text[found.end() : found.end() + 1]
            if behind:
                return behind == b"{" or (behind == b"]" and self._is_first)
            if len(content.text) - content.at > LINE_BYTES_MAX or not content.more():
                return False

    def _row(self, first: bytes) -> Row:
        content = self._content
        before = Place(content.place_bytes, self._used, self._in_list)
        if not self._is_used:
            self._indent = content.place_bytes - self._line_bytes
        self._used += 1
        self._is_used = True
        self._is_first = False
        number = self._used
        standing = Standing.BROKEN
        end = None
        if first in (b"{", b"["):
            standing, end = self._end_of_value()
        elif self._in_list:
            end = self._end_of_other()
        if standing is Standing.OPEN:
            value = content.text[content.at :].rstrip()
            content.at = len(content.text)
        elif end is None:
            value = self._refused(first)
        else:
            value = content.text[content.at : end]
            content.at = end
        self._used += value.count(b"\n")
        if (end is None or first not in (b"{", b"[")) and self._ends_here():
            self._ending.before, self._ending.is_open = before, True
        self._element_end = (
            Place(content.place_bytes, self._used, in_list=True) if self._in_list else None
        )
        return Row(number, value[:LINE_BYTES_MAX].rstrip(b"\r\n"))

    def _ends_here(self) -> bool:
        """Return whether the file ends with this row, which has no end of its own."""
        return not self._content.has_text() and not self._content.more()

    def _end_of_value(self) -> tuple[Standing, int | None]:
        """Return where the object or list that begins here ends; None if it is no whole one."""
        content = self._content
        with suppress(ValueError, RecursionError):
            length = _scan(content.characters, content.at)[1] - content.at
            if self._in_list or self._is_parted(length):
                return Standing.ENDED, content.at + length
        bracketed = Bracketed()
        while True:
            standing = bracketed.go_on(content.text, content.at)
            if standing is not Standing.OPEN:
                break
            if len(content.text) - content.at > LINE_BYTES_MAX:
                return Standing.BROKEN, None
            if not content.more():
                return Standing.OPEN, None
        is_parted = self._in_list or self._is_parted(bracketed.length)
        if standing is Standing.BROKEN or not is_parted:
            return Standing.BROKEN, None
        end = content.at + bracketed.length
        value = content.text[content.at : end]
        if b"\n" in value and not is_json(value):
            return Standing.BROKEN, None
        return standing, end

    def _is_parted(self, length: int) -> bool:
        """Return whether behind so many bytes the line ends, or another value begins."""
        content = self._content
        while True:
            found = _IN_LINE.match(content.text, content.at + length)
            assert found is not None, "it matches nothing, too"
            behind = content.text[found.end() : found.end() + 1]
            if behind:
                return behind in _BEHIND
            if len(content.text) - content.at > 2 * LINE_BYTES_MAX or not content.more():
                return content.is_whole

    def _end_of_other(self) -> int | None:
        """Return where an element that is no object ends; None for one that is too long."""
        content = self._content
        while True:
            whole, cut = _NO_OBJECT_IN_LIST, _UP_TO_CUT_STRING
            found = (whole if content.is_whole else cut).match(content.text, content.at)
            assert found is not None, "it matches nothing, too"
            end = found.end()
            if end < len(content.text) and (content.is_whole or content.text[end] != _QUOTE):
                return end
            if len(content.text) - content.at > LINE_BYTES_MAX:
                return None
            if content.is_whole:
                return len(content.text)
            content.more()

    def _refused(self, first: bytes) -> bytes:
        """Take what is no whole value, up to where the next row may begin; return the most of it.

        Memory stays bounded: of a long one only the beginning is kept.
        """
        content = self._content
        taken = b""
        begins = self._begins_behind(first)
        while True:
            line_end = content.text.find(b"\n", content.at)
            is_long = len(content.text) - content.at > LINE_BYTES_MAX
            if line_end < 0 and not is_long and content.more():
                continue
            limit = line_end if line_end >= 0 else len(content.text)
            found = (one.search(content.text, content.at, limit) for one in begins)
            next_begin = next((one.start(1) for one in found if one is not None), -1)
            if next_begin >= 0 or line_end >= 0 or not is_long:
                break
            passed = len(content.text) - content.at - _KEPT_BYTES
            if len(taken) < LINE_BYTES_MAX:
                taken += content.text[content.at : content.at + passed]
            content.at += passed
        end = next_begin if next_begin >= 0 else limit
        taken += content.text[content.at : end]
        content.at = end
        if next_begin < 0 and begins:
            taken += self._indented(self._indent)
        return taken.rstrip(b" \t\r\n,") if self._in_list else taken

    def _begins_behind(self, first: bytes) -> list[re.Pattern[bytes]]:
        """Return how the next object may begin within the line, the likeliest first."""
        if first not in (b"{", b"["):
            return []
        if not self._in_list:
            return [_NEXT_OBJECT]
        key = _FIRST_KEY.match(self._content.text, self._content.at)
        if key is None:
            return [_NEXT_ELEMENT]
        alike = re.compile(rb"[}\]][ \t\r]*+,[ \t\r]*+(" + re.escape(key[0]) + rb")")
        return [alike, _NEXT_ELEMENT]

    def _indented(self, indent: int) -> bytes:
        """Take the lines that are indented further than a broken row, and its closing bracket."""
        content = self._content
        taken = b""
        while True:
            found = _INDENTED.match(content.text, content.at)
            while found is None or found.end() == len(content.text):
                if len(content.text) - content.at > LINE_BYTES_MAX or not content.more():
                    break
                found = _INDENTED.match(content.text, content.at)
            if found is None or not found[0].strip():
                return taken
            is_closing = found[2] == b"}" and len(found[1]) == indent
            if len(found[1]) <= indent and not is_closing:
                return taken
            if len(taken) < LINE_BYTES_MAX:
                taken += found[0]
            content.at = found.end()
            if is_closing:
                return taken
