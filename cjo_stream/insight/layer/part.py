"""One Parquet file of a table: written whole, read whole."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.parquet import import_pyarrow
from cjo_stream.insight.layer.manifest import Part
from cjo_stream.insight.layer.table import PLACE, Row, Table

DAY_MS: Final = 86_400_000
LANES: Final = b"cjo.lanes"
"""The key of the metadata with the lanes of the rows: JSON, as in the manifest."""


def day_text(day: int) -> str:
    """Return a day since the epoch, UTC, as text; for others the first or last of a calendar."""
    days = max(-719_162, min(day, 2_932_896))
    return datetime.fromtimestamp(days * 86_400, UTC).strftime("%Y-%m-%d")


def columns_of(table: Table) -> dict[str, str]:
    """Return all columns of a stored table with their types, its place included."""
    return {**table.columns, **(PLACE if table.at else {})}


def write(
    folder: Folder, table: Table, generation: int, rows: Sequence[Row], day: str = ""
) -> Part:
    """Write rows as a new file. The rows of a stored table end with their place."""
    pyarrow, _ = import_pyarrow()
    types: dict[str, Callable[[], Any]] = {
        "text": pyarrow.string,
        "json": pyarrow.string,
        "integer": pyarrow.int64,
        "number": pyarrow.float64,
        "flag": pyarrow.bool_,
        "texts": lambda: pyarrow.list_(pyarrow.string()),
    }
    fields = [(name, types[type_]()) for name, type_ in columns_of(table).items()]
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in fields]
    arrays = [
        pyarrow.array(column, type=type_)
        for column, (_, type_) in zip(columns, fields, strict=True)
    ]
    made = pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))
    return _store(folder, table.name, day, generation, made, _lanes(made) if table.at else {})


def join(folder: Folder, parts: Sequence[Part], generation: int) -> Part:
    """Write the rows of parts of one table and day as one new file."""
    pyarrow, parquet = import_pyarrow()
    tables = [parquet.read_table(io.BytesIO(folder.read(one.path))) for one in parts]
    lanes: dict[str, tuple[int, int]] = {}
    for lane, (first, last) in (places for one in parts for places in one.lanes.items()):
        before = lanes.get(lane, (first, last))
        lanes[lane] = min(before[0], first), max(before[1], last)
    made = pyarrow.concat_tables(one.replace_schema_metadata() for one in tables)
    part = _store(folder, parts[0].table, parts[0].day, generation, made, lanes)
    return msgspec.structs.replace(part, is_stayed=parts[0].is_stayed)


def write_batches(
    folder: Folder, table: Table, generation: int, batches: Iterable[Any]
) -> Iterator[Part]:
    """Write batches of Arrow as new files of a table that is drawn from others."""
    pyarrow, _ = import_pyarrow()
    for batch in batches:
        made = pyarrow.Table.from_batches([batch])
        yield _store(folder, table.name, "", generation, made, {})


def _store(
    folder: Folder,
    table: str,
    day: str,
    generation: int,
    made: Any,
    lanes: dict[str, tuple[int, int]],
) -> Part:
    """Write a table of Arrow as a new file."""
    _, parquet = import_pyarrow()
    packed = io.BytesIO()
    named = made.replace_schema_metadata({LANES: msgspec.json.encode(lanes)})
    parquet.write_table(named, packed, compression="zstd")
    below = f"{table}/day={day}" if day else table
    path = f"{below}/{generation:020d}-{uuid.uuid4().hex[:12]}.parquet"
    folder.replace(path, packed.getvalue())
    return Part(path=path, table=table, day=day, rows=made.num_rows, lanes=lanes)


def _lanes(made: Any) -> dict[str, tuple[int, int]]:
    found = made.group_by("lane").aggregate([("position", "min"), ("position", "max")])
    lanes, firsts, lasts = (
        found[name].to_pylist() for name in ("lane", "position_min", "position_max")
    )
    return dict(sorted(zip(lanes, zip(firsts, lasts, strict=True), strict=True)))
