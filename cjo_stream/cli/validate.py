"""`cjo-stream validate`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.absent import tell_absent
from cjo_stream.cli.option import (
    Channel,
    DecimalComma,
    Delimiter,
    Encoding,
    Json,
    Team,
    Topology,
    settings_of,
    topology_folder,
)
from cjo_stream.cli.terminal import (
    note,
    note_diagnostic,
    numbered,
    say,
    say_diagnostic,
    say_json,
)
from cjo_stream.errors import DefinitionError, Diagnostic, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cjo_stream.definition import DefinitionSet
    from cjo_stream.embedded.absent import AbsentSummary
    from cjo_stream.engine.port import DecodedRecord
    from cjo_stream.ingest import Decoder
    from cjo_stream.ingest.form import Form
    from cjo_stream.ingest.sample import Difference, Sample


def validate(
    context: typer.Context,
    topology: Topology,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--events",
            metavar="FILE",
            help="Compare the definitions with the events of this file. May be repeated.",
        ),
    ] = None,
    channel: Channel = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal_comma: DecimalComma = None,
    team: Team = None,
    advice: Annotated[
        bool,
        typer.Option(
            "--advice",
            help="Also list parts that can never come about, and parts that are probably not "
            "meant. With --events also parts that the events did not reach.",
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Check a topology; print every error with its file, line and column.

    With `--as` also the parts of the team's files that are another team's. If there are any, the
    exit code is 1.

    With `--events` also how the event types and attributes that the topology declares, or else
    those that its definitions name, differ from those in a sample. The exit code is 1 where a
    name of one side may be misspelt, or the sample has something that is not declared.

    With `--advice` also advice, which never changes the exit code.
    """
    from cjo_stream.definition import load
    from cjo_stream.ingest.form import read_form

    form = read_form(delimiter, encoding, decimal_comma)
    if not events and (channel is not None or form != type(form)()):
        raise UsageError("--channel and the options of files go with --events")
    folder = topology_folder(topology)
    try:
        loaded = load(folder)
    except DefinitionError as error:
        if not json:
            raise
        say_json({"valid": False, "diagnostics": [found._asdict() for found in error.diagnostics]})
        raise typer.Exit(error.exit_code) from None
    held = _held(loaded, team) if team is not None else []
    if held:
        if json:
            say_json({"valid": False, "diagnostics": [found._asdict() for found in held]})
        else:
            for found in held:
                note_diagnostic(found)
            note(f"error: files of {team} have {numbered(len(held), 'part')} of another team")
        return 1
    if not json:
        _say_valid(loaded)
    if not events:
        given = _advise(folder, loaded, None, json=json) if advice else []
        if json:
            say_json(_facts(loaded, given))
        return 0
    key = settings_of(context).tenant_key_bytes()
    if advice:
        _check_read_twice(events, form)
    sample, absent = _read(loaded, events, channel, form, key)
    records = _records(loaded, events, channel, form, _decoder(loaded, key)) if advice else None
    given = _advise(folder, loaded, records, json=json) if advice else []
    return _compare(folder, loaded, sample, absent, given, json=json)


def _held(loaded: DefinitionSet, team: str) -> list[Diagnostic]:
    """Return the parts of a team's files that are another team's."""
    from cjo_stream.definition.code import Code
    from cjo_stream.definition.text.report import Report
    from cjo_stream.governance.owner import held, read_owners

    report = Report()
    for node, one in held(loaded, read_owners(loaded), team):
        owners = " or ".join(one.owners)
        report.error(node, Code.OWNER, f"{one.why}: leave it out, or ask {owners}")
    return report.diagnostics()


def _advise(
    folder: Path, loaded: DefinitionSet, records: Iterable[DecodedRecord] | None, *, json: bool
) -> list[Diagnostic]:
    """Return the advice, and print it unless `json`."""
    from cjo_stream.definition.advice import advise
    from cjo_stream.testing.reached import reached

    seen = None if records is None else reached(loaded, records)
    given = [found._replace(file=str(folder / found.file)) for found in advise(loaded, seen)]
    if not json:
        for found in given:
            say_diagnostic(found)
        say(f"{numbered(len(given), 'piece')} of advice" if given else "no advice")
    return given


def _facts(loaded: DefinitionSet, given: Sequence[Diagnostic] = ()) -> dict[str, object]:
    diagnostics = [found._asdict() for found in sorted((*loaded.warnings, *given))]
    return {"valid": True, "digest": loaded.digest, "diagnostics": diagnostics}


