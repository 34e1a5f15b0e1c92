"""The records and customers that runs wrote, read back from their --out folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from cjo_stream.core.catalogue import DEAD_LETTER, FILES, GOVERNANCE, KIND_OF, RecordKind
from cjo_stream.core.record import Governance
from cjo_stream.embedded.output import CUSTOMERS, SUMMARY
from cjo_stream.errors import UsageError
from cjo_stream.installation.answer import Refused, Written
from cjo_stream.installation.unrecorded import Switched, switched_by

_Row = TypeVar("_Row")


class FileRecords:
    """The records of runs, in the order of their folders.

    All methods raise UsageError where a file cannot be read.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self.place = ", ".join(map(str, folders))

    def read(self, type_: type[_Row]) -> Iterator[_Row]:
        """Yield the records of a kind."""
        for path in self._files(KIND_OF[type_]):
            yield from _rows(path, type_)

    def since(self, kind: RecordKind, position: Mapping[str, int]) -> Iterator[Written]:
        """Yield the records of a kind beyond `position`, whose lanes are files."""
        for path in self._files(kind):
            lane = str(path.resolve())
            at = position.get(lane, 0)
            if at and not _ends_a_line(path, at):
                raise UsageError(
                    f"{path} is another file than the one that was read up to byte {at}: begin "
                    "with a new position file"
                )
            for line in _lines(path, at):
                if not line.endswith(b"\n"):
                    break  # a run is writing it, or was killed while it did
                at += len(line)
                yield Written(lane, at, line.rstrip())

    def refused(self) -> Iterator[Refused]:
        """Yield the dead letters; one that is half written is none yet, as for `since`."""
        for path in self._files(DEAD_LETTER):
            yield from _rows(path, Refused, may_grow=True)

    def switched(self) -> list[Switched]:
        """Return which kinds of records the sets of the runs switched off.

        A run on a state whose set was in force before says it in its summary alone.
        """
        found = []
        for folder in self._folders:
            path = folder / FILES[GOVERNANCE.name]
            said = switched_by(_rows(path, Governance)) if path.exists() else []
            found += said or _in_summary(folder)
        return found

    def _files(self, kind: RecordKind) -> list[Path]:
        assert kind.file is not None, kind.name
        paths = [folder / kind.file for folder in self._folders]
        if not kind.is_on_request:
            return paths
        there = [path for path in paths if path.exists()]
        if paths and not there:
            option = kind.file.removesuffix(".jsonl")
            raise UsageError(f"{self.place} has no {kind.file}: `run --{option}` writes it")
        return there


class _Customer(msgspec.Struct):
    customer_id: str
    identifiers: dict[str, list[str]] = {}
    facts: dict[str, Any] = {}
    traits: dict[str, Any] = {}


def identifiers(out: Path) -> Iterator[dict[str, list[str]]]:
    """Yield each customer's identifiers, values by type; raises UsageError as FileRecords."""
    for customer in _rows(out / CUSTOMERS, _Customer):
        yield customer.identifiers


def values(out: Path, name: str) -> dict[str, float]:
    """Return the value of a numeric trait or fact at the run's end, by customer id.

    Raises UsageError if no customer has it.
    """
    found = {}
    for customer in _rows(out / CUSTOMERS, _Customer):
        value = {**customer.facts, **customer.traits}.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[customer.customer_id] = float(value)
    if not found:
        raise UsageError(
            f"no customer of {out} has a trait or fact `{name}` that is a number: name one that "
            f"{CUSTOMERS} there shows"
        )
    return found


def _rows(path: Path, type_: type[_Row], *, may_grow: bool = False) -> Iterator[_Row]:
    """Yield the rows of a file; of one that `may_grow`, those of whole lines."""
    decode = msgspec.json.Decoder(type_).decode
    for number, line in enumerate(_lines(path), 1):
        if may_grow and not line.endswith(b"\n"):
            break
        try:
            yield decode(line)
        except msgspec.MsgspecError as error:
            raise UsageError(
                f"{path}, line {number}: {error}: it is not as a `run` wrote it; run again"
            ) from None


class _Summary(msgspec.Struct):
    records: dict[str, str] = {}


def _in_summary(folder: Path) -> list[Switched]:
    try:
        found = msgspec.json.decode((folder / SUMMARY).read_bytes(), type=_Summary)
    except (OSError, msgspec.MsgspecError):
        return []  # a run writes it at its end
    return [Switched(0, None, found.records)] if found.records else []


def _ends_a_line(path: Path, at: int) -> bool:
    """Tell whether a file is so long that a line may end before byte `at`, and one does."""
    try:
        with path.open("rb") as file:
            file.seek(at - 1)
            return file.read(1) == b"\n"
    except OSError:
        return True  # reading it says why


def _lines(path: Path, at: int = 0) -> Iterator[bytes]:
    try:
        with path.open("rb") as lines:
            lines.seek(at)
            yield from lines
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}): name the --out folder of a `run`"
        ) from None
