"""The status by which each version of a journey runs (docs/journeys.md, "Status and version").

    live, shadow    the version that says so; an earlier version keeps what it last was
    draining        every version of the journey: nobody enters, live instances finish
    draft           does not run

A version that was last in shadow stays in shadow while it drains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from cjo_stream.core.program.journey import Journey
from cjo_stream.core.word import Status

Modes = Mapping[str, str]
"""Versions that were live or in shadow, by `version_name`, and which of the two they were last."""

RUNNING = frozenset((Status.LIVE, Status.SHADOW))
"""Statuses in which customers enter."""


def version_name(journey: str, version: int) -> str:
    """Return the name of a version: the journey's name and the version's number."""
    return f"{journey}/{version}"


def current(journeys: Iterable[Journey], modes: Modes) -> dict[str, Journey]:
    """Return the version of each journey that a set holds, by name, without drafts."""
    return {
        one.name: _running(one, one.status, modes)
        for one in sorted(journeys, key=lambda one: one.name)
        if one.status is not Status.DRAFT
    }


def earlier(
    journeys: Iterable[Journey], in_force: Mapping[str, Journey], modes: Modes
) -> list[Journey]:
    """Return earlier versions as they run beside the current ones, `in_force`.

    Instances of a journey whose file is gone finish.
    """
    found = []
    for one in journeys:
        now = in_force.get(one.name)
        status = now.status if now is not None else Status.DRAINING
        found.append(_running(one, status, modes))
    return found


def _running(journey: Journey, status: Status, modes: Modes) -> Journey:
    """Return a version as it runs while its journey has `status`."""
    own = journey.status if journey.status in RUNNING else status
    mode = modes.get(version_name(journey.name, journey.version), own)
    return msgspec.structs.replace(
        journey,
        status=Status(mode) if status in RUNNING else status,
        is_shadow=mode == Status.SHADOW,
    )
