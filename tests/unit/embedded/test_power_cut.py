"""A state folder after a power cut: what was written last is gone, from whatever it was part of.

RocksDB then opens at the end of an earlier write. So a cut is made by a copy after one write,
which takes the state's place when more was written, to files too.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from cjo_stream.core.event import Event, Identifier
from cjo_stream.definition import DefinitionSet, load
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.state import StateFolder, section
from cjo_stream.errors import RefusalError
from cjo_stream.store.memory import MemoryStore
from cjo_stream.store.rocks import RocksStore
from tests.world import TOPOLOGY
from tests.world.partition import START_MS, hash_of

LOADED = load(TOPOLOGY)
EVENTS = 24
LATE = 20


class KilledError(BaseException):
    """The power is gone."""


def visit(number: int) -> Event:
    user = number % 3
    named = [Identifier("user", f"u{user}", hash_of(user))]
    attributes = {"cart": "c", "total": number % 4}
    time = START_MS + 1_500 * number
    return Event(
        "order" if number % 7 == 0 else "cart", time, attributes, f"e{number}", "web", named
    )


def run(
    folder: Path, partitions: int, definitions: DefinitionSet = LOADED, *, force: bool = False
) -> dict[str, bytes]:
    """Run all events, from where the state says; return the files."""
    out, state = folder / "out", folder / "state"
    with open_installation(
        definitions, out, state=state, partitions=partitions, force=force
    ) as installation:
        runtime = installation.runtime
        for number in range(runtime.last_offset("lane") + 1, EVENTS):
            runtime.offer("lane", number, visit(number))
            runtime.flush()
        runtime.advance(START_MS + 100_000)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def cut_after(monkeypatch: pytest.MonkeyPatch, folder: Path, partitions: int, writes: int) -> bool:
    """Run, and lose power when the disk has so many writes, and LATE more are under way.

    Return whether there were as many.
    """
    written = [0]
    write = RocksStore.write

    def limited(self: RocksStore, batch: Sequence[tuple[bytes, bytes | None]]) -> None:
        if written[0] == writes:
            self.checkpoint(str(folder / "copy"))
        if written[0] == writes + LATE:
            raise KilledError
        written[0] += 1
        write(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(RocksStore, "write", limited)
        try:
            run(folder, partitions)
        except KilledError:
            shutil.rmtree(folder / "state" / "log")
            (folder / "copy").rename(folder / "state" / "log")
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("partitions", [1, 3])
def test_after_a_power_cut_a_run_goes_on_and_leaves_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, partitions: int
) -> None:
    undisturbed = run(tmp_path / "undisturbed", partitions)
    assert undisturbed["actions.jsonl"]
    cuts = 0
    for writes in range(3, 1_000, 29 if partitions == 1 else 71):
        folder = tmp_path / f"cut-{writes}"
        folder.mkdir()
        if not cut_after(monkeypatch, folder, partitions, writes):
            break
        cuts += 1
        assert run(folder, partitions) == undisturbed
    assert cuts > 3


def test_a_file_that_lost_its_end_is_brought_back_or_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    undisturbed = run(tmp_path / "undisturbed", 1)
    copies = {}
    for name in ("brought back", "given up"):
        folder = tmp_path / name
        folder.mkdir()
        assert cut_after(monkeypatch, folder, 1, 120)
        path = folder / "out" / "transitions.jsonl"
        copies[name] = path.read_bytes()
        path.write_bytes(copies[name][:900])
        with pytest.raises(RefusalError, match="Bring the file back; or"):
            run(folder, 1)
        assert path.read_bytes() == copies[name][:900]
    (tmp_path / "brought back" / "out" / "transitions.jsonl").write_bytes(copies["brought back"])
    assert run(tmp_path / "brought back", 1) == undisturbed
    left = run(tmp_path / "given up", 1, force=True)
    assert "transitions.jsonl has lost its end" in caplog.text
    transitions = undisturbed["transitions.jsonl"].splitlines()
    kept = left["transitions.jsonl"].splitlines()
    whole = copies["given up"][:900].count(b"\n")
    assert 0 < whole < len(kept) < len(transitions)
    assert kept == transitions[:whole] + transitions[whole - len(kept) :]
    del left["transitions.jsonl"], undisturbed["transitions.jsonl"]
    assert left == undisturbed


@pytest.mark.parametrize("removed", range(4))
def test_stores_that_an_older_release_kept_apart_are_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    """After so many deleted files of them the process is killed; 0: it is not."""
    undisturbed = run(tmp_path / "undisturbed", 3)
    state = tmp_path / "state"
    with open_installation(LOADED, tmp_path / "out", state=state, partitions=3) as one:
        for number in range(EVENTS // 2):
            one.runtime.offer("lane", number, visit(number))
    with closing(StateFolder(state)) as folder:
        stores = folder.tasks()
        assert len(stores) == 3
        for number, store in enumerate(stores):
            pairs = list(store.scan(b"", b"\xff"))
            assert pairs
            with closing(RocksStore(state / f"task-{number}")) as apart:
                apart.write(pairs)
            store.write([(key, None) for key, _ in pairs])
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    if removed:

        def dying(folder: Path) -> None:
            for path in sorted(folder.iterdir())[:removed]:
                path.unlink()
            raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr("cjo_stream.embedded.state.shutil.rmtree", dying)
            with pytest.raises(KilledError):
                StateFolder(state)
    second = run(tmp_path, 3, force=True)
    assert not list(state.glob("task-*"))
    assert first["actions.jsonl"] + second["actions.jsonl"] == undisturbed["actions.jsonl"]


def test_a_section_sees_its_own_keys_only() -> None:
    whole = MemoryStore()
    one, other = section(whole, 1), section(whole, 2)
    one.write([(b"a", b"1"), (b"\xff", b"2")])
    other.write([(b"a", b"3")])
    assert list(one.scan(b"", b"\xff\xff")) == [(b"a", b"1"), (b"\xff", b"2")]
    assert (other.get(b"a"), other.get(b"\xff")) == (b"3", None)
