"""`cjo-stream topics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import Json, operator_settings, topology_folder
from cjo_stream.cli.terminal import note, say, say_json, say_table, warn
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from cjo_stream.core.program.program import Program
    from cjo_stream.kafka.topic.check import Difference

app: Final = typer.Typer(help="Create and check the installation's topics.")

USER: Final = "User:cjo-{}"
"""The user of a process, where none is named."""

TopologyOrNone = Annotated[
    str | None,
    typer.Argument(
        metavar="[TOPOLOGY]",
        help="Also the topics of its channels. Default: only the installation's own topics.",
    ),
]


@app.command()
def create(context: typer.Context, topology: TopologyOrNone = None, json: Json = False) -> int:
    """Create missing topics; existing topics are not changed.

    This also binds the installation to the tenant key.
    """
    from cjo_stream.kafka.definition.tenant import keep_key
    from cjo_stream.kafka.topic import check

    settings = operator_settings(context)
    outcome = check.create(settings, _program(topology))
    keep_key(settings)
    if json:
        say_json(outcome)
    else:
        for name in outcome.created:
            say(f"created {name}")
        if not outcome.created:
            say("nothing to create")
        for difference in outcome.differences:
            warn(_sentence(difference))
    return 1 if outcome.differences else 0


@app.command()
def verify(context: typer.Context, topology: TopologyOrNone = None, json: Json = False) -> int:
    """Print how topics differ from what they must be, and how to mend it; exit 1 if any does.

    A topic of others' whose events have their producers' times is a warning.
    """
    from cjo_stream.kafka.topic import check

    settings, program = operator_settings(context), _program(topology)
    differences = check.verify(settings, program)
    for one in check.advice(settings, program):
        warn(f"{one.topic}: {one.what} is {one.found}: {check.OLD}. {one.mend}")
    if json:
        say_json(differences)
    elif differences:
        for difference in differences:
            note(_sentence(difference))
    else:
        say("all topics are as they must be")
    return 1 if differences else 0


@app.command()
def acl(
    context: typer.Context,
    topology: TopologyOrNone = None,
    user: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROCESS=USER",
            help="The user of a process, such as worker=User:ann. May be repeated. "
            "Default: User:cjo-PROCESS.",
        ),
    ] = None,
    commands: Annotated[
        bool, typer.Option("--commands", help="Print lines of kafka-acls.sh that allow it.")
    ] = False,
    json: Json = False,
) -> int:
    """Print which rights each process needs on the broker, and no others.

    `create` is who runs `topics`, `move` who runs `base`, `operator` who runs all other commands.
    Nothing is asked of the broker.
    """
    from cjo_stream.kafka.topic.right import PROCESSES, command, rights

    settings = operator_settings(context)
    users = _users(user or (), PROCESSES)
    found = list(rights(settings, _program(topology)))
    servers = settings.kafka_properties()["bootstrap.servers"]
    lines = [command(one, users[one.process], servers) for one in found]
    if json:
        from msgspec.structs import asdict

        rows = zip(found, lines, strict=True)
        say_json(
            [{**asdict(one), "user": users[one.process], "command": line} for one, line in rows]
        )
    elif commands:
        for line in lines:
            say(line)
    else:
        say_table(
            "",
            ("process", "operations", "of", "name"),
            [
                (
                    one.process,
                    ", ".join(one.operations),
                    one.resource,
                    f"{one.name}*" if one.is_prefix else one.name,
                )
                for one in found
            ],
        )
    return 0


def _users(given: Collection[str], processes: Collection[str]) -> dict[str, str]:
    """Return the user of each process; raises UsageError for a process or a user that is none."""
    from cjo_stream.core.likeness import nearest

    users = {process: USER.format(process) for process in processes}
    for one in given:
        process, _, user = one.partition("=")
        if process not in users:
            near = nearest(process, users)
            guess = f"; did you mean {near}?" if near else "."
            raise UsageError(
                f"there is no process {process}{guess} Name one of {', '.join(users)}"
            )
        if not user.partition(":")[2]:
            raise UsageError(
                f"--user {one} names no user: write it as the broker does, {process}=User:name"
            )
        users[process] = user
    return users


def _program(topology: str | None) -> Program | None:
    from cjo_stream import definition

    return definition.load(topology_folder(topology)).program if topology else None


def _sentence(difference: Difference) -> str:
    return (
        f"{difference.topic}: {difference.what} is {difference.found or 'unset'}, must be "
        f"{difference.wanted}: {difference.mend}"
    )
