"""Diagnostics, collected so that all are reported together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cjo_stream.core.likeness import nearest
from cjo_stream.definition.code import Code
from cjo_stream.definition.text.node import Node, Scalar
from cjo_stream.definition.text.source import Source
from cjo_stream.errors import Diagnostic

_SHOWN_CHARACTERS_MAX = 80
_LISTED_MAX = 12
_BEFORE_MAX = 60
_LINE_MAX = 160


class Report:
    """Collects diagnostics. `errors` is the number of errors so far."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}
        self.errors = 0

    def error(self, node: Node, code: Code, message: str, suggestion: str = "") -> None:
        """Report an error, which stops the load, at `node`; `suggestion` may replace the node."""
        self.errors += 1
        self._add(_span(node), "error", code, message, suggestion)

    def error_at(
        self,
        source: Source,
        index: int,
        code: Code,
        message: str,
        suggestion: str = "",
        characters: int = 1,
    ) -> None:
        """Report an error at `length` characters of `source` from `index` on."""
        self.errors += 1
        self._add((source, index, index + characters), "error", code, message, suggestion)

    def warn(self, node: Node, code: Code, message: str, suggestion: str = "") -> None:
        """Report a warning, which does not stop the load, at `node`."""
        self._add(_span(node), "warning", code, message, suggestion)

    def advise(self, node: Node, code: Code, message: str) -> None:
        """Report a piece of advice at `node`: what is written there runs as it says."""
        self._add(_span(node), "advice", code, message, "")

    def diagnostics(self) -> list[Diagnostic]:
        """Return all diagnostics, each once, by file and place."""
        return sorted(self._found)

    def warnings(self) -> list[Diagnostic]:
        """Return the warnings, by file and place."""
        return [found for found in self.diagnostics() if found.severity == "warning"]

    def _add(
        self,
        span: tuple[Source, int, int],
        severity: Literal["error", "warning", "advice"],
        code: Code,
        message: str,
        suggestion: str,
    ) -> None:
        source, start, end = span
        line, column = source.locate(start)
        whole = source.line(line)
        before = max(0, column - 1 - _BEFORE_MAX) if len(whole) > _LINE_MAX else 0
        text = whole[before : before + _LINE_MAX]
        goes_on = column + end - start > before + len(text) + 1
        found = Diagnostic(
            source.name,
            line,
            column,
            severity,
            message,
            str(code),
            max(column + 1, min(column + end - start, before + len(text) + 1)),
            "" if goes_on else suggestion,
            text,
            before + 1,
        )
        self._found[found] = None


def _span(node: Node) -> tuple[Source, int, int]:
    """Return the source, start and end to mark: a whole scalar, else a node's first character."""
    end = node.end if isinstance(node, Scalar) else node.start + 1
    return node.source, node.start, end


def quoted(text: str, mark: str = "'") -> str:
    """Return a text of the author, in quotes, safe for one line of a terminal."""
    if len(text) > _SHOWN_CHARACTERS_MAX:
        text = text[: _SHOWN_CHARACTERS_MAX - 1] + "…"
    shown = "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in text)
    return f"{mark}{shown}{mark}"


def unknown(what: str, name: str, valid: Iterable[str]) -> tuple[Code, str, str]:
    """Return code, message and suggestion for an unknown name; the closest one is suggested."""
    names = sorted(valid)
    near = nearest(name, names)
    message = f"unknown {what} {quoted(name)}"
    if near is not None:
        return Code.UNKNOWN, f"{message}; did you mean {quoted(near)}?", near
    if not names:
        return Code.UNKNOWN, f"{message}; none is known", ""
    listed = ", ".join(names[:_LISTED_MAX])
    more = ", …" if len(names) > _LISTED_MAX else ""
    return Code.UNKNOWN, f"{message}; known: {listed}{more}", ""
