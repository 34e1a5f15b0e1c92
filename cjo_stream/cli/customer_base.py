"""`cjo-stream base`: a customer base moves to other partitions, or to another installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import operator_settings, settings_of
from cjo_stream.cli.place import State
from cjo_stream.cli.terminal import note, numbered, say
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.store.export import Manifest

app: Final = typer.Typer(
    help="Move a customer base: to another number of partitions, another prefix or cluster.",
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the export.")]


@app.command()
def export(context: typer.Context, folder: Folder, state: State = None) -> None:
    """Write the customer base of an installation that is at rest into a new folder.

    On Kafka: end intake, wait until cjo_lag_records is 0, then end worker, dispatch and learn.
    What keeps it from being at rest is named. Nothing is changed; so it is a backup, too.
    """
    if state is None:
        from cjo_stream.kafka.moving import leaving

        manifest = leaving.export(operator_settings(context), folder, note)
    else:
        from cjo_stream.embedded import moving

        key = settings_of(context).tenant_key_bytes()
        manifest = moving.export(state, folder, key)
    say(f"exported to {folder}: {_told(manifest)}")


@app.command("import")
def import_(
    context: typer.Context,
    folder: Folder,
    state: State = None,
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --state: the partitions of the new state folder. Default: as exported.",
        ),
    ] = None,
    from_beginning: Annotated[
        bool,
        typer.Option(
            "--from-beginning",
            help="Topics of events are not those that the old installation read, though of the "
            "same names: read them from their beginning.",
        ),
    ] = False,
    mirrored: Annotated[
        bool,
        typer.Option(
            "--mirrored",
            help="Topics of events are copies with the same offsets: go on at those of the old "
            "installation.",
        ),
    ] = False,
) -> None:
    """Put an export into an installation that `topics create` has just made; nothing ran on it.

    It may have another number of partitions (CJO_PARTITIONS), another prefix or broker, but must
    have the same tenant key. If the command is killed, give it again.
    """
    from cjo_stream.store.export import Export

    if state is None:
        if partitions is not None:
            raise UsageError(
                "--partitions is for --state; on Kafka CJO_PARTITIONS says how many, as for "
                "`topics create`"
            )
        if from_beginning and mirrored:
            raise UsageError("topics are new or mirrored: give one of the two options")
        from cjo_stream.kafka.moving import arriving
        from cjo_stream.kafka.moving.source import Sources

        sources = (
            Sources.MIRRORED
            if mirrored
            else Sources.FROM_BEGINNING
            if from_beginning
            else Sources.THE_SAME
        )
        exported = Export(folder)
        new = arriving.import_(operator_settings(context), exported, sources, note)
        if not new:
            say("this export is in already: nothing was changed")
            return
    else:
        if from_beginning or mirrored:
            raise UsageError(
                "--from-beginning and --mirrored are for Kafka: a state folder goes on in the "
                "files of its runs"
            )
        from cjo_stream.embedded import moving

        exported = Export(folder)
        key = settings_of(context).tenant_key_bytes()
        moving.import_(exported, state, partitions or exported.base.partitions, key)
    say(f"imported: {_told(exported.manifest)}")


@app.command()
def close(context: typer.Context) -> None:
    """Close an installation on Kafka whose base lives elsewhere: none of its processes starts."""
    from cjo_stream.kafka.moving import closing

    closing.close(operator_settings(context))
    say("closed: `cjo-stream base reopen` lets its processes start again")


@app.command()
def reopen(context: typer.Context) -> None:
    """Open an installation that was closed; its base must not live elsewhere, too."""
    from cjo_stream.kafka.moving import closing

    closing.reopen(operator_settings(context))
    say("open: start its processes")


def _told(manifest: Manifest) -> str:
    held = f", {numbered(manifest.held, 'held command')}" if manifest.held else ""
    return (
        f"{manifest.topology}, {numbered(manifest.actors, 'actor')} of "
        f"{numbered(manifest.partitions, 'partition')}{held}"
    )
