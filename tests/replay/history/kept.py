"""The form of a kept history, and its file: bytes and numbers alone, no struct of the product.

So whatever a later release makes of its structs, it reads what is kept here as it was written.
"""

from __future__ import annotations

import functools
import lzma
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.program.program import Program
from cjo_stream.definition import compile_stored
from cjo_stream.engine.port import Log, Store
from cjo_stream.engine.task import Task

FOLDER: Final = Path(__file__).parent
CHANGELOG: Final = Path(__file__).parents[3] / "CHANGELOG.md"
KEY: Final = b"key of the tests"
"""The tenant key of every history."""
PARTITIONS: Final = 4
GIVEN: Final = {"piece_bytes": 700, "due_at_once": 3, "live": 3, "queue": 1}
"""The bounds of a history's tasks, where they are not the product's: they are met in it."""
ITEMS_MAX: Final = 2
"""Of a frame, so that the pieces of a customer come one by one."""

Pairs = list[tuple[bytes, bytes]]
"""A whole store."""


class Taken(msgspec.Struct, kw_only=True):
    """One raw record, as intake took it by a set; `position` is where it stood then."""

    lane: int
    set: int
    time: int
    value: bytes
    frames: list[tuple[int, bytes]]
    letters: list[tuple[list[tuple[str, bytes]], bytes]]
    """Headers and value of each dead letter."""
    position: tuple[int, str]
    headers: tuple[tuple[str, bytes], ...] = ()


class Step(msgspec.Struct, kw_only=True):
    """One record of an internal log, and what a task sends for it."""

    time: int
    value: bytes
    frames: list[tuple[int, bytes]]
    effects: list[bytes]


class Partition(msgspec.Struct, kw_only=True):
    """One internal log from its beginning."""

    steps: list[Step]
    stores: dict[int, Pairs]
    """By the offset applied last: in the middle, as a killed process leaves them."""
    end: Pairs
    """As a process leaves it that was stopped in order behind the last record."""
    positions: list[tuple[int, str]]
    """Dispatch's, after each effect frame."""


class Learnt(msgspec.Struct, kw_only=True):
    """What the learner took, what it published after how many of it, and its memory then."""

    rewards: list[bytes]
    published: list[tuple[int, list[bytes]]]
    memory: list[tuple[int, dict[str, bytes]]]
    """After so many rewards: the records of its topic, by key."""


class Run(msgspec.Struct, kw_only=True):
    """A `run --state` that was killed, and how it ends."""

    left: dict[str, bytes]
    """Files by their paths: topology, events, state and results, as the process left them."""
    ended: dict[str, bytes]
    """Files of the results after the run went on to its end."""


class History(msgspec.Struct, kw_only=True):
    """What one release wrote."""

    behaviour: int
    given: dict[str, int]
    """Bounds of its tasks that were not the product's."""
    product: dict[str, int]
    """The product's bounds, all of them."""
    layout: dict[str, list[str]]
    """What each struct that was written is made of (`layout.drawn`)."""
    partitions: list[Partition]
    taken: list[Taken]
    learnt: Learnt
    topics: dict[str, dict[str, bytes]]
    """Records of the compacted topics, by what they are and by key."""
    checkpoint: dict[str, bytes]
    """Files of a checkpoint store with the first kept store of partition 0."""
    run: Run


def path_of(behaviour: int) -> Path:
    """Return where the history of a behaviour number stands."""
    return FOLDER / f"behaviour-{behaviour}.xz"


def kept() -> list[int]:
    """Return the behaviour numbers of the histories there are."""
    return sorted(int(path.stem.split("-")[1]) for path in FOLDER.glob("behaviour-*.xz"))


def released(changelog: str | None = None) -> set[int]:
    """Return the behaviour numbers of the releases that are out, as CHANGELOG.md names them."""
    text = CHANGELOG.read_text() if changelog is None else changelog
    return {
        int(number)
        for section in re.split(r"^## ", text, flags=re.M)[1:]
        if "(unreleased)" not in section.partition("\n")[0]
        for number in re.findall(r"Behaviour number (\d+)\.", section)
    }


@functools.cache
def read(behaviour: int) -> History:
    """Return the history of a behaviour number."""
    packed = lzma.decompress(path_of(behaviour).read_bytes())
    return msgspec.msgpack.decode(packed, type=History)


def write(history: History) -> Path:
    """Write a history to its file; return its path."""
    path = path_of(history.behaviour)
    packed = msgspec.msgpack.encode(history)
    path.write_bytes(lzma.compress(packed, preset=9 | lzma.PRESET_EXTREME))
    return path


def compile_kept(number: int, content: bytes) -> Program:
    """Return the program of a set, whatever versions of data libraries it was applied with.

    What those change of a result is theirs to say, by the versions in the set.
    """
    return msgspec.structs.replace(compile_stored(content), number=number)


def open_task(number: int, store: Store, given: Mapping[str, int] = GIVEN) -> Task:
    """Return a task of a history over its store."""
    bounds = Bounds(**given)
    log = Log("internal", number)
    return Task(
        number,
        PARTITIONS,
        log,
        store,
        compile_kept,
        frame_items_max=ITEMS_MAX,
        rollout_customers_max=1,
        bounds=bounds,
    )
