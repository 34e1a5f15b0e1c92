"""`cjo-stream codeowners`."""

from __future__ import annotations

from typing import Annotated

import typer

from cjo_stream.cli.option import Topology, topology_folder
from cjo_stream.cli.terminal import say
from cjo_stream.errors import UsageError


def codeowners(
    topology: Topology,
    under: Annotated[
        str,
        typer.Option(metavar="FOLDER", help="The folder of the topology in the repository."),
    ] = "",
    prefix: Annotated[
        str, typer.Option(help="What a team's handle begins with, as @acme/.")
    ] = "@",
) -> None:
    """Print a CODEOWNERS file by the `owners` of a topology."""
    from cjo_stream.definition import load
    from cjo_stream.governance.codeowners import codeowners as lines
    from cjo_stream.governance.owner import read_owners

    owners = read_owners(load(topology_folder(topology)))
    if not owners.teams:
        raise UsageError(f"{topology} names no `owners`: add them to its topology")
    for line in lines(owners, under=under, prefix=prefix):
        say(line)
