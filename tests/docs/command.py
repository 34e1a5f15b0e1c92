"""The tables of the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from cjo_stream.cli.app import _PANELS, app
from tests.docs.table import code, table


def _group() -> Any:
    return typer.main.get_command(app)


def parse(words: Sequence[str]) -> None:
    """Let the command line read a call; raises what it says where it would refuse it."""
    command, rest = _group(), list(words)
    while (below := getattr(command, "commands", None)) is not None:
        command = below[rest.pop(0)]
    command.make_context(command.name, rest)


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
    shared = _shared()
    drawn = []
    for name, command in commands():
        is_sharing = name.startswith(_SHARING)
        if is_sharing and not any(one.startswith(_HEADING) for one in drawn):
            drawn.append(f"{_HEADING}\n\n{_SAID}\n\n{_listed(shared)}")
        text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
        rows = _rows(command)
        above = [row for row in rows if is_sharing and row in shared]
        parts = [f"### cjo-stream {name}", text]
        if above:
            named = ", ".join(code(row[0].strip("`").partition(" ")[0]) for row in above)
            parts.append(f"[In common with others](#options-of-insight-and-reports): {named}.")
        if own := [row for row in rows if row not in above]:
            parts.append(_listed(own))
        drawn.append("\n\n".join(parts) + ("" if own else "\n"))
    return "\n".join(drawn)


_SHARING = ("insight ", "report ")
_HEADING = "### Options of insight and reports"
_SAID = "What most of these commands have in common. Each of them names which it has, and its own."
_Row = tuple[str, str, str]


def _shared() -> list[_Row]:
    """Return the options that most of these commands have alike."""
    of = [_rows(command) for name, command in commands() if name.startswith(_SHARING)]
    often = Counter(row for rows in of for row in rows)
    return [row for row, number in often.items() if number > len(of) // 2]


def _rows(command: Any) -> list[_Row]:
    return [_option(one) for one in command.params if one.name != "help"]


def _listed(rows: Sequence[_Row]) -> str:
    return table(("argument or option", "default", "meaning"), rows)


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
