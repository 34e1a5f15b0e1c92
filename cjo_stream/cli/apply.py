"""`cjo-stream apply` and `status`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.option import Json, Topology, operator_settings, settings_of, topology_folder
from cjo_stream.cli.terminal import note, say, say_json, warn
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.definition import DefinitionSet

State = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The state folder of a `run`; none: on Kafka."),
]


def apply(
    context: typer.Context,
    topology: Topology,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    keep_key: Annotated[
        bool,
        typer.Option(
            "--keep-key",
            help="On Kafka, where sets are applied and no tenant key is kept: keep this one.",
        ),
    ] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Let a topology govern an installation; returns when it does everywhere.

    Broken off, the same command goes on where it stopped.
    """
    from cjo_stream import definition
    from cjo_stream.embedded import definition as embedded
    from cjo_stream.kafka import definition as published

    definitions = definition.load(topology_folder(topology))
    for found in definitions.warnings:
        note(str(found))
    applied: embedded.Applied | published.Applied
    if state is not None:
        applied = embedded.apply(definitions, state, settings_of(context).tenant_key_bytes())
    else:
        settings = operator_settings(context)
        if not yes:
            _confirm(definitions, settings.topic_prefix)
        applied = published.apply(settings, definitions, note, keep_key=keep_key)
    if json:
        say_json(applied)
    else:
        behind = applied.behind if isinstance(applied, published.Applied) else ()
        tell(applied.number, behind, changed=applied.changed)


def tell(number: int, behind: Sequence[str], *, changed: bool) -> None:
    """Say what an `apply` did, and where intake is `behind` it."""
    say(f"set {number} governs" if changed else f"nothing changed: set {number} governs already")
    if behind:
        warn(
            f"intake has not gone over to it yet in {', '.join(behind)}: is it running? "
            "It does so before it takes in what is new"
        )


def _confirm(definitions: DefinitionSet, prefix: str) -> None:
    program = definitions.program
    if not sys.stdin.isatty():
        raise UsageError("nobody is here to confirm: add --yes")
    typer.confirm(
        f"Apply {program.topology} ({len(program.journeys)} journeys, {len(program.actions)} "
        f"actions) to the topics {prefix}*?",
        abort=True,
        err=True,
    )


def status(context: typer.Context, state: State = None, json: Json = False) -> int:
    """Say which definition set runs where; 1 where a partition does not answer."""
    if state is not None:
        return _status_of(state, json)
    from cjo_stream.kafka import definition

    found = definition.status(operator_settings(context))
    silent = [number for number, active in found.partitions.items() if active is None]
    if json:
        say_json(found)
        return 1 if silent else 0
    if found.topology is None:
        say("nothing is applied yet: run `cjo-stream apply TOPOLOGY`")
    else:
        say(f"{found.topology}, definition set {found.applied}")
    for number, active in found.partitions.items():
        say(f"partition {number}: {'no answer' if active is None else f'set {active}'}")
    for place, number in sorted(found.intake.items()):
        say(f"intake {place}: set {number}")
    if found.begun > found.applied:
        warn(f"set {found.begun} was begun and not ended: run the same `cjo-stream apply` again")
    _warn_of(found.libraries)
    if silent:
        warn(f"partitions {silent} do not answer: are worker and dispatch running?")
    return 1 if silent else 0


def _warn_of(libraries: list[str]) -> None:
    for difference in libraries:
        warn(f"{difference}: install that version, or apply the topology again with the new one")


def _status_of(state: Path, json: bool) -> int:
    from cjo_stream.embedded import definition

    found = definition.status(state)
    if json:
        say_json(found)
        return 0
    say(found.topology or "nothing is applied yet: run `cjo-stream run TOPOLOGY ... --state DIR`")
    for number, active in found.partitions.items():
        say(f"partition {number}: set {active}")
    _warn_of(found.libraries)
    return 0
