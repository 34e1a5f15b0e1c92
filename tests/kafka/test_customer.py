"""An operator and one customer, on a real broker: looked at, unlinked, linked, erased."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.world.chain import Chain
from tests.world.files import readable

pytestmark = pytest.mark.kafka

TOPOLOGY = Path(__file__).parent / "people"
WITHIN_S = 120.0


@pytest.fixture
def chain(bootstrap: str, tmp_path: Path) -> Iterator[Chain]:
    chain = Chain(bootstrap, tmp_path, partitions=3)
    chain.create(TOPOLOGY)
    chain.start(TOPOLOGY)
    yield chain
    chain.stop()


def ask(chain: Chain, *arguments: str) -> tuple[int, Any, str]:
    """Return exit code, JSON and errors of `customer ... --json`."""
    done = subprocess.run(
        [sys.executable, "-m", "cjo_stream", "customer", *arguments, "--json"],
        env=chain.env(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def until(condition: Callable[[], Any]) -> Any:
    end_s = time.monotonic() + WITHIN_S
    while not (found := condition()):
        assert time.monotonic() < end_s, "it did not come to pass in time"
        time.sleep(0.2)
    return found


def send(chain: Chain, type_: str, number: int, **identifiers: str) -> None:
    producer = Producer({"bootstrap.servers": chain.bootstrap, "log_level": 0})
    event = {
        "type": type_,
        "time": int(time.time() * 1000),
        "id": f"e{number}",
        "identifiers": identifiers,
        "attributes": {"number": number},
    }
    producer.produce(f"{chain.prefix}event.web.v1", json.dumps(event).encode())
    assert producer.flush(10) == 0


def holds(folder: Path, values: list[str]) -> bool:
    """Return whether any file below a folder has any of the values in it, byte for byte."""
    for parent, _, names in os.walk(folder):  # which passes over folders that go meanwhile
        for name in names:
            try:
                content = Path(parent, name).read_bytes()
            except FileNotFoundError:
                continue  # RocksDB has deleted it meanwhile
            if any(value.encode() in content for value in values):
                return True
    return False


def test_a_customer_is_shown_unlinked_linked_and_erased(chain: Chain, tmp_path: Path) -> None:
    user, cookie = f"Ada-{secrets.token_urlsafe(18)}", secrets.token_urlsafe(24)
    mail = f"{secrets.token_hex(16)}@example.com"
    values = [user, cookie, mail]
    named_user, named_cookie, named_mail = f"user:{user}", f"cookie:{cookie}", f"email:{mail}"
    send(chain, "visited", 1, cookie=cookie)
    until(lambda: ask(chain, "show", named_cookie)[0] == 0)
    send(chain, "visited", 2, user=user, cookie=cookie, email=mail)

    def whole() -> Any:
        code, shown, _ = ask(chain, "show", named_user)
        return shown if code == 0 and shown["traits"].get("visits") == 2 else None

    shown = until(whole)
    assert shown["identifiers"] == {"user": [user], "email": [mail], "cookie": [cookie]}
    customer, absorbed = shown["customer_id"], shown["absorbed"]
    assert len(absorbed) == 1

    # What was done, and why: the notes of both visits, once each, in their order.
    def told() -> Any:
        history = ask(chain, "history", named_cookie)[1]["history"]
        return history if sum(e["kind"] == "action" for e in history) == 2 else None

    history = until(told)
    kinds = [e["identity"]["kind"] for e in history if e["kind"] == "identity"]
    assert kinds.count("merged") == 1
    assert sum(e["kind"] == "event" for e in history) == 2
    assert sum(e["kind"] == "decision" for e in history) == 2
    assert f"merged {named_cookie}" in chain.command("customer", "history", named_user)

    # Taken back, said again.
    code, _, errors = ask(chain, "unlink", named_cookie, named_user)
    assert code == 2
    assert "--yes" in errors
    _, done, _ = ask(chain, "unlink", named_cookie, named_user, "--yes")
    (left,) = done["leaving"]
    assert left["identifiers"] == [named_cookie]
    parted = until(lambda: ask(chain, "show", named_cookie)[1])
    assert parted["customer_id"] == left["customer_id"]
    assert parted["traits"]["visits"] == 1
    assert ask(chain, "link", named_cookie, named_user, "--yes")[1] == {"linked": True}
    assert ask(chain, "show", named_cookie)[1]["customer_id"] == customer

    # Erased: nothing in the stores, in a checkpoint made from here on, or in the logs.
    assert holds(tmp_path / "data", values)
    former = tmp_path / "checkpoints" / f"{chain.prefix}internal.v1" / "former"
    former.mkdir()
    code, proof, errors = ask(chain, "erase", named_mail, "--yes")
    assert code == 0, errors
    erased_ms = int(time.time() * 1000)
    assert proof["customer_id"] == customer
    assert proof["removed"]["identifiers"] == {"cookie": 1, "email": 1, "user": 1}
    assert not [value for value in values if value in json.dumps(proof)]
    kept = {one["place"].removeprefix(chain.prefix): one for one in proof["kept"]}
    assert kept["event.web.v1"]["holds"] == "raw events"
    assert kept["internal.v1"]["kept_ms"] >= 7 * 86_400_000
    assert kept["profile.v1"]["kept_ms"] is None
    assert kept[str(former)]["kept_ms"] is None
    until(lambda: not holds(tmp_path / "data", values))
    until(lambda: len(made_after(tmp_path / "checkpoints", erased_ms)) == chain.partitions)
    for files in made_after(tmp_path / "checkpoints", erased_ms).values():
        for path in files:
            assert not any(value.encode() in path.read_bytes() for value in values)
    for path in tmp_path.glob("*.log"):
        assert not any(value in path.read_text(errors="replace") for value in values)
    assert ask(chain, "show", named_user)[0] == 2

    # The profile topic: a null value for who was absorbed, and for who was erased.
    newest: dict[str, Any] = {}
    for messages in chain.read("profile.v1").values():
        newest |= {message.key().decode(): message.value() for message in messages}
    assert newest[customer] is None
    assert all(newest[one] is None for one in [*absorbed, left["customer_id"]] if one in newest)
    assert absorbed[0] in newest

    # Who comes back is somebody new.
    send(chain, "visited", 3, user=user)
    again = until(lambda: ask(chain, "show", named_user)[1])
    assert again["customer_id"] != customer
    assert again["events"] == 1


def test_former_owners_hold_nothing_or_are_named(chain: Chain, tmp_path: Path) -> None:
    """A byte search over every folder of every worker, after rebalances and a killed one."""
    user, mail = f"Bo-{secrets.token_urlsafe(18)}", f"{secrets.token_hex(16)}@example.com"
    values = [user, mail]
    send(chain, "visited", 1, user=user, email=mail)
    until(lambda: ask(chain, "show", f"user:{user}")[0] == 0)
    slots = tmp_path / "data" / "worker"

    # A second worker takes some partitions, and the first leaves nothing of those behind.
    second = chain.add_worker()
    until(lambda: folders(slots / "1"))
    until(lambda: len(folders(slots / "0")) + len(folders(slots / "1")) == chain.partitions)
    send(chain, "visited", 2, user=user, email=mail)
    until(lambda: ask(chain, "show", f"user:{user}")[1]["traits"]["visits"] == 2)

    # Killed, it leaves what it had: the first has its partitions then, and an erasure names it.
    orphans = folders(slots / "1")
    chain.hold_down(second)
    until(lambda: len(folders(slots / "0")) == chain.partitions)
    until(lambda: ask(chain, "show", f"user:{user}")[0] == 0)
    code, proof, errors = ask(chain, "erase", f"user:{user}", "--yes")
    assert code == 0, errors
    until(lambda: not holds(slots / "0", values))
    named = [one["place"] for one in proof["kept"] if one["place"].startswith("slot ")]
    assert [place.rsplit("/", 1)[1] for place in named] == orphans
    assert all(place.startswith("slot 1 on ") for place in named)
    assert folders(slots / "1") == orphans

    # Started again, it deletes what others are beyond, or has it back and forgets it.
    chain.let_up(second)
    until(lambda: not holds(slots, values))
    until(lambda: len(folders(slots / "0")) + len(folders(slots / "1")) == chain.partitions)
    assert readable(tmp_path / "data") == readable(tmp_path / "checkpoints") == []


def folders(slot: Path) -> list[str]:
    """Return the names of the folders of partitions that a worker has on disk."""
    return sorted(path.name for path in slot.glob("tasks/[0-9][0-9][0-9][0-9]"))


def made_after(folder: Path, time_ms: int) -> dict[str, list[Path]]:
    """Return the files of each partition's checkpoints made after a time."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("**/manifests/*.json")):
        try:
            manifest = json.loads(path.read_text().splitlines()[0])
        except (FileNotFoundError, IndexError):
            continue
        if manifest["created_ms"] > time_ms:
            files = path.parents[1] / "files"
            found.setdefault(str(path.parents[1]), []).extend(
                files / sha256 for _, _, sha256 in manifest["files"]
            )
    return found
