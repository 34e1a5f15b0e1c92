"""`cjo-stream customer`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cjo_stream.cli.option import operator_settings, settings_of
from cjo_stream.cli.terminal import say
from cjo_stream.errors import UsageError

app: Final = typer.Typer(help="Look at one customer.", no_args_is_help=True)

Identifier = Annotated[
    str, typer.Argument(metavar="TYPE:VALUE", help="One of the customer's identifiers.")
]


@app.callback()
def _group() -> None:
    """One customer, by identifier."""


@app.command()
def show(
    context: typer.Context,
    identifier: Identifier,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The state folder of a `run`, or DIR/state of a demo; none: on Kafka.",
        ),
    ] = None,
) -> None:
    """Print what is known of a customer, as JSON; of each, where several used the identifier."""
    import msgspec

    split(identifier)
    found = _on_kafka(context, identifier) if state is None else _in(context, identifier, state)
    if not found:
        raise UsageError(
            f"nobody is known by this {split(identifier)[0]}; CJO_TENANT_KEY must be what it was "
            "when the state was made"
        )
    for customer in found:
        say(msgspec.json.format(msgspec.json.encode(customer), indent=2).decode())


def _in(context: typer.Context, identifier: str, state: Path) -> list[dict[str, object]]:
    from cjo_stream.embedded.lookup import find

    return find(state, *split(identifier), settings_of(context).tenant_key_bytes())


def _on_kafka(context: typer.Context, identifier: str) -> list[dict[str, object]]:
    from cjo_stream.kafka import command, definition

    settings = operator_settings(context)
    program = definition.current(settings)
    if program is None:
        raise UsageError("nothing is applied yet: run `cjo-stream apply TOPOLOGY`")
    answer = command.find(settings, program, identifier)
    return [answer["customer"]] if answer["found"] else []


def split(identifier: str) -> tuple[str, str]:
    """Return type and value of an identifier written `type:value`; raises UsageError."""
    type_, colon, value = identifier.partition(":")
    if not (type_ and colon and value):
        raise UsageError("an identifier is written TYPE:VALUE, for example email:ann@example.com")
    return type_, value
