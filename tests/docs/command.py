"""The tables of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from cjo_stream.cli.app import _PANELS, app
from tests.docs.table import code, table


def _group() -> Any:
    return typer.main.get_command(app)


def commands() -> Iterator[tuple[str, Any]]:
    """Yield each command with its name, those of groups by both words."""
    for name, command in _group().commands.items():
        below = getattr(command, "commands", None)
        if below is None:
            yield name, command
        else:
            yield from ((f"{name} {inner}", one) for inner, one in below.items())


def _first_line(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def command_list() -> str:
    panels = {name: panel for panel, held in _PANELS.items() for name in held}
    rows = (
        (panels[name.split()[0]], code(f"cjo-stream {name}"), _first_line(command.help))
        for name, command in commands()
    )
    return table(("", "command", "what it does"), rows)


def command_reference() -> str:
    drawn = []
    for name, command in commands():
        text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
        rows = [_option(one) for one in command.params if one.name != "help"]
        listed = "\n" + table(("argument or option", "default", "meaning"), rows) if rows else ""
        drawn.append(f"### cjo-stream {name}\n\n{text}\n{listed}")
    return "\n".join(drawn)


def _option(one: Any) -> tuple[str, str, str]:
    if one.param_type_name == "argument":
        shown = one.metavar or one.name.upper()
        shown = shown if one.required or shown.startswith("[") else f"[{shown}]"
    else:
        value = "" if one.is_flag else f" {one.metavar or one.name.upper()}"
        shown = one.opts[0] + value
    default = one.default
    named = "" if default in (None, False, "") or callable(default) else code(default)
    required = " Required." if one.required and one.param_type_name == "option" else ""
    return code(shown), named, f"{_first_line(one.help)}{required}"
