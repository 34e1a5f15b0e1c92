"""What an expression reads while it is evaluated."""

from __future__ import annotations

from typing import Any, Final, Protocol

from cjo_stream.core.event import Event


class Missing:
    """The value of what is not there. Falsy; there is one, MISSING."""

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

    def consented(self, purpose: str, channel: str) -> bool:
        """Return what the consent gate would say."""


class Scope:
    """Names and their values. One may be reused, changed between evaluations, within a turn.

    `event` and `entry` are Events or None (missing); `data` maps variables; `key`, `channel` (the
    candidate's) and `row` are values or MISSING. `faults` counts type errors by definition;
    `definition` is whose expression is being evaluated.
    """

    __slots__ = (
        "channel",
        "data",
        "definition",
        "entry",
        "event",
        "faults",
        "key",
        "now",
        "profile",
        "row",
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
        self.faults: dict[str, int] = {}
        self.definition = ""
