"""The numbers of one side: actions by channel and hour, caps reached, goals and outcomes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

import msgspec

from cjo_stream.governance.backtest.trace import Kind

HOUR_MS: Final = 3_600_000
_CAPS: Final = b'"gate":"caps"'


class Actions(msgspec.Struct):
    """The actions of one channel, action and hour."""

    channel: str
    action: str
    hour: int
    """Its beginning, ms."""
    sent: int = 0
    suppressed: int = 0


class Cap(msgspec.Struct):
    """How often a cap stopped something."""

    decisions: int = 0
    """The decisions in which it stopped at least one candidate."""
    customers: int = 0
    """The customers of these decisions."""


class Journey(msgspec.Struct):
    """What happened in one journey."""

    entries: int = 0
    goals: int = 0
    outcomes: dict[str, int] = {}
    """Instances that ended or left, by outcome."""


class Tally(msgspec.Struct):
    """The numbers of one side."""

    actions: list[Actions] = []
    caps: dict[str, Cap] = {}
    journeys: dict[str, Journey] = {}


class Counter:
    """Counts the records of a side, as `trace` passes them on."""

    def __init__(self) -> None:
        self._actions: dict[tuple[str, str, int], Actions] = {}
        self._caps: defaultdict[str, Cap] = defaultdict(Cap)
        self._stopped: set[tuple[str, int]] = set()
        self._journeys: defaultdict[str, Journey] = defaultdict(Journey)

    def look(self, kind: Kind, customer: int, record: Any, line: bytes) -> None:
        """Count one record."""
        if kind == "transition":
            self._transition(record)
        elif kind == "action":
            if record.chosen is not None:
                self._action(record)
            if _CAPS in line:
                self._capped(customer, line)

    def tally(self) -> Tally:
        """Return the numbers, in order of their names."""
        return Tally(
            [self._actions[key] for key in sorted(self._actions)],
            dict(sorted(self._caps.items())),
            dict(sorted(self._journeys.items())),
        )

    def _transition(self, record: Any) -> None:
        journey = self._journeys[record.journey]
        journey.entries += record.reason == "entered"
        journey.goals += record.reason == "goal"
        if record.outcome is not None:
            journey.outcomes[record.outcome] = journey.outcomes.get(record.outcome, 0) + 1

    def _action(self, record: Any) -> None:
        key = record.chosen.channel, record.chosen.action, record.time // HOUR_MS * HOUR_MS
        actions = self._actions.get(key)
        if actions is None:
            actions = self._actions[key] = Actions(*key)
        if record.suppressed is None:
            actions.sent += 1
        else:
            actions.suppressed += 1

    def _capped(self, customer: int, line: bytes) -> None:
        rules = {one.rule or "" for one in _JUDGED(line).candidates if one.gate == "caps"}
        for rule in rules:
            cap = self._caps[rule]
            cap.decisions += 1
            if (rule, customer) not in self._stopped:
                self._stopped.add((rule, customer))
                cap.customers += 1


class _Candidate(msgspec.Struct):
    gate: str | None
    rule: str | None = None


class _Judged(msgspec.Struct):
    candidates: list[_Candidate]


_JUDGED: Final = msgspec.json.Decoder(_Judged).decode
