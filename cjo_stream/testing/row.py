"""Records as the rows of an expectation: flat, with the names that cases use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from cjo_stream.core.decision.gate import QUIET_HOURS

Row = dict[str, Any]
FACTORS: Final = ("priority", "P", "C", "V", "L")
TIMES: Final = frozenset(("at", "expires", "until"))
"""Fields that are times in ms."""
SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "actions": ("action", "channel"),
    "suppressed": ("action", "channel", "why"),
    "not_sent": ("action", "channel", "gate"),
    "priorities": ("action", "channel", "priority"),
    "transitions": ("journey", "from", "to"),
    "refused": ("reason",),
}
"""By part: what is written of a record where a case does not say it."""


def actions(commands: Iterable[Row]) -> list[Row]:
    """Return the commands."""
    return [
        {
            **_asked(one),
            "action": one["action"],
            "channel": one["channel"],
            "template": one["template"],
            "payload": one["payload"],
            "class": one["class"],
            "issue": one["issue"],
            "group": one["group"],
            "address": one["address"]["value"] if one["address"] else None,
            "at": one["issued_at"],
            "expires": one["expires_at"],
        }
        for one in commands
    ]


def suppressed(decisions: Iterable[Row]) -> list[Row]:
    """Return the choices that were held back."""
    return [
        {**_asked(one), **one["chosen"], "why": one["suppressed"], "at": one["time"]}
        for one in decisions
        if one["suppressed"] is not None
    ]


def not_sent(decisions: Iterable[Row]) -> list[Row]:
    """Return the candidates that a gate stopped."""
    return [
        {
            **_asked(one),
            "action": candidate["action"],
            "channel": candidate["channel"],
            "gate": candidate["gate"],
            "rule": candidate["rule"],
            "until": one["deferred_until"] if candidate["gate"] == QUIET_HOURS else None,
            "at": one["time"],
        }
        for one, candidate in _candidates(decisions)
        if candidate["gate"] is not None
    ]


def priorities(decisions: Iterable[Row]) -> list[Row]:
    """Return the candidates that were weighed, of each decision the highest priority first."""
    found = []
    for one in decisions:
        weighed = [
            {
                **_asked(one),
                "action": candidate["action"],
                "channel": candidate["channel"],
                **{name: candidate[name] for name in FACTORS},
            }
            for candidate in one["candidates"]
            if candidate["gate"] is None and candidate["priority"] is not None
        ]
        found += sorted(weighed, key=lambda row: -row["priority"])
    return found


def transitions(records: Iterable[Row]) -> list[Row]:
    """Return the changes of state."""
    names = ("journey", "from", "to", "reason", "outcome", "key", "version", "holdout")
    return [
        {
            **{name: one[name] for name in names},
            "at": one["time"],
            "customer": one["customer_id"],
        }
        for one in records
    ]


def refused(letters: Iterable[Row]) -> list[Row]:
    """Return the dead letters."""
    return [{"reason": one["reason"], "detail": one["detail"]} for one in letters]


def _candidates(decisions: Iterable[Row]) -> Iterator[tuple[Row, Row]]:
    return ((one, candidate) for one in decisions for candidate in one["candidates"])


def _asked(one: Row) -> Row:
    """Return who asked for an action, and for whom."""
    journey = one["journey"]
    return {
        "journey": journey["name"] if journey else None,
        "state": journey["state"] if journey else None,
        "customer": one["customer_id"],
    }
