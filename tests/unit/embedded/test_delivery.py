"""Whose the effects of a state folder are, when whoever was to have them was killed.

A process is killed here where it is about to note that effects are in its files.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cjo_stream.core.answer import Erased
from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import Erase, Find
from cjo_stream.definition import DefinitionSet, load
from cjo_stream.embedded import definition
from cjo_stream.embedded.delivery import operator_destination
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.log import Append, DurableLog
from cjo_stream.embedded.operator import InFolder
from cjo_stream.errors import RefusalError, UsageError
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.store.rocks import RocksStore
from tests.world.partition import START_MS

TOPOLOGY = """
topology: small
about: ABOUT
channels: {web: {in: {}, out: {address: user}}}
identity: {identifiers: [{type: user, limit: 1}]}
---
action: hi
class: transactional
treatments: {web: {template: t}}
---
journey: visit
version: 1
entry: {on: visit}
initial: here
states:
  here: {enter: [{act: hi}], after: {1d: gone}}
  gone: {end: gone}
"""
KEY = b"a key for this test alone"
USERS = 3
Notes = dict[str, bytes]


class KilledError(BaseException):
    """The process dies here."""


def handing_out(notes: Notes) -> bool:
    return any(name.startswith("dispatch:") for name in notes)


def beginning(notes: Notes) -> bool:
    return any(name.startswith("output:") for name in notes)


def ending(notes: Notes) -> bool:
    return b"" in notes.values()


class World:
    """A state folder, runs on it, an operator; `a` and `b` are folders of runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state, self.a, self.b = folder / "state", folder / "a", folder / "b"
        self.operators = operator_destination(self.state).folder

    def definitions(self, text: str = TOPOLOGY) -> DefinitionSet:
        place = self.folder / "topology"
        place.mkdir(exist_ok=True)
        (place / "all.yaml").write_text(text)
        return load(place)

    def run(self, out: Path, users: int = USERS, *, force: bool = False) -> None:
        with open_installation(
            self.definitions(), out, state=self.state, force=force, tenant_key=KEY
        ) as one:
            for number in range(users):
                named = [self.user(number)]
                time = START_MS + 1_000 * number
                one.runtime.offer(
                    "lane", number, Event("visit", time, {}, f"e{number}", "web", named)
                )

    def apply(self, about: str = "changed") -> bool:
        changed = self.definitions(TOPOLOGY.replace("ABOUT", about))
        return definition.apply(changed, self.state, KEY).changed

    def erase(self, number: int) -> bool:
        """Erase a customer; return whether there was one."""
        at = self.user(number)
        try:
            return InFolder(self.state, KEY).order(at, lambda c: Find(Erase(c, True)), Erased).done
        except UsageError as error:
            if "no customer has this" in str(error):
                return False
            raise

    @staticmethod
    def user(number: int) -> Identifier:
        return Identifier("user", f"u{number}", identifier_hash(KEY, "user", f"u{number}"))


def killed(
    when: Callable[[Notes], bool], act: Callable[[], object], *, written: bool = False
) -> None:
    """Do something; the process dies where it is about to write such notes, or has `written`."""
    append = DurableLog.append

    def dying(self: DurableLog, appends: Sequence[Append], notes: Notes | None = None) -> None:
        dies = bool(notes and when(notes))
        if written or not dies:
            append(self, appends, notes)
        if dies:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DurableLog, "append", dying)
        with pytest.raises(KilledError):
            act()


def commands(folder: Path) -> list[str]:
    lines = (folder / "actions.jsonl").read_bytes().splitlines()
    return [json.loads(line)["action_id"] for line in lines]


def kinds(folder: Path) -> list[str]:
    lines = (folder / "identities.jsonl").read_bytes().splitlines()
    return [json.loads(line)["kind"] for line in lines]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- a run


@pytest.mark.parametrize("when", [handing_out, ending])
def test_what_a_killed_run_has_not_noted_stands_in_no_other_folder(
    world: World, when: Callable[[Notes], bool]
) -> None:
    killed(when, lambda: world.run(world.a))
    for refused in (lambda: world.run(world.b), world.apply, lambda: world.erase(0)):
        with pytest.raises(
            UsageError, match=r"a\. Start that run again first, with the same command"
        ):
            refused()
    assert not world.b.exists()
    world.run(world.a)
    world.run(world.b, 2 * USERS)
    in_a, in_b = commands(world.a), commands(world.b)
    assert len(in_a) == len(in_b) == USERS
    assert not set(in_a) & set(in_b)
    assert world.apply()


def test_a_killed_run_whose_folder_is_gone_goes_on_by_an_operators_word(world: World) -> None:
    killed(ending, lambda: world.run(world.a))
    shutil.rmtree(world.a)
    with pytest.raises(UsageError, match="--force lets it go on without them"):
        world.apply()
    with pytest.raises(RefusalError, match="with --force"):
        world.run(world.a)
    assert not world.a.exists()
    world.run(world.a, 2 * USERS, force=True)
    assert len(commands(world.a)) == USERS
    assert world.erase(0)
    assert world.apply()
    world.run(world.b, 3 * USERS)
    assert len(commands(world.b)) == USERS


