"""The files of a run: one record a line, in the order of issue (docs/records.md).

Their sizes are noted in the log with each step, so that a killed run goes on where its last noted
step ended: lines beyond are cut off and written again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from cjo_stream.core.catalogue import DEAD_LETTER, FILES, ON_REQUEST
from cjo_stream.core.record import DeadLetter
from cjo_stream.embedded.log import TOPIC_ID
from cjo_stream.engine.frame import Effect
from cjo_stream.errors import RefusalError, RetryError, UsageError

CUSTOMERS = "customers.jsonl"
SUMMARY = "summary.json"
SPOOL = ".events"
"""What a run on several cores has read: its own file, while it runs."""
CHUNK_BYTES = 1 << 20
NO_RECORD = -1
"""The offset in the dead letter of something that no record caused, such as a timer."""
_LOG = logging.getLogger(__name__)
_JSON = msgspec.json.Encoder()


def check_free(folder: Path, *, force: bool) -> None:
    """Make `folder` for a new run; raises UsageError if it is not empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = any(folder.iterdir())
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written to ({error.strerror}): name another folder"
        ) from error
    if held and not force:
        raise UsageError(f"{folder} is not empty: name another folder, or add --force")


def clear(folder: Path) -> None:
    """Delete the results of an earlier run."""
    with usable(folder):
        for name in [*FILES.values(), CUSTOMERS, SUMMARY, SPOOL]:
            (folder / name).unlink(missing_ok=True)


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Raise UsageError where the system refuses to make or open something in a folder."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written to ({error.strerror}): let this user write there"
        ) from error


class _Reach(msgspec.Struct):
    """How far the files reach: bytes and lines by kind, actions by channel.

    `before`: the events that the state had had when the run began, by result.
    """

    bytes: dict[str, int] = {}
    lines: dict[str, int] = {}
    actions: dict[str, int] = {}
    before: dict[str, int] = {}


class Lost(NamedTuple):
    """A file that is shorter than its noted length."""

    path: Path
    noted: int
    there: int

    def __str__(self) -> str:
        return f"{self.path} has lost its end: of {self.noted} bytes {self.there} are there"


def beginning(folder: Path, before: dict[str, int]) -> bytes:
    """Return the first note of a run or command in a folder: the present sizes of its files."""
    paths = {kind: folder / name for kind, name in FILES.items()}
    sizes = {kind: path.stat().st_size for kind, path in paths.items() if path.is_file()}
    return _JSON.encode(_Reach(bytes=sizes, before=before))


def lost(folder: Path, sizes: bytes) -> list[Lost]:
    """Return the files in `folder` that are missing or shorter than the `sizes` noted."""
    noted = msgspec.json.decode(sizes, type=_Reach).bytes
    found = []
    for kind, size in noted.items():
        path = folder / FILES[kind]
        there = path.stat().st_size if path.is_file() else 0
        if there < size:
            found.append(Lost(path, size, there))
    return found


Line = tuple[str, bytes, str | None]
"""One line without its end: the kind of its record, the text, the channel of a command."""


def written(*, profiles: bool) -> frozenset[str]:
    """Return the kinds of records that have a file."""
    return frozenset(FILES) if profiles else frozenset(FILES) - ON_REQUEST


def line_of(effect: Effect, kinds: Collection[str]) -> Line | None:
    """Return the line of an effect if its kind is of `kinds`; a withdrawn profile has none."""
    if effect.kind == DEAD_LETTER.name:
        return effect.kind, _dead_letter_line(effect), None
    if effect.kind in kinds and effect.value:
        return effect.kind, effect.value, effect.channel
    return None


def refusal_line(letter: DeadLetter) -> Line:
    """Return the line of a dead letter of intake."""
    return DEAD_LETTER.name, _line(letter), None


