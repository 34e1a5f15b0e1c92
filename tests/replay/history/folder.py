"""A state folder of `run --state` in the middle of a run, and a checkpoint, as files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from cjo_stream.definition import DefinitionSet, load
from cjo_stream.embedded.delivery import run_destination, run_folders
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.run import put, run
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine import codec
from cjo_stream.engine.port import DecodedRecord
from cjo_stream.ingest import decoder, files
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.rocks import RocksStore
from tests.replay.history.kept import KEY, Pairs, Run

NOW_MS = 1_893_456_000_000
DRAIN_MS = 7_200_000
TOPOLOGY, EVENTS, STATE, OUT = "topology/topology.yaml", "events.jsonl", "state", "out"
CHECKPOINTS = "0000"
"""The name of partition 0's."""
PARTITIONS = 2
NOT_KEPT = ("LOG", "LOCK", "IDENTITY")
"""Files of RocksDB that say nothing of a state."""


def killed_run(topology: str, events: Iterable[str], folder: Path) -> Run:
    """Return a run that is killed half way, in an empty folder, and how it ends.

    One that took some of the events came before it.
    """
    lines = list(events)
    given = {TOPOLOGY: topology.encode(), EVENTS: "".join(lines).encode()}
    write_files(given, folder)
    definitions = load(folder / "topology")
    run(
        definitions,
        lambda given: decoded(given, folder, len(lines) // 6),
        folder / "before",
        state=folder / STATE,
        partitions=PARTITIONS,
        tenant_key=KEY,
    )
    lane, source = decoded(definitions, folder, len(lines) // 2)
    with open_installation(
        definitions,
        folder / OUT,
        state=folder / STATE,
        partitions=PARTITIONS,
        tenant_key=KEY,
    ) as installation:
        taken = installation.runtime.last_offset(lane)
        for number, (record, read) in enumerate(source):
            if number > taken:
                put(installation, lane, number, record, read)
        left = {**given, **read_files(folder / STATE, STATE), **read_files(folder / OUT, OUT)}
    with tempfile.TemporaryDirectory() as other:
        return Run(left=left, ended=go_on(left, Path(other)))


def go_on(left: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    """Put the files of a killed run into an empty folder, let it go on; return its results."""
    write_files(left, folder)
    _move(folder)
    definitions = load(folder / "topology")
    run(
        definitions,
        lambda given: decoded(given, folder),
        folder / OUT,
        drain_ms=DRAIN_MS,
        state=folder / STATE,
        tenant_key=KEY,
    )
    results = read_files(folder / OUT, OUT)
    return {path: value for path, value in results.items() if path.endswith(".jsonl")}


def without_details(results: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return results without the texts in `detail` of dead letters, as `told.without_details`."""
    return {
        path: re.sub(rb'(?m)^({"reason":"\w+","detail":)"(?:[^"\\]|\\.)*"', rb"\1", value)
        for path, value in results.items()
    }


def decoded(
    definitions: DefinitionSet, folder: Path, most: int | None = None
) -> tuple[str, Iterator[DecodedRecord]]:
    """Return the lane and the decoded records of a run's events, all or the first of them."""
    program = definitions.program
    read = files.read(
        [str(folder / EVENTS)], decoder(program, KEY), channel="web", now=NOW_MS, sort=False
    )
    return "kept", islice(read, most)


def _move(folder: Path) -> None:
    """Let the run that was killed be one into this folder: its note names it."""
    state = StateFolder(folder / STATE)
    try:
        for place, noted in run_folders(state.log).items():
            old = run_destination(place).note
            state.log.append([], {old: b"", run_destination(folder / OUT).note: noted})
    finally:
        state.close()


def checkpoint_of(pairs: Pairs, folder: Path) -> dict[str, bytes]:
    """Return the files of a checkpoint store that holds these pairs, made in an empty folder."""
    store = RocksStore(folder / "store")
    try:
        store.write(pairs)
        store.checkpoint(str(folder / "copy"))
    finally:
        store.close()
    applied = codec.decode_meta(dict(pairs)[codec.META_KEY]).applied
    Checkpoints(str(folder / "checkpoints"), CHECKPOINTS).save(folder / "copy", applied)
    return read_files(folder / "checkpoints", "checkpoints")


def read_files(folder: Path, name: str) -> dict[str, bytes]:
    """Return the files in a folder, by their paths under another name of it."""
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(NOT_KEPT)
    }


def write_files(contents: Mapping[str, bytes], folder: Path) -> None:
    """Write files below a folder."""
    for name, value in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value)
