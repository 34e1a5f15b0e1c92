"""`cjo-stream doctor`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.absent import cure, sentence
from cjo_stream.cli.notice import field_meant, tell_ignored
from cjo_stream.cli.option import (
    Channel,
    DecimalComma,
    Delimiter,
    Encoding,
    Json,
    operator_settings,
    settings_of,
    topology_folder,
)
from cjo_stream.cli.terminal import count, moment, numbered, say, say_json, say_table
from cjo_stream.cli.undeclared import tell_undeclared
from cjo_stream.cli.unread import tell_unread
from cjo_stream.errors import CjoError

if TYPE_CHECKING:
    from cjo_stream.definition import DefinitionSet
    from cjo_stream.embedded.preview import EventRow, Preview
    from cjo_stream.installation.finding import Finding
    from cjo_stream.settings import Setting, Settings

_REFUSED_SHARE_MAX: Final = 0.1
"""Of a file's rows; a larger share of refused ones is a problem."""
_MARKS: Final = {"ok": "ok", "note": "note", "problem": "PROBLEM"}


def doctor(
    context: typer.Context,
    topology: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOPOLOGY]",
            help="A folder of definitions, or the name of a bundled topology.",
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="A file of events, as for `run`.")
    ] = None,
    channel: Channel = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal_comma: DecimalComma = None,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also look at the disk of a state folder.")
    ] = None,
    values: Annotated[
        bool, typer.Option("--values", help="Show the identifiers of the file's first events.")
    ] = False,
    json: Json = False,
) -> int:
    """Look for what is wrong with an installation, a topology or a file, and say what to do.

    Of a file it shows how its first events are read, and why records are refused; nothing is
    processed. Exit 1 if there is a problem.
    """
    from cjo_stream import definition
    from cjo_stream.ingest.form import read_form
    from cjo_stream.settings import sources

    form = read_form(delimiter, encoding, decimal_comma)
    definitions = definition.load(topology_folder(topology)) if topology is not None else None
    settings = operator_settings(context) if not json else settings_of(context)
    in_force = sources(settings, context.obj)
    seen = None
    if definitions is not None and file is not None:
        from cjo_stream.embedded.preview import preview
        from cjo_stream.ingest import decoder
        from cjo_stream.ingest.files import InputFile, choose_channel

        opened = InputFile(file, form=form)
        opened.check()
        seen = preview(
            opened,
            definitions.program,
            decoder(definitions.program, settings.tenant_key_bytes()),
            choose_channel(definitions.program, channel),
            now=time.time_ns() // 1_000_000,
            with_values=values,
        )
    found = []
    for finding in _findings(settings, in_force, definitions, state, seen):
        found.append(finding)
        if not json:
            _say_finding(finding)
    problems = sum(one.level == "problem" for one in found)
    if json:
        told = [one._asdict() for one in in_force]
        say_json({"problems": problems, "findings": found, "settings": told, "file": seen})
    else:
        if seen is not None:
            assert topology is not None, "a file goes with a topology"
            _say_file(seen, topology)
        say(numbered(problems, "problem") if problems else "no problem found")
    return 1 if problems else 0


def _findings(
    settings: Settings,
    in_force: list[Setting],
    definitions: DefinitionSet | None,
    state: Path | None,
    seen: Preview | None,
) -> Iterator[Finding]:
    from cjo_stream.installation import host
    from cjo_stream.kafka.operator import checkup as kafka
    from cjo_stream.registry import checkup as registry
    from cjo_stream.telemetry.tracing import checkup as tracing

    yield from host.installed()
    yield host.time_zones()
    yield from _of_settings(settings, in_force)
    yield host.room("data folder", settings.data_dir, "CJO_DATA_DIR")
    if settings.checkpoint_url is not None and "://" not in settings.checkpoint_url:
        yield host.room("checkpoints", Path(settings.checkpoint_url), "CJO_CHECKPOINT_URL")
    if settings.archive is not None:
        yield _of_archive(settings.archive)
    if state is not None:
        yield host.room("state folder", state, "--state")
    yield from kafka.checkup(settings, definitions.program if definitions is not None else None)
    yield from registry.checkup(settings)
    yield from tracing.checkup(settings)
    if definitions is not None:
        yield from _of_definitions(definitions)
    if seen is not None:
        yield _of_file(seen)
        yield from _of_seconds(seen)
        yield from _of_names(seen)