class Output:
    """Open files in one folder.

    `counts` are the lines written, by kind; `actions` the commands written, by channel; `before`
    the events that the state had had when the files were begun, by result.
    """

    def __init__(
        self,
        folder: Path,
        note: str,
        sizes: bytes,
        *,
        without_lost: bool = False,
        profiles: bool = False,
    ) -> None:
        """Open the files, cut back to the `sizes` last noted under the name `note`.

        `profiles`: those of the kinds that are written on request, too. Raises RefusalError where
        a file has lost its end, unless `without_lost`.
        """
        self.folder = folder
        self._note = note
        self._files: dict[str, BinaryIO] = {}
        noted = msgspec.json.decode(sizes, type=_Reach)
        self.counts = {kind: noted.lines.get(kind, 0) for kind in FILES}
        self.actions = noted.actions
        self.before = noted.before
        ends = {folder / FILES[kind]: noted.bytes.get(kind, 0) for kind in FILES}
        for one in lost(folder, sizes):
            if not without_lost:
                raise RefusalError(
                    f"{one}. After a power cut the disk may have kept the state and not the "
                    "file. Bring the file back; or give the same command with --force: it goes "
                    "on, and the lost results stay lost"
                )
            _LOG.warning("%s; the run goes on, and the lost results stay lost", one)
            ends[one.path] = _line_end(one)
        with usable(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for kind, file_name in FILES.items():
                if kind not in written(profiles=profiles):
                    continue
                file = self._files[kind] = (folder / file_name).open("ab")
                file.truncate(ends[folder / file_name])
                file.seek(0, os.SEEK_END)

    def write(self, effects: Sequence[Effect]) -> None:
        """Write effects, a line each."""
        self.write_lines(line_of(effect, self._files) for effect in effects)

    def write_lines(self, lines: Iterable[Line | None]) -> None:
        """Write lines, each to the file of its kind, in order."""
        texts: dict[str, list[bytes]] = {}
        for line in lines:
            if line is None:
                continue
            kind, text, channel = line
            texts.setdefault(kind, []).append(text)
            if channel is not None:
                self.actions[channel] = self.actions.get(channel, 0) + 1
        for kind, of_kind in texts.items():
            self.counts[kind] += len(of_kind)
            of_kind.append(b"")
            with self._writing():
                self._files[kind].write(b"\n".join(of_kind))

    def flush(self) -> None:
        """Give the system all that was written."""
        with self._writing():
            for file in self._files.values():
                file.flush()

    def notes(self) -> dict[str, bytes]:
        """Flush the files to the system; return how far they reach."""
        self.flush()
        sizes = {kind: file.tell() for kind, file in self._files.items()}
        return {self._note: _JSON.encode(_Reach(sizes, self.counts, self.actions, self.before))}

    def refuse(self, letter: DeadLetter) -> None:
        """Write a dead letter of intake."""
        self.write_lines([refusal_line(letter)])

    def close(self) -> None:
        """Close all files; what was written is then on the disk."""
        with self._writing():
            for file in self._files.values():
                if not file.closed:
                    file.flush()
                    os.fsync(file.fileno())
                    file.close()

    def write_customers(self, lines: Iterable[bytes]) -> int:
        """Write customers.jsonl from its lines in order of customer id; return how many."""
        number = 0
        with self._writing(), (self.folder / CUSTOMERS).open("wb") as file:
            for line in lines:
                file.write(line)
                number += 1
        return number

    def write_summary(self, summary: msgspec.Struct) -> None:
        """Write summary.json."""
        text = msgspec.json.format(_JSON.encode(summary), indent=2)
        with self._writing():
            (self.folder / SUMMARY).write_bytes(text + b"\n")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn an error of the disk into RetryError, which says what to do."""
        try:
            yield
        except OSError as error:
            raise RetryError(
                f"{self.folder} cannot be written to ({error.strerror}): make room, then give "
                "the command again. With --state it goes on, else it begins anew with --force"
            ) from error


def _line_end(one: Lost) -> int:
    """Return where the last whole line of a file ends."""
    end = one.there
    while end:
        start = max(0, end - CHUNK_BYTES)
        with one.path.open("rb") as file:
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _line(letter: DeadLetter) -> bytes:
    return _JSON.encode(
        {
            "reason": letter.reason,
            "detail": letter.detail,
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "value": letter.value.decode("utf-8", "replace"),
        }
    )


def _dead_letter_line(effect: Effect) -> bytes:
    headers = {name: value.decode() for name, value in effect.headers}
    is_of_record = headers["topic"] != TOPIC_ID
    letter = DeadLetter(
        reason=headers["reason"],
        detail=headers["detail"],
        topic=headers["topic"],
        partition=int(headers["partition"]) if is_of_record else 0,
        offset=int(headers["offset"]) if is_of_record else NO_RECORD,
        value=effect.value,
    )
    return _line(letter)
