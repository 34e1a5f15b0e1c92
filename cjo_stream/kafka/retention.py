"""What still holds events and records of an erased customer, and for how long."""

from __future__ import annotations

from typing import Final

import msgspec

from cjo_stream.core.program import Program
from cjo_stream.kafka.client import Admin
from cjo_stream.kafka.topic import Names, configs_of
from cjo_stream.settings import Settings
from cjo_stream.store.checkpoint import GRACE_S

_OURS: Final = {
    "outcome": "outcomes",
    "internal": "events on their way",
    "effect": "records on their way",
    "decision": "decision records",
    "reward": "rewards",
    "transition": "transitions",
    "identity": "identity changes",
    "profile": "profiles",
    "dead_letter": "what was refused",
    "reply": "answers to operators",
}


class Kept(msgspec.Struct, frozen=True):
    """How long a topic, or the checkpoints, keep what they hold; `how` says it in words.

    `kept_ms` is None where time does not decide. A record lies in a segment with later ones and
    goes with the last of them, which is in it.
    """

    place: str
    holds: str
    kept_ms: int | None
    how: str


def kept(settings: Settings, program: Program) -> list[Kept]:
    """Return the topics that personal data go through, as the broker keeps them; checkpoints.

    Raises RetryError where the broker is away. What is missing is left out.
    """
    admin = Admin(settings)
    holds = _holds(Names(settings.topic_prefix), program)
    there = admin.describe(holds)
    configs = configs_of(admin, [name for name in holds if name in there])
    found = [_kept(name, what, configs[name]) for name, what in holds.items() if name in configs]
    if settings.checkpoint_url:
        found.append(_checkpoints(settings))
    return found


def _holds(names: Names, program: Program) -> dict[str, str]:
    """Return topic -> what it holds: raw events first."""
    holds: dict[str, str] = {}
    for channel in program.channels.values():
        if channel.input is not None:
            holds[names.source(channel.input)] = "raw events"
    for channel in program.channels.values():
        if (target := names.target(channel)) is not None:
            holds.setdefault(target, "action commands")
    for kind, what in _OURS.items():
        holds.setdefault(names.out(kind), what)
    return holds


def _kept(name: str, holds: str, config: dict[str, str]) -> Kept:
    policies = config.get("cleanup.policy", "delete").split(",")
    retention_ms = int(config.get("retention.ms", "-1"))
    if "delete" in policies and retention_ms >= 0:
        segment_ms = int(config.get("segment.ms", "0"))
        how = f"{_span(retention_ms)}, and until its segment is full, {_span(segment_ms)} at most"
        return Kept(name, holds, retention_ms + segment_ms, how)
    if "compact" in policies:
        return Kept(
            name, holds, None, "until the broker's cleaner comes by: a null value is there"
        )
    return Kept(name, holds, None, "for ever: its retention.ms is -1")


def _checkpoints(settings: Settings) -> Kept:
    """Return how long checkpoints made before are kept."""
    newer_s = settings.checkpoints_kept * settings.checkpoint_interval_s
    kept_ms = int(1000 * (newer_s + GRACE_S))
    how = f"until {settings.checkpoints_kept} newer ones are made: {_span(kept_ms)} or so"
    return Kept(settings.checkpoint_url or "", "states as they were before", kept_ms, how)


def _span(ms: int) -> str:
    """Return a duration in its largest unit.

    >>> [_span(90_000), _span(604_800_000)]
    ['1.5 minutes', '7 days']
    """
    for unit_ms, unit in ((86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes")):
        if ms >= unit_ms:
            return f"{ms / unit_ms:.3g} {unit}"
    return f"{ms / 1000:.3g} seconds"
