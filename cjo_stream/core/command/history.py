"""The history of a customer's commands: one list for caps, limits and outcomes.

The list is in order of issue. A command is kept while something may need it: an outcome that names
its action, within the reward window, or a cap or a limit that counts it. The latest
`commands_aged` are kept at any age, for outcomes that name their command. When `commands` of
core.bounds is reached, the oldest PRUNED_EVERY are dropped and the drop is counted: caps and
limits are exact over the latest `commands` - PRUNED_EVERY.
"""

from __future__ import annotations

from cjo_stream.core.command.coverage import covers_command
from cjo_stream.core.command.limit import outcome_time
from cjo_stream.core.program.policy import Cap, Limit
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Command, Customer
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Period

PRUNED_EVERY = 16
"""Number of commands between two prunings: pruning at every command would cost more than it
frees."""

_DAY_MS = 86_400_000
_PERIOD_MS = {Period.DAY: 4 * _DAY_MS, Period.WEEK: 10 * _DAY_MS, Period.MONTH: 34 * _DAY_MS}
"""Longer than the longest such period, even if the customer's time zone changes within it."""


def remember_command(customer: Customer, command: Command, turn: Turn) -> None:
    """Add a command to the history; every PRUNED_EVERY commands drop those no longer needed."""
    commands = customer.commands
    commands.append(command)
    if len(commands) % PRUNED_EVERY:
        return
    _prune(customer, turn)
    if len(commands) >= turn.bounds.commands:
        turn.count("cjo_state_bounds_total", "commands")
        del commands[: len(commands) - turn.bounds.commands + PRUNED_EVERY]


def join_commands(into: Customer, other: Customer, turn: Turn) -> None:
    """Add the commands of a customer that is merged into another."""
    known = {command.id for command in into.commands}
    joined = into.commands + [one for one in other.commands if one.id not in known]
    joined.sort(key=lambda command: command.at)
    into.commands = turn.newest(joined, turn.bounds.commands - PRUNED_EVERY, "commands")
    other.commands = []


def part_commands(customer: Customer, new: Customer, anchors: frozenset[str]) -> None:
    """Move the commands that were anchored on these identifiers, with their outcomes."""
    moved = [command for command in customer.commands if command.anchor in anchors]
    new.commands = sorted(new.commands + moved, key=lambda command: command.at)
    customer.commands = [one for one in customer.commands if one.anchor not in anchors]


def _prune(customer: Customer, turn: Turn) -> None:
    program, commands = turn.program, customer.commands
    since = turn.clock - program.reward_window_ms - program.max_late_ms
    aged = commands[: -turn.bounds.commands_aged]
    commands[: len(aged)] = [
        one for one in aged if one.at > since or _is_needed(one, program, turn.clock)
    ]


def _is_needed(command: Command, program: Program, now: int) -> bool:
    """Return whether a cap or a limit may still count a command."""
    policy, action = program.policy, program.actions.get(command.action)
    own = action.limits if action is not None else ()
    return any(_counts(cap, command, now) for cap in policy.caps) or any(
        _pauses(limit, command, now) for limit in (*own, *policy.limits)
    )


def _counts(cap: Cap, command: Command, now: int) -> bool:
    per_ms = cap.per if isinstance(cap.per, int) else _PERIOD_MS[cap.per]
    return command.at > now - per_ms and covers_command(cap.coverage, command)


def _pauses(limit: Limit, command: Command, now: int) -> bool:
    at = outcome_time(command, limit.outcome)
    if at is None or not covers_command(limit.coverage, command):
        return False
    # A count of 1 needs no earlier outcome.
    per_ms = 0 if limit.count == 1 else limit.per_ms
    if per_ms is None or limit.pause_ms is None:
        return True
    return now < at + per_ms + limit.pause_ms
