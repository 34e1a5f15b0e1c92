"""After an erasure nothing of the person is found on disk, by a search of every byte.

Compression could hide a value from such a search, so most of it is done without; with it, values
are drawn at random from many characters, which LZ4 stores as they are. Each search finds what it
looks for before the erasure.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rocksdict import DBCompressionType

from cjo_stream.core.answer import Erased, Tied, Unlinked
from cjo_stream.core.message import ActorMessage, Erase, Find, Tie, Unlink, identifier_key
from cjo_stream.definition import DefinitionSet, compile_content, load
from cjo_stream.embedded.log import DurableLog
from cjo_stream.embedded.operator import InFolder
from cjo_stream.embedded.output import Output, beginning
from cjo_stream.embedded.run import run
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.state import section
from cjo_stream.errors import RetryError
from cjo_stream.ingest import decoder
from cjo_stream.ingest.files import choose_channel, read
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.rocks import RocksStore
from tests.world.files import found
from tests.world.partition import START_MS, Partition, event, hash_of
from tests.world.scene import ACTIONS, ASK, HEAD, PROFILE

TOPOLOGY = """
topology: small
channels:
  web:  {in: {}, out: {address: cookie}}
  mail: {out: {address: email}}
identity:
  identifiers:
    - {type: user, limit: 1}
    - {type: email, limit: 2, normalise: email}
    - {type: cookie, limit: 9}
profile:
  facts: {nickname: string}
  traits:
    seen: {distinct: event.product, on: cart}
    last: {last: event.note, on: cart}
---
action: hello
treatments:
  mail: {template: hello, payload: {note: data.note}}
  web: {template: hello, payload: {note: data.note}}
---
journey: greeting
version: 1
entry: {on: cart, key: event.product}
data: {note: event.note}
initial: waiting
states:
  waiting: {enter: [{act: hello}], after: {3d: done}}
  done: {end: done}
"""
KEY = b"a key for this test alone"
ALPHABET = string.ascii_letters + string.digits + "äöüßéèñçøåæœ-_."
END = b"\xff" * 16
HOUR_MS = 3_600_000


class People:
    """Draws people and their events; `secrets` is all that is known of each."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.secrets: dict[str, list[str]] = {}
        self._time = START_MS

    def word(self, whose: str) -> str:
        value = "".join(self._random.choices(ALPHABET, k=24))
        self.secrets.setdefault(whose, []).append(value)
        return value

    def email(self, whose: str) -> str:
        name = "".join(self._random.choices(string.ascii_lowercase + string.digits, k=24))
        self.secrets.setdefault(whose, []).append(name)
        return f"{name}@example.com"

    def event(self, whose: str, type_: str, identifiers: dict[str, Any]) -> dict[str, Any]:
        self._time += self._random.randrange(1, 60_000)
        attributes = {"product": self.word(whose), "note": self.word(whose)}
        if type_ == "cjo.profile":
            attributes = {"nickname": self.word(whose)}
        return {
            "type": type_,
            "time": self._time,
            "channel": "web",
            "identifiers": identifiers,
            "attributes": attributes,
        }


class World:
    """A state folder, runs on it, and an operator."""

    def __init__(self, folder: Path, partitions: int, topology: str = TOPOLOGY) -> None:
        (folder / "topology").mkdir()
        (folder / "topology" / "all.yaml").write_text(topology)
        self.definitions: DefinitionSet = load(folder / "topology")
        self.state = folder / "state"
        self._folder = folder
        self._partitions = partitions
        self._runs = 0

    def run(self, events: Sequence[dict[str, Any]]) -> None:
        """Run events from a file of their own, into an output folder of their own."""
        self._runs += 1
        path = self._folder / f"events-{self._runs}.jsonl"
        path.write_text("\n".join(map(json.dumps, events)) + "\n")
        program = self.definitions.program
        records = read(
            [str(path)],
            decoder(program, KEY),
            channel=choose_channel(program, None),
            now=START_MS + 10**10,
            sort=False,
        )
        out = self._folder / f"out-{self._runs}"
        run(
            self.definitions,
            lambda _: (path.name, records),
            out,
            state=self.state,
            partitions=self._partitions,
        )

    def order(self, written: str, order: Callable[[str], ActorMessage], answer: type) -> Any:
        customers = InFolder(self.state, KEY)
        found = customers.order(customers.named(written), order, answer)
        customers.sweep()
        return found

    def erase(self, written: str) -> Erased:
        answer: Erased = self.order(written, lambda c: Find(Erase(c, True)), Erased)
        assert answer.done
        return answer

    def hash(self, written: str) -> str:
        return InFolder(self.state, KEY).named(written).hash

    def values(self) -> Iterator[bytes]:
        """Yield every key and value that the stores and the log give out."""
        for folder in self.state.iterdir():
            store = RocksStore(folder)
            for key, value in store.scan(b"", END):
                yield key + value
            store.close()


