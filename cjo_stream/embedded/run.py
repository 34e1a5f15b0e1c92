"""`cjo-stream run`: recorded events through the embedded engine, into files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from cjo_stream.core.catalogue import ACTION, DEAD_LETTER, DECISION, TRANSITION
from cjo_stream.core.event import Event
from cjo_stream.definition import DefinitionSet, load
from cjo_stream.embedded.installation import Installation, open_installation
from cjo_stream.engine.intake import dead_letter_of
from cjo_stream.engine.port import Decoded, DecodedRecord, RawRecord
from cjo_stream.errors import InputError

DRAIN_SLICES = 500
REPORT_EVERY = 2_000


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


class Progress(msgspec.Struct):
    """The numbers of a run that is under way."""

    events: int
    transitions: int
    actions: dict[str, int]
    event_time: int
    wall_seconds: float


def feed(
    installation: Installation,
    lane: str,
    source: Iterable[DecodedRecord],
    report: Callable[[Progress], None] | None = None,
) -> int:
    """Process every record of `source`; return how many there were.

    The n-th record has offset n in `lane`, so a source that is read again goes on where it
    stopped.
    """
    runtime = installation.runtime
    last = runtime.last_offset(lane)
    began = time.monotonic()
    number = -1
    for number, (record, decoded) in enumerate(source):
        if number <= last:
            continue
        put(installation, lane, number, record, decoded)
        if report is not None and number % REPORT_EVERY == 0:
            report(progress(installation, number + 1, began))
    runtime.flush()
    if report is not None:
        report(progress(installation, number + 1, began))
    return number + 1


def put(
    installation: Installation, lane: str, number: int, record: RawRecord, decoded: Decoded
) -> None:
    """Process one record: its event, or its dead letter."""
    runtime = installation.runtime
    refused = decoded if isinstance(decoded, InputError) else runtime.offer(lane, number, decoded)
    if refused is not None:
        runtime.refuse(lane, number, dead_letter_of(record, refused))


def drain(installation: Installation, by_ms: int) -> None:
    """Let time run on by `by_ms` after the highest event time."""
    runtime = installation.runtime
    start = runtime.high
    for part in range(1, DRAIN_SLICES + 1):
        runtime.advance(start + by_ms * part // DRAIN_SLICES)


def finish(installation: Installation, wall_seconds: float) -> Summary:
    """Write customers.jsonl and summary.json; return the summary."""
    output = installation.output
    customers = output.write_customers(installation.runtime.rows())
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
    start: Start | None = None,
) -> Summary:
    """Run the records of `source` (a lane's name, decoded records) and write the files of `out`.

    `tenant_key` is the key by which they are decoded; a `state` keeps its fingerprint. `start` is
    filled in.
    """
    definitions = topology if isinstance(topology, DefinitionSet) else load(topology)
    lane, records = source(definitions)
    if start is not None and state is not None:
        records = _counted(records, start, definitions.program.max_late_ms)
    began = time.monotonic()
    with open_installation(
        definitions,
        out,
        state=state,
        partitions=partitions,
        force=force,
        tenant_key=tenant_key,
    ) as installation:
        if start is not None:
            start.clock = installation.clock_before
            start.set_before = installation.set_before
            start.set = installation.runtime.active_number
        feed(installation, lane, records, report)
        if drain_ms:
            drain(installation, drain_ms)
        return finish(installation, time.monotonic() - began)


def _counted(
    records: Iterator[DecodedRecord], start: Start, max_late_ms: int
) -> Iterator[DecodedRecord]:
    """Yield the records; count at `start` the events that were late when the run began."""
    for record, decoded in records:
        if isinstance(decoded, Event) and decoded.time < start.clock - max_late_ms:
            start.behind += 1
        yield record, decoded


def progress(installation: Installation, number: int, began: float) -> Progress:
    """Return the numbers after `number` records of a run that began at `began` s."""
    output = installation.output
    return Progress(
        events=number,
        transitions=output.counts[TRANSITION.name],
        actions=dict(output.actions),
        event_time=installation.runtime.high,
        wall_seconds=time.monotonic() - began,
    )


def late_share(summary: Summary) -> float:
    """Return the share of late events, 0..1."""
    return summary.late / summary.events if summary.events else 0.0
