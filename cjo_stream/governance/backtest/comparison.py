"""Groups and traces -> the changed groups, each with the place where its sequences part.

A group with one customer on each side, whose digests are equal, is unchanged. The places of all
others are read from the disk, PLACES_MAX at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from cjo_stream.governance.backtest.group import Groups, Members
from cjo_stream.governance.backtest.trace import PLACE, Kind, Trace, places_file

PLACES_MAX: Final = 1_000_000
"""Places in memory at once, 36 bytes each. More of them are read again, part by part."""
COMPARED: Final[tuple[Kind, ...]] = ("identity", "transition", "action")
"""In their order where they part at one time."""

_DIGEST: Final = slice(4, 20)
_BLOCK_BYTES: Final = PLACE.size * 16_384


class Side(NamedTuple):
    """The trace of one side, and the folder of its run."""

    trace: Trace
    out: Path
    groups: Sequence[int]
    """The group of each customer."""


class First(NamedTuple):
    """Where a group's sequences part: the offsets of the two records, None where there is none."""

    time: int
    kind: Kind
    live: int | None
    candidate: int | None


class Changed(NamedTuple):
    """A changed group: its customers by side, and where it parts, if anywhere."""

    live: Sequence[int]
    candidate: Sequence[int]
    first: First | None


class Verdict(NamedTuple):
    """Which groups are changed, and in how many others the commands differ."""

    changed: Sequence[int]
    commands: int


def judge(groups: Groups, members: Members, live: Trace, candidate: Trace) -> Verdict:
    """Return which groups are changed, by their digests alone."""
    changed = array("I")
    commands = 0
    kinds = [(live.sequences[kind], candidate.sequences[kind]) for kind in COMPARED[1:]]
    mine, other = live.sequences["command"], candidate.sequences["command"]
    for group in range(groups.number):
        ours, theirs = members.of(group)
        if len(ours) != 1 or len(theirs) != 1:
            changed.append(group)
            continue
        one, two = ours[0], theirs[0]
        if any(first.digest(one) != second.digest(two) for first, second in kinds):
            changed.append(group)
        elif mine.digest(one) != other.digest(two):
            commands += 1
    return Verdict(changed, commands)


def compare(
    changed: Sequence[int], members: Members, live: Side, candidate: Side
) -> Iterator[Changed]:
    """Yield the changed groups, each with the place where it parts."""
    for part in _parts(changed, members, live.trace, candidate.trace):
        places = {
            (kind, which): _places(side, kind, part)
            for kind in COMPARED
            for which, side in (("live", live), ("candidate", candidate))
        }
        for at, group in enumerate(part):
            ours, theirs = members.of(group)
            is_one_to_one = len(ours) == 1 and len(theirs) == 1
            firsts = [
                first
                for kind in COMPARED[is_one_to_one:]
                if (
                    first := _parting(
                        kind, places[kind, "live"][at], places[kind, "candidate"][at]
                    )
                )
            ]
            yield Changed(ours, theirs, min(firsts, key=lambda one: one.time, default=None))


def _parts(
    changed: Sequence[int], members: Members, live: Trace, candidate: Trace
) -> Iterator[Sequence[int]]:
    """Yield the groups in parts, each of at most PLACES_MAX places or of one group."""
    part = array("I")
    held = 0
    for group in changed:
        ours, theirs = members.of(group)
        size = sum(
            trace.sequences[kind].lengths[customer]
            for kind in COMPARED
            for trace, customers in ((live, ours), (candidate, theirs))
            for customer in customers
        )
        if part and held + size > PLACES_MAX:
            yield part
            part, held = array("I"), 0
        part.append(group)
        held += size
    if part:
        yield part


def _places(side: Side, kind: Kind, part: Sequence[int]) -> list[bytearray]:
    """Return the places of some groups, in the order of the run."""
    found = [bytearray() for _ in part]
    at = {group: number for number, group in enumerate(part)}
    of = [at.get(group, -1) for group in side.groups]
    with places_file(side.out, kind).open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            for start in range(0, len(block), PLACE.size):
                number = of[int.from_bytes(block[start : start + 4], "little")]
                if number >= 0:
                    found[number] += block[start : start + PLACE.size]
    return found


def _parting(kind: Kind, live: bytearray, candidate: bytearray) -> First | None:
    """Return where two sequences part; None if they are alike."""
    size = PLACE.size
    for start in range(0, max(len(live), len(candidate)), size):
        one, other = live[start : start + size], candidate[start : start + size]
        if one[_DIGEST] != other[_DIGEST]:
            mine = PLACE.unpack(one) if one else None
            theirs = PLACE.unpack(other) if other else None
            return First(
                min(place[2] for place in (mine, theirs) if place is not None),
                kind,
                mine[3] if mine is not None else None,
                theirs[3] if theirs is not None else None,
            )
    return None


Which = Literal["live", "candidate"]
SIDES: Final[tuple[Which, Which]] = ("live", "candidate")
