"""A run over recorded files: `cjo-stream run`.

Without a state all files are read whole. With one, only what it has not taken yet (`taking`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from cjo_stream.core.catalogue import DEAD_LETTER
from cjo_stream.definition import DefinitionSet, compile_content
from cjo_stream.embedded import taking
from cjo_stream.embedded.installation import Installation, open_installation
from cjo_stream.embedded.log import EmbeddedLog
from cjo_stream.embedded.notice import notices
from cjo_stream.embedded.progress import Progress
from cjo_stream.embedded.refused import refused_by_customers
from cjo_stream.embedded.run import FileSummary, Start, Summary, drain, feed, finish
from cjo_stream.embedded.taking import LANE, Count, Options, Plan, Read, Reading
from cjo_stream.embedded.unread import Attributes
from cjo_stream.engine.port import Compile, Decode, Decoded, RawRecord
from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest import Decoder
from cjo_stream.ingest.cause import likely_cause
from cjo_stream.ingest.files import InputFile, Part, read_parts
from cjo_stream.ingest.form import Form
from cjo_stream.ingest.table import Ending
from cjo_stream.ingest.taken import Standing, next_number

_LOG: Final = logging.getLogger(__name__)


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """Files of events, and how they are read."""

    files: Sequence[InputFile]
    decode: Decode
    channel: str | None
    """The channel of all records; None where each one's field says it."""
    now: int
    """The timestamp of every record, ms."""
    sort: bool = False
    again: bool = False
    """Whether a file that has changed is taken whole, as new."""
    form: Form = Form()
    """How the text of the files is written."""


def run_files(
    definitions: DefinitionSet,
    recorded: Recorded,
    out: Path,
    *,
    drain_ms: int = 0,
    state: Path | None = None,
    partitions: int = 1,
    force: bool = False,
    tenant_key: bytes | None = None,
    report: Callable[[Progress], None] | None = None,
    start: Start | None = None,
    attributes: Attributes | None = None,
    compile_: Compile = compile_content,
    profiles: bool = False,
    cores: int = 1,
) -> Summary:
    """Run what is new in files, and write the results to `out`; with `profiles`, profiles too.

    `start` and `attributes` are filled in. Only a `state` has `partitions`. On several `cores`
    there is no state, the set can be shared out (`cores.can_share`), `compile_` is the default.

    Raises UsageError, before anything is written, for a file whose taken part has changed.
    """
    began = time.monotonic()
    start, attributes = start or Start(), attributes or Attributes()
    decoder = recorded.decode if isinstance(recorded.decode, Decoder) else None
    readings = _Readings(
        definitions, recorded, start, attributes, is_kept=state is not None, force=force
    )
    if cores == 1:
        opened = open_installation(
            definitions,
            out,
            state=state,
            partitions=partitions if state is not None else 1,
            force=force,
            tenant_key=tenant_key,
            prepare=readings.prepare,
            compile_=compile_,
            profiles=profiles,
        )
    else:
        from cjo_stream.embedded.cores import open_on_cores  # it imports what starts processes

        opened = open_on_cores(
            definitions,
            out,
            cores=cores,
            prepare=readings.prepare,
            force=force,
            profiles=profiles,
            decoder=decoder if tenant_key is not None else None,
            tenant_key=tenant_key,
            report=report,
        )
    with readings, opened as installation:
        start.clock = installation.clock_before
        start.set_before = installation.set_before
        start.set = installation.runtime.active_number
        readings.read(installation, report if cores == 1 else None)
        if drain_ms:
            drain(installation, drain_ms)
        found = notices(installation.runtime, attributes, decoder)
        return finish(installation, time.monotonic() - began, readings.results(), found)


def _count_refused(
    installation: Installation,
    reading: Reading,
    files: Sequence[InputFile],
    counts: Mapping[int, Count],
) -> None:
    """Count what customers have refused of a reading's rows, all of which are processed."""
    output = installation.output
    if output.counts[DEAD_LETTER.name] == sum(count.refused for count in counts.values()):
        return
    output.flush()
    begins = {
        (name, one.number): one.begin.line
        for one, file in zip(reading.spans, files, strict=True)
        # A run that was killed may find a file under another name than before.
        for name in (Path(one.path or one.given).name, file.name)
    }
    for number, later in refused_by_customers(output.folder, begins).items():
        counts[number].add_refused(later)


