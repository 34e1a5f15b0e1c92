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

    def consented(self, purpose: str, channel: str) -> bool:
        """Return whether the consent gate would let the purpose pass."""


class Scope:
    """Names and their values. Within a turn a scope may be changed between evaluations and reused.

    `event` and `entry` are Events or None (missing); `data` maps variables; `key`, `channel` (the
    candidate's) and `row` are values or MISSING. `faults` counts type errors by definition;
    `definition` is the definition whose expression is being evaluated.
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
