"""Whether the files of a run are those whose records a layer has.

A run into the same folder makes other files under the same names, and a copy of a folder has the
same records under other names. Either would make figures wrong, and nobody would see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from cjo_stream.errors import UsageError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.layer.manifest import Part
from cjo_stream.insight.layer.part import DAY_MS, day_text
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.table import Row, Source, Table

_STEP_BYTES: Final = 65_536


class Known:
    """The records of a layer of one kind, beside which files are held."""

    def __init__(self, folder: Folder, parts: Sequence[Part], source: Source) -> None:
        self._folder, self._parts, self._source = folder, parts, source

    def check(self, files: Iterable[Path], position: Mapping[str, int]) -> None:
        """Compare one record of each file with that of the layer; raises UsageError.

        Of a known file that has changed it is the last one that was taken, of a new one the first.
        """
        for path in files:
            size = path.stat().st_size if path.is_file() else 0
            at = position.get(str(path.resolve()), 0)
            if at and size not in (0, at) and not self._goes_on(path, at):
                raise UsageError(
                    f"{path} is another file than the one whose records are in the layer: sink "
                    "it into an empty folder"
                )
            if not at and size and (other := self._holder(path)) is not None:
                raise UsageError(
                    f"{path} has records that are in the layer already, as those of {other}: "
                    "name each run by one place, or make the layer anew in an empty folder"
                )

    def _goes_on(self, path: Path, at: int) -> bool:
        """Return whether the record before byte `at` is that of the layer, or one erased there."""
        lane = str(path.resolve())
        table, row = self._read(_line_before(path, at))
        if table is None:
            return False
        of = [one for one in self._parts if _holds(one, table, lane, at)]
        stored = self._stored(table, of, "lane = $a AND position = $b", {"a": lane, "b": at})
        return not stored or row in [one[:-2] for one in stored]

    def _holder(self, path: Path) -> str | None:
        """Return the file as whose record the layer has the first record of another one."""
        table, row = self._read(_first_line(path))
        if table is None:
            return None  # reading it says why
        day = day_text(row[table.places[table.at]] // DAY_MS)
        of = [one for one in self._parts if (one.table, one.day) == (table.name, day)]
        id_ = row[table.places["customer_id"]]
        stored = self._stored(table, of, "customer_id = $id", {"id": id_})
        return next((one[-2] for one in stored if one[:-2] == row), None)

    def _read(self, line: bytes) -> tuple[Table | None, Row]:
        try:
            return next(self._source.rows(self._source.decode(line)))
        except msgspec.MsgspecError:
            return None, ()

    def _stored(
        self, table: Table, parts: Sequence[Part], where: str, values: Mapping[str, Any]
    ) -> list[Row]:
        return list(Layer.rows_of(self._folder, table, parts, where, values))


def _holds(part: Part, table: Table, lane: str, at: int) -> bool:
    if part.table != table.name or lane not in part.lanes:
        return False
    first, last = part.lanes[lane]
    return first <= at <= last


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline()


def _line_before(path: Path, at: int) -> bytes:
    """Return the line that ends before byte `at`; nothing where none ends."""
    with path.open("rb") as file:
        begin, text = at, b""
        while begin and b"\n" not in text[:-1]:
            begin = max(0, begin - _STEP_BYTES)
            file.seek(begin)
            text = file.read(at - begin)
    return text[:-1].rpartition(b"\n")[2] if text.endswith(b"\n") else b""
