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


class Fault(enum.Enum):
    """What is wrong with an expression that does not compile."""

    EXPRESSION = enum.auto()
    """It is none."""
    NAME = enum.auto()
    """A name that nothing has."""
    USE = enum.auto()
    """What may not stand there."""
    SIZE = enum.auto()
    """It is too long, or too deep."""


class ExpressionError(Exception):
    """An expression that does not compile. `column` counts characters of its text from 0.

    Of a name that nothing has, `written` is what stands there, and `suggestion` what to write
    in its place.
    """

    def __init__(
        self,
        message: str,
        column: int = 0,
        fault: Fault = Fault.EXPRESSION,
        written: str = "",
        suggestion: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.fault = fault
        self.written = written
        self.suggestion = suggestion


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


def no_such(
    what: str, path: str, column: int, name: str, known: Iterable[str], otherwise: str = ""
) -> ExpressionError:
    """Return the error for a `what` that nothing has, with the nearest name that is known.

    `path` stands before the name in the expression, from `column` on; `otherwise` is said where
    no name is near.
    """
    close = difflib.get_close_matches(name, sorted(known), 1)
    hint = f"; did you mean {close[0]!r}?" if close else otherwise
    near = path + close[0] if close else ""
    return ExpressionError(what + hint, column, Fault.NAME, path + name, near)
