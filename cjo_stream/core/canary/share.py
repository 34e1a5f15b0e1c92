"""The effect of verdicts on a definition set: shares change, and the guards end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cjo_stream.core.message import Verdict
from cjo_stream.core.program.journey import Journey
from cjo_stream.core.program.program import Program, entered_on, raised_for
from cjo_stream.core.word import CanaryEnd

SHARE_OF: Final = {CanaryEnd.PROMOTE: 1.0, CanaryEnd.HOLD: None, CanaryEnd.BACK: 0.0}
"""The share after a verdict; None: as it is written."""
NOBODY: Final = (1.0, 1.0)
"""The draws of entrants of a version that nobody enters."""


def ruled(program: Program, verdicts: Sequence[Verdict]) -> Program:
    """Return a set as it is in force after these verdicts, which are all there ever were."""
    said = {(one.journey, one.version): CanaryEnd(one.verdict) for one in verdicts}
    versions = dict(program.versions)
    for name, journey in program.journeys.items():
        verdict = said.get((name, journey.version))
        if verdict is None or journey.guards is None:
            continue
        share = SHARE_OF[verdict]
        for key, one in program.versions.items():
            if one.name == name:
                versions[key] = _ruled(one, journey, share)
    entries_on = entered_on(versions)
    return msgspec.structs.replace(
        program,
        verdicts=len(verdicts),
        versions=versions,
        journeys={name: versions[name, one.version] for name, one in program.journeys.items()},
        entries_on=entries_on,
        raised_on=raised_for(entries_on, versions),
    )


def _ruled(one: Journey, now: Journey, share: float | None) -> Journey:
    """Return a version of the journey whose canary, `now`, has been decided."""
    share = now.canary if share is None else share
    entrants = one.entrants
    if one.version == now.version:
        entrants = (0.0, share) if entrants != NOBODY else NOBODY
        return msgspec.structs.replace(one, canary=share, guards=None, entrants=entrants)
    if entrants != NOBODY:
        return msgspec.structs.replace(one, entrants=(share, 1.0))
    return one
