"""Traffic in files: one for all channels, as `run` reads it, or one for each channel's topic.

events.jsonl             every record, the channel's own form plus a field `channel`
events-<channel>.jsonl   one channel's values, untouched: for `run --channel <channel>`
truth.jsonl              the real identifiers of each person
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import msgspec

from cjo_stream.errors import UsageError
from cjo_stream.simulate.record import Simulated, Truth

EVENTS = "events.jsonl"
TRUTH = "truth.jsonl"
BUFFER_BYTES = 1 << 20


def line_of(record: Simulated) -> bytes:
    """Return the line for a file of several channels: the value, with its channel added in front.

    A value that is not a JSON object stays as it is; it will be refused anyway.

    >>> line_of(Simulated("web", 0, 0, None, b'{"type":"x"}', "ann"))
    b'{"channel":"web","type":"x"}'
    """
    value = record.value
    if value[:1] != b"{":
        return value
    comma = b"" if value[:2] == b"{}" else b","
    return b'{"channel":"' + record.channel.encode() + b'"' + comma + value[1:]


def write_native(records: Iterable[Simulated], folder: Path) -> Counter[str]:
    """Write events.jsonl, in order of arrival; return the number of records by channel."""
    counts: Counter[str] = Counter()
    with _open(folder / EVENTS) as file:
        for record in records:
            file.write(line_of(record) + b"\n")
            counts[record.channel] += 1
    return counts


def write_channels(records: Iterable[Simulated], folder: Path) -> Counter[str]:
    """Write events-<channel>.jsonl for each channel; return the number of records by channel."""
    counts: Counter[str] = Counter()
    files: dict[str, BinaryIO] = {}
    with ExitStack() as stack:
        for record in records:
            channel = record.channel
            file = files.get(channel)
            if file is None:
                opened = _open(folder / f"events-{channel}.jsonl")
                file = files[channel] = stack.enter_context(opened)
            file.write(record.value + b"\n")
            counts[channel] += 1
    return counts


def write_truth(people: Iterable[Truth], folder: Path) -> int:
    """Write truth.jsonl; return how many people there are."""
    count = 0
    with _open(folder / TRUTH) as file:
        for person in people:
            file.write(msgspec.json.encode(person) + b"\n")
            count += 1
    return count


def read_truth(path: Path) -> Iterator[Truth]:
    """Yield the people of a truth.jsonl; raises UsageError if the file is not one."""
    remedy = "write one with `cjo-stream simulate TOPOLOGY --out DIR --truth`"
    decode = msgspec.json.Decoder(Truth).decode
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield decode(line)
                except msgspec.MsgspecError as error:
                    raise UsageError(f"{path}, line {number}: {error}; {remedy}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): {remedy}") from None


def _open(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb", buffering=BUFFER_BYTES)
