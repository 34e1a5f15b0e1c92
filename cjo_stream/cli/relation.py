"""What a query over a layer found: printed, or written to a file."""

from __future__ import annotations

import csv
import enum
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from typer.core import TyperGroup

from cjo_stream.cli.query import too_large
from cjo_stream.cli.terminal import count, moment, say, say_table
from cjo_stream.core.shown import escaped, printable
from cjo_stream.errors import UsageError

ROWS_SHOWN: Final = 1_000
"""Rows of a table on the terminal."""
_BATCH_ROWS: Final = 10_000
SHEET_ROWS: Final = 1_048_576
"""Rows of a sheet, the names of columns included."""
_TIMES: Final = (
    "at", "began", "begin", "cohort", "deferred_until", "detected", "ended", "expires_at",
    "issued_at", "opened_at", "since", "time", "until",
)  # fmt: skip
_SMALL: Final = 0.01
"""Numbers closer to 0 have two digits that count, where others have two decimals."""
_SPAN: Final = "_ms"
"""Behind the names of columns with a span of time, which a table has in its largest unit."""


class Form(enum.StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    XLSX = "xlsx"


class Group(TyperGroup):
    """Commands that read a layer: without a file or memory, an error says what to do."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command of a call."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            duckdb = sys.modules.get("duckdb")
            if duckdb is not None and isinstance(error, duckdb.OutOfMemoryException):
                raise too_large(error) from None
            if duckdb is None or not (
                isinstance(error, duckdb.IOException | duckdb.InvalidInputException)
                or type(error) is duckdb.Error  # its reader of Parquet
            ):
                raise
            from cjo_stream.insight.layer.part import unreadable

            raise unreadable(str(error).partition("\n")[0]) from None


def show(title: str, connection: Any, query: str, form: Form, folded: Sequence[str] = ()) -> None:
    """Print all rows of a query; nothing else goes to standard output.

    On the terminal, rows with the same values of the columns `folded` have a table of their own
    below a line that says them: else a table of many columns would be too wide.
    """
    if form is Form.PARQUET:
        _write_parquet(connection, query, "/dev/stdout")
        return
    if form is Form.XLSX:
        sys.stdout.buffer.write(_workbook(connection, query))
        return
    found = connection.execute(query)
    if form is Form.CSV:
        _write_csv(found, sys.stdout)
    elif form is Form.JSON:
        _write_json(found, sys.stdout)
    else:
        _say_tables(title, found, folded)


def _say_tables(title: str, found: Any, folded: Sequence[str]) -> None:
    named = list(_columns(found))
    columns = [
        name if _is_text(name, type_) else f"#{name.removesuffix(_SPAN)}"
        for name, type_ in named
        if name not in folded
    ]
    rows = found.fetchmany(ROWS_SHOWN + 1)
    tables: dict[str, list[list[str]]] = {} if rows else {title: []}
    for row in rows[:ROWS_SHOWN]:
        cells = {name: _shown(name, value) for (name, _), value in zip(named, row, strict=True)}
        said = ", ".join(f"{name} {cells[name]}" for name in folded if cells[name])
        heading = f"{title}: {said}" if said else title
        kept = [cell for name, cell in cells.items() if name not in folded]
        tables.setdefault(heading, []).append(kept)
    for heading, shown in tables.items():
        say_table(heading, columns, shown)
    if len(rows) > ROWS_SHOWN:
        say(f"the first {ROWS_SHOWN:,} rows; --format csv prints all")


def write(connection: Any, query: str, path: Path) -> None:
    """Write all rows of a query into a file: CSV, Parquet or Excel by its ending."""
    import duckdb

    if path.suffix not in (".csv", ".parquet", ".xlsx"):
        raise UsageError(
            f"{path} ends neither in .csv nor in .parquet nor in .xlsx: name a file that does"
        )
    try:
        if path.suffix == ".parquet":
            _write_parquet(connection, query, str(path))
            return
        if path.suffix == ".xlsx":
            path.write_bytes(_workbook(connection, query))
            return
        with path.open("w", newline="", encoding="utf-8") as file:
            _write_csv(connection.execute(query), file)
    except (OSError, duckdb.IOException) as error:
        raise UsageError(f"{path} cannot be written ({error}): name another file") from None


def _columns(found: Any) -> Iterator[tuple[str, str]]:
    return ((one[0], str(one[1])) for one in found.description)


def _is_text(name: str, type_: str) -> bool:
    return name in _TIMES or type_.startswith(("VARCHAR", "BOOLEAN"))


class _Lines:
    """Ends lines with a line feed alone; the writer of CSV quotes what its own line end has."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, line: str) -> None:
        text = line.removesuffix("\r\n")
        self._file.write((printable(text) if self._file.isatty() else text) + "\n")


def _write_csv(found: Any, file: IO[str]) -> None:
    writer = csv.writer(_Lines(file), lineterminator="\r\n")
    writer.writerow([name for name, _ in _columns(found)])
    while rows := found.fetchmany(_BATCH_ROWS):
        writer.writerows([_cell(value) for value in row] for row in rows)


def _write_json(found: Any, file: IO[str]) -> None:
    import msgspec

    names = [name for name, _ in _columns(found)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"two columns are named {twice[0]}: name one of them with AS")
    file.write("[")
    separator = ""
    while rows := found.fetchmany(_BATCH_ROWS):
        for row in rows:
            named = dict(zip(names, row, strict=True))
            file.write(separator + escaped(msgspec.json.encode(named).decode()))
            separator = ",\n"
    file.write("]\n")


def _cell(value: Any) -> Any:
    """Return a value as CSV has it: nothing for none, `true` and `false`, lists as JSON."""
    if isinstance(value, list | dict):
        import msgspec

        return msgspec.json.encode(value).decode()
    return str(value).lower() if isinstance(value, bool) else value


def _shown(name: str, value: Any) -> str:
    """Return a value as a table on the terminal has it: times as such, numbers with commas.

    >>> _shown("p50_ms", 90_000), _shown("share", 0.0004), _shown("sum", 1234.5)
    ('1.5 min', '0.0004', '1,234.50')
    """
    if value is None:
        return ""
    if name.endswith(_SPAN) and isinstance(value, int | float):
        from cjo_stream.insight.report import word

        return word.span(round(value))
    if name in _TIMES and isinstance(value, int):
        return moment(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    if isinstance(value, float):
        return f"{value:.2g}" if 0 < abs(value) < _SMALL else f"{value:,.2f}".removesuffix(".00")
    return str(_cell(value))


def _write_parquet(connection: Any, query: str, path: str) -> None:
    query = query.rstrip("; \n")
    connection.execute(f"COPY (\n{query}\n) TO $path (FORMAT parquet)", {"path": path})


def _workbook(connection: Any, query: str) -> bytes:
    """Return a workbook of one sheet: names of columns above, numbers as numbers."""
    try:
        import xlsxwriter
    except ImportError:
        raise UsageError("xlsx needs XlsxWriter: pip install 'cjo-stream[insight]'") from None
    query = query.rstrip("; \n")
    [(rows,)] = connection.execute(f"SELECT count(*) FROM (\n{query}\n)").fetchall()  # noqa: S608 - the user's own query
    if rows >= SHEET_ROWS:
        raise UsageError(
            f"{count(rows)} rows are more than a sheet holds ({count(SHEET_ROWS)}): take csv or "
            "parquet"
        )
    found = connection.execute(query)
    # Texts stay texts, whatever they begin with: nothing of them is a formula or a link.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, options) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, [name for name, _ in _columns(found)])
        number = 0
        while batch := found.fetchmany(_BATCH_ROWS):
            for row in batch:
                number += 1
                sheet.write_row(number, 0, [_in_sheet(value) for value in row])
    return packed.getvalue()


def _in_sheet(value: Any) -> Any:
    """Return a value as a sheet has it: integers that its numbers would round are texts."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return str(value)
    return value if isinstance(value, bool) else _cell(value)
