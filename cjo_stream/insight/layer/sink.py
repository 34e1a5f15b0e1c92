"""New records -> parts -> the next manifest.

Whatever is read in one call comes with one manifest. Parts are written on the way, when ROWS_MAX
rows wait. Erased customers are taken out of all parts with the manifest that has the erasure's
record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.errors import UsageError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.layer.manifest import Manifest, Part, latest, path_of, publish
from cjo_stream.insight.layer.part import DAY_MS, day_text, write
from cjo_stream.insight.layer.people import Change, People
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.source import EventRow, events, folders_of, records
from cjo_stream.insight.layer.table import (
    EVENTS,
    HOLDERS,
    IDENTITIES,
    MOVED,
    PRESENT,
    SOURCES,
    TABLES,
    Row,
    Source,
    Table,
)
from cjo_stream.installation.answer import Written

ROWS_MAX: Final = 200_000
"""Rows that wait until parts are written, and rows of a part."""
PARTS_MAX: Final = 8
"""Smaller parts of one table and day before they are joined."""


class Sunk(msgspec.Struct, frozen=True):
    """What one call has taken into the layer."""

    rows: dict[str, int]
    """By table."""
    repeated: int
    """Events with an id of an earlier one."""
    refused: int
    """Rows of the files that hold no event."""
    example: str
    """The first of them: its place, and why."""
    erased: int
    """Customers who were taken out, of all time."""
    until: int | None
    """The time of the latest record in the layer, ms."""


class Sink:
    """Takes what is new into a layer; `publish` makes it count."""

    def __init__(self, url: str) -> None:
        """Open a layer, or begin one."""
        self._folder = Folder(url)
        self._before = latest(self._folder)
        self._generation = self._before.generation + 1
        self._parts = [one for one in self._before.parts if one.day]
        self._rows: dict[tuple[str, int], list[Row]] = {}
        """By table and day since the epoch."""
        self._waiting = 0
        self._positions = {kind: dict(of) for kind, of in self._before.positions.items()}
        self._events = {one.number: one for one in self._before.events}
        self._until = self._before.until
        self._taken: dict[str, int] = {}
        self._refused = self._repeated = 0
        self._example = ""
        self._erased = self._before.erased

    def take_run(self, run: Path) -> None:
        """Take the new records of a run's folder, or of those of a state."""
        folders = folders_of(run)
        for source in SOURCES:
            at = self._positions.setdefault(source.kind.name, {})
            for written in records(folders, source.kind, dict(at)):
                for table, row in source.rows(_read(source, written)):
                    self._add(table, (*row, written.lane, written.next))
                at[written.lane] = written.next
                if self._waiting >= ROWS_MAX:
                    self._flush()

    def take_events(
        self,
        files: Sequence[str],
        program: Program | None,
        channel: str | None,
        tenant_key: bytes,
        now_ms: int,
    ) -> None:
        """Take the new rows of files of events; an event whose id is known is not taken again."""
        known_files = list(self._events.values())
        after, rows = events(files, known_files, program, channel, tenant_key, now_ms)
        counts: dict[int, list[int]] = {one.number: [0, 0] for one in after}
        ids = _Ids(Layer(self._folder, self._before.parts))
        batch: list[Row] = []
        for row in rows:
            self._count(row, counts[row.file])
            batch += row.rows
            if len(batch) >= ROWS_MAX:
                self._take_batch(batch, ids)
                batch = []
        self._take_batch(batch, ids)
        for one in after:
            before = self._events.get(one.number)
            read, refused = counts[one.number]
            self._events[one.number] = msgspec.structs.replace(
                one,
                rows=read + (before.rows if before else 0),
                refused=refused + (before.refused if before else 0),
            )

    def _count(self, row: EventRow, count: list[int]) -> None:
        count[0] += 1
        if row.refused is not None:
            count[1] += 1
            self._refused += 1
            self._example = self._example or f"{row.place}: {row.refused.detail}"

    def _take_batch(self, rows: Sequence[Row], ids: _Ids) -> None:
        are_new = ids.are_new([row[0] for row in rows])
        for row, is_new in zip(rows, are_new, strict=True):
            if is_new:
                self._add(EVENTS, row)
        self._repeated += len(rows) - sum(are_new)
        self._flush()

    def _add(self, table: Table, row: Row) -> None:
        at: int = row[table.places[table.at]]
        self._rows.setdefault((table.name, at // DAY_MS), []).append(row)
        self._waiting += 1
        if self._until is None or at > self._until:
            self._until = at
        self._taken[table.name] = self._taken.get(table.name, 0) + 1

    def _flush(self) -> None:
        for (name, day), rows in self._rows.items():
            self._parts.append(self._write(TABLES[name], rows, day_text(day)))
        self._rows, self._waiting = {}, 0

    def _write(self, table: Table, rows: Sequence[Row], day: str = "") -> Part:
        return write(self._folder, table, self._generation, rows, day)

    def publish(self) -> Sunk:
        """Make what was taken count, in a new manifest if anything was; return what it is."""
        if self._taken or self._refused or self._repeated:
            self._publish()
        return Sunk(
            self._taken, self._repeated, self._refused, self._example, self._erased, self._until
        )

    def _publish(self) -> None:
        self._flush()
        parts = self._joined()
        changes = self._changes(parts)
        parts = self._without_erased(parts, changes)
        manifest = Manifest(
            generation=self._generation,
            parts=parts + self._drawn(parts, changes),
            positions=self._positions,
            events=sorted(self._events.values(), key=lambda one: one.number),
            refused=self._before.refused + self._refused,
            repeated=self._before.repeated + self._repeated,
            erased=self._erased,
            until=self._until,
        )
        publish(self._folder, manifest)
        self._clear(manifest)

    def _joined(self) -> list[Part]:
        """Return the parts, with the small ones of a table and day joined where there are many."""
        by_day: dict[tuple[str, str], list[Part]] = {}
        for one in self._parts:
            by_day.setdefault((one.table, one.day), []).append(one)
        found: list[Part] = []
        for (name, day), of in by_day.items():
            small = [one for one in of if one.rows < ROWS_MAX]
            if len(small) < PARTS_MAX:
                found += of
                continue
            found += [one for one in of if one not in small]
            rows = list(Layer.rows_of(self._folder, TABLES[name], small))
            for begin in range(0, len(rows), ROWS_MAX):
                found.append(self._write(TABLES[name], rows[begin : begin + ROWS_MAX], day))
        return found

    def _changes(self, parts: Sequence[Part]) -> list[Change]:
        """Return all identity changes, in order."""
        of = [one for one in parts if one.table == IDENTITIES.name]
        rows = list(Layer.rows_of(self._folder, IDENTITIES, of))
        rows.sort(key=lambda row: (row[IDENTITIES.places["time"]], row[-2], row[-1]))
        return [Change(row[0], row[1], row[2], row[3], row[5]) for row in rows]

    def _without_erased(self, parts: Sequence[Part], changes: Iterable[Change]) -> list[Part]:
        """Return the parts without the rows of customers who were erased since the last time."""
        erasures = [one for one in changes if one.kind == "erased"]
        self._erased = len(erasures)
        if self._erased == self._before.erased:
            return list(parts)
        gone = {id_ for one in erasures for id_ in (one.customer_id, *one.absorbed)}
        names = {
            name
            for one in changes
            if one.customer_id in gone and one.kind in ("created", "linked", "unmerged")
            for name in one.identifiers
        }
        found: list[Part] = []
        for part in parts:
            table = TABLES[part.table]
            rows = list(Layer.rows_of(self._folder, table, [part]))
            kept = [row for row in rows if not _is_of(table, row, gone, names)]
            if len(kept) == len(rows):
                found.append(part)
            elif kept:
                found.append(self._write(table, kept, part.day))
        return found

    def _drawn(self, parts: Sequence[Part], changes: Iterable[Change]) -> list[Part]:
        """Write the tables of who is who at present."""
        people = People()
        people.take(changes)
        instances = Layer(self._folder, parts).instances_of(sorted(people.parted))
        drawn: dict[Table, Iterable[Row]] = {
            PRESENT: people.absorbed().items(),
            MOVED: ((instance, people.present(id_)) for instance, id_ in instances),
            HOLDERS: ((name, people.present(id_)) for name, id_ in people.holders.items()),
        }
        return [self._write(table, sorted(rows)) for table, rows in drawn.items()]

    def _clear(self, manifest: Manifest) -> None:
        """Remove the files that neither this manifest names nor the last one, for its readers.

        What an erasure has taken out does not wait for readers.
        """
        named = {one.path for one in manifest.parts} | {path_of(manifest.generation)}
        if manifest.erased == self._before.erased:
            named |= {one.path for one in self._before.parts} | {path_of(self._before.generation)}
        for path in self._folder.paths():
            if path not in named and _generation_of(path) <= manifest.generation:
                self._folder.remove(path)


class _Ids:
    """The ids of events that are known: those in a layer, and those seen since."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._seen: set[str] = set()

    def are_new(self, ids: Sequence[str | None]) -> list[bool]:
        """Return of each id whether it is new; an event without one is."""
        known = self._layer.event_ids([one for one in ids if one is not None])
        found = []
        for one in ids:
            found.append(one is None or (one not in known and one not in self._seen))
            if one is not None:
                self._seen.add(one)
        return found


def _read(source: Source, written: Written) -> Any:
    try:
        return source.decode(written.value)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{written.lane}: the line up to byte {written.next} is not as a `run` writes it "
            f"({error}): run again into another folder, and sink that"
        ) from None


def _generation_of(path: str) -> int:
    return int(path.rpartition("/")[2][:20])


def _is_of(table: Table, row: Row, gone: set[str], names: set[str]) -> bool:
    """Return whether a row is of an erased customer; the record of an erasure is not."""
    if table is EVENTS:
        return not names.isdisjoint(row[table.places["identifiers"]])
    if table is IDENTITIES and row[0] == "erased":
        return False
    return row[table.places["customer_id"]] in gone