class _Readings:
    """The readings of one run: at most one that was killed, and one of what is new."""

    def __init__(
        self,
        definitions: DefinitionSet,
        recorded: Recorded,
        start: Start,
        attributes: Attributes,
        *,
        is_kept: bool,
        force: bool,
    ) -> None:
        self._start = start
        self._attributes = attributes
        self._definitions = definitions
        self._recorded = recorded
        self._is_kept = is_kept
        self._force = force
        self._options = Options(
            recorded.channel, recorded.sort, recorded.now, definitions.digest, recorded.form
        )
        self._killed: tuple[Reading, list[InputFile]] | None = None
        self._plan: Plan | None = None
        self._reads: list[Read] = []

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the copies of what could be read once only."""
        for file in self._recorded.files:
            file.close()

    def prepare(self, log: EmbeddedLog, goes_on: bool) -> None:
        """Find out what is to be read; `goes_on`: the run was killed, and begins for another time.

        Raises UsageError for a file that is not as it was.
        """
        self._log = log
        if not self._is_kept:
            self._plan = taking.whole(self._recorded.files)
            return
        if taking.knows_no_files(log):
            _LOG.warning(
                "this state has taken events, but knows none of their files (an earlier build did "
                "not note them): all of the files that are given now is taken"
            )
        last = taking.last_reading(log) if goes_on else None
        if last is not None:
            self._reads = last.before
        if last is not None and not last.is_done:
            try:
                files = taking.go_on(last, self._recorded.files, self._options)
            except UsageError as error:
                if not self._force:
                    raise
                _LOG.warning("%s; the run goes on, and what was not read yet is given up", error)
                taking.give_up(log, last)
            else:
                given = [
                    msgspec.structs.replace(span, given=file.given)
                    for span, file in zip(last.spans, files, strict=True)
                ]
                self._killed = msgspec.structs.replace(last, spans=given), files
                return
        self._plan = self._new_plan(is_begun=goes_on)
        for file, other in self._plan.alike:
            _LOG.warning(
                "%s begins as %s, of which %d rows were taken, but differs further on: all of it "
                "is taken, as new. If it is another export of the same, what was taken before "
                "counts twice, save events with a producer's `id`",
                file.given,
                other.path or "a former standard input",
                other.rows,
            )
        for file, former in self._plan.refused:
            _LOG.warning(
                "%s has nothing new; %d of its %d rows were refused when they were taken, and are "
                "not read again. If the topology can read them now, %s",
                file.given,
                former.refused,
                former.rows,
                "write them into a file of their own" if former.has_events else "add --again",
            )
        if not goes_on:
            taking.begin(log, None, self._plan.moved)

    def read(self, installation: Installation, report: Callable[[Progress], None] | None) -> None:
        """Process what a killed reading had left, then what is new."""
        if self._killed is not None:
            self._read(installation, *self._killed, report)
        planned = self._plan or self._new_plan(is_begun=True)
        if planned.spans:
            reading = Reading(
                first=installation.runtime.last_offset(LANE) + 1,
                spans=planned.spans,
                options=self._options,
                before=self._reads,
            )
            if self._is_kept:
                taking.begin(self._log, reading, planned.moved)
            self._read(installation, reading, planned.files, report)

    def results(self) -> list[FileSummary]:
        """Return what was read of each file, in the order given."""
        files = {file.given: file for file in self._recorded.files}
        return [self._result(file) for file in files.values()]

    def _new_plan(self, *, is_begun: bool) -> Plan:
        """Return what is new; what a run has refused since it began is not read again."""
        known = taking.taken(self._log)
        numbered, again = next_number(known), self._recorded.again
        if again and not is_begun:
            known = [one for one in known if one.has_events]
        return taking.plan(known, self._recorded.files, numbered=numbered, again=again)

    def _read(
        self,
        installation: Installation,
        reading: Reading,
        files: Sequence[InputFile],
        report: Callable[[Progress], None] | None,
    ) -> None:
        endings = [Ending() for _ in files]
        counts = {span.number: Count() for span in reading.spans}

        def count(record: RawRecord, decoded: Decoded, refused: InputError | None) -> None:
            counts[record.partition].add(record, decoded, refused)

        latest_late = self._start.clock - self._definitions.program.max_late_ms

        def decode(record: RawRecord) -> Decoded:
            decoded = self._recorded.decode(record)
            if not isinstance(decoded, InputError):
                events = decoded if isinstance(decoded, list) else [decoded]
                self._start.behind += sum(event.time < latest_late for event in events)
            return decoded

        records = read_parts(
            [
                Part(file, span.number, span.begin, span.end, ending)
                for file, span, ending in zip(files, reading.spans, endings, strict=True)
            ],
            decode if self._start.clock else self._recorded.decode,
            channel=reading.options.channel,
            now=reading.options.now,
            sort=reading.options.sort,
            decode_all=installation.decode_all,
        )
        feed(
            installation,
            LANE,
            records,
            report,
            first=reading.first,
            count=count,
            attributes=self._attributes,
        )
        _count_refused(installation, reading, files, counts)
        read = list(counts.values())
        if self._is_kept:
            self._reads = taking.end(self._log, reading, files, endings, read)
        else:
            self._reads = taking.reads_of(reading, read)

    def _result(self, file: InputFile) -> FileSummary:
        reads = [one for one in self._reads if one.given == file.given]
        if not reads:
            return FileSummary(file.name, Standing.SAME)
        count = Count()
        for one in reads:
            count.join(one.count)
        cause = None
        if count.is_all_refused:
            program = self._definitions.program
            cause = likely_cause(file, program, self._recorded.channel, count.reasons)
        return FileSummary(file.name, reads[0].standing, count.rows, count.refused, cause)
