"""The place that a command reads or changes: the folder that it was given, or else Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.option import operator_settings, settings_of
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.installation.port import Installation, Records

State = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The state folder of a `run`, or DIR/state of a demo. Default: Kafka.",
    ),
]
Results = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DIR]",
        help="The --out folder of a `run` or a demo. Default: Kafka.",
    ),
]


def installation_of(
    context: typer.Context, state: Path | None, *, keep_key: bool = False
) -> Installation:
    """Return the installation that a command is about; raises UsageError."""
    if state is None:
        from cjo_stream.kafka.operator.installation import OnKafka

        return OnKafka(operator_settings(context), keep_key=keep_key)
    if keep_key:
        raise UsageError(
            "--keep-key is for Kafka: a state folder keeps the tenant key of its first `run`; "
            "give one of --keep-key and --state"
        )
    from cjo_stream.embedded.operator import InFolder

    return InFolder(state, settings_of(context).tenant_key_bytes())


def records_of(context: typer.Context, results: Path | None) -> Records:
    """Return the records that a command is about."""
    if results is None:
        from cjo_stream.kafka.operator.records import TopicRecords

        return TopicRecords(operator_settings(context))
    from cjo_stream.embedded.results import FileRecords

    return FileRecords([results])
