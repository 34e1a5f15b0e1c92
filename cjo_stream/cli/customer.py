"""`cjo-stream customer`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cjo_stream.cli.option import settings_of
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
        Path,
        typer.Option(metavar="DIR", help="The state folder of a `run`, or DIR/state of a demo."),
    ],
) -> None:
    """Print what is known of a customer, as JSON; of each, where several used the identifier."""
    import msgspec

    from cjo_stream.embedded.lookup import find

    type_, value = split(identifier)
    found = find(state, type_, value, settings_of(context).tenant_key_bytes())
    if not found:
        raise UsageError(
            f"nobody is known by this {type_}; CJO_TENANT_KEY must be what it was when the state "
            "was made"
        )
    for customer in found:
        say(msgspec.json.format(msgspec.json.encode(customer), indent=2).decode())


def split(identifier: str) -> tuple[str, str]:
    """Return type and value of an identifier written `type:value`; raises UsageError."""
    type_, colon, value = identifier.partition(":")
    if not (type_ and colon and value):
        raise UsageError("an identifier is written TYPE:VALUE, for example email:ann@example.com")
    return type_, value
