"""Which records were not made because a set switched them off, and what is not known for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec

from cjo_stream.core.record import Governance
from cjo_stream.core.word import Switch

UNKNOWN: Final = {
    "transition": "where customers were in journeys, their goals and their ends are not known",
    "decision": "why something was sent or not is not known",
    "profile": "what facts and traits were then is not known",
    "reward": "what came of commands is not known",
}
"""By kind of record, what only its records tell."""


class Switched(msgspec.Struct, frozen=True):
    """What a set switches off, from when it came into force."""

    number: int
    """0 where it is not known."""
    at: int | None
    """In ms; None where it is not known."""
    records: dict[str, str]
    """As `records` of the topology says it; empty: nothing."""

    @property
    def when(self) -> str:
        """When the set came into force, in words."""
        if self.at is None:
            return f"set {self.number}" if self.number else "the beginning"
        return datetime.fromtimestamp(self.at // 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def switched_by(records: Iterable[Governance]) -> list[Switched]:
    """Return what each set switched off, by the governance records."""
    return [
        Switched(one.set, one.time, one.records or {}) for one in records if one.kind == "applied"
    ]


def unrecorded(sets: Iterable[Switched], kinds: Collection[str] = tuple(UNKNOWN)) -> list[str]:
    """Return in words which records some sets did not make, and what is not known.

    >>> unrecorded([Switched(1, None, {}), Switched(2, None, {"reward": "off"})])
    ['reward records are switched off since set 2: what came of commands is not known']
    """
    found = []
    in_order = sorted(sets, key=lambda one: one.number)
    for kind in (one for one in UNKNOWN if one in kinds):
        begun: Switched | None = None
        for one in in_order:
            before = begun.records.get(kind) if begun is not None else None
            if one.records.get(kind) == before:
                continue
            if begun is not None:
                found.append(_sentence(kind, begun, one))
            begun = one if kind in one.records else None
        if begun is not None:
            found.append(_sentence(kind, begun, None))
    return found


def _sentence(kind: str, begun: Switched, ended: Switched | None) -> str:
    what, unknown = f"{kind} records", UNKNOWN[kind]
    if begun.records[kind] == Switch.DECIDE:
        what, unknown = (
            "decision records of `act`",
            "why an `act` sent something or not is not known",
        )
    if ended is None:
        return f"{what} are switched off since {begun.when}: {unknown}"
    return f"{what} were switched off from {begun.when} until {ended.when}: {unknown}"
