"""`cjo-stream run`: recorded events through the embedded engine, into files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from cjo_stream.core.catalogue import ACTION, DEAD_LETTER, DECISION, TRANSITION
from cjo_stream.definition import DefinitionSet, load, switched_off
from cjo_stream.embedded.absent import AbsentSummary
from cjo_stream.embedded.decided import decided_in
from cjo_stream.embedded.installation import Installation, open_installation
from cjo_stream.embedded.notice import ErrorSummary, IgnoredSummary, Notices, notices
from cjo_stream.embedded.progress import Progress
from cjo_stream.embedded.refused import RefusedSummary, refused_in
from cjo_stream.embedded.rows import Waiting
from cjo_stream.embedded.undeclared import UndeclaredSummary
from cjo_stream.embedded.unread import Attributes, UnreadSummary
from cjo_stream.engine.intake import dead_letter_of, refusal_of
from cjo_stream.engine.port import Decoded, DecodedRecord, RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.taken import Standing
from cjo_stream.installation.answer import Decided

DRAIN_SLICES = 500
REPORT_EVERY = 2_000


class FileSummary(msgspec.Struct, frozen=True):
    """What a run read of one of its files."""

    name: str
    """Without its folder."""
    standing: Standing
    rows: int = 0
    """The new ones."""
    refused: int = 0
    """Of the new rows; those are among them of which customers have refused an event."""
    cause: str | None = None
    """What is likely wrong, where every new row was refused."""


class Summary(msgspec.Struct, kw_only=True):
    """The numbers of a run (summary.json)."""

    events: int = 0
    """Events that were applied, late ones included; neither repeated nor refused."""
    repeated: int = 0
    late: int = 0
    dead_letters: int = 0
    customers: int = 0
    transitions: int = 0
    decisions: int = 0
    actions: int = 0
    wall_seconds: float = 0.0
    events_per_second: float = 0.0
    waiting: Waiting = msgspec.field(default_factory=Waiting)
    unread: list[UnreadSummary] = []
    """Values that definitions could not use; since its last start, of a run that was killed."""
    expression_errors: list[ErrorSummary] = []
    """Type errors by definition; since its last start, of a run that was killed."""
    ignored: list[IgnoredSummary] = []
    """What had no effect; since its last start, of a run that was killed."""
    refused: list[RefusedSummary] = []
    """The dead letters, by reason and cause."""
    verdicts: list[Decided] = []
    """The guarded canaries that were decided, in order."""
    records: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """The kinds of records that the topology switches off; absent if it switches none off."""
    undeclared: list[UndeclaredSummary] | msgspec.UnsetType = msgspec.UNSET
    """What events had that `events` does not declare, likewise; absent without `events`."""
    absent: list[AbsentSummary] | msgspec.UnsetType = msgspec.UNSET
    """Columns that a `map` reads and no row of this run had; absent if there are none."""
    files: list[FileSummary] = []
    """In the order given; none where the events come from no file."""


class Start(msgspec.Struct):
    """Where the state of a run stood when the run began."""

    clock: int = 0
    """The stream clock, ms; 0: a new state."""
    set_before: int = 0
    """The number of the definition set in force before; 0: none."""
    set: int = 0
    """The number of the set that governs the run."""
    behind: int = 0
    """How many events of this run were already late by that clock."""


def feed(
    installation: Installation,
    lane: str,
    source: Iterable[DecodedRecord],
    report: Callable[[Progress], None] | None = None,
    *,
    first: int = 0,
    count: Callable[[RawRecord, Decoded, InputError | None], None] | None = None,
    attributes: Attributes | None = None,
) -> int:
    """Process every record of `source`; return the number behind the last one.

    The n-th record has offset `first` + n in `lane`, so a source that is read again goes on where
    it stopped. `count` gets each record that was not skipped, also of those that were processed
    before, with the reason why it was refused.
    """
    runtime = installation.runtime
    last = runtime.last_offset(lane)
    began = time.monotonic()
    number = first - 1
    for number, (record, decoded) in enumerate(source, first):
        is_counted = count is not None and decoded != []
        if number <= last:
            if count is not None and is_counted:
                count(record, decoded, refusal_of(decoded))
            continue
        refused = put(installation, lane, number, record, decoded)
        if count is not None and is_counted:
            count(record, decoded, refused)
        if attributes is not None:
            attributes.add(decoded)
        if report is not None and number % REPORT_EVERY == 0:
            report(progress(installation, number + 1 - first, began))
    runtime.flush()
    if report is not None:
        report(progress(installation, number + 1 - first, began))
    return number + 1


def put(
    installation: Installation, lane: str, number: int, record: RawRecord, decoded: Decoded
) -> InputError | None:
    """Process one record: its event, or its dead letter; return the reason of that."""
    runtime = installation.runtime
    refused = (
        decoded
        if isinstance(decoded, InputError)
        else runtime.offer(lane, number, decoded, len(record.value))
    )
    if refused is not None:
        runtime.refuse(lane, number, dead_letter_of(record, refused))
    return refused


def drain(installation: Installation, by_ms: int) -> None:
    """Let time run on by `by_ms` after the highest event time."""
    runtime = installation.runtime
    start = runtime.high
    for part in range(1, DRAIN_SLICES + 1):
        runtime.advance(start + by_ms * part // DRAIN_SLICES)


def finish(
    installation: Installation,
    wall_seconds: float,
    files: Sequence[FileSummary] = (),
    found: Notices | None = None,
) -> Summary:
    """Write customers.jsonl and summary.json; return the summary."""
    output = installation.output
    found = found or Notices()
    waiting = Waiting()
    governing = installation.runtime.governing or b""
    customers = output.write_customers(installation.runtime.customer_lines(waiting))
    results = {
        result: number - output.before.get(result, 0)
        for result, number in installation.runtime.events.items()
    }
    lines = output.counts
    events = results.get("applied", 0) + results.get("late", 0)
    summary = Summary(
        events=events,
        repeated=results.get("repeated", 0),
        late=results.get("late", 0),
        dead_letters=lines[DEAD_LETTER.name],
        customers=customers,
        transitions=lines[TRANSITION.name],
        decisions=lines[DECISION.name],
        actions=lines[ACTION.name],
        wall_seconds=round(wall_seconds, 3),
        events_per_second=round(events / wall_seconds, 1) if wall_seconds else 0.0,
        waiting=waiting,
        unread=found.unread,
        expression_errors=found.expression_errors,
        ignored=found.ignored,
        refused=refused_in(output.folder) if lines[DEAD_LETTER.name] else [],
        verdicts=decided_in(output.folder, governing),
        records=(governing and switched_off(governing)) or msgspec.UNSET,
        undeclared=found.undeclared,
        absent=found.absent,
        files=list(files),
    )
    output.write_summary(summary)
    return summary


def run(
    topology: Path | DefinitionSet,
    source: Callable[[DefinitionSet], tuple[str, Iterator[DecodedRecord]]],
    out: Path,
    *,
    drain_ms: int = 0,
    state: Path | None = None,
    partitions: int = 1,
    force: bool = False,
    tenant_key: bytes | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Summary:
    """Run the records of `source` (a lane's name, decoded records) and write the files of `out`.

    `tenant_key` is the key by which they are decoded; a `state` keeps its fingerprint.
    """
    definitions = topology if isinstance(topology, DefinitionSet) else load(topology)
    lane, records = source(definitions)
    began = time.monotonic()
    with open_installation(
        definitions,
        out,
        state=state,
        partitions=partitions,
        force=force,
        tenant_key=tenant_key,
    ) as installation:
        attributes = Attributes()
        feed(installation, lane, records, report, attributes=attributes)
        if drain_ms:
            drain(installation, drain_ms)
        found = notices(installation.runtime, attributes)
        return finish(installation, time.monotonic() - began, found=found)


def progress(installation: Installation, number: int, began: float) -> Progress:
    """Return the numbers after `number` records of a run that began at `began` s."""
    output = installation.output
    return Progress(
        records=number,
        transitions=output.counts[TRANSITION.name],
        actions=dict(output.actions),
        event_time=installation.runtime.high,
        wall_seconds=time.monotonic() - began,
    )


def late_share(summary: Summary) -> float:
    """Return the share of late events, 0..1."""
    return summary.late / summary.events if summary.events else 0.0
