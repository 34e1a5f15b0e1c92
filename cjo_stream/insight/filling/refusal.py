"""Events of files that customers refused, by the dead letters of runs.

The letters of a state are those of all its runs. There a file goes by its content, as the state
knows it: what an earlier run refused of a file that was corrected since, or taken again whole, is
of another file. In the folder of one run a file goes by its name. An archived event goes by the
topic that it came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream.core.catalogue import DEAD_LETTER, FILES, RecordKind
from cjo_stream.core.command.outcome import is_refused_by_customer
from cjo_stream.core.event import Event, native
from cjo_stream.embedded.delivery import operator_destination, run_folders
from cjo_stream.embedded.results import FileRecords
from cjo_stream.embedded.state import StateFolder, holds_state
from cjo_stream.embedded.taking import last_reading, taken
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest.taken import Found, Standing, Taken, resolve

_json: Final = msgspec.json.Encoder(order="deterministic").encode


class Run(NamedTuple):
    """Where a run, or all runs of a state, have written, and what the state knows of files."""

    folders: list[Path]
    taken: list[Taken] | None
    """The files of a state; None for the folder of one run."""
    is_cut_off: bool = False
    """Whether a run on the state was killed, and has not gone on."""


def opened_run(run: Path) -> Run:
    """Return what there is of a run's folder, or of a state; raises UsageError."""
    if not run.is_dir():
        raise UsageError(
            f"{run} is no folder: name the --out folder of a `run`, or a state folder"
        )
    if not holds_state(run):
        return Run([run], None)
    with closing(StateFolder(run)) as state:
        folders = [*run_folders(state.log), operator_destination(run).folder]
        there = [folder for folder in folders if folder.is_dir()]
        last = last_reading(state.log)
        return Run(there, taken(state.log), last is not None and not last.is_done)


def with_file(folders: Sequence[Path], kind: RecordKind) -> list[Path]:
    """Return the folders that have the file of a kind of records."""
    return [folder for folder in folders if (folder / FILES[kind.name]).exists()]


class _Refused(msgspec.Struct):
    """What is compared of an event that a customer refused, in its native form."""

    type: str
    time: int
    attributes: dict[str, Any] = {}
    identifiers: dict[str, list[str]] = {}


class Refusals:
    """Tells whether the events of files were refused by their customers.

    With `by_identifiers`, events of one row that differ in nothing else are told apart; without a
    topology identifiers are not as a run has written them.
    """

    def __init__(self, run: Run, *, by_identifiers: bool) -> None:
        """Read the dead letters; raises UsageError where they cannot be read."""
        self._taken = run.taken
        self._by_identifiers = by_identifiers
        self._why = dict(self._letters(run.folders))

    def names(self, files: Sequence[tuple[str, Found]]) -> list[str | int | None]:
        """Return what letters call files, given by name and content; None where none is of it.

        Raises UsageError for a file of which the state has taken a part: what its customers refuse
        of the rest is not known yet.
        """
        if self._taken is None:
            return [name for name, _ in files]
        found = resolve(self._taken, [found for _, found in files])
        for (name, _), one in zip(files, found, strict=True):
            if one.standing is Standing.GROWN:
                raise UsageError(
                    f"{name} has rows that this state has not taken: run it on the state first, "
                    "so that it is known what its customers refuse"
                )
        return [
            one.known.number if one.known is not None and one.standing is Standing.SAME else None
            for one in found
        ]

    def why(self, name: str | int | None, record: RawRecord, event: Event) -> InputError | None:
        """Return why an event of a file's line was refused; None if it was not."""
        line = record.offset
        if event.topic != record.topic:  # of an archive: it has the coordinates that it came with
            name, line = event.topic, event.offset
        if name is None or not self._why:
            return None
        return self._why.get(self._place(name, line, event, native(event)["identifiers"]))

    def _letters(self, folders: Sequence[Path]) -> Iterator[tuple[bytes, InputError]]:
        for letter in FileRecords(with_file(folders, DEAD_LETTER)).refused():
            if is_refused_by_customer(letter.reason, letter.detail) and letter.offset >= 0:
                event = msgspec.json.decode(letter.value, type=_Refused)
                why = InputError(letter.reason, letter.detail)
                for name in (letter.topic, letter.partition):
                    yield self._place(name, letter.offset, event, event.identifiers), why

    def _place(
        self, name: str | int, line: int, event: Event | _Refused, identifiers: dict[str, Any]
    ) -> bytes:
        """Return the digest of an event's place and content: all of all runs are kept."""
        who = identifiers if self._by_identifiers else None
        text = _json([name, line, event.time, event.type, event.attributes, who])
        return hashlib.blake2b(text, digest_size=16).digest()
