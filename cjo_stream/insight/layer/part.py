"""One Parquet file of a table: written whole, read whole.

Rows become a table of Arrow (`packed`) in the order of their days, which takes less memory; such
tables are divided by days (`by_day`), and each day is a file (`write`).

DuckDB reads most files with a flipped bit as if nothing were wrong with them, so a file's checksum
is in the manifest, and looked at before rows are read (`check`, `read`).
"""

from __future__ import annotations

import io
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import Any, Final

import msgspec

from cjo_stream.errors import RetryError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.parquet import import_pyarrow
from cjo_stream.insight.layer.manifest import Part
from cjo_stream.insight.layer.table import EACH, PLACE, TABLES, Row, Table, Type

DAY_MS: Final = 86_400_000
SMALL_ROWS: Final = 10_000
READERS: Final = 4
"""Threads that look at files."""
_PIECE: Final = 1 << 18
GROUP_ROWS: Final = 122_880
"""Rows of a row group, the share of a file that one thread of a reader takes."""
LANES: Final = b"cjo.lanes"
"""The key of the metadata with the lanes of the rows: JSON, as in the manifest."""


def day_text(day: int) -> str:
    """Return a day since the epoch, UTC, as text; for others the first or last of a calendar."""
    days = max(-719_162, min(day, 2_932_896))
    return datetime.fromtimestamp(days * 86_400, UTC).strftime("%Y-%m-%d")


def columns_of(table: Table) -> dict[str, Type]:
    """Return all columns of a stored table with their types, its place included."""
    return {**table.columns, **(PLACE if table.at else {})}


def packed(table: Table, rows: Sequence[Row]) -> Any:
    """Return rows as a table of Arrow. Those of a stored table end with their place.

    They are in the order of their days, those of one day as they were. What a row has as a list
    is one here, too.
    """
    pyarrow, _ = import_pyarrow()
    types = {name: _type(type_) for name, type_ in columns_of(table).items()}
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(table.row)
    arrays = [
        _lists(table, column, types) if name == EACH else pyarrow.array(column, types[name])
        for name, column in zip(table.row, columns, strict=True)
    ]
    if table.at:
        arrays[-2] = _shared(arrays[-2])  # the lane
    made = pyarrow.Table.from_arrays(arrays, table.row)
    if table.at:
        days = made[table.at].to_numpy() // DAY_MS
        if (days[1:] < days[:-1]).any():
            return made.take(days.argsort(kind="stable"))
    return made


def _lists(table: Table, column: Sequence[Sequence[Any]], types: Mapping[str, Any]) -> Any:
    """Return lists of structs as an array of Arrow; one that is in many lists is read once."""
    pyarrow, _ = import_pyarrow()
    items = [item for of in column for item in of]
    ids = list(map(id, items))
    kinds = dict(zip(ids, items, strict=True))
    numbers = dict(zip(kinds, range(len(kinds)), strict=True))
    places = pyarrow.array(list(map(numbers.__getitem__, ids)), pyarrow.int32())
    fields = [
        pyarrow.array(list(map(attrgetter(name), kinds.values())), types[name])
        for name in table.each
    ]
    structs = pyarrow.StructArray.from_arrays(fields, names=table.each)
    ends = pyarrow.array([0, *accumulate(map(len, column))], pyarrow.int32())
    shared = pyarrow.DictionaryArray.from_arrays(places, structs)
    return pyarrow.ListArray.from_arrays(ends, shared)


def number_of(table: Table, made: Any) -> int:
    """Return how many rows a packed table stands for."""
    if not table.each:
        return int(made.num_rows)
    return sum(len(one.flatten()) for one in made[EACH].chunks)


def _flat(table: Table, made: Any) -> Any:
    """Return a packed table with a row for each item of its lists; itself if it has none."""
    if not table.each:
        return made.unify_dictionaries()
    pyarrow, _ = import_pyarrow()
    batches = []
    for batch in made.to_batches():
        lists = batch[EACH]
        parents, items = lists.value_parent_indices(), lists.flatten()
        of = [
            _shared(items.dictionary.field(name)).take(items.indices)
            if name in table.each
            else _shared(batch[name]).take(parents)
            for name in columns_of(table)
        ]
        batches.append(pyarrow.RecordBatch.from_arrays(of, [*columns_of(table)]))
    return pyarrow.Table.from_batches(batches).unify_dictionaries()


def _shared(array: Any) -> Any:
    """Return an array so that rows that have the same text share it."""
    return array.dictionary_encode() if array.type == _type("text") else array


def _type(name: Type) -> Any:
    pyarrow, _ = import_pyarrow()
    if name == "texts":
        return pyarrow.list_(pyarrow.string())
    named = {
        "text": pyarrow.string, "json": pyarrow.string, "integer": pyarrow.int64,
        "number": pyarrow.float64, "flag": pyarrow.bool_,
    }  # fmt: skip
    return named[name]()