def _say_valid(loaded: DefinitionSet) -> None:
    from cjo_stream.definition import documents_of

    program = loaded.program
    for found in loaded.warnings:
        note_diagnostic(found)
    written = sum(one.kind == "journey" for one in documents_of(loaded.content))
    drafts = written - len(program.journeys)
    counts = [
        numbered(len(program.journeys), "journey"),
        *([numbered(drafts, "draft")] if drafts else []),
        numbered(len(program.actions), "action"),
        numbered(len(program.channels), "channel"),
    ]
    say(f"{program.topology} is valid: {', '.join(counts)}")


def _read(
    loaded: DefinitionSet, files: list[str], channel: str | None, form: Form, tenant_key: bytes
) -> tuple[Sample, list[AbsentSummary]]:
    """Return what the files hold, and the columns that maps read and none of them has."""
    from cjo_stream.embedded.absent import absent_in
    from cjo_stream.ingest.sample import read_sample

    decoder = _decoder(loaded, tenant_key)
    sample = read_sample(_records(loaded, files, channel, form, decoder), loaded.program)
    return sample, list(absent_in(decoder))


def _decoder(loaded: DefinitionSet, tenant_key: bytes) -> Decoder:
    from cjo_stream.ingest import decoder

    return decoder(loaded.program, tenant_key)


def _check_read_twice(files: list[str], form: Form) -> None:
    """Raise UsageError for a file that cannot be read twice."""
    from cjo_stream.ingest.files import open_files

    for file in open_files(files, form=form):
        if file.is_read_once:
            raise UsageError(
                f"{file.given} is a pipe, and --advice reads each file twice: write it to a file"
            )


def _records(
    loaded: DefinitionSet, files: list[str], channel: str | None, form: Form, decoder: Decoder
) -> Iterator[DecodedRecord]:
    """Return the records of the files, from their beginning."""
    from cjo_stream.ingest.files import Part, choose_channel, open_files, read_parts

    program = loaded.program
    opened = open_files(files, form=form)
    return read_parts(
        [Part(file, number) for number, file in enumerate(opened)],
        decoder,
        channel=choose_channel(program, channel),
        now=time.time_ns() // 1_000_000,
    )


def _compare(
    folder: Path,
    loaded: DefinitionSet,
    sample: Sample,
    absent: Sequence[AbsentSummary],
    given: Sequence[Diagnostic],
    *,
    json: bool,
) -> int:
    """Print how the sample and the definitions differ; return the exit code."""
    from cjo_stream.ingest.sample import Lack, differences

    found = differences(sample, loaded.program)
    is_declared = loaded.program.events is not None
    named = [] if is_declared else _beyond(folder, sample)
    is_wrong = (
        not sample.events
        or any(one.near is not None for one in found)
        or any(one.is_misspelt for one in absent)
        or (is_declared and any(one.lack is not Lack.ABSENT for one in found))
    )
    if json:
        of_sample = {"events": sample.events, "types": sample.seen, "refused": sample.refused}
        say_json(
            {
                **_facts(loaded, given),
                "sample": of_sample,
                "differences": found,
                "absent": absent,
                "named": [diagnostic._asdict() for diagnostic in named],
            }
        )
        return int(is_wrong)
    if not sample.events:
        why = "; ".join(f"{times} x {cause}" for cause, times in sample.refused.most_common(2))
        note(f"error: no event of the sample could be read: {why or 'it is empty'}")
        return 1
    tell_absent(absent)
    for diagnostic in named:
        note_diagnostic(diagnostic)
    refused = f", {numbered(sample.refused.total(), 'record')} refused" if sample.refused else ""
    say(
        f"the sample has {numbered(sample.events, 'event')} of "
        f"{numbered(len(sample.seen), 'type')}{refused}"
    )
    for one in found:
        say(_sentence(one, is_declared=is_declared))
    if not found and not named and not absent:
        say("the definitions and the sample name the same")
    return int(is_wrong)


def _beyond(folder: Path, sample: Sample) -> list[Diagnostic]:
    """Return where definitions name an event type or attribute that the sample does not have."""
    from cjo_stream.definition import load

    try:
        load(folder, sample.attributes())
    except DefinitionError as error:
        return [
            found._replace(severity="warning")
            for found in error.diagnostics
            if found.severity == "error"
        ]
    return []


def _sentence(one: Difference, *, is_declared: bool) -> str:
    """Return a difference in words."""
    from cjo_stream.ingest.sample import Lack

    name = one.event if one.attribute is None else f"{one.event}.{one.attribute}"
    kind = "event" if one.attribute is None else "value"
    near = f"; did you mean {one.near}?" if one.near else ""
    if one.lack is Lack.VALUES:
        return f"{name}: {numbered(one.times, 'value')} of another type than declared"
    if one.lack is Lack.ABSENT:
        return f"{name}: declared, and not in the sample{near}"
    why = "not declared" if is_declared else "no definition listens to it"
    return f"{name}: {numbered(one.times, kind)} in the sample, {why}{near}"
