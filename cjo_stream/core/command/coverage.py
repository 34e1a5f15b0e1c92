"""Whether a cap or a limit covers a command, or a candidate."""

from __future__ import annotations

from cjo_stream.core.program.action import Action
from cjo_stream.core.program.policy import Coverage
from cjo_stream.core.state import Command


def covers_command(coverage: Coverage, command: Command) -> bool:
    """Return whether an issued command counts."""
    return _covers(
        coverage,
        command.class_,
        command.channel,
        command.issue,
        command.group,
        command.action,
    )


def covers_candidate(coverage: Coverage, action: Action, channel: str) -> bool:
    """Return whether a candidate's command would count."""
    return _covers(coverage, action.class_, channel, action.issue, action.group, action.name)


def _covers(
    coverage: Coverage,
    class_: str,
    channel: str,
    issue: str | None,
    group: str | None,
    action: str,
) -> bool:
    return (
        (coverage.classes is None or class_ in coverage.classes)
        and (coverage.channels is None or channel in coverage.channels)
        and (coverage.issues is None or issue in coverage.issues)
        and (coverage.groups is None or group in coverage.groups)
        and (coverage.actions is None or action in coverage.actions)
    )
