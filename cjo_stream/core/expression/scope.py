"""The values that an expression reads while it is evaluated."""

from __future__ import annotations

from typing import Any, Final, Protocol

from cjo_stream.core.event import Event


class Missing:
    """The type of MISSING, the value of anything absent. It is falsy, and there is only one."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


class ProfileView(Protocol):
    """The customer as expressions see them, at the scope's `now`."""

    @property
    def zone(self) -> str:
        """IANA name of the customer's time zone."""

    def get(self, name: str) -> Any:
        """Return a fact, a trait or a built-in (`id first_seen ...`), or MISSING."""

    def identifiers(self, type_: str) -> list[str]:
        """Return the customer's values of one identifier type, sorted."""

    def predicted(self, name: str, scope: Scope, /) -> float:
        """Return the probability of a prediction; `scope` is the one that asks."""

    def consented(self, purpose: str, channel: str) -> bool | None:
        """Return whether the consent gate would let the purpose pass; None: no such channel."""


class Evaluated(Protocol):
    """The expression that is being evaluated, as far as counts name it."""

    @property
    def definition(self) -> str:
        """The definition that contains it."""

    def name_of(self, operands: tuple[Any, ...], scope: Scope, /) -> str:
        """Return the name under which it read one of the operands."""


class Scope:
    """Names and their values. Within a turn a scope may be changed between evaluations and reused.

    `event` and `entry` are Events or None (missing); `data` maps variables; `key`, `channel` (the
    candidate's), `row` and `item` are values or MISSING. `expression` is the one being evaluated.
    `faults` counts type errors by definition; `unread` counts values that were there and could not
    be used, by definition, name and reason (core.word.Unread). `predictions` are those that were
    read, by name.
    """

    __slots__ = (
        "channel",
        "data",
        "entry",
        "event",
        "expression",
        "faults",
        "item",
        "key",
        "now",
        "predictions",
        "profile",
        "row",
        "unread",
    )

    def __init__(self, now: int, profile: ProfileView | None = None) -> None:
        self.now = now
        self.profile = profile
        self.event: Event | None = None
        self.entry: Event | None = None
        self.data: dict[str, Any] | None = None
        self.key: Any = MISSING
        self.channel: Any = MISSING
        self.row: Any = MISSING
        self.item: Any = MISSING
        self.faults: dict[str, int] = {}
        self.unread: dict[tuple[str, str, str], int] = {}
        self.predictions: dict[str, float] = {}
        self.expression: Evaluated | None = None
