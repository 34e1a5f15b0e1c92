"""How the text of a file is written: its encoding, and what parts the cells of CSV.

`run` guesses nothing and takes options; here is the guess of what to give it.
"""

from __future__ import annotations

import csv
import enum
import gzip
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from cjo_stream.errors import UsageError
from cjo_stream.ingest.form import Form, with_point
from cjo_stream.ingest.table import told_delimiter

HEAD_BYTES: Final = 256 * 1024
_LINES_MAX: Final = 200
_DELIMITERS: Final = (",", ";", "\t", "|")
_MARKS: Final = (
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8"),
)
_EITHER: Final = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
_ONE_MARK: Final = re.compile(r"[1-9][0-9]{0,2}([.,])[0-9]{3}")
"""A number that is a fraction, or a thousand and more."""
_THOUSANDS: Final = re.compile(r"[1-9][0-9]{0,2}(?:[.'’\s][0-9]{3})+")


def guess_form(path: str, *, is_csv: bool) -> Form:
    """Return how a file is written; raises UsageError for one that cannot be read, or is empty."""
    head = _head(path)
    encoding = _encoding(head, is_csv=is_csv)
    text = head.decode(encoding, "replace").removeprefix("\ufeff")
    if not text.strip():
        raise UsageError(f"{path}: it is empty; name a file with some events")
    if not is_csv:
        return Form(encoding=encoding)
    lines = [line for line in text.splitlines(keepends=True) if line.strip()][: _LINES_MAX + 1]
    if len(head) == HEAD_BYTES and len(lines) > 1:
        del lines[-1]
    return Form(told_delimiter(lines[0].rstrip("\r\n")) or _delimiter(lines), encoding)


def with_decimal_comma(rows: Iterable[dict[str, str]], delimiter: str) -> tuple[str, ...]:
    """Return the columns of CSV whose numbers have a decimal comma.

    Where one has, points part the thousands of others, too: `1.234` there is not 1 and a bit.

    >>> with_decimal_comma([{"price": "1.234,56", "pieces": "1.234", "id": "7"}], ";")
    ('price', 'pieces')
    """
    cells: dict[str, Counter[_Cell]] = {}
    for row in rows:
        for name, cell in row.items():
            if cell:
                cells.setdefault(name, Counter())[_cell(cell)] += 1
    fit = {name: kinds for name, kinds in cells.items() if not kinds[_Cell.OTHER]}
    # Between commas, `1,234` may be a thousand in English.
    telling = (_Cell.COMMA,) if delimiter == "," else (_Cell.COMMA, _Cell.EITHER)
    if not any(kinds[one] for kinds in fit.values() for one in telling):
        return ()
    parted = _Cell.COMMA, _Cell.EITHER, _Cell.THOUSANDS
    return tuple(name for name, kinds in fit.items() if any(kinds[one] for one in parted))


def doubts_of(rows: Iterable[dict[str, str]], with_comma: Collection[str]) -> Iterator[str]:
    """Yield each column of which no number tells whether its mark parts thousands or a fraction.

    `with_comma` are the columns that are taken to have a decimal comma.

    >>> [*doubts_of([{"price": "1,200"}, {"price": "12,000"}], ["price"])]
    ['price: its commas are taken for decimal commas, and may part thousands: 1,200 may be 1200']
    """
    seen: dict[str, Counter[str]] = {}
    for row in rows:
        for name, cell in row.items():
            digits = cell.strip().lstrip("+-")
            if cell and not digits.isdigit():
                found = _ONE_MARK.fullmatch(digits)
                seen.setdefault(name, Counter())[found[1] if found else ""] += 1
    for name, marks in seen.items():
        said = {",": ("commas", "decimal commas"), ".": ("points", "decimal points")}
        for mark, (marks_of, meant) in said.items():
            if marks.keys() == {mark} and (name in with_comma) == (mark == ","):
                yield (
                    f"{name}: its {marks_of} are taken for {meant}, and may part thousands: "
                    f"1{mark}200 may be 1200"
                )


class _Cell(enum.Enum):
    """What a cell says of its column's numbers."""

    COMMA = enum.auto()
    """`1.234,5`, `0,25`: a decimal comma."""
    EITHER = enum.auto()
    """`1,234`."""
    THOUSANDS = enum.auto()
    """`1.234`, if others have a decimal comma."""
    WHOLE = enum.auto()
    """A whole number, or no number: a placeholder."""
    OTHER = enum.auto()


def _cell(text: str) -> _Cell:
    if with_point(text) is None:
        return _Cell.OTHER
    digits = text.strip().lstrip("+-")
    if digits.isdigit() or not any(one.isdigit() for one in digits):
        return _Cell.WHOLE
    if "," in digits:
        return _Cell.EITHER if _EITHER.fullmatch(digits) else _Cell.COMMA
    return _Cell.THOUSANDS if _THOUSANDS.fullmatch(digits) else _Cell.OTHER


def _head(path: str) -> bytes:
    try:
        if path.lower().endswith(".gz"):
            with gzip.open(path) as packed:
                return packed.read(HEAD_BYTES)
        with Path(path).open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except (OSError, EOFError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"{path}: cannot be read: {why}. Name a file that is there") from None


def _encoding(head: bytes, *, is_csv: bool) -> str:
    """Return the encoding of a beginning, by Python's name; JSON is UTF-8 unless much is not.

    So is a table with more lines in which letters of UTF-8 stand than lines that are none.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head[1:200:2] and b"\0" not in head[0:200:2]:
        return "utf-16-le"
    if b"\0" in head[0:200:2] and b"\0" not in head[1:200:2]:
        return "utf-16-be"
    lines = head[: head.rfind(b"\n") + 1].splitlines()
    odd = [line for line in lines if not _is_utf_8(line)]
    telling = sum(not line.isascii() for line in lines) - len(odd)
    is_rare = not is_csv and len(odd) < _ODD_MIN * len(lines)
    if telling > len(odd) or not odd or is_rare or any(_CONTROL.search(line) for line in odd):
        return "utf-8"  # lines of neither encoding are refused one by one
    return "iso8859-1" if any(byte in head for byte in _NOT_WINDOWS) else "cp1252"


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


_ODD_MIN: Final = 0.05
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NOT_WINDOWS: Final = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
"""Bytes that stand for no character of Windows-1252."""


def _delimiter(lines: list[str]) -> str:
    """Return what parts the most cells, as many in every line as in the first one."""
    best, best_score = ",", (0.0, 0)
    for one in _DELIMITERS:
        cells = Counter(_cells(lines, one))
        header = len(next(csv.reader(io.StringIO(lines[0]), delimiter=one), []))
        if header < 2:
            continue
        share = cells[header] / max(1, cells.total())
        if (score := (round(share, 1), header)) > best_score:
            best, best_score = one, score
    return best


def _cells(lines: list[str], delimiter: str) -> Iterable[int]:
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                yield len(row)
    except csv.Error:
        return
