"""The verdicts on guarded canaries among governance records."""

from __future__ import annotations

from collections.abc import Sequence
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


def decided(record: bytes) -> list[Decided]:
    """Return the verdict that a governance record holds, if it holds one."""
    return [_DECIDED.decode(record)] if _KIND.decode(record).kind == "verdict" else []


def decided_in(out: Path, content: bytes) -> list[Decided]:
    """Return the verdicts in the files of a run under a stored set, in order."""
    with (out / FILES[GOVERNANCE.name]).open("rb") as lines:
        return with_bounds([one for line in lines for one in decided(line)], content)


def with_bounds(verdicts: Sequence[Decided], content: bytes) -> list[Decided]:
    """Return verdicts with the bounds of their guards, as the stored set in force has them."""
    return [msgspec.structs.replace(one, worse_than=_bound(one, content)) for one in verdicts]


def _bound(verdict: Decided, content: bytes) -> float | None:
    journey = compile_stored(content).journeys.get(verdict.journey)
    guards = journey.guards.each if journey is not None and journey.guards is not None else ()
    return next((one.worse_than for one in guards if one.metric == verdict.metric), None)
