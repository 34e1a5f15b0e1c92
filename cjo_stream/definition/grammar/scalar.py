"""Shapes of scalars: texts, words, numbers, durations, expressions."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from cjo_stream.core.duration import TOO_LONG, parse_duration
from cjo_stream.core.likeness import nearest
from cjo_stream.core.word import Switch
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Item, Schema, refuse
from cjo_stream.definition.text.node import Mapping, Node, Scalar, Sequence
from cjo_stream.definition.text.report import Report, quoted, unknown

NAME = r"[a-z][a-z0-9_]{0,62}"
EVENT_TYPE = r"[a-z][a-z0-9_.]{0,99}"
NUMBER_MAX = 10**15
DURATION_MS_MAX = 365_250 * 86_400_000
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%")
_NOT_PLAIN = object()


@dataclass(frozen=True)
class Text:
    """A text that matches `pattern`, if there is one. `wanted` is that form in words."""

    pattern: str | None = None
    wanted: str = "a text"

    def read(self, node: Node, report: Report) -> Item | None:
        """Return a text."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.text:
            hint = " (quote it)" if isinstance(node, Scalar) and node.text else ""
            return refuse(node, report, self.wanted + hint)
        if self.pattern is not None and not re.fullmatch(self.pattern, node.text):
            report.error(
                node, Code.FORM, f"{quoted(node.text)} is not {self.wanted}: {self.pattern}"
            )
            return None
        return Item(node, node.text)

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return a string's schema."""
        form = {} if self.pattern is None else {"pattern": f"^{self.pattern}$"}
        return {"type": "string", "minLength": 1, **form}


@dataclass(frozen=True)
class Loose:
    """A text, or a number as it is written."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the text as written."""
        if not isinstance(node, Scalar):
            return refuse(node, report, "a text")
        return Item(node, node.text)

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return a schema of strings and numbers."""
        return {"type": ["string", "number"]}


@dataclass(frozen=True)
class Choice:
    """One of some words of `core.word`."""

    words: tuple[str, ...]
    what: str

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the word."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return refuse(node, report, "one of " + ", ".join(self.words))
        if node.text in self.words:
            return Item(node, self.words[self.words.index(node.text)])
        report.error(node, *unknown(self.what, node.text, self.words))
        return None

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return an enumeration."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class OnOff(Choice):
    """`on`, `off`, perhaps another word. Of a boolean the error names the word that it means."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the word."""
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            meant = str(Switch.ON if node.value else Switch.OFF)
            report.error(node, Code.TYPE, f"must be a word, not {node.text}; write {meant}", meant)
            return None
        return Choice.read(self, node, report)