def test_a_run_that_was_killed_before_it_had_any_effect_goes_on(world: World) -> None:
    killed(lambda notes: "sources" in notes, lambda: world.run(world.a))
    world.run(world.a)
    assert len(commands(world.a)) == USERS


@pytest.mark.parametrize("written", [False, True])
def test_a_run_that_was_killed_as_it_began_its_files_goes_on(
    world: World, *, written: bool
) -> None:
    killed(beginning, lambda: world.run(world.a), written=written)
    assert not any(world.a.iterdir())
    world.run(world.a)
    assert len(commands(world.a)) == USERS


def test_two_runs_do_not_write_into_one_folder(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    other.folder.mkdir()
    with open_installation(world.definitions(), world.a, state=world.state, tenant_key=KEY):
        with pytest.raises(UsageError, match="is not empty"):
            other.run(world.a)
        world_without_state = open_installation(world.definitions(), world.a, state=None)
        with pytest.raises(UsageError, match="is not empty"), world_without_state:
            pass


def test_of_two_runs_that_an_earlier_release_left_unfinished_both_go_on(world: World) -> None:
    killed(ending, lambda: world.run(world.a))
    store = RocksStore(world.state / "log")
    noted = b'{"bytes":{},"lines":{},"actions":{}}'
    store.write([(f"noutput:{world.b.resolve()}".encode(), noted)])
    store.close()
    world.run(world.b)
    world.run(world.a)
    assert (len(commands(world.a)), len(commands(world.b))) == (USERS, 0)
    assert world.apply()


def test_a_refused_set_leaves_the_results_of_the_former_run(world: World) -> None:
    world.run(world.a)
    before = {path.name: path.read_bytes() for path in world.a.iterdir()}
    text = TOPOLOGY.replace("type: user", "type: person").replace(": user}", ": person}")
    with (
        pytest.raises(UsageError, match="must stay"),
        open_installation(
            world.definitions(text), world.a, state=world.state, force=True, tenant_key=KEY
        ),
    ):
        pass
    assert {path.name: path.read_bytes() for path in world.a.iterdir()} == before
    world.run(world.b, 2 * USERS)
    assert len(commands(world.b)) == USERS


# --- an operator's command


@pytest.mark.parametrize("when", [handing_out, ending])
@pytest.mark.parametrize("then", ["apply", "run", "erase"])
def test_what_a_killed_command_had_for_effects_stands_in_the_operators_files(
    world: World, when: Callable[[Notes], bool], then: str
) -> None:
    world.run(world.a)
    killed(when, lambda: world.erase(0))
    if then == "apply":
        assert world.apply()
    elif then == "run":
        world.run(world.b, 2 * USERS)
        assert len(commands(world.b)) == USERS
        assert "erased" not in kinds(world.b)
    else:
        assert world.erase(1)
    assert kinds(world.operators) == ["erased"] * (2 if then == "erase" else 1)


@pytest.mark.slow
def test_a_command_killed_before_any_of_its_writes_leaves_nothing_to_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = RocksStore.write
    left = [0]

    def limited(self: RocksStore, batch: Sequence[tuple[bytes, bytes | None]]) -> None:
        if left[0] == 0:
            raise KilledError
        left[0] -= 1
        write(self, batch)

    told = set()
    for writes in range(1_000):
        (tmp_path / str(writes)).mkdir()
        world = World(tmp_path / str(writes))
        world.run(world.a)
        left[0] = writes
        with monkeypatch.context() as patch:
            patch.setattr(RocksStore, "write", limited)
            try:
                world.erase(0)
                break
            except KilledError:
                pass
        world.run(world.b, 2 * USERS)
        assert "erased" not in kinds(world.b)
        assert len(commands(world.b)) == USERS
        world.erase(0)
        told.add(tuple(kinds(world.operators)))
    assert writes > 5
    assert told == {("erased",)}


def test_an_operators_file_that_lost_its_end_keeps_nobody_from_the_next_command(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.run(world.a)
    killed(ending, lambda: world.erase(0))
    path = world.operators / "identities.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert world.erase(1)
    assert f"{path} has lost its end" in caplog.text
    assert kinds(world.operators) == ["erased"]
    killed(ending, lambda: world.erase(2))
    shutil.rmtree(world.operators)
    assert world.apply()


def test_effects_that_an_earlier_release_left_for_nobody_go_to_the_operators_files(
    world: World,
) -> None:
    killed(handing_out, lambda: world.run(world.a))
    store = RocksStore(world.state / "log")
    store.write([(f"noutput:{world.a.resolve()}".encode(), None)])
    store.close()
    world.run(world.b)
    assert (len(commands(world.operators)), len(commands(world.b))) == (USERS, 0)
