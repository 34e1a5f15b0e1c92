"""Where records come from: the folders of runs, the files of their events, and topics of events.

A state folder stands for the folders of the runs that have filled it, and for its operators'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.core.catalogue import FILES, RecordKind
from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.expression.timestamp import EARLIEST_MS, LATEST_MS
from cjo_stream.core.program.program import Program
from cjo_stream.embedded.delivery import operator_destination, run_folders
from cjo_stream.embedded.output import SUMMARY
from cjo_stream.embedded.results import FileRecords
from cjo_stream.embedded.state import StateFolder, holds_state
from cjo_stream.engine.port import Decode, Decoded, RawRecord
from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest import decoder
from cjo_stream.ingest.files import Part, choose_channel, open_files, read_parts
from cjo_stream.ingest.format import native
from cjo_stream.ingest.format.time import NOT_A_TIME, read_time
from cjo_stream.ingest.normalise import without_fraction
from cjo_stream.ingest.taken import Found, Standing, Taken, resolve, taken_whole
from cjo_stream.insight.layer.table import Row
from cjo_stream.installation.answer import Written

_json: Final = msgspec.json.Encoder(order="deterministic").encode


def folders_of(run: Path) -> list[Path]:
    """Return the folders with the records of a run's folder, or of a state; raises UsageError."""
    if not run.is_dir():
        raise UsageError(
            f"{run} is no folder: name the --out folder of a `run`, or a state folder"
        )
    if not holds_state(run):
        return [run]
    with closing(StateFolder(run)) as state:
        folders = [*run_folders(state.log), operator_destination(run).folder]
    return [folder for folder in folders if folder.is_dir()]


def untaken(folder: Path) -> tuple[int, int] | None:
    """Return how many events of a run were late, and how many became dead letters, if it ended."""
    try:
        found = msgspec.json.decode((folder / SUMMARY).read_bytes(), type=_Untaken)
    except (OSError, msgspec.MsgspecError):
        return None  # a run writes it at its end; an operator's folder has none
    return found.late, found.dead_letters


class _Untaken(msgspec.Struct):
    late: int = 0
    dead_letters: int = 0


def records(
    folders: Sequence[Path], kind: RecordKind, position: Mapping[str, int]
) -> Iterator[Written]:
    """Yield the records of a kind beyond `position`; a file that is not there has none."""
    present = [folder for folder in folders if (folder / FILES[kind.name]).exists()]
    return FileRecords(present).since(kind, position)


class EventRow:
    """What is read of one row of a file of events."""

    __slots__ = ("file", "place", "refused", "rows")

    def __init__(self, file: int, place: str, rows: list[Row], refused: InputError | None) -> None:
        self.file = file
        self.place = place
        """For messages: the file's name and the line."""
        self.rows = rows
        self.refused = refused


def events(
    files: Sequence[str],
    known: Sequence[Taken],
    program: Program | None,
    channel: str | None,
    tenant_key: bytes,
    now_ms: int,
) -> tuple[list[Taken], Iterator[EventRow]]:
    """Return the files of which something is new, as they will be known, and their new rows.

    With a program they are decoded as by intake; without one they must be native. Raises
    UsageError for a file whose part that was taken has changed.
    """
    opened = open_files(files)
    found: list[Found] = []
    for file in opened:
        if file.is_read_once:
            raise UsageError(f"{file.given} can be read once only: write it to a file")
        found.append(file.find([*known, *map(taken_whole, found)]))
    after: list[Taken] = []
    parts: list[Part] = []
    for file, one, to in zip(opened, found, resolve(known, found), strict=True):
        if to.standing is Standing.CHANGED:
            raise UsageError(
                f"{file.given} is not as it was when its events were taken: give what is new or "
                "mended in a file of its own, or make the layer anew in an empty folder"
            )
        if to.standing is not Standing.SAME:
            after.append(taken_whole(one, to.number))
            parts.append(Part(file, to.number, to.begin, one.end))
    decode: Decode = _native
    if program is not None:
        decode, channel = decoder(program, tenant_key), choose_channel(program, channel)
    return after, (
        EventRow(
            record.partition,
            f"{record.topic}, line {record.offset}",
            _rows(decoded, f"events-{record.partition:06}", record.offset),
            decoded if isinstance(decoded, InputError) else None,
        )
        for part in parts
        for record, decoded in read_parts([part], decode, channel=channel, now=now_ms)
    )


def event_of_topic(record: RawRecord, decoded: Decoded, lane: str) -> EventRow:
    """Return what is read of one record of a topic; its place is where the lane goes on."""
    refused = decoded if isinstance(decoded, InputError) else None
    place = f"{record.topic}/{record.partition}, offset {record.offset}"
    rows = _rows(decoded, lane, record.offset + 1, record.time)
    return EventRow(record.partition, place, rows, refused)


def _rows(decoded: Decoded, lane: str, position: int, received_ms: int | None = None) -> list[Row]:
    """Return the rows of a record's events; those without an id of the producer's have none."""
    rows: list[Row] = []
    if isinstance(decoded, InputError):
        return rows
    for event in decoded if isinstance(decoded, list) else [decoded]:
        identifiers = [f"{one.type}:{one.value}" for one in event.identifiers]
        rows.append((
            event.id if event.own_id else None, event.type, event.channel, event.time, identifiers,
            len(identifiers), event.time if received_ms is None else received_ms,
            _json(event.attributes).decode(), lane, position,
        ))  # fmt: skip
    return rows


def _native(record: RawRecord) -> Decoded:
    """Return the event of a native row, without a topology: identifiers as they are written."""
    try:
        read = native.read(record)
    except InputError as error:
        return error.with_traceback(None)
    time = read_time(read.time) if isinstance(read.time, str) else read.time
    if time is None:
        return InputError("invalid", NOT_A_TIME)
    if not EARLIEST_MS <= time <= LATEST_MS:
        return InputError("invalid", "`time` lies before the year 1 or after the year 9999")
    identifiers = [
        Identifier(type_, plain, "")
        for type_, value in read.identifiers.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None and (plain := without_fraction(str(one).strip()))
    ]
    id_ = read.id if isinstance(read.id, str) else None
    channel = read.channel if isinstance(read.channel, str) else None
    return Event(read.type, time, read.attributes, id_, channel, identifiers, id_ is not None)
