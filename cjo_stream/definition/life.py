"""How each version of a journey runs in a set (docs/changes.md, "The life of a journey").

    live, shadow    the version that says so; an earlier version keeps what it last was
    paused          every version of the journey: nobody enters, nothing happens
    draining        every version of the journey: nobody enters, live instances finish
    retired         every version of the journey: live instances end
    draft           does not run

A version that was last in shadow stays in shadow while it drains. With a canary, customers outside
enter the latest other version that took all entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cjo_stream.core.canary.share import NOBODY, SHARE_OF
from cjo_stream.core.program.journey import Journey
from cjo_stream.core.word import CanaryEnd, Status

RUNNING = frozenset((Status.LIVE, Status.SHADOW))
"""Statuses in which customers enter."""

_STILL = frozenset((Status.PAUSED, Status.RETIRED))
"""Statuses in which a version hears nothing."""


class Past(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the earlier sets of an installation leave to a set.

    `modes`: versions that were live or in shadow, by `version_name` -> which of the two last.
    `whole`: journey -> versions that took all entries, the latest one last.
    `left`: journeys whose file is gone -> the status that they were left in.
    `verdicts`: versions whose guarded canary was decided, by `version_name` -> how.
    """

    modes: dict[str, str] = {}
    whole: dict[str, list[int]] = {}
    left: dict[str, str] = {}
    verdicts: dict[str, str] = {}


def version_name(journey: str, version: int) -> str:
    """Return the name of a version: the journey's name and the version's number."""
    return f"{journey}/{version}"


def next_past(past: Past, journeys: Iterable[Journey], left: Mapping[str, str]) -> Past:
    """Return the past of a set with these versions, which follows one with `past`.

    `journeys` are the set's own, drafts included; `left` are the journeys without a file now.
    """
    modes, whole = dict(past.modes), dict(past.whole)
    for one in (decided(journey, past) for journey in journeys):
        if one.status in RUNNING:
            modes[version_name(one.name, one.version)] = str(one.status)
        others = [version for version in whole.get(one.name, ()) if version != one.version]
        if one.status is not Status.DRAFT and (one.canary >= 1 or not others):
            whole[one.name] = [*others, one.version]
    return Past(
        dict(sorted(modes.items())), dict(sorted(whole.items())), dict(left), past.verdicts
    )


def with_verdicts(past: Past, verdicts: Iterable[tuple[str, int, str]]) -> Past:
    """Return the past of a set in whose time canaries were decided: (journey, version, how)."""
    said, whole = dict(past.verdicts), dict(past.whole)
    for journey, version, verdict in verdicts:
        name = version_name(journey, version)
        if name in said:
            continue
        said[name] = verdict
        if verdict == CanaryEnd.PROMOTE:
            whole[journey] = [*(v for v in whole.get(journey, ()) if v != version), version]
    return Past(past.modes, dict(sorted(whole.items())), past.left, dict(sorted(said.items())))


def decided(journey: Journey, past: Past) -> Journey:
    """Return a version with the share that a verdict has given it, if there was one.

    A verdict holds as long as the canary has guards.
    """
    verdict = past.verdicts.get(version_name(journey.name, journey.version))
    if verdict is None or journey.guards is None:
        return journey
    share = SHARE_OF[CanaryEnd(verdict)]
    canary = journey.canary if share is None else share
    return msgspec.structs.replace(journey, guards=None, canary=canary)


def current(journeys: Iterable[Journey], past: Past) -> dict[str, Journey]:
    """Return the version of each journey that a set holds, by name, without drafts."""
    found = {}
    for one in sorted(journeys, key=lambda one: one.name):
        if one.status is Status.DRAFT:
            continue
        now = decided(one, past)
        if former(now, past) is None:
            found[one.name] = _running(
                msgspec.structs.replace(now, guards=None), one.status, past, (0.0, 1.0)
            )
        else:
            found[one.name] = _running(now, one.status, past, (0.0, now.canary))
    return found


def earlier(
    journeys: Iterable[Journey], in_force: Mapping[str, Journey], past: Past
) -> list[Journey]:
    """Return earlier versions as they run beside the current ones, `in_force`."""
    found = []
    for one in journeys:
        now = in_force.get(one.name)
        if now is None:
            status, entrants = Status(past.left.get(one.name, Status.DRAINING)), NOBODY
        else:
            status = now.status
            is_former = one.version == former(now, past)
            entrants = (now.canary, 1.0) if is_former else NOBODY
        found.append(_running(one, status, past, entrants))
    return found


def former(now: Journey, past: Past) -> int | None:
    """Return the version that customers outside the canary of `now` enter, if any."""
    if now.canary >= 1:
        return None
    others = [version for version in past.whole.get(now.name, ()) if version != now.version]
    return others[-1] if others else None


def _running(
    journey: Journey, status: Status, past: Past, entrants: tuple[float, float]
) -> Journey:
    """Return a version as it runs while its journey has `status`."""
    own = journey.status if journey.status in RUNNING else status
    mode = past.modes.get(version_name(journey.name, journey.version), own)
    deaf: dict[str, Any] = {"listens": frozenset(), "hears_every": False}
    return msgspec.structs.replace(
        journey,
        status=Status(mode) if status in RUNNING else status,
        is_shadow=mode == Status.SHADOW,
        entrants=entrants if status in RUNNING else NOBODY,
        **(deaf if status in _STILL else {}),
    )
