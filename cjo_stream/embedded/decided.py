"""The verdicts on guarded canaries among governance records."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.core.catalogue import FILES, GOVERNANCE
from cjo_stream.definition import compile_stored
from cjo_stream.installation.answer import Decided


class _Kind(msgspec.Struct):
    kind: str


_KIND: Final = msgspec.json.Decoder(_Kind)
_DECIDED: Final = msgspec.json.Decoder(Decided)


def decided_in(out: Path, content: bytes) -> list[Decided]:
    """Return the verdicts of a run under a stored set, each with the bound of its guard."""
    with (out / FILES[GOVERNANCE.name]).open("rb") as lines:
        found = [_DECIDED.decode(line) for line in lines if _KIND.decode(line).kind == "verdict"]
    return [msgspec.structs.replace(one, worse_than=_bound(one, content)) for one in found]


def _bound(verdict: Decided, content: bytes) -> float | None:
    journey = compile_stored(content).journeys.get(verdict.journey)
    guards = journey.guards.each if journey is not None and journey.guards is not None else ()
    return next((one.worse_than for one in guards if one.metric == verdict.metric), None)
