"""An erasure by its parts: whose stores forget, what a timeline keeps of others, sweeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.actor import receive
from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.edge import Evidence, Member
from cjo_stream.core.identity.member.origin import join_origins
from cjo_stream.core.message import Erase, Forget, Purge, Seed, Sweep, Unlink, customer_id
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Action, Address, IdentityChange, JourneyRef
from cjo_stream.core.state import Customer
from cjo_stream.core.timeline import record_entry, shown
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from cjo_stream.engine import codec
from cjo_stream.engine.frame import control_frame
from cjo_stream.engine.port import LogRecord
from cjo_stream.kafka.worker.steps import Arrival
from cjo_stream.store.memory import MemoryStore
from cjo_stream.store.rocks import RocksStore
from tests.world.host import WITHIN_S, Host
from tests.world.partition import Partition, event, hash_of
from tests.world.scene import HEAD

USER, COOKIE, OTHER = "aa" * 16, "cc" * 16, "dd" * 16


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "all.yaml").write_text(
        HEAD + "---\naction: nothing\ntreatments: {mail: {template: t}}\n"
    )
    return load(tmp_path).program


def purged(turn: Turn) -> list[str]:
    return [to for to, message in turn.messages if isinstance(message, Purge)]


# --- whose stores forget


def test_whom_a_customer_was_merged_with_and_parted_from_forgets_too(program: Program) -> None:
    customer = Customer(
        id=customer_id(0, USER, 0),
        members={USER: Member("user", "u", 0)},
        aliases=["absorbed"],
        origins=["source", "absorbed"],
    )
    turn = Turn(program, 7)
    rank = program.identifiers["user"].rank
    state: Any = receive("p" + customer.id, customer, Erase("c", True), turn)
    assert purged(turn) == ["pabsorbed", "psource"]
    assert [m for _, m in turn.messages if isinstance(m, Forget)] == [Forget(0, 7, rank)]
    assert state == Customer(id=customer.id, erased_at=7)
    former = Turn(program, 8)
    redirect = Customer(id="absorbed", redirect=customer.id)
    assert receive("pabsorbed", redirect, Purge(), former) is redirect
    assert former.purges == ["pabsorbed"]
    assert not former.changed


def test_a_part_remembers_whose_it_was(program: Program) -> None:
    root = Customer(
        id=customer_id(0, USER, 0),
        members={USER: Member("user", "u", 0), COOKIE: Member("cookie", "c", 0)},
        evidence=[Evidence(USER, COOKIE, 1)],
        aliases=["absorbed"],
        origins=["earlier"],
    )
    turn = Turn(program, 7)
    receive("p" + root.id, root, Unlink("c", USER, COOKIE, True), turn)
    ((to, seed),) = [(to, m) for to, m in turn.messages if isinstance(m, Seed)]
    fresh: Any = receive(to, None, seed, Turn(program, 7))
    assert sorted(fresh.origins) == sorted(["earlier", root.id, "absorbed"])


def test_the_newest_origins_are_kept(program: Program) -> None:
    turn = Turn(program, 7)
    assert join_origins(["a", "b"], ["b", "c"], turn) == ["b", "c", "a"]
    assert turn.counts == {}
    many = [str(number) for number in range(BOUNDS.origins)]
    assert join_origins(["new"], many, turn) == [*many[1:], "new"]
    assert turn.counts["cjo_state_bounds_total", "origins"] == 1


# --- timelines


def action(address: Address | None) -> Action:
    return Action(
        action_id="a1",
        customer_id="me",
        topology="t",
        action="hello",
        issue=None,
        group=None,
        class_="service",
        channel="mail",
        template=None,
        payload={},
        address=address,
        issued_at=1,
        expires_at=2,
        decision_id="d1",
        journey=JourneyRef("j", 1, "i1", None),
    )


def test_a_timeline_holds_no_identifiers_value_and_is_shown_with_those_of_members() -> None:
    members = {USER: Member("user", "ada", 0)}
    refused = IdentityChange(
        kind="refused",
        customer_id="me",
        identifiers=[Address("user", "ada"), Address("cookie", "of-somebody-else")],
        reason="limit",
        time=5,
    )
    records = [refused, action(Address("user", "ada")), action(None)]
    entries = []
    for record in records:
        entry = record_entry(5, USER, record, msgspec.json.encode(record), members)
        assert entry is not None
        assert b"ada" not in entry.body
        assert b"of-somebody-else" not in entry.body
        entries.append(entry)
    rows, left_out = shown(entries, members)
    assert left_out == 0
    assert rows[0]["identity"]["identifiers"] == [
        {"type": "user", "value": "ada"},
        {"type": "cookie", "value": None},
    ]
    assert rows[1]["action"]["address"] == {"type": "user", "value": "ada"}
    assert msgspec.json.decode(msgspec.json.encode(rows[2]))["action"]["address"] is None
    (gone, *_), _ = shown(entries, {})
    assert [one["value"] for one in gone["identity"]["identifiers"]] == [None, None]


# --- the task, the worker


class Recording(MemoryStore):
    """A store that notes what it is told to purge."""

    def __init__(self) -> None:
        super().__init__()
        self.purged: list[list[tuple[bytes, bytes]]] = []

    def purge(self, ranges: Sequence[tuple[bytes, bytes]]) -> None:
        self.purged.append(list(ranges))


def test_an_erasure_is_purged_once_and_until_then_a_task_says_that_it_must() -> None:
    store = Recording()
    one = Partition(store)
    one.event(event(1))
    one.run()
    one.control(Erase("c", True), at=5, to="p" + customer_of(one))
    one.process()
    one.task.commit()
    assert one.task.must_purge
    assert one.open().must_purge, "a crash puts it off"
    one.task.purge()
    assert not one.task.must_purge
    assert not one.open().must_purge
    (ranges,) = store.purged
    key, node = ("p" + customer_of(one)).encode(), ("n" + hash_of(1)).encode()
    for start in (b"s" + key, b"h" + key, b"s" + node):
        assert any(begin <= start < end for begin, end in ranges)


def customer_of(one: Partition) -> str:
    (row,) = {record["customer_id"] for record in one.sent("identity")}
    return str(row)


def test_a_sweep_is_answered_and_purges_no_range() -> None:
    store = Recording()
    one = Partition(store)
    one.control(Sweep("question"))
    one.run()
    assert one.sent("reply")[-1]["body"] == {"swept": True}
    assert store.purged == [[]]


def test_a_sweep_leaves_nothing_in_the_stores_own_log(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "store")
    one = Partition(store)
    one.event(event(1))
    one.run()

    def logs() -> bytes:
        return b"".join(path.read_bytes() for path in (tmp_path / "store").glob("*.log"))

    assert b"secret-user-1" in logs()
    one.control(Sweep())
    one.run()
    assert b"secret-user-1" not in logs()
    assert store.get(codec.actor_key_bytes("n" + hash_of(1)))
    store.close()


def test_a_worker_purges_after_the_step_and_makes_a_checkpoint_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        host = Host(tmp_path / "state", tmp_path / "checkpoints")
        await host.assignment.assign([0])
        record = LogRecord(0, 1_000, control_frame([("", Sweep())]))
        await host.assignment.put(0, Arrival(record, lambda: host.acked.append(0)))
        await host.applied(0, 0)
        manifests = tmp_path / "checkpoints" / "0" / "manifests"
        while not list(manifests.glob("*.json")):
            await asyncio.sleep(0)
        steps = host.partition(0)._steps
        assert steps is not None
        assert not steps.task.must_purge
        await host.assignment.close()
        assert not host.failed

    asyncio.run(asyncio.wait_for(story(), WITHIN_S))