@pytest.fixture(params=["none", "lz4"])
def compression(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    chosen = getattr(DBCompressionType, request.param)()
    monkeypatch.setattr(RocksStore, "compression", chosen)
    return str(request.param)


@pytest.mark.slow
@pytest.mark.parametrize("partitions", [1, 2])
def test_nothing_of_an_erased_person_is_on_disk(
    tmp_path: Path, partitions: int, compression: str
) -> None:
    people, world = People(partitions), World(tmp_path, partitions)
    ada, bob = people.word("ada"), people.word("bob")
    phones = [people.word("ada") for _ in range(4)]
    mail = people.email("ada")
    bobs = {"user": bob, "email": people.email("bob"), "cookie": people.word("bob")}
    # Each run leaves files of its own: what is overwritten by a later one stays in an earlier.
    for cookie in phones:
        anonymous = [people.event("ada", "cart", {"cookie": cookie}) for _ in range(3)]
        joined = [people.event("ada", "cart", {"user": ada, "cookie": cookie, "email": mail})]
        told = [people.event("ada", "cjo.profile", {"user": ada})]
        # Bob logs in on Ada's phone: refused, for each has a user of their own.
        foreign = [people.event("bob", "cart", {**bobs, "cookie": cookie})]
        own = [people.event("bob", "cart", bobs) for _ in range(3)]
        world.run([*anonymous, *joined, *told, *foreign, *own])
    ada_s, bob_s = people.secrets["ada"], people.secrets["bob"]
    assert {secret for secret, _ in found(world.state, ada_s)} >= {ada, *phones}

    answer = world.erase(f"cookie:{phones[2]}")
    assert answer.removed.identifiers == {"cookie": 4, "email": 1, "user": 1}
    assert found(world.state, ada_s) == set()
    assert not any(secret.encode() in value for value in world.values() for secret in ada_s)
    assert found(world.state, bob_s), "Bob is not erased"
    # What comes later, and is of before, leaves nothing either; what is of after begins anew.
    late = people.event("ada", "cart", {"user": ada, "cookie": phones[0]})
    late["time"] = START_MS
    world.run([late, people.event("bob", "cart", bobs)])
    world.erase(f"user:{bob}")
    assert found(world.state, [*ada_s, *bob_s, *people.secrets["bob"]]) == set()


def test_a_person_who_was_merged_with_another_and_parted_again(
    tmp_path: Path, compression: str
) -> None:
    people, world = People(3), World(tmp_path, 2)
    ada, bob = people.word("ada"), people.word("bob")
    tablet = people.word("bob")
    mail = people.email("bob")
    world.run(
        [
            *[people.event("ada", "cart", {"user": ada}) for _ in range(4)],
            *[people.event("bob", "cart", {"cookie": tablet, "email": mail}) for _ in range(4)],
        ]
    )
    world.run([people.event("ada", "cart", {"user": ada, "cookie": tablet})])
    world.run([people.event("bob", "cart", {"cookie": tablet}) for _ in range(3)])
    one, other = world.hash(f"user:{ada}"), world.hash(f"cookie:{tablet}")
    unlink = Unlink("", one, other, True)
    parted = world.order(f"user:{ada}", lambda _: Find(unlink), Unlinked)
    (left,) = parted.leaving
    assert f"cookie:{tablet}" in left.identifiers
    world.run([people.event("bob", "cart", {"cookie": tablet, "user": bob})])
    assert found(world.state, [tablet])
    world.erase(f"user:{bob}")
    # Bob's events carry no word of Ada's; what Ada's customer held of him is gone with him.
    assert found(world.state, people.secrets["bob"]) == set()
    assert found(world.state, [ada])


def test_what_an_operator_linked_is_erased_as_one(tmp_path: Path, compression: str) -> None:
    people, world = People(4), World(tmp_path, 2)
    one, other = people.word("ada"), people.word("ada")
    world.run([people.event("ada", "cart", {"cookie": value}) for value in (one, other) * 5])
    customers = InFolder(world.state, KEY)
    a, b = customers.named(f"cookie:{one}"), customers.named(f"cookie:{other}")
    assert world.order(f"cookie:{one}", lambda c: Tie(c, a, b), Tied) == Tied(linked=True)
    world.erase(f"cookie:{other}")
    assert found(world.state, people.secrets["ada"]) == set()


def test_effects_that_the_learner_still_waits_with_go_too(
    tmp_path: Path, compression: str
) -> None:
    asks = ASK.replace("EXPLORE", "").replace("HOLDOUT", "")
    people = People(6)
    world = World(tmp_path, 1, f"{HEAD}{PROFILE}{ACTIONS}---\n{asks}")
    user, mail = people.word("ada"), people.email("ada")

    def asked(at: int) -> dict[str, Any]:
        one = people.event("ada", "ask", {"user": user, "email": mail})
        return {**one, "time": at, "attributes": {"k": at, "mood": "fine"}}

    # The first one's window ends with the second, whose hour to learn in is not over.
    world.run([asked(START_MS + 1_000), asked(START_MS + 48 * HOUR_MS + 2_000)])
    assert (tmp_path / "out-1" / "rewards.jsonl").read_text()
    assert found(world.state / "log", [mail.split("@")[0]])
    world.erase(f"user:{user}")
    assert found(world.state, people.secrets["ada"]) == set()


# --- crashes, checkpoints


class Unwilling(RocksStore):
    """A store whose disk is away when it is to purge for the n-th time."""

    def __init__(self, folder: Path, nth: int) -> None:
        super().__init__(folder)
        self._left = nth

    def purge(self, ranges: Sequence[tuple[bytes, bytes]]) -> None:
        self._left -= 1
        if self._left == 0:
            raise RetryError("the disk is away")
        super().purge(ranges)


def test_a_crash_between_commit_and_purge_puts_the_purge_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RocksStore, "compression", DBCompressionType.none())
    people, world = People(5), World(tmp_path, 1)
    ada = people.word("ada")
    # One file: four, and the store would merge them by itself.
    world.run([people.event("ada", "cart", {"user": ada}) for _ in range(5)])
    key = identifier_key(world.hash(f"user:{ada}"))
    (tmp_path / "more").mkdir()

    def erase(fails_at: int) -> None:
        """Open a runtime, order the erasure where none is under way, close what is open."""
        whole = Unwilling(world.state / "log", fails_at)
        with (
            closing(whole),
            closing(Output(tmp_path / "more", "n", beginning(tmp_path / "more", {}))) as out,
        ):
            runtime = Runtime(
                log=DurableLog(whole),
                stores=[section(whole, 0)],
                compile_=compile_content,
                output=out,
            )
            if not runtime.tasks[0].must_purge and list(runtime.customers()):
                runtime.order({0: (key, Find(Erase("command", True)))})

    with pytest.raises(RetryError):
        erase(1)  # the log's
    assert found(world.state / "log", people.secrets["ada"])
    with pytest.raises(RetryError):
        erase(2)  # the task's
    erase(0)
    assert found(world.state, people.secrets["ada"]) == set()


def test_no_checkpoint_made_after_an_erasure_holds_anything_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RocksStore, "compression", DBCompressionType.none())
    store = RocksStore(tmp_path / "store")
    one = Partition(store)
    for at in range(5):
        one.event(event(1, at * HOUR_MS, note="secret-note"))
        one.event(event(2, at * HOUR_MS))
        one.run()
        store.checkpoint(str(tmp_path / f"before-{at}"))
    secrets = ["secret-user-1", "secret-note"]
    assert found(tmp_path / "before-4", secrets)
    one.event(event(1, 5 * HOUR_MS, note="secret-note"))
    one.run()
    assert any(name.endswith(".log") for _, name in found(tmp_path / "store", secrets))
    one.control(Find(Erase("c", True)), at=6 * HOUR_MS, to=identifier_key(hash_of(1)))
    one.run()
    store.checkpoint(str(tmp_path / "copy"))
    checkpoints = Checkpoints(str(tmp_path / "checkpoints"), "0")
    checkpoints.save(tmp_path / "copy", one.task.applied)
    assert found(tmp_path / "checkpoints", secrets) == set()
    assert found(tmp_path / "store", secrets) == set()
    assert found(tmp_path / "checkpoints", ["secret-user-2"])
    store.close()
