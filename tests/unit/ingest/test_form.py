"""Files that are written otherwise are read by option, and refused with its name without it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjo_stream.errors import UsageError
from cjo_stream.ingest.files import InputFile
from cjo_stream.ingest.form import ENCODINGS, Form, read_form, with_point

TABLE = "name;total;place\nMüller;1.234,50;1,2\n“Zoë”;;a;\n"
ROWS = [
    {"name": "Müller", "total": "1.234,50", "place": "1,2"},
    {"name": "“Zoë”", "total": "", "place": "a"},
]


def read(path: Path, form: Form) -> list[Any]:
    return [
        row.error.detail if row.error else json.loads(row.value)
        for row in InputFile(str(path), form=form).rows()
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "windows-1252"])
def test_a_file_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    name = "utf-8" if encoding == "utf-8-sig" else encoding
    form = read_form(";", name, None)
    (tmp_path / "a.csv").write_bytes(TABLE.encode(encoding))
    assert read(tmp_path / "a.csv", form) == ROWS
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TABLE.encode(encoding)))
    assert read(tmp_path / "a.csv.gz", form) == ROWS
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    (tmp_path / "a.jsonl").write_bytes(lines.encode(encoding))
    assert read(tmp_path / "a.jsonl", form) == ROWS


def test_the_names_of_an_encoding_are_one() -> None:
    for written in ("cp1252", "Windows-1252", "WINDOWS_1252"):
        assert read_form(None, written, None).encoding == "cp1252"
    assert read_form(None, "ISO-8859-1", None) == read_form(None, "latin-1", None)
    assert read_form(None, None, None) == Form()
    assert all(read_form(None, name, None) for name in ENCODINGS)


@pytest.mark.parametrize(
    ("delimiter", "encoding", "match"),
    [
        ("", None, "one character"),
        (";;", None, "one character"),
        ("a", None, "one character"),
        ('"', None, "one character"),
        (None, "windows-1253", "perhaps windows-1252 is meant"),
        (None, "rot13", "it may be utf-8|It may be utf-8"),
        (None, "\0", "It may be utf-8"),
    ],
)
def test_an_unknown_form_is_refused(
    delimiter: str | None, encoding: str | None, match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        read_form(delimiter, encoding, None)


@pytest.mark.parametrize(
    ("written", "one"), [("tab", "\t"), ("\\t", "\t"), ("|", "|"), ("¦", "¦")]
)
def test_cells_are_parted_by_the_delimiter(tmp_path: Path, written: str, one: str) -> None:
    (tmp_path / "a.csv").write_text(f'a{one}b\n1,5{one}"x{one}y"\n')
    assert read(tmp_path / "a.csv", read_form(written, None, None)) == [
        {"a": "1,5", "b": f"x{one}y"}
    ]


def test_a_row_of_another_encoding_is_refused_with_the_options_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"name\nM\xfcller\nAda\n")
    assert read(tmp_path / "a.csv", Form()) == [
        "not a row of CSV: not UTF-8; --encoding names another one",
        {"name": "Ada"},
    ]
    (tmp_path / "a.csv").write_bytes(b"stra\xdfe\n1\n")
    with pytest.raises(UsageError, match="with --encoding"):
        read(tmp_path / "a.csv", Form())


def test_a_byte_that_the_encoding_does_not_have_spoils_its_row_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"name\nM\x81ller\nZo\xeb\n")
    found = read(tmp_path / "a.csv", read_form(None, "windows-1252", None))
    assert found == ["not a row of CSV: not UTF-8; --encoding names another one", {"name": "Zoë"}]


def test_a_text_that_is_cut_within_a_character_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("name\nAda\n".encode("utf-16")[:-1])
    with pytest.raises(UsageError, match="its text is not utf-16"):
        read(tmp_path / "a.csv", read_form(None, "utf-16", None))


def test_a_decimal_comma_is_read_in_the_columns_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id;sum;x\n1,5;1.234,5;1,5\n1.5;12.5;\n2;1 000;\n3\n")
    assert read(tmp_path / "a.csv", read_form(";", None, ["sum"])) == [
        {"id": "1,5", "sum": "1234.5", "x": "1,5"},
        'not a row of CSV: "sum" is no number with a decimal comma',
        {"id": "2", "sum": "1000", "x": ""},
        {"id": "3"},
    ]
    with pytest.raises(UsageError, match='no column "total" for --decimal-comma'):
        read(tmp_path / "a.csv", read_form(";", None, ["total"]))


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("12,50", "12.50"),
        ("-1.234.567,8", "-1234567.8"),
        ("+5", "+5"),
        ("1\u202f234,50", "1234.50"),
        ("1'234,50", "1234.50"),
        (" 7,5 ", "7.5"),
        ("", ""),
        ("n/a", "n/a"),
        ("1.5", None),
        ("1.2345", None),
        ("1,234.50", None),
        ("1,2,3", None),
        ("12,50-", None),
        ("12,50 €", None),
        (",5", None),
        ("25.02.2026", None),
        ("1e3", None),
        ("５,5", None),
    ],
)
def test_a_number_with_a_decimal_comma_is_the_right_one_or_none(
    cell: str, number: str | None
) -> None:
    assert with_point(cell) == number


@given(st.integers(-(10**12), 10**12), st.sampled_from(["", ".", " ", "'", "\u00a0"]))
def test_numbers_of_any_grouping_are_read(hundredths: int, group: str) -> None:
    whole, fraction = divmod(abs(hundredths), 100)
    sign = "-" if hundredths < 0 else ""
    written = f"{sign}{whole:,}".replace(",", group) + f",{fraction:02}"
    assert with_point(written) == f"{sign}{whole}.{fraction:02}"
