"""The table of places: which names an expression may use where (definitions.md section 2)."""

from __future__ import annotations

import enum

import msgspec


class ExpressionError(Exception):
    """An expression that does not compile. `column` counts characters of its text from 0."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


class Place(enum.Enum):
    """Where an expression stands; the value is the set of names it may use."""

    EVENT = frozenset({"profile", "now", "event"})
    """A trait, `entry`, the keys of `service`, `context` of an action."""
    DATA = frozenset({"profile", "now", "event", "key"})
    """A journey's `data` block."""
    JOURNEY = frozenset({"profile", "now", "event", "entry", "data", "key"})
    """`on do enter leave when after at always exit goal`."""
    ACTION = frozenset({"profile", "now", "event", "data", "key", "candidate"})
    """An action, with payload and treatments."""
    MAP = frozenset({"row"})
    """A channel's `map`: no profile, no now, functions only."""


class Names(msgspec.Struct, frozen=True):
    """What the topology declares. `None` for `data` accepts any variable."""

    profile: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    data: frozenset[str] | None = None
