"""The dead letters of a run, by reason and cause; of each kind an example, without its values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.core.catalogue import DEAD_LETTER, FILES
from cjo_stream.core.command.outcome import is_refused_by_customer
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


class Later(msgspec.Struct):
    """What customers have refused of one file's rows, after intake had accepted them."""

    rows: int = 0
    events: int = 0
    reasons: dict[str, int] = {}
    """By reason and its detail without values."""
    last: int = -1
    """The line of the last of them."""


class _Letter(msgspec.Struct):
    """The fields of a dead letter that are counted."""

    reason: str
    detail: str
    topic: str
    partition: int
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


def refused_by_customers(out: Path, begins: Mapping[tuple[str, int], int]) -> dict[int, Later]:
    """Return what customers refused of the rows of files, by the number of the file.

    `begins` are the lines of each file, by its name and number, behind which its rows begin. A
    letter about an archived event names the topic that it came from, and is counted of no file.
    """
    decode = msgspec.json.Decoder(_Letter).decode
    found: dict[int, Later] = {}
    with (out / FILES[DEAD_LETTER.name]).open("rb") as lines:
        for letter in map(decode, lines):
            at = letter.offset
            begin = begins.get((letter.topic, letter.partition), at)
            if at <= max(0, begin) or not is_refused_by_customer(letter.reason, letter.detail):
                continue
            later = found.setdefault(letter.partition, Later())
            later.events += 1
            later.rows += at != later.last
            later.last = at
            why = f"{letter.reason}: {without_values(letter.detail)}"
            later.reasons[why] = later.reasons.get(why, 0) + 1
    return found
