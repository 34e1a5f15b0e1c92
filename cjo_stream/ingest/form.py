"""How the text of files is written: its encoding, what parts the cells of CSV, the decimal comma.

Nothing of it is guessed: a file that is written otherwise is refused, with the option to give.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Sequence
from typing import IO, Any, Final

import msgspec

from cjo_stream.core.likeness import nearest
from cjo_stream.errors import UsageError

ENCODINGS: Final = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "windows-1252")
"""As they are documented; Python's other names of them are understood, too."""
_ALLOWED: Final = {codecs.lookup(name).name for name in ENCODINGS}
_UTF_8: Final = "utf-8"
_READ_BYTES: Final = 256 * 1024

_WITH_COMMA: Final = re.compile(
    r"\s*([+-]?)([0-9]{1,3}(?:[.'’\s][0-9]{3})+|[0-9]+)(?:,([0-9]+))?\s*"
)
_NO_DIGIT: Final = re.compile(r"[^0-9]")


class Form(msgspec.Struct, frozen=True):
    """How the text of the files of a run is written."""

    delimiter: str = ","
    encoding: str = _UTF_8
    """By Python's name."""
    decimal_comma: tuple[str, ...] = ()
    """Columns of CSV whose numbers have a decimal comma."""


def read_form(
    delimiter: str | None, encoding: str | None, decimal_comma: Sequence[str] | None
) -> Form:
    """Return the form that options say; raises UsageError."""
    default = Form()
    return Form(
        default.delimiter if delimiter is None else _delimiter(delimiter),
        default.encoding if encoding is None else _encoding(encoding),
        tuple(decimal_comma or ()),
    )


def with_point(cell: str) -> str | None:
    """Return a number with a decimal comma as one with a point; None if it may be another number.

    A cell without a digit is no number, and stays as it is.

    >>> with_point("1.234,50"), with_point("12,5"), with_point("1.234"), with_point("12.5")
    ('1234.50', '12.5', '1234', None)
    """
    found = _WITH_COMMA.fullmatch(cell)
    if found is None:
        return cell if _NO_DIGIT.sub("", cell) == "" else None
    sign, whole, fraction = found.groups()
    number = sign + _NO_DIGIT.sub("", whole)
    return number if fraction is None else f"{number}.{fraction}"


def in_utf_8(stream: IO[bytes], encoding: str) -> IO[bytes]:
    """Return a stream of `encoding` as one of UTF-8.

    A byte that is no character of the encoding is no UTF-8 either, so its row is refused.
    """
    if encoding == _UTF_8:
        return stream
    return io.BufferedReader(_Recoded(stream, encoding), _READ_BYTES)


class _Recoded(io.RawIOBase):
    """A stream in UTF-8; the stream that it reads stays open."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._errors = "surrogatepass" if encoding.startswith("utf-16") else "surrogateescape"
        self._decoder = codecs.getincrementaldecoder(encoding)(self._errors)
        self._encoding = encoding
        self._left = memoryview(b"")
        self._is_at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and not self._is_at_end:
            chunk = self._stream.read(_READ_BYTES)
            self._is_at_end = not chunk
            try:
                text = self._decoder.decode(chunk, final=self._is_at_end)
            except UnicodeDecodeError as error:
                raise OSError(0, f"its text is not {self._encoding} ({error.reason})") from None
            self._left = memoryview(text.encode(_UTF_8, self._errors))
        room = memoryview(buffer)
        length = min(len(room), len(self._left))
        room[:length] = self._left[:length]
        self._left = self._left[length:]
        return length


def _delimiter(written: str) -> str:
    one = "\t" if written in ("tab", "\\t") else written
    if len(one) != 1 or one.isalnum() or one in "\"'\r\n ._-":
        raise UsageError(
            f"--delimiter {written}: it is one character that is no letter or digit, such as ; or "
            "|, or the word tab"
        )
    return one


def _encoding(written: str) -> str:
    try:
        name = codecs.lookup(written).name
    except (LookupError, ValueError):
        name = ""
    if name not in _ALLOWED:
        close = nearest(written.lower(), ENCODINGS)
        meant = f"; perhaps {close} is meant" if close else ""
        raise UsageError(
            f"--encoding {written}: not a known one{meant}. It may be {', '.join(ENCODINGS)}"
        )
    return name
