"""Findings about definitions, gathered so that all are told in one go."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal

from cjo_stream.definition.text.node import Node
from cjo_stream.definition.text.source import Source
from cjo_stream.errors import Diagnostic

_SHOWN_CHARACTERS_MAX = 80
_LISTED_MAX = 12


class Report:
    """Collects diagnostics. `errors` counts what was found so far."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}
        self.errors = 0

    def error(self, node: Node, message: str) -> None:
        """Report what stops the load, at `node`."""
        self.error_at(node.source, node.start, message)

    def error_at(self, source: Source, index: int, message: str) -> None:
        """Report what stops the load, at a character of `source`."""
        self.errors += 1
        self._add(source, index, "error", message)

    def warn(self, node: Node, message: str) -> None:
        """Report what never stops a load, at `node`."""
        self._add(node.source, node.start, "warning", message)

    def diagnostics(self) -> list[Diagnostic]:
        """Return what was found, each once, by file and place."""
        return sorted(self._found)

    def warnings(self) -> list[Diagnostic]:
        """Return the warnings, by file and place."""
        return [found for found in self.diagnostics() if found.severity == "warning"]

    def _add(
        self, source: Source, index: int, severity: Literal["error", "warning"], message: str
    ) -> None:
        line, column = source.locate(index)
        self._found[Diagnostic(source.name, line, column, severity, message)] = None


def quoted(text: str, mark: str = "'") -> str:
    """Return a text of the author fit for one line of a terminal."""
    if len(text) > _SHOWN_CHARACTERS_MAX:
        text = text[: _SHOWN_CHARACTERS_MAX - 1] + "…"
    shown = "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in text)
    return f"{mark}{shown}{mark}"


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Return the name most like `name`, None where none is much like it.

    >>> nearest("cart_remider", ["cart_reminder", "welcome"])
    'cart_reminder'
    """
    if len(name) > _SHOWN_CHARACTERS_MAX:
        return None
    return next(iter(difflib.get_close_matches(name, sorted(valid), 1)), None)


def unknown(what: str, name: str, valid: Iterable[str]) -> str:
    """Return the message about a name that nothing has, with the nearest that something has."""
    names = sorted(valid)
    near = nearest(name, names)
    message = f"unknown {what} {quoted(name)}"
    if near is not None:
        return f"{message}; did you mean {quoted(near)}?"
    if not names:
        return f"{message}; there is none"
    listed = ", ".join(names[:_LISTED_MAX])
    return f"{message}; there are {listed}{', …' if len(names) > _LISTED_MAX else ''}"
