"""New records -> parts -> the next manifest.

Rows are gathered until so many wait (`gathering`). `publish` makes all that was taken since the
last manifest count, with the places up to which each source was read. Erased customers are taken
out of all parts with the manifest that has the erasure's record.

Where records come from does not matter here: `take_run` and `take_events` read files, and
`insight/filling/live` takes them from topics.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.core.catalogue import FILES
from cjo_stream.core.program.program import Program
from cjo_stream.embedded.results import FileRecords
from cjo_stream.errors import LockedError, UsageError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.filling.clearing import Clearing, kept_for_readers, left_by
from cjo_stream.insight.filling.compaction import joined
from cjo_stream.insight.filling.gathering import Gathering
from cjo_stream.insight.filling.refusal import Run, opened_run
from cjo_stream.insight.filling.repeat import Ids
from cjo_stream.insight.filling.same import Known
from cjo_stream.insight.filling.source import (
    EventRow,
    events,
    records,
    untaken,
)
from cjo_stream.insight.filling.stays import with_stays, without_stays
from cjo_stream.insight.layer.erasure import without_erased
from cjo_stream.insight.layer.forgotten import Forgotten
from cjo_stream.insight.layer.manifest import Manifest, Part, check_place, latest, publish
from cjo_stream.insight.layer.part import check, join
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.table import (
    EVENTS,
    IDENTITIES,
    SOURCES,
    STAYED,
    TRANSITIONS,
    Row,
    Source,
    Table,
)
from cjo_stream.insight.layer.who import Who
from cjo_stream.installation.answer import Written
from cjo_stream.installation.unrecorded import Switched
from cjo_stream.settings import DEMO_TENANT_KEY

ROWS_MAX: Final = 200_000
"""A part with so many rows is joined with no other; so many events have their ids looked up."""
WRITERS: Final = 8
"""Threads that write parts: a disk or an object store takes several at once."""
_GARBAGE: Final = (200_000, 50, 100)
"""Rows are many, and no garbage; to look through them time and again costs a sixth of the work."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let garbage be looked for seldom, as long as a sink works."""
    before = gc.get_threshold()
    gc.set_threshold(*_GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Sunk(msgspec.Struct, frozen=True):
    """What has come into the layer with one manifest."""

    rows: dict[str, int]
    """By table."""
    repeated: int
    """Events with an id of an earlier one, as the engine takes repeats."""
    withheld: int
    """Events of customers who were erased before."""
    refused: int
    """Rows of the files, or records, that hold no event, or one that its customer refused."""
    example: str
    """The first of them: its place, and why."""
    erased: int
    """Customers who were taken out, of all time."""
    until: int | None
    """The time of the latest record in the layer, ms."""


class Sink:
    """Takes what is new into a layer; `publish` makes it count, again and again."""

    def __init__(
        self,
        url: str,
        on_part: Callable[[], None] = lambda: None,
        *,
        tenant_key: bytes = DEMO_TENANT_KEY.encode(),
    ) -> None:
        """Open a layer, or begin one; `on_part` is called with each file that is read or made.

        `tenant_key` is the one that the customers' ids are made with. Raises RetryError where a
        file of the layer is gone or spoilt, RefusalError where it has erasures by another key.
        """
        self._folder = Folder(url)
        self._on_part = on_part
        self._before = latest(self._folder)
        check(self._folder, self._before.parts)
        self._writers = ThreadPoolExecutor(WRITERS)
        self._clearing = Clearing(self._folder)
        self._begin()
        self._forgotten = Forgotten(self._folder, self._before, tenant_key)
        self._who = Who(self._identities(), self._instances, self._before.moved)
        self._events = {one.number: one for one in self._before.events}
        self.positions = {kind: dict(of) for kind, of in self._before.positions.items()}
        """By kind of record and lane: where it goes on. Who adds records moves them."""
        self._untaken = dict(self._before.untaken)
        self.lost = dict(self._before.lost)
        self.anew = dict(self._before.anew)
        self.foreign = dict(self._before.foreign)
        self._switched = dict(self._before.switched)
        self._run = Run([], None)
        """That was taken last: what customers refused in it is left out of the events."""

    def _begin(self) -> None:
        """Begin to gather for the next manifest."""
        self._parts = [one for one in self._before.parts if one.day]
        self._new = Gathering(
            self._folder, self.generation, self._before.until, self._writers, self._on_part
        )
        self._pending: list[tuple[Row, int | None]] = []
        """Events that may be repeated, each with how long its id is known."""
        self._ids = Ids(self._folder, self._before.parts)
        self._identities_new: list[Row] = []
        self._refused = self._repeated = 0
        self._example = ""

    # --- what comes in -------------------------------------------------------------------------

    def add(self, source: Source, lane: str, next_: int, value: bytes) -> None:
        """Take a record of a kind; raises msgspec.MsgspecError, before anything is taken."""
        for table, row in source.rows(source.decode(value)):
            self._add(table, (*row, lane, next_))

    def add_event(self, row: EventRow) -> None:
        """Take the events of a row or record; those whose id is known are not taken again."""
        if row.refused is not None:
            self._refused += 1
            self._example = self._example or f"{row.place}: {row.refused.detail}"
        self._pending += [(one, row.dedupe_ms) for one in row.rows]
        if len(self._pending) >= ROWS_MAX:
            self._take_pending()

    def note_sets(self, place: str, sets: Iterable[Switched]) -> None:
        """Note which kinds of records the sets of a place switched off."""
        known = {one.number: one for one in self._switched.get(place, ())}
        known |= {one.number: one for one in sets}
        if any(one.records for one in known.values()):
            self._switched[place] = [known[number] for number in sorted(known)]

    def take_run(self, run: Path) -> None:
        """Take the new records of a run's folder, or of those of a state."""
        self._run = opened_run(run)
        folders = self._run.folders
        self.note_sets(str(run.resolve()), FileRecords(folders).switched())
        self._untaken |= {str(one.resolve()): of for one in folders if (of := untaken(one))}
        for source in (one for one in SOURCES if one.kind.file is not None):
            at = self.positions.setdefault(source.kind.name, {})
            files = [folder / FILES[source.kind.name] for folder in folders]
            Known(self._folder, self._before.parts, source).check(files, at)
            for written in records(folders, source.kind, dict(at)):
                self._take(source, written)
                at[written.lane] = written.next

    def _take(self, source: Source, written: Written) -> None:
        try:
            self.add(source, written.lane, written.next, written.value)
        except msgspec.MsgspecError as error:
            raise UsageError(
                f"{written.lane}: the line up to byte {written.next} is not as a `run` writes it "
                f"({error}): run again into another folder, and sink that"
            ) from None

    def take_events(
        self,
        files: Sequence[str],
        program: Program | None,
        channel: str | None,
        tenant_key: bytes,
        now_ms: int,
    ) -> None:
        """Take the new rows of files of events, those of the run that was taken before.

        An event whose id is known is not taken again.
        """
        known_files = list(self._events.values())
        after, rows = events(files, known_files, program, channel, tenant_key, now_ms, self._run)
        counts: dict[int, list[int]] = {one.number: [0, 0] for one in after}
        for row in rows:
            counts[row.file][0] += 1
            counts[row.file][1] += row.refused is not None
            self.add_event(row)
        for one in after:
            before = self._events.get(one.number)
            read, refused = counts[one.number]
            self._events[one.number] = msgspec.structs.replace(
                one,
                rows=read + (before.rows if before else 0),
                refused=refused + (before.refused if before else 0),
            )

    def _add(self, table: Table, row: Row) -> None:
        people = self._who.people
        if people.erased:
            left = self._forgotten.left_of(table, row, self._who)
            if left is None:
                return
            row = left
        self._new.add(table, row)
        if table is IDENTITIES:
            self._identities_new.append(row)
        elif table is TRANSITIONS and people.parted:
            self._who.see(row)

    def _take_pending(self) -> None:
        """Take the events that wait, save those whose ids are known."""
        are_new = self._ids.are_new(self._pending)
        for (row, _), is_new in zip(self._pending, are_new, strict=True):
            if is_new:
                self._add(EVENTS, row)
        self._repeated += len(self._pending) - sum(are_new)
        self._pending = []

    # --- what goes out -------------------------------------------------------------------------

    @property
    def generation(self) -> int:
        """The number of the next manifest."""
        return self._before.generation + 1

    @property
    def has_rows(self) -> bool:
        """Whether anything was taken since the last manifest."""
        taken = self._new.has_rows or self._pending or self._refused or self._repeated
        return bool(taken or self._withheld or self._forgotten.has_late)

    @property
    def _withheld(self) -> int:
        """Events of erased customers that came since the last manifest."""
        return self._forgotten.withheld - self._before.withheld

    @property
    def has_moved(self) -> bool:
        """Whether the next manifest would differ from the last one."""
        before = self._before
        known = before.positions, before.untaken, before.lost, before.anew, before.foreign
        own = self.positions, self._untaken, self.lost, self.anew, self.foreign
        return self.has_rows or (*known, before.switched) != (*own, self._switched)

    def publish(self) -> Sunk:
        """Make what was taken count, in a new manifest if anything was; return what it is.

        Raises LockedError if another sink was first: then nothing of this one counts, and it is of
        no more use.
        """
        if self.has_moved:
            if self._clearing.is_first:
                check_place(self._folder)
            self._take_pending()
            self._new.flush()
            sunk = self._sunk()
            manifest = self._publish()
            self._before = manifest
            self._begin()
            return msgspec.structs.replace(sunk, erased=manifest.erased)
        if self._clearing.is_first and self._before.generation:
            self._clearing.clear_all(self._before)
        return self._sunk()

    def _sunk(self) -> Sunk:
        return Sunk(
            self._new.taken,
            self._repeated,
            self._withheld,
            self._refused,
            self._example,
            self._before.erased,
            self._new.until,
        )

    def _publish(self) -> Manifest:
        now_ms = time.time_ns() // 1_000_000
        parts = list(joined([*self._parts, *self._new.parts], ROWS_MAX, self._join))
        self._parts = parts
        erased_before = frozenset(self._who.people.erased)
        self._who.take(self._identities_new, self._identities, self._instances)
        people = self._who.people
        is_erasing = people.erasures != self._before.erased or self._forgotten.has_late
        if is_erasing:
            self._forgotten.forget(parts, self._who, erased_before)
            parts = without_erased(self._folder, parts, self._who, self.generation)
            people.forget_names()
        parts = self._with_stays(parts, are_kept=not is_erasing)
        manifest = Manifest(
            generation=self.generation,
            parts=parts + self._drawn(),
            positions={kind: dict(of) for kind, of in self.positions.items()},
            events=sorted(self._events.values(), key=lambda one: one.number),
            refused=self._before.refused + self._refused,
            repeated=self._before.repeated + self._repeated,
            erased=people.erasures,
            withheld=self._forgotten.withheld,
            key=self._forgotten.key,
            moved=self._who.moved_to_erased(),
            until=self._new.until,
            untaken=dict(self._untaken),
            lost=dict(self.lost),
            anew=dict(self.anew),
            foreign=dict(self.foreign),
            switched=dict(self._switched),
        )
        left = left_by(self._before, manifest.parts, now_ms)
        # What an erasure has taken out does not wait for readers.
        gone = {} if is_erasing else kept_for_readers(left | self._before.gone, now_ms)
        manifest = msgspec.structs.replace(manifest, gone=gone)
        new = {one.path for one in manifest.parts} - {one.path for one in self._before.parts}
        self._folder.sync(sorted(new))
        try:
            publish(self._folder, manifest)
        except LockedError:
            self._clearing.remove({*new, *self._new.made})
            raise
        if is_erasing:
            self._clearing.clear_all(manifest)
        else:
            self._clearing.clear(manifest, [*left, *self._before.gone, *self._new.made])
        return manifest

    def _join(self, parts: Sequence[Part]) -> Part:
        return self._new.note_made(join(self._folder, parts, self.generation))

    def _identities(self) -> Iterator[Row]:
        """Yield all identity changes of the parts, in whatever order."""
        of = [one for one in self._parts if one.table == IDENTITIES.name]
        return Layer.rows_of(self._folder, IDENTITIES, of)

    def _instances(self, customers: Sequence[str]) -> Iterable[tuple[str, str, int]]:
        return Layer(self._folder, self._parts).instances_of(customers)

    def _with_stays(self, parts: Sequence[Part], *, are_kept: bool) -> list[Part]:
        """Return the parts, and those of stays; those of the last manifest only if still true."""
        kept = [one for one in self._before.parts if one.table == STAYED.name]
        if not are_kept:
            parts, kept = without_stays(parts), []
        before = {one.path for one in (*parts, *kept)}
        found = list(with_stays(self._folder, parts, kept, self.generation))
        for one in found:
            if one.path not in before:
                self._new.note_made(one)
        return found

    def _drawn(self) -> list[Part]:
        """Return the tables of who is who at present, drawn anew if anything has changed."""
        before = [one for one in self._before.parts if not one.day and one.table != STAYED.name]
        if before and not (self._who.has_changed or self._forgotten.has_changed):
            return before
        self._who.has_changed = self._forgotten.has_changed = False
        return self._new.written(self._who.drawn() | self._forgotten.drawn())