def _of_settings(settings: Settings, in_force: list[Setting]) -> Iterator[Finding]:
    from cjo_stream.installation.finding import note, ok

    given = [one for one in in_force if one.source != "default"]
    for one in given:
        yield ok("settings", f"{one.name} = {one.value}, from {one.source}")
    others = numbered(len(in_force) - len(given), "other setting")
    yield ok("settings", f"{others} by default; `cjo-stream settings` lists them")
    if settings.tenant_key_is_demo:
        yield note(
            "settings",
            "the tenant key is the demo's, which is public",
            "on Kafka, and for real customers, set CJO_TENANT_KEY to a secret of your own",
        )


def _of_archive(url: str) -> Finding:
    """Return whether files can be written to the archive, and read there."""
    from cjo_stream.ingest.archive.folder import Folder
    from cjo_stream.installation.finding import ok, problem

    try:
        Folder(url).check()
    except CjoError as error:
        return problem("archive", str(error), "mend that, or set CJO_ARCHIVE to another place")
    return ok("archive", "files can be written to CJO_ARCHIVE, and read there")


def _of_definitions(definitions: DefinitionSet) -> Iterator[Finding]:
    from cjo_stream.installation.finding import note, ok

    program = definitions.program
    yield ok("topology", f"{program.topology} is valid")
    for one in definitions.warnings:
        yield note("topology", str(one), "mend that line, unless it is meant so")


def _of_file(seen: Preview) -> Finding:
    from cjo_stream.installation.finding import note, ok, problem

    read = f"{seen.file}: {numbered(seen.rows, 'row')}, {numbered(seen.events, 'event')}"
    if seen.cause is not None:
        return problem("file", f"{read}; every row is refused", seen.cause)
    if seen.refused:
        is_much = seen.refused > _REFUSED_SHARE_MAX * seen.rows
        return (problem if is_much else note)(
            "file",
            f"{read}; {numbered(seen.refused, 'row')} refused",
            "mend what the list of refusals below says",
        )
    return ok("file", read)


def _of_seconds(seen: Preview) -> Iterator[Finding]:
    """Yield a problem for each field of which values can only be seconds."""
    from cjo_stream.core.word import Unread
    from cjo_stream.installation.finding import problem

    for one in seen.notices.unread:
        if one.reason is Unread.SECONDS:
            values = numbered(one.values, "value")
            yield problem(
                "file",
                f"{one.definition}: {values} of {one.field} can only be seconds, and count as ms",
                "send ms, or read seconds by timestamp(x, 's') in the channel's `map`",
            )


def _of_names(seen: Preview) -> Iterator[Finding]:
    """Yield fields that are not read, and columns that no row has; a misspelt one is a problem."""
    from cjo_stream.installation.finding import note, problem

    for ignored in seen.notices.ignored:
        if near := field_meant(ignored):
            events = numbered(ignored.times, "event")
            yield problem("file", f"{events} with fields that are not read: {ignored.name}", near)
    if seen.cause is not None:
        return  # which names the columns
    for one in seen.notices.absent or ():
        level = problem if one.is_misspelt else note
        yield level("file", sentence(one), cure(one))


def _say_finding(one: Finding) -> None:
    say(f"{_MARKS[one.level]:8} {one.area:10} {one.what}")
    if one.do:
        say(f"{'':19} -> {one.do}")


def _say_file(seen: Preview, topology: str) -> None:
    if seen.types:
        most = ", ".join(f"{type_} {count(number)}" for type_, number in seen.types.items())
        say(f"event types: {most}")
    if seen.first:
        columns = ("#line", "type", "time", "channel", "identifiers")
        say_table("first events, as they are read", columns, map(_row, seen.first))
    if seen.refusals:
        rows = (
            (one.records, one.reason, one.detail or "other causes", one.line or 0)
            for one in seen.refusals
        )
        say_table("refusals, by cause", ("#records", "reason", "cause", "#first line"), rows)
    tell_unread(seen.notices.unread)
    tell_ignored(seen.notices.ignored)
    tell_undeclared(seen.notices.undeclared or (), topology)


def _row(one: EventRow) -> tuple[object, ...]:
    identifiers = ", ".join(
        f"{type_}: {of}" if isinstance(of, int) else f"{type_}: {', '.join(of)}"
        for type_, of in one.identifiers.items()
    )
    return one.line, one.type, moment(one.time), one.channel or "", identifiers
