"""Takes a person's events out of an archive.

Files are read one after the other; one that has such an event is written again without it, under
its name. A process that ends in between leaves each file as it was, or without the events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from cjo_stream.core.event import Identifier
from cjo_stream.core.message import CUSTOMER_ID_DIGITS, seed_of
from cjo_stream.core.word import ArchiveForm
from cjo_stream.errors import CjoError
from cjo_stream.ingest.archive.content import pack, unpack
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.archive.name import ORDERS, read_name
from cjo_stream.ingest.archive.row import Row, read_row

_PARQUET: Final = ".parquet"
_UNPACKED: Final = ".jsonl"


class Person(msgspec.Struct, frozen=True):
    """A person in the archive: identifiers (type, value), and the ids that the customer had.

    The ids find outcomes that name a command in place of a person. So do `seeds`, the hashes of
    identifiers, because a customer's id holds that of the customer's first identifier. Events
    with an identifier, but later than `until` (event time, ms), are not the person's: the person
    was erased then, and whoever has the identifier since is another customer.
    """

    identifiers: frozenset[tuple[str, str]]
    customer_ids: frozenset[str] = frozenset()
    seeds: frozenset[str] = frozenset()
    until: int | None = None

    def has(self, row: Row) -> bool:
        """Return whether an event is this person's."""
        assert isinstance(row.identifiers, dict), "a row that was read has objects"
        if row.identifiers:
            if self.until is not None and row.time > self.until:
                return False
            named = ((type_, one) for type_, of in row.identifiers.items() for one in of)
            return not self.identifiers.isdisjoint(named)
        action_id = row.attributes.get("action_id") if isinstance(row.attributes, dict) else None
        if not isinstance(action_id, str):
            return False
        customer = action_id[:CUSTOMER_ID_DIGITS]
        return customer in self.customer_ids or seed_of(customer) in self.seeds


class Forgotten(msgspec.Struct):
    """The events that were taken out of an archive, counted."""

    events: int = 0
    files: int = 0
    """Those that were written again."""
    unreadable: list[str] = []
    """Files that are not as intake makes them, with the reason; events may still be in them."""
    foreign: list[str] = []
    """Files whose names are not the archive's: nobody has looked into them."""


def person_of(identifiers: Collection[Identifier]) -> Person:
    """Return the person who is known by these identifiers alone."""
    return Person(
        frozenset((one.type, one.value) for one in identifiers),
        seeds=frozenset(one.hash for one in identifiers),
    )


def forget(
    folder: Folder,
    people: Sequence[Person],
    forgotten: Forgotten,
    known: Collection[str] = (),
    on_file: Callable[[], None] = lambda: None,
) -> list[str]:
    """Take people's events out of all files but the `known` ones; return the files there are.

    `forgotten` counts them. A file that cannot be read stops no other. Raises RetryError.
    """
    found = [path for path in folder.paths() if not path.startswith(f"{ORDERS}/")]
    paths = [path for path in found if read_name(path) is not None]
    forgotten.foreign = [path for path in found if read_name(path) is None]
    passed = frozenset(known)
    for path in paths:
        if path not in passed:
            _forget_in(folder, path, people, forgotten)
            on_file()
    return paths


def _forget_in(folder: Folder, path: str, people: Sequence[Person], forgotten: Forgotten) -> None:
    content = folder.read(path)
    try:
        lines, to = _unpacked(content, path)
        kept = [line for line in lines if not _is_of(people, read_row(line))]
    except CjoError as error:
        forgotten.unreadable.append(str(error) if path in str(error) else f"{path}: {error}")
        return
    if len(kept) == len(lines):
        return
    folder.replace(path, _packed(kept, to, path))
    forgotten.events += len(lines) - len(kept)
    forgotten.files += 1


def _is_of(people: Sequence[Person], row: Row) -> bool:
    return any(person.has(row) for person in people)


def _unpacked(content: bytes, path: str) -> tuple[list[bytes], int]:
    """Return the rows of a file, also of one that somebody unpacked, and its last offset."""
    if path.endswith(_UNPACKED):
        return [line for line in content.splitlines() if line.strip()], 0
    return unpack(content, path)


def _packed(lines: Sequence[bytes], to: int, path: str) -> bytes:
    """Return the content of a file with these rows, in the form that it has."""
    if path.endswith(_UNPACKED):
        return b"".join(line + b"\n" for line in lines)
    return pack(lines, to, ArchiveForm.PARQUET if path.endswith(_PARQUET) else ArchiveForm.JSONL)
