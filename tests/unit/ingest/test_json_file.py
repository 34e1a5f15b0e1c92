"""JSON files however they are laid out: every object is one row, and nothing is swallowed."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cjo_stream.ingest.json_file import JsonFile, read_json
from cjo_stream.ingest.table import LINE_BYTES_MAX, Ending, Row
from cjo_stream.ingest.taken import BEGINNING, Place


class Pieces(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, content: bytes, piece: int) -> None:
        self._content = io.BytesIO(content)
        self._piece = piece

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._content.read(min(self._piece, len(buffer)))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def read(
    content: bytes, begin: Place = BEGINNING, ending: Ending | None = None, piece: int = 1 << 20
) -> list[Row]:
    stream = io.BufferedReader(Pieces(content, piece), 1 << 20)
    return list(read_json(stream, begin, ending or Ending()))


def texts(content: str, **options: Any) -> list[tuple[int, str]]:
    return [(row.number, row.value.decode()) for row in read(content.encode(), **options)]


A, B, C = '{"a": 1}', '{"b": {"x": "}{"}}', '{"c": [{"y": 1}, {"y": 2}]}'
PRETTY = '{\n  "a": [\n    {\n      "b": "x"\n    }\n  ]\n}'


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f"{A}\n{B}\n{C}", [(1, A), (2, B), (3, C)]),
        (f"{A}{B} {C}\n{A}\n", [(1, A), (2, B), (3, C), (4, A)]),
        (f"\n{A}\n\n{A}{B}\n\n{C}\n", [(2, A), (4, A), (5, B), (7, C)]),
        (f"{PRETTY}\n{PRETTY}\n{A}", [(1, PRETTY), (8, PRETTY), (15, A)]),
        (f"{PRETTY}{PRETTY}{A}", [(1, PRETTY), (8, PRETTY), (15, A)]),
        (f"[{A},{B},\n{C}]", [(1, A), (2, B), (3, C)]),
        (f"[\n  {A}\n, {B}\n]\n", [(2, A), (3, B)]),
        (f" [ {PRETTY},\n{A} ] \n", [(1, PRETTY), (8, A)]),
        (f"[{A}]\n[{B}][{C}]\n{A}", [(1, A), (2, B), (3, C), (4, A)]),
        (" [\n]\n", []),
        ("", []),
        (" \r\n\n", []),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_objects_are_rows_in_every_layout(
    content: str, found: list[tuple[int, str]], piece: int
) -> None:
    assert texts(content, piece=piece) == found
    marked = b"\xef\xbb\xbf" + content.encode()
    assert [(row.number, row.value.decode()) for row in read(marked, piece=piece)] == found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        # Lines that are cut off, where they may go on and where they may not.
        (f'{{"a": "x\n{A}\n{A}', ['{"a": "x', A, A]),
        (f'{{"a": 1,\n{A}\n{A}', ['{"a": 1,', A, A]),
        (f'{{"a":\n{A}\n{A}', ['{"a":', A, A]),
        (f'{{"a": [1,\n{A}\n{A}', ['{"a": [1,', A, A]),
        (f"{{\n{A}\n{A}", ["{", A, A]),
        (f'{{"a": tru\n{A}', ['{"a": tru', A]),
        (f'{{"a": 1\nno\n{A}', ['{"a": 1', "no", A]),
        # What stands on a line with an object.
        (f"{A} no\n{A}\n", [f"{A} no", A]),
        (f"{A},\n{A}\n", [f"{A},", A]),
        (f"no {A}\n{A}\n", [f"no {A}", A]),
        (f'{{"a": "x}}{A}\n', ['{"a": "x}', A]),
        # Rows that are no objects.
        ("[1, 2]\n[]\n7\n", ["[1, 2]", "[]", "7"]),
        ("[\n1\n]\n]\n,\n", ["[\n1\n]", "]", ","]),
        ("}\n]]\n", ["}", "]]"]),
        # A broken object over several lines is one row, with its closing bracket.
        (
            f'{{\n  "a": 1\n  "b": {{\n    "c": 2 }}\n}}\n{A}',
            ['{\n  "a": 1\n  "b": {\n    "c": 2 }\n}', A],
        ),
        (f"{PRETTY[:-2]}\n{PRETTY}\n{A}", [PRETTY[:-2], PRETTY, A]),
        (f"{{\n  no\n{PRETTY}", ["{\n  no", PRETTY]),
        # Brackets within texts do not count, nor does a line that ends as an object does.
        ('{"a": ":-}", "b": {}\n, "c": 1}\n', ['{"a": ":-}", "b": {}\n, "c": 1}']),
        # What the end of the file cuts off is one row.
        (f'[{A}, {{"a": [{A}, {B}]', [A, f'{{"a": [{A}, {B}]']),
        (f'{A}\n{{"a": [\n{A},\n{B}', [A, f'{{"a": [\n{A},\n{B}']),
        # In a list.
        (f'[{{"a": "x}},{A},{C}]', ['{"a": "x}', A, C]),
        (
            f'[{{"a": 1 "z": [{{"q": 1}}, {{"q": 2}}]}}, {A}]',
            ['{"a": 1 "z": [{"q": 1}, {"q": 2}]}', A],
        ),
        (f'[{{"z": "x}},{A},{C}]', ['{"z": "x}', A, C]),
        (f'[\n  {{\n    "a": "x\n  }},\n  {A}\n]', ['{\n    "a": "x\n  }', A]),
        (f'[{A}, 7, "a, ]", null, [1], {B}]', [A, "7", '"a, ]"', "null", "[1]", B]),
        (f"[{A} {B} no, {A}]", [A, B, "no", A]),
        (f"[{A}] no\n{A}", [A, "] no", A]),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_what_is_broken_is_one_row_and_swallows_none(
    content: str, found: list[str], piece: int
) -> None:
    assert [text for _, text in texts(content, piece=piece)] == found


def test_numbers_are_lines_and_further_rows_on_a_line_count_as_lines() -> None:
    assert [number for number, _ in texts(f'\n{{\n "a": "\n{A}\n{A}{A}\n\n{A}')] == [2, 4, 5, 6, 8]


@pytest.mark.slow
def test_a_list_in_one_line_may_be_larger_than_memory() -> None:
    count = 60_000
    element = b'{"a": "%s"}' % (b"x" * 100)

    class Endless(io.RawIOBase):
        left = count + 1

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            if not self.left:
                return 0
            self.left -= 1
            chunk = (b"[" if self.left == count else element + b",") if self.left else b"]"
            buffer[: len(chunk)] = chunk
            return len(chunk)

    tracemalloc.start()
    try:
        rows = read_json(io.BufferedReader(Endless(), 4096), BEGINNING, Ending())
        number = max(row.number for row in rows)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == count - 1
    assert peak_bytes < 3 << 20


@pytest.mark.parametrize("end", ["", "\n", "]"])
def test_a_value_that_is_too_long_is_cut_and_what_follows_is_read(end: str) -> None:
    long = '{"a": "' + "x" * 3 * LINE_BYTES_MAX + '"}'
    for content in (f"{long}\n{A}\n", f"[{long},{A},{C}{end}", f"{long}{A}\n", f"{long}no\n{A}"):
        found = texts(content)
        assert len(found[0][1]) == LINE_BYTES_MAX
        assert found[1][1] == A


def test_lines_behind_one_that_is_no_object_are_told_without_reading_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at = []

    def row(self: JsonFile, first: bytes) -> Row:
        looked_at.append(first)
        return take(self, first)

    take = JsonFile._row
    monkeypatch.setattr(JsonFile, "_row", row)
    found = read(b'{"a": 1}\n' * 3 + b"[1, 2]\n" + b'{"a": {"b": 2}}\n' * 1_000)
    assert len(found) == 1_004
    assert looked_at == [b"["]


def test_work_is_bounded_by_the_size_of_the_content() -> None:
    """Also where each line may be the beginning of what never ends."""
    for line in ('{"a": [', '{"a":', "{", "[", '[{"a":', '{"a": "', "[[", "{}{", '[{"a": [1,'):
        began = time.process_time()
        content = f"{line}\n" * 2_000
        assert sum(text.count("\n") + 1 for _, text in texts(content)) >= 2_000
        assert time.process_time() - began < 10


# --- places


LAYOUTS = st.sampled_from([A, B, C, PRETTY, "7", '{"a": ', "no", '{"z"', "[1]", "{\n  no\n}"])
BETWEEN = st.sampled_from(["\n", "", " ", "\n\n", "\r\n", ",\n", ", ", "\n  "])


@st.composite
def contents(draw: st.DrawFn) -> str:
    """Return the content of a file: a list or not, of whole and broken rows."""
    rows = draw(st.lists(st.tuples(LAYOUTS, BETWEEN), max_size=6))
    text = "".join(row + between for row, between in rows)
    return f"[{text}]{draw(BETWEEN)}" if draw(st.booleans()) else text


@given(contents(), st.integers(1, 9))
def test_rows_do_not_depend_on_how_a_content_is_read(content: str, piece: int) -> None:
    assert texts(content, piece=piece) == texts(content)


TOKENS = st.sampled_from([
    *'{}[],"\\ 1\n', "\n  ", "\r\n", '"a":', '"x}"', '":-}"', "null",
    '{"a":1}', '{"a":{}}', '{"a":"}"}', '{"b":"{"}', ',{"a":2}', "}\n{", "\n, ",
])  # fmt: skip


@given(st.lists(TOKENS, max_size=14).map("".join))
@example('[{"a":"}\n  ":[{"a":1}}')
@example('[{"a: "}", "b": [{}, 1]}]')
@example('{"a": {}\n, "b": 1}\n')
@example('{"a":1}[{"b":1}\n{}\n')
def test_nor_do_those_of_rubbish_and_how_they_end(content: str) -> None:
    ending = Ending()
    found = texts(content, ending=ending)
    assert ending.end is not None
    assert ending.end.bytes <= len(content.encode())
    for piece in (1, 3, 7, 16):
        other = Ending()
        assert texts(content, piece=piece, ending=other) == found
        assert other == ending


def test_rows_do_not_depend_on_where_a_long_content_is_read_on() -> None:
    line, torn = b'{"id": 1}\n', b'{"id": 7, "m": {"b": 1}\n, "t": 1}\n{"id": 8}\n'
    read_bytes = 256 * 1024
    for more in range(3):
        before = line * (2 * read_bytes // len(line) - 9)
        rest = 2 * read_bytes - len(before) - torn.index(b"\n") - 2 + more
        content = before + b'{"p":"' + b"x" * (rest - 9) + b'"}\n' + torn
        rows = [row.value for row in read_json(io.BytesIO(content), BEGINNING, Ending())]
        assert rows[-2:] == [b'{"id": 7, "m": {"b": 1}\n, "t": 1}', b'{"id": 8}']


@given(contents())
def test_every_byte_but_blanks_and_commas_is_in_a_row(content: str) -> None:
    kept = "".join(text for _, text in texts(content))
    for byte in set(content) - set(" \r\n,[]"):
        assert kept.count(byte) == content.count(byte)


@given(st.lists(st.tuples(st.sampled_from([A, B, C, PRETTY]), BETWEEN), min_size=1), st.data())
def test_a_file_that_grew_goes_on_where_it_ended(
    rows: list[tuple[str, str]], data: st.DataObject
) -> None:
    """As if it had been read in one go, with the same numbers."""
    in_list = data.draw(st.booleans())
    first = data.draw(st.integers(0, len(rows)))

    def written(some: list[tuple[str, str]], end: str) -> str:
        if in_list:
            return "[" + ",".join(f"{space.replace(',', '')}{row}" for row, space in some) + end
        return "".join(f"{row}{space.replace(',', '')}" for row, space in some)

    before, after = written(rows[:first], "\n]\n"), written(rows, " ]")
    ending = Ending()
    begun = read(before.encode(), ending=ending)
    assert ending.end is not None
    assert not ending.is_open
    assert after.startswith(before[: ending.end.bytes]) or not first
    rest = read(after.encode(), ending.end if first else BEGINNING)
    assert begun + rest == read(after.encode())
    assert len(begun + rest) == len(rows)


@pytest.mark.parametrize(
    "content", [f"{A}\n{PRETTY}\n{C}", f"{A}{PRETTY}{C}", f"[{A}, {PRETTY},\n{C}]"]
)
def test_a_row_that_the_files_end_cuts_off_is_open_and_read_again(content: str) -> None:
    whole = read(content.encode())
    begin = content.index(PRETTY)
    for cut in range(begin + 1, begin + len(PRETTY)):
        ending = Ending()
        read(content[:cut].encode(), ending=ending)
        assert ending.is_open, content[:cut]
        assert ending.before.bytes <= begin
        assert (
            read(content.encode(), ending.before) == whole[-2:]
            if ending.before.bytes == begin
            else True
        )


VALUES = st.sampled_from(
    ["x", "}", "{", ":-}", "{{x}}", 'a"b', None, 1, {}, {"b": 1}, [], [{"c": 1}, {"c": 2}]]
)
OBJECTS = st.lists(
    st.dictionaries(st.sampled_from(["id", "note", "items", "m"]), VALUES, min_size=1),
    min_size=1, max_size=5,
)  # fmt: skip
WRITTEN: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "lines": lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
    "behind": lambda rows: "".join(json.dumps(row) for row in rows),
    "pretty": lambda rows: "".join(json.dumps(row, indent=2) + "\n" for row in rows),
    "flat": lambda rows: "".join(json.dumps(row, indent=0) + "\n" for row in rows),
    "list": json.dumps,
    "pretty_list": lambda rows: json.dumps(rows, indent=2),
    "flat_list": lambda rows: json.dumps(rows, indent=0),
    "list_of_lines": lambda rows: "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n",
}


@pytest.mark.parametrize("layout", WRITTEN)
@given(rows=OBJECTS, part=st.floats(0, 1))
@example(rows=[{"id": 1, "items": [{"c": 1}, {"c": 2}]}, {"id": 2}], part=0.6)
def test_a_valid_file_cut_anywhere_and_completed_gives_each_object_once(
    layout: str, rows: list[dict[str, Any]], part: float
) -> None:
    """As a state reads it: again from before a last row that was cut off."""
    content = WRITTEN[layout](rows).encode()
    ending = Ending()
    begun = read(content[: int(part * len(content))], ending=ending)
    at = ending.end
    if ending.is_open:
        assert begun[-1].number == ending.before.line + 1
        at, begun = ending.before, begun[:-1]
    assert at is not None
    assert [json.loads(row.value) for row in begun + read(content, at)] == rows


def test_a_whole_object_needs_no_line_end_behind_it() -> None:
    ending = Ending()
    assert len(read(f"{A}\n{A}".encode(), ending=ending)) == 2
    assert not ending.is_open
    assert ending.end == Place(17, 2)


def test_every_value_of_json_is_found_whole() -> None:
    values = [
        json.dumps({"a": value}, indent=indent)
        for value in (None, 'é\\"', [[]], {}, -1.5e3)
        for indent in (None, 1)
    ]
    assert [text for _, text in texts("".join(values))] == values
