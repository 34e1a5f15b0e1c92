"""The table of places: which names an expression may use where (docs/expressions.md)."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable

import msgspec

PROFILE_FIELDS = frozenset(
    {
        "id",
        "identifiers",
        "first_seen",
        "last_seen",
        "last_channel",
        "open_cases",
        "last_case_closed",
    }
)
"""What a profile has besides its facts and traits."""

EVENT_FIELDS = frozenset({"type", "id", "channel", "time"})
"""What an event has besides its attributes."""


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


EVERYWHERE = frozenset[str]().union(*(place.value for place in Place))


class Names(msgspec.Struct, frozen=True):
    """What the topology declares. `None` for `data` accepts any variable."""

    profile: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    data: frozenset[str] | None = None


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'X'?` for the nearest of the known names, or nothing."""
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
