"""Which files a state has taken, and what the run that is under way reads: notes of its log.

    file:NUMBER    a file of which rows were taken (`ingest.taken`)
    reading        what the present run reads, or has read: the n-th record of it, in the order
                   of reading, has offset `first` + n in the lane

A reading is noted before its first record, with the place up to which each of its files is read
and a digest of the content up to there. So a killed run goes on over the same bytes in the same
order, whatever was written behind them; what is new then is a second reading of the same run. At
its end the files are noted as taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from cjo_stream.embedded.log import EmbeddedLog
from cjo_stream.embedded.refused import Later
from cjo_stream.embedded.runtime import has_events
from cjo_stream.engine.intake import events_of
from cjo_stream.engine.port import Decoded, RawRecord
from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest.cause import without_values
from cjo_stream.ingest.files import InputFile
from cjo_stream.ingest.form import Form
from cjo_stream.ingest.table import Ending
from cjo_stream.ingest.taken import (
    BEGINNING,
    FORMER_MAX,
    HEAD_BYTES,
    Found,
    Place,
    Resolved,
    Standing,
    Taken,
    alike,
    found_at,
    resolve,
    taken_whole,
)

LANE: Final = "files"
_FILE: Final = "file:"
_READING: Final = "reading"
_REASONS_MAX: Final = 20
_KNOWN_PLACE: Final = "the file of a state is read to a known place"


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What a reading takes of one file: from `begin` to `end`, None to wherever it ends."""

    number: int
    path: str | None
    given: str
    """The path as it was given."""
    standing: Standing
    begin: Place = BEGINNING
    end: Place | None = None
    digest: bytes = b""
    """Of the content up to `end`."""
    head: bytes = b""
    first: tuple[bytes, ...] = ()
    is_open: bool = False
    """Whether the content has no line end at `end`."""
    before: Taken | None = None
    """What was taken of it already."""


class Count(msgspec.Struct):
    """The rows of one file that a run has read, and why some were refused."""

    rows: int = 0
    refused: int = 0
    """Of the rows; those of which customers have refused an event are among them."""
    events: int = 0
    """Of the rows; those that were refused are not among them."""
    reasons: dict[str, int] = {}
    """By reason and its detail without values."""
    last_refused: int = 0
    """Its line."""

    @property
    def is_all_refused(self) -> bool:
        """Whether there were rows, and nothing of any was taken."""
        return bool(self.rows) and self.refused == self.rows

    def add(self, record: RawRecord, decoded: Decoded, refused: InputError | None) -> None:
        """Count one row."""
        self.rows += 1
        if refused is not None:
            self.refused += 1
            self.last_refused = record.offset
            self._add_reason(f"{refused.reason}: {without_values(refused.detail)}", 1)
        else:
            self.events += len(events_of(decoded))

    def add_refused(self, later: Later) -> None:
        """Count what customers have refused of the rows that were added."""
        self.events -= later.events
        # Of a row with several events, others may have been taken.
        self.refused = min(self.refused + later.rows, self.rows - (self.events > 0))
        for why, number in later.reasons.items():
            self._add_reason(why, number)

    def _add_reason(self, why: str, number: int) -> None:
        if why in self.reasons or len(self.reasons) < _REASONS_MAX:
            self.reasons[why] = self.reasons.get(why, 0) + number

    def join(self, other: Count) -> None:
        """Count what another reading of the same file has counted."""
        self.rows += other.rows
        self.refused += other.refused
        self.events += other.events
        for why, number in other.reasons.items():
            self.reasons[why] = self.reasons.get(why, 0) + number


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the records of a run are read; they decide the order of its records."""

    channel: str | None
    sort: bool
    now: int
    definitions: str
    """The digest of the set in force."""
    form: Form = Form()
    """How the text of the files is written."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass over the files of a run reads."""

    first: int
    spans: list[Span]
    options: Options
    before: list[Read] = []
    """What earlier readings of the same run have read."""
    is_done: bool = False


class Read(msgspec.Struct, frozen=True):
    """What one reading has read of one file."""

    given: str
    standing: Standing
    count: Count


def taken(log: EmbeddedLog) -> list[Taken]:
    """Return the files of which a state has taken rows, in the order in which it took them."""
    notes = sorted((int(name.removeprefix(_FILE)), noted) for name, noted in log.notes(_FILE))
    return [msgspec.msgpack.decode(noted, type=Taken) for _, noted in notes]


def knows_no_files(log: EmbeddedLog) -> bool:
    """Return whether a state has taken events, but no file that it would know again."""
    is_noted = log.note(_READING) is not None or any(True for _ in log.notes(_FILE))
    return not is_noted and has_events(log)


