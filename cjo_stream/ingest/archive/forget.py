"""Takes a person's events out of an archive.

Files are read one after the other; one that has such an event is written again without it, under
its name. A process that ends in between leaves each file as it was, or without the events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import msgspec

from cjo_stream.core.event import Identifier
from cjo_stream.core.message import CUSTOMER_ID_DIGITS
from cjo_stream.core.word import ArchiveForm
from cjo_stream.ingest.archive.content import pack, unpack
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.archive.name import read_name
from cjo_stream.ingest.archive.row import Row, read_row

_PARQUET: Final = ".parquet"


class Person(msgspec.Struct, frozen=True):
    """A person in the archive: identifiers (type, value), and the ids that the customer had.

    The ids find outcomes that name a command in place of a person.
    """

    identifiers: frozenset[tuple[str, str]]
    customer_ids: frozenset[str] = frozenset()

    def has(self, row: Row) -> bool:
        """Return whether an event is this person's."""
        assert isinstance(row.identifiers, dict), "a row that was read has objects"
        if row.identifiers:
            named = ((type_, one) for type_, of in row.identifiers.items() for one in of)
            return not self.identifiers.isdisjoint(named)
        action_id = row.attributes.get("action_id") if isinstance(row.attributes, dict) else None
        return isinstance(action_id, str) and action_id[:CUSTOMER_ID_DIGITS] in self.customer_ids


class Forgotten(msgspec.Struct):
    """The events that were taken out of an archive, counted."""

    events: int = 0
    files: int = 0
    """Those that were written again."""


def person_of(identifiers: Collection[Identifier]) -> Person:
    """Return the person who is known by these identifiers alone."""
    return Person(frozenset((one.type, one.value) for one in identifiers))


def forget(
    folder: Folder,
    person: Person,
    forgotten: Forgotten,
    known: Collection[str] = (),
    on_file: Callable[[], None] = lambda: None,
) -> list[str]:
    """Take a person's events out of all files but the `known` ones; return the files there are.

    `forgotten` counts them. Raises RetryError.
    """
    paths = [path for path in folder.paths() if read_name(path) is not None]
    passed = frozenset(known)
    for path in paths:
        if path not in passed:
            _forget_in(folder, path, person, forgotten)
            on_file()
    return paths


def _forget_in(folder: Folder, path: str, person: Person, forgotten: Forgotten) -> None:
    lines, to = unpack(folder.read(path), path)
    kept = [line for line in lines if not person.has(read_row(line))]
    if len(kept) == len(lines):
        return
    form = ArchiveForm.PARQUET if path.endswith(_PARQUET) else ArchiveForm.JSONL
    folder.replace(path, pack(kept, to, form))
    forgotten.events += len(lines) - len(kept)
    forgotten.files += 1
