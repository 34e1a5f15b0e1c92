"""Rows on their way into files of the layer.

    rows  ──WAITING_MAX──▶  tables of Arrow  ──WAITING_BYTES_MAX──▶  a part of each table and day

Threads write the parts; each counts once a manifest names it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.layer.manifest import Part
from cjo_stream.insight.layer.part import by_day, number_of, packed, write
from cjo_stream.insight.layer.table import TABLES, Row, Table

WAITING_MAX: Final = 150_000
"""Rows that wait as such, which take twice the memory. The fewer, the more pieces has a file."""
WAITING_BYTES_MAX: Final = 128 * 1024 * 1024
"""Bytes of tables of Arrow that wait. The more, the fewer files where records are of many days."""


class Gathering:
    """What is gathered for one manifest; `flush` makes parts of all of it."""

    def __init__(
        self,
        folder: Folder,
        generation: int,
        until: int | None,
        writers: ThreadPoolExecutor,
        on_part: Callable[[], None],
    ) -> None:
        self._folder, self._generation = folder, generation
        self._writers, self._on_part = writers, on_part
        self._rows: defaultdict[str, list[Row]] = defaultdict(list)
        """By table."""
        self._waiting = 0
        self._packed: dict[str, list[Any]] = {}
        """By table, tables of Arrow."""
        self._packed_bytes = 0
        self._writing: list[Future[Part]] = []
        """Parts that threads write."""
        self.parts: list[Part] = []
        """What was flushed."""
        self.made: list[str] = []
        """All files that were made, some of which may be joined before the manifest is made."""
        self.taken: dict[str, int] = {}
        """By table, the rows that were packed."""
        self.until = until
        """The time of the latest record, that of the last manifest included, ms."""

    @property
    def has_rows(self) -> bool:
        """Whether anything was added."""
        return bool(self.taken or self._waiting)

    def add(self, table: Table, row: Row) -> None:
        """Add a row; pack or write what waits when it is much."""
        self._rows[table.name].append(row)
        self._waiting += len(row[table.each_place]) if table.each else 1
        if self._waiting >= WAITING_MAX:
            self._pack()
            if self._packed_bytes >= WAITING_BYTES_MAX:
                self.flush()

    def flush(self) -> None:
        """Write what waits as parts."""
        self._pack()
        for name in list(self._packed):
            table = TABLES[name]
            self._write((table, *of) for of in by_day(table, self._packed.pop(name)))
        self.parts += self._written()
        self._packed_bytes = 0

    def written(self, tables: Mapping[Table, Sequence[Row]]) -> list[Part]:
        """Return new parts of tables that have no days."""
        self._write((table, "", packed(table, rows)) for table, rows in tables.items())
        return self._written()

    def note_made(self, part: Part) -> Part:
        """Note that a file was made; return it."""
        self._on_part()
        self.made.append(part.path)
        return part

    def _pack(self) -> None:
        """Make tables of Arrow of the rows that wait."""
        for name, rows in self._rows.items():
            table = TABLES[name]
            made = packed(table, rows)
            latest_ms = int(made[table.at].to_numpy().max())
            self.until = latest_ms if self.until is None else max(latest_ms, self.until)
            self.taken[name] = self.taken.get(name, 0) + number_of(table, made)
            self._packed.setdefault(name, []).append(made)
            self._packed_bytes += made.nbytes
        self._rows.clear()
        self._waiting = 0

    def _write(self, made: Iterable[tuple[Table, str, Any]]) -> None:
        """Let the threads write parts."""
        for table, day, rows in made:
            part = self._writers.submit(write, self._folder, table, self._generation, rows, day)
            self._writing.append(part)

    def _written(self) -> list[Part]:
        """Return the parts that the threads have written, in the order in which they began."""
        found = [self.note_made(one.result()) for one in self._writing]
        self._writing = []
        return found