@dataclass(frozen=True)
class Flag:
    """`true` or `false`."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return a boolean."""
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return Item(node, node.value)
        return refuse(node, report, "true or false")

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return a boolean's schema."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Number:
    """A finite number from `least` to `most`."""

    least: float = -NUMBER_MAX
    most: float = NUMBER_MAX
    is_whole: bool = False

    def read(self, node: Node, report: Report) -> Item | None:
        """Return an int or a float."""
        value = node.value if isinstance(node, Scalar) else None
        wanted = "a whole number" if self.is_whole else "a number"
        types = int if self.is_whole else int | float
        if self.is_whole and isinstance(node, Scalar) and isinstance(value, float):
            report.error(node, Code.TYPE, f"must be {wanted}, not {node.text}")
            return None
        if not isinstance(value, types) or isinstance(value, bool):
            return refuse(node, report, wanted)
        if not self.least <= value <= self.most:
            bounds = [f"at least {self.least:,.16g}"] if self.least > -NUMBER_MAX else []
            bounds.append(f"at most {self.most:,.16g}")
            report.error(node, Code.RANGE, f"must be {wanted}, {' and '.join(bounds)}")
            return None
        return Item(node, value)

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return a number's schema."""
        type_ = "integer" if self.is_whole else "number"
        return {"type": type_, "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Duration:
    """`90s 30m 2h 3d 1w`, or joined; ms."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return ms."""
        if not isinstance(node, Scalar):
            return refuse(node, report, "a duration, as 90s, 30m, 2h, 3d, 1w, 1d12h")
        try:
            duration_ms = parse_duration(node.text)
        except ValueError as error:
            report.error(node, Code.FORM, f"{quoted(node.text)}: {error}")
            return None
        if duration_ms > DURATION_MS_MAX:
            report.error(node, Code.RANGE, f"{quoted(node.text)}: {TOO_LONG}")
            return None
        return Item(node, duration_ms)

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return a duration's pattern."""
        return {"type": "string", "pattern": r"^([0-9]{1,9}[smhdw])+$"}


@dataclass(frozen=True)
class DurationOr:
    """One of some words, or a duration in ms."""

    words: tuple[str, ...]

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the word, or ms."""
        if isinstance(node, Scalar) and node.text in self.words:
            return Item(node, self.words[self.words.index(node.text)])
        if not isinstance(node, Scalar):
            wanted = f"a duration, as 30m or 1d12h, or {' or '.join(self.words)}"
            return refuse(node, report, wanted)
        near = nearest(node.text, self.words)
        if near is not None:
            message = f"{quoted(node.text)} is not a duration; did you mean {quoted(near)}?"
            report.error(node, Code.UNKNOWN, message, near)
            return None
        return Duration().read(node, report)

    def schema(self, shared: dict[str, Schema], /) -> Schema:
        """Return either's schema."""
        return {"anyOf": [{"enum": list(self.words)}, Duration().schema(shared)]}


@dataclass(frozen=True)
class Share:
    """`0.05` or `5%`; a fraction of 1."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return a float from 0 to 1."""
        value = node.value if isinstance(node, Scalar) else None
        percent = _PERCENT.fullmatch(value) if isinstance(value, str) else None
        share: Any = float(percent[1]) / 100 if percent else value
        if isinstance(share, bool) or not isinstance(share, int | float):
            return refuse(node, report, "a share, as 0.05 or 5%")
        if not 0 <= share <= 1:
            report.error(node, Code.RANGE, "a share is from 0 to 1, or from 0% to 100%")
            return None
        return Item(node, float(share))

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return a share's schema."""
        text = {"type": "string", "pattern": f"^{_PERCENT.pattern}$"}
        return {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, text]}


@dataclass(frozen=True)
class Formula:
    """An expression's text, or a constant; a condition must not be a number."""

    is_condition: bool = False

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the text, or the constant's value."""
        if not isinstance(node, Scalar):
            return refuse(node, report, "an expression (write a list in quotes)")
        value = node.value
        if self.is_condition and not isinstance(value, str | bool):
            return refuse(node, report, "a condition")
        if isinstance(value, float) and not math.isfinite(value):
            return refuse(node, report, "a finite number")
        if isinstance(value, int) and abs(value) >= 1 << 63:
            return refuse(node, report, "a number of at most 64 bits")
        return Item(node, value)

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return a schema of scalars."""
        types = ["string", "boolean"]
        return {"type": types if self.is_condition else [*types, "number", "null"]}


@dataclass(frozen=True)
class Anything:
    """Any value that JSON can hold."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the node's value as JSON has it."""
        value = plain(node)
        if value is _NOT_PLAIN:
            return refuse(node, report, "a value that JSON can hold")
        return Item(node, value)

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return the schema that allows everything."""
        return {}


def plain(node: Node) -> Any:
    """Return the value of a node as JSON has it, or a marker if JSON cannot hold it."""
    if isinstance(node, Scalar):
        is_odd = isinstance(node.value, float) and not math.isfinite(node.value)
        return _NOT_PLAIN if is_odd else node.value
    if isinstance(node, Sequence):
        items = [plain(item) for item in node.items]
        return _NOT_PLAIN if any(item is _NOT_PLAIN for item in items) else items
    if isinstance(node, Mapping):
        pairs = {k.text: plain(v) for k, v in node.pairs if isinstance(k, Scalar)}
        odd = len(pairs) < len(node.pairs) or any(v is _NOT_PLAIN for v in pairs.values())
        return _NOT_PLAIN if odd else pairs
    return _NOT_PLAIN
