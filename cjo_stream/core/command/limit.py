"""Limits: an outcome at t that reaches the count starts a pause, `[t, t + pause)`."""

from __future__ import annotations

from collections.abc import Iterable

from cjo_stream.core.command.coverage import covers_command
from cjo_stream.core.program.policy import Limit
from cjo_stream.core.state import Command
from cjo_stream.core.word import OFFERED

"""The outcome that every command has by being issued."""


def is_paused(limit: Limit, commands: Iterable[Command], now: int) -> bool:
    """Return whether a pause of this limit holds at `now`.

    An outcome at t reaches the count if at least `count` outcomes, this one included, lie in
    `(t - per, t]`.
    """
    times = sorted(
        at
        for command in commands
        if (at := outcome_time(command, limit.outcome)) is not None
        and covers_command(limit.coverage, command)
    )
    before = limit.count - 1
    for place in range(before, len(times)):
        at = times[place]
        if at > now:
            break
        is_filled = limit.per_ms is None or times[place - before] > at - limit.per_ms
        if is_filled and (limit.pause_ms is None or now < at + limit.pause_ms):
            return True
    return False


def outcome_time(command: Command, outcome: str) -> int | None:
    """Return when a command had an outcome, or None if it had no such outcome."""
    return command.at if outcome == OFFERED else command.outcomes.get(outcome)
