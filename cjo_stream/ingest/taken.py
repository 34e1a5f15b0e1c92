"""What is known of the files that a state has taken, and what a file found now is to it.

A file is known by its content, unpacked: a file that begins with everything that was taken of a
known one is that one, grown, whatever its path. Only a file that matches none is looked at by
its path: a known path is a changed file, any other a new one.

    known files, head ──lengths──▶ how far the beginnings of the found file are to be digested
    known files, found file ──compare──▶ same, grown, changed or new, and which known one
    known files, files of one run ──resolve──▶ for each, its number and where to go on in it
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

FORMER_MAX = 100
PATHS_MAX = 100
HEAD_BYTES = 1024
"""By this much of its beginning a file is told from most others without reading more."""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A place between two rows of a file's content: the bytes and the lines before it."""

    bytes: int = 0
    line: int = 0
    in_list: bool = False
    """Whether it lies in the list of a JSON file: behind an element, not behind the list's end."""


BEGINNING = Place()


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A file as a state has taken it.

    What was taken ends at `end`. Behind it there may be a last row without its end, which was
    refused: it is read again once it is whole. With it the file had `seen_bytes`.
    """

    number: int
    """Of the file among all that the state has taken, from 0; names its events."""
    paths: tuple[str, ...]
    """Where it was found, the latest last; none for standard input."""
    end: Place
    digest: bytes
    """Of the content up to `end`."""
    head: bytes
    """Of the first HEAD_BYTES of that."""
    first: tuple[bytes, ...]
    """Of the first two lines."""
    seen_bytes: int
    seen_digest: bytes
    is_open: bool = False
    """Whether the last row that was taken had no line end."""
    former: tuple[tuple[int, bytes], ...] = ()
    """Where it ended, in bytes, and the digest up to there, before it grew; the latest last."""
    rows: int = 0
    refused: int = 0
    """Of the rows."""
    is_given_up: bool = False
    """Whether a run was killed on the way and the rest of it is gone: `rows` is not known."""

    @property
    def path(self) -> str | None:
        """Where it was found last; None for standard input."""
        return self.paths[-1] if self.paths else None

    @property
    def has_events(self) -> bool:
        """Whether a row of it may have become an event."""
        return self.is_given_up or self.refused < self.rows


class Found(msgspec.Struct, frozen=True):
    """A file's content as it is now."""

    path: str | None
    end: Place
    digest: bytes
    head: bytes
    """Of the first HEAD_BYTES."""
    first: tuple[bytes, ...]
    """Digests of the first two lines."""
    begins: Mapping[int, bytes]
    """By length, the digest of the content's beginning."""
    ends_line: frozenset[int] = frozenset()
    """The lengths at which the content goes on with a line end."""
    is_open: bool = False
    """Whether its last line has no line end."""
    inner: tuple[int, bytes, bytes] | None = None
    """Of what lies before the closing bracket of a JSON list: length, digest, that of its head."""


class Standing(enum.Enum):
    """What a found file is to the known ones."""

    SAME = "same"
    """Nothing in it is new."""
    GROWN = "grown"
    CHANGED = "changed"
    NEW = "new"


class Verdict(NamedTuple):
    """What a found file is, and the known one that it is or was."""

    standing: Standing
    known: Taken | None = None


def digest(content: bytes) -> bytes:
    """Return the digest by which contents are compared."""
    return hashlib.sha256(content).digest()


def first_lines(content: bytes) -> tuple[bytes, ...]:
    """Return the digests of the first two lines of a content, from the beginning of it."""
    return tuple(digest(line) for line in content.split(b"\n", 2)[:2] if line)


def found_at(known: Taken, path: str | None) -> Taken:
    """Return a known file as it is known once it was found at a path."""
    others = tuple(one for one in known.paths if one != path)
    paths = (*others, path) if path is not None else others
    return msgspec.structs.replace(known, paths=paths[-PATHS_MAX:])


def lengths(known: Sequence[Taken], head: bytes) -> list[int]:
    """Return the lengths of beginnings to digest in a file with this `head`, ascending.

    `head` is the first HEAD_BYTES of its content, or all of a shorter one.
    """
    heads: dict[int, bytes] = {}
    found = set()
    for one in known:
        length = min(one.end.bytes, HEAD_BYTES)
        if length > len(head):
            continue
        if length not in heads:
            heads[length] = digest(head[:length])
        if heads[length] == one.head:
            found.add(one.end.bytes)
    return sorted(found)


