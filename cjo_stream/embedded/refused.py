"""The dead letters of a run, by reason and cause; of each kind an example, without its values."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.core.catalogue import DEAD_LETTER, FILES
from cjo_stream.ingest.cause import without_values

CAUSES_MAX: Final = 100
"""Kinds of refusals that are told apart; the records of others count under their reason alone."""


class RefusedSummary(msgspec.Struct):
    """Records that were refused for one cause (summary.json)."""

    reason: str
    detail: str
    """What the refusals say, without values; empty for all other causes of the reason."""
    records: int = 0
    file: str | None = None
    """Of the first."""
    line: int | None = None


class _Letter(msgspec.Struct):
    """The fields of a dead letter that are counted."""

    reason: str
    detail: str
    topic: str
    offset: int


def refused_in(out: Path) -> list[RefusedSummary]:
    """Return the refusals in the files of a run, the most frequent first."""
    decode = msgspec.json.Decoder(_Letter).decode
    found: dict[tuple[str, str], RefusedSummary] = {}
    with (out / FILES[DEAD_LETTER.name]).open("rb") as lines:
        for letter in map(decode, lines):
            key = letter.reason, without_values(letter.detail)
            if key not in found and len(found) >= CAUSES_MAX:
                key = letter.reason, ""
            one = found.get(key)
            if one is None:
                file, line = (letter.topic, letter.offset) if letter.offset >= 0 else (None, None)
                one = found[key] = RefusedSummary(*key, file=file, line=line)
            one.records += 1
    return sorted(found.values(), key=lambda one: (-one.records, one.reason, one.detail))
