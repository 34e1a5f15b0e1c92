"""The table of places: the names that an expression may use in each (docs/expressions.md)."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from cjo_stream.core.likeness import nearest

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
"""The fields of a profile besides its facts and traits."""

EVENT_FIELDS = frozenset({"type", "id", "channel", "time"})
"""The fields of an event besides its attributes."""


class Fault(enum.Enum):
    """Why an expression does not compile."""

    EXPRESSION = enum.auto()
    """It is not an expression."""
    NAME = enum.auto()
    """It has an unknown name."""
    USE = enum.auto()
    """It has something that is not allowed there."""
    SIZE = enum.auto()
    """It is too long, or nested too deeply."""


class ExpressionError(Exception):
    """An expression that does not compile. `column` counts characters of its text from 0.

    For an unknown name, `written` is the name as written, and `suggestion` its replacement.
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

    FEATURE = frozenset({"profile", "now"})
    """A prediction's features."""
    TRAIT = frozenset({"profile", "now", "event"})
    """A trait, a key of `service`, a prediction's `when`: what predictions are made of."""
    EVENT = frozenset({"profile", "now", "event", "predict"})
    """`entry`, an action's `context`."""
    DATA = frozenset({"profile", "now", "event", "key", "predict"})
    """A journey's `data` block."""
    JOURNEY = frozenset({"profile", "now", "event", "entry", "data", "key", "predict"})
    """`on do enter leave when after at always exit goal`."""
    ACTION = frozenset({"profile", "now", "event", "data", "key", "candidate", "predict"})
    """An action, its payload and its treatments."""
    MAP = frozenset({"row"})
    """A channel's `map`: the raw record and functions only."""
    ITEM = frozenset({"row", "item"})
    """A `map` with `each`: also the element of the list."""

    @property
    def has_customer(self) -> bool:
        """Whether there is a customer, and so a `now`."""
        return "row" not in self.value


EVERYWHERE = frozenset[str]().union(*(place.value for place in Place))


class Names(msgspec.Struct, frozen=True):
    """The names that the topology declares. `data` None: any variable is accepted."""

    profile: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    data: frozenset[str] | None = None
    predictions: frozenset[str] = frozenset()


def no_such(
    what: str, path: str, column: int, name: str, known: Iterable[str], otherwise: str = ""
) -> ExpressionError:
    """Return the error for an unknown name; `what` says so, and the closest known name follows.

    `path` is the text before the name in the expression, from `column` on. `otherwise` follows if
    no known name is close.
    """
    close = nearest(name, known)
    hint = f"; did you mean {close!r}?" if close else otherwise
    near = path + close if close else ""
    return ExpressionError(what + hint, column, Fault.NAME, path + name, near)
