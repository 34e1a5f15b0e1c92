"""Dead letters of a run, written into a file of records for the next run on the same state.

    OUT/redriven/1/events.jsonl    the records, as they are sent
    OUT/redriven/1/letters.json    of which lines of dead_letters.jsonl they are

A folder appears whole or not at all, so each letter is in one file, however often a redrive is
killed or repeated; and a run takes each row of a file once.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.embedded.output import usable
from cjo_stream.embedded.query import program_of
from cjo_stream.embedded.results import FileRecords
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.decoder import Decoder, decoder
from cjo_stream.ingest.mending import FAILED, Mending, check
from cjo_stream.installation.answer import Redriven, Refused, Sent, redriven_of

FOLDER: Final = "redriven"
EVENTS: Final = "events.jsonl"
_LETTERS: Final = "letters.json"
_REPLACED: Final = "\ufffd"


def redrive(
    out: Path,
    state: Path,
    tenant_key: bytes,
    mending: Mending,
    *,
    channel: str | None,
    now_ms: int,
    is_dry: bool,
) -> Redriven:
    """Write the letters of a run that `mending` chooses into a file; return what became of them.

    They are checked by the definitions in force in `state`; `channel` is that of rows without one.
    Raises UsageError where a folder is not what it should be.
    """
    decode = decoder(program_of(state), tenant_key)
    done = set(_done(out))
    chosen: list[int] = []
    edited = failed = 0
    left: Counter[tuple[str, str]] = Counter()
    letters: Counter[str] = Counter()
    before = 0
    unfinished, folder = _folders(out)
    with usable(out):
        unfinished.mkdir(parents=True)
        with (unfinished / EVENTS).open("wb") as file:
            for line, letter in enumerate(FileRecords([out]).refused(), 1):
                letters[letter.reason] += 1
                value = letter.value.encode()
                if not mending.is_of(letter, value):
                    continue
                if line in done:
                    before += 1
                    continue
                try:
                    new = _row(decode, letter, value, mending, channel, now_ms)
                except InputError as error:
                    left[error.reason, error.detail] += 1
                    continue
                file.write(_on_one_line(new) + b"\n")
                edited += new != value
                failed += letter.reason == FAILED
                chosen.append(line)
            file.flush()
            os.fsync(file.fileno())
        if is_dry or not chosen:
            shutil.rmtree(unfinished)
        else:
            with (unfinished / _LETTERS).open("wb") as file:
                file.write(msgspec.json.encode(chosen))
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(folder)
    written = str(folder / EVENTS) if chosen and not is_dry else None
    sent = Sent(len(chosen), edited, failed)
    return redriven_of(sent, before, left, letters, mending.unread, written)


def _row(
    decode: Decoder,
    letter: Refused,
    value: bytes,
    mending: Mending,
    channel: str | None,
    now_ms: int,
) -> bytes:
    if _REPLACED in letter.value:
        raise InputError(letter.reason, "it has bytes that are not UTF-8, which are not kept")
    new = mending.mended(letter, value)
    place = (letter.topic, letter.topic, letter.partition, letter.offset)
    check(decode, RawRecord(*place, now_ms, _on_one_line(new), channel=channel))
    return new


def _on_one_line(text: bytes) -> bytes:
    return text.replace(b"\n", b" ").replace(b"\r", b" ")


def _done(out: Path) -> Iterator[int]:
    """Yield the lines of letters that stand in a file already."""
    for path in (out / FOLDER).glob(f"[0-9]*/{_LETTERS}"):
        if path.parent.name.isdigit():
            yield from msgspec.json.decode(path.read_bytes(), type=list[int])


def _folders(out: Path) -> tuple[Path, Path]:
    """Return where the next file is written, and where it appears; clear what was killed."""
    above = out / FOLDER
    for killed in above.glob("*.new"):
        shutil.rmtree(killed)
    numbers = [int(path.name) for path in above.glob("[0-9]*") if path.name.isdigit()]
    number = str(max(numbers, default=0) + 1)
    return above / f"{number}.new", above / number