def last_reading(log: EmbeddedLog) -> Reading | None:
    """Return what the last run read, or was reading when it was killed."""
    noted = log.note(_READING)
    return msgspec.msgpack.decode(noted, type=Reading) if noted else None


class Plan(NamedTuple):
    """What a run over files is to read of them."""

    spans: list[Span]
    files: list[InputFile]
    """By span."""
    moved: list[Taken]
    """Known files that were found elsewhere and have nothing new."""
    alike: list[tuple[InputFile, Taken]]
    """New files that begin as a known one does."""
    refused: list[tuple[InputFile, Taken]]
    """Files with nothing new, of which rows were refused when they were taken."""


def whole(files: Sequence[InputFile]) -> Plan:
    """Return the plan of a run without a state, which knows no files and reads all."""
    spans = [
        Span(number=number, path=None, given=file.given, standing=Standing.NEW)
        for number, file in enumerate(files)
    ]
    return Plan(spans, list(files), [], [], [])


def plan(
    known: Sequence[Taken], files: Sequence[InputFile], *, numbered: int, again: bool
) -> Plan:
    """Return what is new in files, held against the known ones; new files from `numbered` on.

    With `again` changed files are taken whole, as new; without it UsageError is raised for them.
    """
    found: list[Found] = []
    for file in files:
        file.keep()
        found.append(file.find([*known, *map(taken_whole, found)]))
    planned = Plan([], [], [], [], [])
    changed = []
    for file, one, resolved in zip(files, found, resolve(known, found, numbered), strict=True):
        former = resolved.known
        if resolved.standing is Standing.SAME:
            if former in known and former is not None and one.path not in (None, former.path):
                planned.moved.append(found_at(former, one.path))
            if former in known and former is not None and former.refused:
                planned.refused.append((file, former))
            continue
        if resolved.standing is Standing.CHANGED and file.archived is not None:
            # A file of an archive changes only where an erasure takes rows out: none is new.
            continue
        if resolved.standing is Standing.CHANGED and former is not None:
            changed.append(_how(file, former, one))
        if resolved.standing is Standing.NEW and (other := alike(known, one)) is not None:
            planned.alike.append((file, other))
        planned.spans.append(_span(resolved, one, file.given))
        planned.files.append(file)
    if changed and not again:
        raise UsageError(
            f"{'; '.join(changed)}. Nothing was taken now. Write what is new, or was mended, into "
            "a file of its own; or add --again, which takes the changed file whole, as new: then "
            "events that were taken before count twice, unless they have a producer's `id`"
        )
    return planned


def go_on(reading: Reading, files: Sequence[InputFile], options: Options) -> list[InputFile]:
    """Return the file of each span of a reading that was killed.

    Raises UsageError where one is not among `files` as it was, or where other options would put
    the records in another order.
    """
    before = reading.options
    if (before.channel, before.sort, before.form) != (options.channel, options.sort, options.form):
        raise UsageError(
            "this run was killed, and was given another --channel or --sort before, or another "
            "form of its files: start it again with the same command; it goes on where it stopped"
        )
    is_ordered = before.sort or len(reading.spans) > 1
    if is_ordered and before.definitions != options.definitions:
        raise UsageError(
            "this run was killed while it read its records in the order of their times, by "
            "another version of this topology: start it again with the topology as it was; it "
            "goes on where it stopped"
        )
    asked = [span.end.bytes for span in reading.spans if span.end is not None]
    for file in files:
        file.keep()
    begins = [(file, file.find([], asked).begins) for file in files]
    found = []
    for span in reading.spans:
        assert span.end is not None, _KNOWN_PLACE
        fitting = [file for file, begin in begins if begin.get(span.end.bytes) == span.digest]
        if not fitting:
            name = span.path or "standard input"
            raise UsageError(
                f"this run was killed while it read {name}, which is not among its files now as "
                "it was then: bring it back (what was added at its end does no harm), and give "
                "the same command; if it is gone for good, --force gives up what was not read yet"
            )
        found.append(next((one for one in fitting if one.path == span.path), fitting[0]))
    return found


def begin(log: EmbeddedLog, reading: Reading | None, moved: Sequence[Taken] = ()) -> None:
    """Note what a run reads before its first record, and where known files were found."""
    notes = {f"{_FILE}{one.number}": msgspec.msgpack.encode(one) for one in moved}
    notes[_READING] = msgspec.msgpack.encode(reading) if reading is not None else b""
    log.append([], notes)