def by_day(table: Table, packs: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield each day of packed tables, with its rows in the order in which they were."""
    pyarrow, _ = import_pyarrow()
    of: dict[int, list[Any]] = {}
    for made in packs:
        days = made[table.at].to_numpy() // DAY_MS
        begins = [0, *((days[1:] != days[:-1]).nonzero()[0] + 1).tolist(), len(days)]
        for begin, end in pairwise(begins):
            of.setdefault(int(days[begin]), []).append(made.slice(begin, end - begin))
    for day, tables in sorted(of.items()):
        yield day_text(day), pyarrow.concat_tables(tables)


def write(folder: Folder, table: Table, generation: int, made: Any, day: str = "") -> Part:
    """Write a table of Arrow as a new file, which counts once it is synced and in a manifest."""
    lanes = _lanes(made) if table.at else {}
    return _store(folder, table.name, day, generation, _flat(table, made), lanes)


def read(folder: Folder, part: Part) -> bytes:
    """Return the file of a part; raises RetryError unless it is as it was written."""
    with _there(folder, part):
        content = folder.read(part.path)
    _compare(folder, part, zlib.crc32(content))
    return content


def check(folder: Folder, parts: Iterable[Part]) -> None:
    """Raise RetryError unless all files of a local folder are as they were written.

    An object store looks at what it holds by itself, and takes long to give all of it.
    """
    if folder.remote is None:
        with ThreadPoolExecutor(READERS) as threads:
            for _ in threads.map(partial(_look_at, folder), parts):
                pass


def _look_at(folder: Folder, part: Part) -> None:
    """Check one file, in pieces that stay in the processor's cache."""
    crc, piece = 0, memoryview(bytearray(_PIECE))
    with _there(folder, part), folder.opened(part.path) as file:
        while count := file.readinto(piece):
            crc = zlib.crc32(piece[:count], crc)
    _compare(folder, part, crc)


@contextmanager
def _there(folder: Folder, part: Part) -> Iterator[None]:
    try:
        yield
    except RetryError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise unreadable(f"{folder.at(part.path)} is gone") from None


def _compare(folder: Folder, part: Part, crc: int) -> None:
    if crc != part.crc:
        raise unreadable(f"{folder.at(part.path)} is not as the sink wrote it")


def unreadable(what: str) -> RetryError:
    """Return the error for a file that cannot be read."""
    return RetryError(
        f"a file cannot be read ({what}): if a sink was writing to the layer, give the command "
        "again; if a file of the layer is gone or spoilt, make the layer anew with "
        "`cjo-stream insight sink` into an empty folder"
    )


def changed(
    folder: Folder,
    table: Table,
    part: Part,
    generation: int,
    left: Callable[[Row], Row | None],
) -> Part | None:
    """Return a part with what is left of each row: itself if all is, None if nothing is."""
    pyarrow, parquet = import_pyarrow()
    made = parquet.read_table(io.BytesIO(read(folder, part)))
    rows = list(zip(*(one.to_pylist() for one in made), strict=True))
    found = [one for one in map(left, rows) if one is not None]
    if found == rows:
        return part
    if not found:
        return None
    columns = zip(zip(*found, strict=True), made.schema, strict=True)
    arrays = [pyarrow.array(column, field.type) for column, field in columns]
    made = pyarrow.Table.from_arrays(arrays, schema=made.schema)
    return _store(folder, table.name, part.day, generation, made, _lanes(made))


def join(folder: Folder, parts: Sequence[Part], generation: int) -> Part:
    """Write the rows of parts of one table and day as one new file."""
    pyarrow, parquet = import_pyarrow()
    tables = [parquet.read_table(io.BytesIO(read(folder, one))) for one in parts]
    lanes: dict[str, tuple[int, int]] = {}
    for lane, (first, last) in (places for one in parts for places in one.lanes.items()):
        before = lanes.get(lane, (first, last))
        lanes[lane] = min(before[0], first), max(before[1], last)
    made = pyarrow.concat_tables(one.replace_schema_metadata() for one in tables)
    part = _store(folder, parts[0].table, parts[0].day, generation, made, lanes)
    return msgspec.structs.replace(part, is_stayed=parts[0].is_stayed)


def write_batches(
    folder: Folder, table: Table, generation: int, batches: Iterable[Any], group_rows: int
) -> Iterator[Part]:
    """Write batches of Arrow as new files of a table that is drawn from others."""
    pyarrow, _ = import_pyarrow()
    for batch in batches:
        made = pyarrow.Table.from_batches([batch])
        yield _store(folder, table.name, "", generation, made, {}, group_rows)


def _store(
    folder: Folder,
    table: str,
    day: str,
    generation: int,
    made: Any,
    lanes: dict[str, tuple[int, int]],
    group_rows: int = GROUP_ROWS,
) -> Part:
    """Write a table of Arrow as a new file."""
    _, parquet = import_pyarrow()
    file = io.BytesIO()
    # What zstd sets up for each column takes longer than a small file itself.
    compression = "lz4" if made.num_rows < SMALL_ROWS else "zstd"
    # Least and greatest of a column of candidates tell a reader little, and take a third of it.
    known = [TABLES[table].at] if TABLES[table].each else True
    # Nobody needs to know that texts were shared here.
    with parquet.ParquetWriter(
        file, made.schema, compression=compression, store_schema=False, write_statistics=known
    ) as writer:
        writer.write_table(made, row_group_size=group_rows)
        writer.add_key_value_metadata({LANES: msgspec.json.encode(lanes)})
    below = f"{table}/day={day}" if day else table
    path = f"{below}/{generation:020d}-{uuid.uuid4().hex[:12]}.parquet"
    content = file.getvalue()
    folder.put(path, content)
    crc = zlib.crc32(content)
    return Part(path=path, table=table, day=day, rows=made.num_rows, lanes=lanes, crc=crc)


def _lanes(made: Any) -> dict[str, tuple[int, int]]:
    """Return of each lane the positions of its first and its last row."""
    lanes = made["lane"].combine_chunks().dictionary_encode()
    codes, positions = lanes.indices.to_numpy(), made["position"].to_numpy()
    found = {}
    for code, lane in enumerate(lanes.dictionary.to_pylist()):
        # Others, of other days, may share the dictionary.
        if (of := positions[codes == code]).size:
            found[lane] = int(of.min()), int(of.max())
    return dict(sorted(found.items()))