def compare(known: Sequence[Taken], found: Found) -> Verdict:
    """Return what a found file is to the known ones.

    A file that is as a known one was before it grew has nothing new either. Of several that are
    just as it, it is the latest, which was taken again. Of several that it begins with, it is the
    one of which most was taken; of equal ones the one at its path, then the latest. A known file
    without a row says nothing about a longer one. One of which every row was refused may change:
    nothing of it could be lost, or count twice.
    """
    seen = (found.end.bytes, found.digest)
    same = [one for one in known if seen == (one.seen_bytes, one.seen_digest)]
    if same := same or [one for one in known if seen in one.former]:
        return Verdict(Standing.SAME, max(same, key=lambda one: one.number))
    telling = [one for one in known if one.rows]
    begun = [one for one in telling if found.begins.get(one.end.bytes) == one.digest]
    if begun:
        base = max(begun, key=lambda one: (one.end.bytes, one.path == found.path, one.number))
        if found.end.bytes == base.end.bytes:
            return Verdict(Standing.SAME, base)
        if base.is_open and base.end.bytes not in found.ends_line:
            return Verdict(Standing.CHANGED, base)
        return Verdict(Standing.GROWN, base)
    former = [one for one in telling if found.path in one.paths and one.has_events]
    if former:
        return Verdict(Standing.CHANGED, max(former, key=lambda one: one.number))
    return Verdict(Standing.NEW)


class Resolved(NamedTuple):
    """What a run does with one of its files."""

    standing: Standing
    known: Taken | None
    """Of a file that is not new, the one that it is or was."""
    number: int
    """Under which it is taken from `begin` on."""
    begin: Place


def resolve(
    known: Sequence[Taken], files: Sequence[Found], numbered: int | None = None
) -> list[Resolved]:
    """Return what one run does with each of its files, in their order.

    New ones are numbered from `numbered` on, by default from behind the known ones.

    It is what runs over one file after the other would do, with two exceptions. What follows two
    copies of a known file that grew apart is taken from both. And a file at the path of a known
    one is new, not changed, if that one was found at another path and the first lines of the two
    differ: the known one is a log that was rotated.
    """
    before: list[Taken] = []
    """The files before it in this run, as they will be known."""
    number = next_number(known) if numbered is None else numbered
    numbers: list[int] = []
    verdicts: list[Verdict] = []
    claimed: set[int] = set()
    """Numbers of known files whose content was found."""
    for found in files:
        standing, base = verdict = compare(
            [*known, *(one for one in before if _ends_there(one, found))], found
        )
        verdicts.append(verdict)
        goes_on = standing in (Standing.SAME, Standing.GROWN) and base is not None
        if base is not None and goes_on and base in known and base.number not in claimed:
            numbers.append(base.number)
        else:
            numbers.append(number)
            number += 1
        if base is not None and goes_on:
            claimed.add(base.number)
        if standing is not Standing.SAME:
            before.append(taken_whole(found, numbers[-1]))
    return [
        _resolved(verdict, found, own, claimed)
        for verdict, found, own in zip(verdicts, files, numbers, strict=True)
    ]


def next_number(known: Sequence[Taken]) -> int:
    """Return the number of the file that is taken next."""
    return 1 + max((one.number for one in known), default=-1)


def _resolved(verdict: Verdict, found: Found, number: int, claimed: set[int]) -> Resolved:
    standing, known = verdict
    if known is None or standing is Standing.NEW:
        return Resolved(Standing.NEW, None, number, BEGINNING)
    if standing is not Standing.CHANGED:
        return Resolved(standing, known, number, known.end)
    begins_so = found.begins.get(known.end.bytes) == known.digest
    is_alike = all(one == other for one, other in zip(known.first, found.first, strict=False))
    if known.number in claimed and not begins_so and not is_alike:
        return Resolved(Standing.NEW, None, number, BEGINNING)
    return Resolved(standing, known, number, BEGINNING)


def alike(known: Sequence[Taken], found: Found) -> Taken | None:
    """Return a known file whose first two lines a new file has too: perhaps an export of the same.

    Nothing forbids it, but if it is the same, its events count twice.
    """
    if len(found.first) < 2:
        return None
    return next((one for one in known if one.has_events and one.first == found.first), None)


def _ends_there(before: Taken, found: Found) -> bool:
    """Return whether the last row of a file cannot be the beginning of a longer one's."""
    return not before.is_open or before.end.bytes in {*found.ends_line, found.end.bytes}


def taken_whole(found: Found, number: int = -1) -> Taken:
    """Return a file as it will be known once all of it was taken, under that number."""
    end, whole, head, is_open = found.end, found.digest, found.head, found.is_open
    if found.inner is not None:
        length, whole, head = found.inner
        end, is_open = Place(length, end.line, in_list=True), False
    return Taken(
        number=number,
        paths=(found.path,) if found.path is not None else (),
        end=end,
        digest=whole,
        head=head,
        first=found.first,
        seen_bytes=found.end.bytes,
        seen_digest=found.digest,
        is_open=is_open,
        rows=1 if found.end.bytes else 0,
    )