def end(
    log: EmbeddedLog,
    reading: Reading,
    files: Sequence[InputFile],
    endings: Sequence[Ending],
    counts: Sequence[Count],
) -> list[Read]:
    """Note the files of a reading, all of whose records are processed, as taken.

    Returns what the run has read so far.
    """
    notes = {
        f"{_FILE}{span.number}": msgspec.msgpack.encode(_taken(span, file, ending, count))
        for span, file, ending, count in zip(reading.spans, files, endings, counts, strict=True)
        if count.rows or span.before is not None
    }
    reads = reads_of(reading, counts)
    done = msgspec.structs.replace(reading, before=reads, is_done=True)
    log.append([], {**notes, _READING: msgspec.msgpack.encode(done)})
    return reads


def reads_of(reading: Reading, counts: Sequence[Count]) -> list[Read]:
    """Return what a run has read with this reading, and before it."""
    own = [
        Read(span.given, span.standing, count)
        for span, count in zip(reading.spans, counts, strict=True)
    ]
    return [*reading.before, *own]


def give_up(log: EmbeddedLog, reading: Reading) -> None:
    """Note a killed reading as ended: what was not read yet of its files is never read."""
    notes = {
        f"{_FILE}{span.number}": msgspec.msgpack.encode(_taken_up_to_its_end(span))
        for span in reading.spans
    }
    log.append([], {**notes, _READING: b""})


def _span(resolved: Resolved, found: Found, given: str) -> Span:
    goes_on = resolved.known is not None and resolved.standing is Standing.GROWN
    before = resolved.known if goes_on else None
    return Span(
        number=resolved.number,
        path=found.path,
        given=given,
        standing=resolved.standing,
        begin=resolved.begin,
        end=found.end,
        digest=found.digest,
        head=found.head,
        first=found.first,
        is_open=found.is_open,
        before=before,
    )


def _taken(span: Span, file: InputFile, ending: Ending, count: Count) -> Taken:
    """Return a file as it is known from now on.

    A last row without its end that was refused counts as not taken: it is read again once there
    is more of it. So does the end of a JSON list, which moves when the list grows.
    """
    assert span.end is not None, _KNOWN_PLACE
    before = span.before
    is_cut_off = ending.is_open and count.last_refused == ending.before.line + 1
    at = ending.before if is_cut_off else ending.end or span.end
    whole_digest, head = span.digest, span.head
    if at.bytes != span.end.bytes:
        head_bytes = min(at.bytes, HEAD_BYTES)
        begins = file.find([], [at.bytes, head_bytes]).begins
        whole_digest, head = begins[at.bytes], begins[head_bytes]
    return Taken(
        number=span.number,
        paths=_paths(span),
        end=at,
        digest=whole_digest,
        head=head,
        first=span.first,
        seen_bytes=span.end.bytes,
        seen_digest=span.digest,
        is_open=ending.is_open and not is_cut_off,
        former=_former(span),
        rows=(before.rows if before is not None else 0) + count.rows - is_cut_off,
        refused=(before.refused if before is not None else 0) + count.refused - is_cut_off,
    )


def _taken_up_to_its_end(span: Span) -> Taken:
    """Return a file of a reading that has not ended, as if all of the span had been read."""
    assert span.end is not None, _KNOWN_PLACE
    return Taken(
        number=span.number,
        paths=_paths(span),
        end=span.end,
        digest=span.digest,
        head=span.head,
        first=span.first,
        seen_bytes=span.end.bytes,
        seen_digest=span.digest,
        is_open=span.is_open,
        former=_former(span),
        rows=1,
        is_given_up=True,
    )


def _paths(span: Span) -> tuple[str, ...]:
    if span.before is not None:
        return found_at(span.before, span.path).paths
    return (span.path,) if span.path is not None else ()


def _former(span: Span) -> tuple[tuple[int, bytes], ...]:
    """Return where a file ended before it grew to the end of a span."""
    before = span.before
    if before is None:
        return ()
    ends = {(before.end.bytes, before.digest): None, (before.seen_bytes, before.seen_digest): None}
    return (*before.former, *ends)[-FORMER_MAX:]


def _how(file: InputFile, former: Taken, found: Found) -> str:
    """Return in which way a file has changed."""
    if found.end.bytes < former.end.bytes:
        how = f"it is shorter, {found.end.bytes} bytes"
    elif found.begins.get(former.end.bytes) == former.digest:
        how = "its last row was taken before it was whole"
    else:
        how = "its beginning is another"
    return (
        f"{file.given} has changed since {former.rows} rows of it ({former.end.bytes} bytes) "
        f"were taken: {how}"
    )
