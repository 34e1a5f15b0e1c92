"""Where records come from: the folders of runs, files of their events, and topics of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.core.catalogue import RecordKind
from cjo_stream.core.command.outcome import OUTCOME, why_unknown
from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.expression.timestamp import EARLIEST_MS, LATEST_MS
from cjo_stream.core.program.program import Program
from cjo_stream.embedded.output import SUMMARY
from cjo_stream.embedded.results import FileRecords
from cjo_stream.engine.intake import events_of
from cjo_stream.engine.port import Decode, Decoded, RawRecord
from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest import decoder
from cjo_stream.ingest.archive import row as archive
from cjo_stream.ingest.files import Part, choose_channel, open_files, read_parts
from cjo_stream.ingest.format import native
from cjo_stream.ingest.format.time import NOT_A_TIME, read_time
from cjo_stream.ingest.normalise import without_fraction
from cjo_stream.ingest.taken import Found, Standing, Taken, resolve, taken_whole
from cjo_stream.insight.filling.refusal import Refusals, Run, with_file
from cjo_stream.insight.layer.table import Row
from cjo_stream.installation.answer import Written

_json: Final = msgspec.json.Encoder(order="deterministic").encode


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
    return FileRecords(with_file(folders, kind)).since(kind, position)


class EventRow:
    """What is read of one row of a file of events."""

    __slots__ = ("dedupe_ms", "file", "place", "refused", "rows")

    def __init__(
        self,
        file: int,
        place: str,
        rows: list[Row],
        refused: InputError | None,
        dedupe_ms: int | None = None,
    ) -> None:
        self.file = file
        self.dedupe_ms = dedupe_ms
        """How long an id is remembered; None: for ever, whoever's it is."""
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
    run: Run,
) -> tuple[list[Taken], Iterator[EventRow]]:
    """Return the files of which something is new, as they will be known, and their new rows.

    With a program they are decoded as by intake; without one they must be native. What customers
    refused in `run` is left out. Raises UsageError for a file whose part that was taken has
    changed, and for one that the run's state has not taken to its end.
    """
    if files and run.is_cut_off:
        raise UsageError(
            "a run on this state was killed and has not gone on, so it is not known yet what "
            "customers refuse: give its command again first"
        )
    opened = open_files(files)
    refusals = Refusals(run, by_identifiers=program is not None)
    known_to_run = run.taken or ()
    found: list[Found] = []
    for file in opened:
        if file.is_read_once:
            raise UsageError(f"{file.given} can be read once only: write it to a file")
        found.append(file.find([*known, *known_to_run, *map(taken_whole, found)]))
    after: list[Taken] = []
    parts: list[tuple[Part, str | int | None]] = []
    names = refusals.names([(file.name, one) for file, one in zip(opened, found, strict=True)])
    for file, one, to, name in zip(opened, found, resolve(known, found), names, strict=True):
        if to.standing is Standing.CHANGED:
            raise UsageError(
                f"{file.given} is not as it was when its events were taken: give what is new or "
                "mended in a file of its own, or make the layer anew in an empty folder"
            )
        if to.standing is not Standing.SAME:
            after.append(taken_whole(one, to.number))
            parts.append((Part(file, to.number, to.begin, one.end), name))
    decode: Decode = _native
    if program is not None:
        decode, channel = decoder(program, tenant_key), choose_channel(program, channel)
    return after, (
        _event_row(
            record.partition,
            f"{record.topic}, line {record.offset}",
            *_without_refused(record, decoded, refusals, name),
            (f"events-{record.partition:06}", record.offset, None),
            None if program is None else program.dedupe_ms,
        )
        for part, name in parts
        for record, decoded in read_parts([part], decode, channel=channel, now=now_ms)
    )


def event_of_topic(record: RawRecord, decoded: Decoded, lane: str, dedupe_ms: int) -> EventRow:
    """Return what is read of one record of a topic; its place is where the lane goes on."""
    place = f"{record.topic}/{record.partition}, offset {record.offset}"
    at = lane, record.offset + 1, record.time
    return _event_row(record.partition, place, *_without_refused(record, decoded), at, dedupe_ms)


def _without_refused(
    record: RawRecord,
    decoded: Decoded,
    refusals: Refusals | None = None,
    name: str | int | None = None,
) -> tuple[list[Event], InputError | None]:
    """Return the events of a record that nobody refused, and why it, or the first one, was."""
    why = decoded if isinstance(decoded, InputError) else None
    taken = []
    for event in events_of(decoded):
        one = _why_refused(record, event, refusals, name)
        why = why or one
        if one is None:
            taken.append(event)
    return taken, why


def _why_refused(
    record: RawRecord, event: Event, refusals: Refusals | None, name: str | int | None
) -> InputError | None:
    if event.type == OUTCOME and (unknown := why_unknown(event.attributes)) is not None:
        return InputError("invalid", unknown)
    return None if refusals is None else refusals.why(name, record, event)


def _event_row(
    number: int,
    place: str,
    events: Sequence[Event],
    refused: InputError | None,
    at: tuple[str, int, int | None],
    dedupe_ms: int | None,
) -> EventRow:
    """Return it of a record's events; `at` is its lane and position, and when it was received."""
    return EventRow(number, place, _rows(events, *at), refused, dedupe_ms)


def _rows(events: Sequence[Event], lane: str, position: int, received_ms: int | None) -> list[Row]:
    """Return the rows of a record's events; those without an id of the producer's have none."""
    rows: list[Row] = []
    for event in events:
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
        came = archive.read_row(record.value) if record.channel == archive.CHANNEL else record
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
    return Event(
        read.type,
        time,
        read.attributes,
        id_,
        channel,
        identifiers,
        id_ is not None,
        topic=came.topic,
        partition=came.partition,
        offset=came.offset,
    )
