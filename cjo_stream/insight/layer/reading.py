"""DuckDB over the files of a manifest, with the views of `insight/view`.

Each reader has a DuckDB of its own, in memory: no lock, and any number of readers. It sees the
layer as of the manifest that it has read. Nothing is loaded over the network: files elsewhere are
read by fsspec.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from cjo_stream.errors import UsageError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.layer.manifest import Manifest, Part, latest
from cjo_stream.insight.layer.part import check, columns_of
from cjo_stream.insight.layer.table import TABLES, TRANSITIONS, Row, Table

VIEWS: Final = (
    "transition", "action", "decision", "candidate", "outcome", "prediction", "measure",
    "identity", "event", "profile", "stay",
)  # fmt: skip
"""In the order in which they are made."""
_TYPES: Final = {
    "text": "VARCHAR", "json": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE",
    "flag": "BOOLEAN", "texts": "VARCHAR[]",
}  # fmt: skip
_BATCH_ROWS: Final = 10_000
_READ: Final = re.compile(r'part\."?(\w+)')
"""A table, as the text of a view names it."""


class Layer:
    """The tables of some parts, in a DuckDB; `connection` has them in the schema `part`.

    It has no others than `tables`, so nothing reads one whose parts were left out.
    """

    def __init__(
        self, folder: Folder, parts: Iterable[Part], tables: Collection[str] = frozenset(TABLES)
    ) -> None:
        self.connection = _connect(folder)
        by_table: dict[str, list[Part]] = {}
        # Of a table without rows, such as `moved` mostly is, nothing is read to join it.
        for one in (part for part in parts if part.rows):
            by_table.setdefault(one.table, []).append(one)
        self.connection.execute("CREATE SCHEMA part")
        for table in TABLES.values():
            if table.name in tables:
                source = _source(folder, table, by_table.get(table.name, ()))
                self.connection.execute(f'CREATE VIEW part."{table.name}" AS {source}')
        if TRANSITIONS.name not in tables:
            return
        newer = [one for one in by_table.get(TRANSITIONS.name, ()) if not one.is_stayed]
        source = _source(folder, TRANSITIONS, newer)
        self.connection.execute(
            f"CREATE VIEW part.unkept AS SELECT DISTINCT instance_id FROM ({source})"
        )

    @staticmethod
    def rows_of(
        folder: Folder,
        table: Table,
        parts: Sequence[Part],
        where: str = "true",
        values: Mapping[str, Any] = MappingProxyType({}),
    ) -> Iterator[Row]:
        """Yield the rows of parts of one table, as they are stored; all, or those of a filter."""
        if not parts:
            return
        with _reader(folder).cursor() as connection:
            query = f"{_source(folder, table, parts)} WHERE {where}"
            found = connection.execute(query, dict(values))
            while rows := found.fetchmany(_BATCH_ROWS):
                yield from rows

    def instances_of(self, customers: Sequence[str]) -> list[tuple[str, str, int]]:
        """Return the instances with a record under one of some ids, each with that id.

        With it stands the time of the latest such record.
        """
        if not customers:
            return []
        found: list[tuple[str, str, int]] = self.connection.execute(
            f'SELECT instance_id, customer_id, max("time") FROM part."{TRANSITIONS.name}" '
            "WHERE instance_id IS NOT NULL "
            "AND customer_id IN (SELECT unnest($customers::VARCHAR[])) GROUP BY ALL",
            {"customers": list(customers)},
        ).fetchall()
        return found

    def events_of(
        self, ids: Sequence[str], received: tuple[int, int] | None = None
    ) -> list[tuple[str, str | None, int, list[str]]]:
        """Return the id, channel, receipt in ms and identifiers of each event with such an id.

        `received` are the first and the last ms of receipt; None: any.
        """
        query = (
            "SELECT id, channel, received, identifiers FROM part.event "
            "WHERE id IN (SELECT unnest($ids::VARCHAR[]))"
        )
        values: dict[str, Any] = {"ids": list(ids)}
        if received is not None:
            query += " AND received BETWEEN $first AND $last"
            values["first"], values["last"] = received
        found: list[tuple[str, str | None, int, list[str]]] = self.connection.execute(
            query, values
        ).fetchall()
        return found

    @staticmethod
    def holding(
        folder: Folder,
        table: Table,
        parts: Sequence[Part],
        column: str,
        values: Iterable[str],
        where: str = "true",
    ) -> list[Part]:
        """Return those parts of one table with a row that has one of some values in a column.

        Of a column of texts, one of them is enough. In place of a column may stand an expression.
        """
        if not parts:
            return []
        value = _each(table, column)
        files = _files(folder, parts)
        with _connect(folder) as connection:
            found = connection.execute(
                f"SELECT DISTINCT filename FROM (SELECT filename, {value} AS value "
                f"FROM read_parquet([{files}], filename = true, hive_partitioning = false) "
                f"WHERE {where}) WHERE value IN (SELECT unnest($values::VARCHAR[]))",
                {"values": sorted(values)},
            ).fetchall()
        names = {name for (name,) in found}
        return [one for one in parts if folder.at(one.path) in names]

    @staticmethod
    def values_of(
        folder: Folder, table: Table, parts: Sequence[Part], column: str
    ) -> Iterator[str]:
        """Yield the different values of a column in parts of one table; of texts, each text."""
        if not parts:
            return
        with _connect(folder) as connection:
            found = connection.execute(
                f"SELECT DISTINCT {_each(table, column)} FROM ({_source(folder, table, parts)})"
            )
            while rows := found.fetchmany(_BATCH_ROWS):
                yield from (value for (value,) in rows)

    def with_views(self, views: Iterable[str] = VIEWS) -> Layer:
        """Make views of docs/insight.md; return itself."""
        for name in views:
            self.connection.execute(_view(name))
        return self


def connect(url: str, views: Iterable[str] = VIEWS) -> tuple[Any, Manifest]:
    """Return a connection with views over the present state of a layer, and its manifest.

    It has the tables that the views read, and no others: whose files are as they were written.
    Raises UsageError where there is no layer, RetryError where a file is gone or spoilt.
    """
    folder = Folder(url)
    manifest = latest(folder)
    if not manifest.generation:
        raise UsageError(
            f"{url} holds no layer: make one with `cjo-stream insight sink RUN --layer {url}`"
        )
    named = tuple(dict.fromkeys(views))
    tables = frozenset(table for one in named for table in _READ.findall(_view(one)))
    parts = [one for one in manifest.parts if one.table in tables]
    check(folder, parts)
    return Layer(folder, parts, tables).with_views(named).connection, manifest


def _view(name: str) -> str:
    return resources.files("cjo_stream.insight.view").joinpath(f"{name}.sql").read_text()


def _connect(folder: Folder) -> Any:
    try:
        import duckdb
    except ImportError:
        raise UsageError(
            "insight needs DuckDB and PyArrow: pip install 'cjo-stream[insight]'"
        ) from None
    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": False})
    connection.execute("SET enable_progress_bar = false")
    if folder.remote is not None:
        connection.register_filesystem(folder.remote)
    return connection


@lru_cache(maxsize=1)
def _reader(folder: Folder) -> Any:
    """Return the connection of all who read parts one by one: to open one takes longer."""
    return _connect(folder)


def _each(table: Table, column: str) -> str:
    """Return the expression for a column's value, or each of its texts."""
    if column not in table.columns:
        return column
    return f'unnest("{column}")' if table.columns[column] == "texts" else f'"{column}"'


def _source(folder: Folder, table: Table, parts: Sequence[Part]) -> str:
    """Return the query for all rows of a table's parts."""
    columns = {name: _TYPES[type_] for name, type_ in columns_of(table).items()}
    if not parts:
        empty = ", ".join(f'NULL::{type_} AS "{name}"' for name, type_ in columns.items())
        return f"SELECT {empty} WHERE false"
    files = _files(folder, parts)
    names = ", ".join(f'"{name}"' for name in columns)
    # A folder such as `journey=cart` above a layer says nothing about its rows.
    return f"SELECT {names} FROM read_parquet([{files}], hive_partitioning = false)"


def _files(folder: Folder, parts: Sequence[Part]) -> str:
    """Return the files as SQL texts that stand for these alone, whatever characters they have."""
    paths = (re.sub(r"([*?[])", r"[\1]", folder.at(one.path)) for one in parts)
    return ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
