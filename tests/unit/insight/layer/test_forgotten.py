"""After an erasure no file of a layer has anything of the customer, whatever is read later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.message import customer_id
from cjo_stream.core.record import Address, IdentityChange, JourneyRef, Reward
from cjo_stream.errors import LockedError, RefusalError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.insight.filling.sink import Sink, Sunk
from cjo_stream.insight.layer.manifest import latest
from cjo_stream.insight.layer.reading import connect
from cjo_stream.insight.layer.table import SOURCES
from tests.unit.insight.touched import DAY, Written

KEY = b"a key of the tests' own"
[IDENTITY] = [one for one in SOURCES if one.kind.name == "identity"]


def id_of(name: str, epoch: int = 0) -> str:
    type_, _, value = name.partition(":")
    return customer_id(8, identifier_hash(KEY, type_, value), epoch)


ANN, BOB = id_of("user:ann"), id_of("user:bob")
BOB_AGAIN = id_of("user:bob", 1)


class World:
    """A layer, and what is given to it, each time by a sink that is opened anew."""

    def __init__(self, folder: Path) -> None:
        self.layer, self._folder = folder / "layer", folder
        self._number = 0

    def sink(
        self,
        records: Written | None = None,
        events: Sequence[tuple[int, Any]] = (),
        key: bytes = KEY,
    ) -> Sunk:
        """Take records, and events of some identifiers (or attributes) at some days."""
        self._number += 1
        sink = Sink(str(self.layer), tenant_key=key)
        run = self._folder / f"run-{self._number}"
        sink.take_run((records or Written()).into(run))
        file = self._folder / f"events-{self._number}.jsonl"
        file.write_text("".join(json.dumps(_event(*one)) + "\n" for one in events))
        sink.take_events([str(file)], None, None, key, 0)
        return sink.publish()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection, _ = connect(str(self.layer))
        found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return found

    def text(self) -> str:
        """Return all that the files of the layer hold, the records of erasures aside."""
        from pyarrow import parquet

        found = [path.read_text() for path in self.layer.rglob("*.json")]
        for path in self.layer.rglob("*.parquet"):
            rows = parquet.read_table(path).to_pylist()
            found += [json.dumps(one) for one in rows if one.get("kind") != "erased"]
        return "\n".join(found)


def _event(day: int, of: Any) -> dict[str, Any]:
    named, attributes = of if isinstance(of, tuple) else (of, {})
    identifiers = dict(name.split(":") for name in named)
    return {
        "type": "seen", "time": day * DAY, "channel": "web", "identifiers": identifiers,
        "attributes": attributes,
    }  # fmt: skip


def change(kind: Any, customer: str, day: int, *names: str, **of: Any) -> IdentityChange:
    named = [Address(*name.split(":")) for name in names]
    return IdentityChange(kind=kind, customer_id=customer, identifiers=named, time=day * DAY, **of)


def given(*changes: IdentityChange) -> Written:
    records = Written()
    records.identities = list(changes)
    return records


JOINED = (
    change("created", ANN, 1, "user:ann"),
    change("created", BOB, 1, "user:bob"),
    change("linked", BOB, 1, "cookie:c"),
    change("merged", ANN, 2, "user:bob", "cookie:c", absorbed=[BOB], event_id="bob's"),
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("at_once", [True, False])
def test_changes_of_others_lose_what_they_name_of_the_erased_customer(
    world: World, at_once: bool
) -> None:
    before = [
        *JOINED,
        change("linked", ANN, 2, "cookie:t"),
        change("refused", ANN, 3, "user:ann", "cookie:c", reason="limit", event_id="bob's"),
        change("unmerged", BOB_AGAIN, 4, "user:bob", "cookie:c", reason=f"from {ANN}"),
    ]
    erased = change("erased", BOB_AGAIN, 9, absorbed=[BOB])
    events = [(1, ["cookie:c"]), (3, ["user:bob"]), (3, ["cookie:t"])]
    if at_once:
        world.sink(given(*before, erased), events)
    else:
        world.sink(given(*before), events)
        world.sink(given(erased))
    text = world.text()
    for gone in ("user:bob", "cookie:c", BOB, "bob's"):
        assert gone not in text.replace(f'"{BOB_AGAIN}"', ""), gone
    kept = world.rows("SELECT kind, customer_id, absorbed, identifiers FROM identity")
    assert sorted(kept) == sorted([
        ("created", ANN, [], ["user:ann"]),
        ("merged", ANN, [], []),
        ("linked", ANN, [], ["cookie:t"]),
        ("refused", ANN, [], ["user:ann"]),
        ("erased", BOB_AGAIN, [BOB], []),
    ])  # fmt: skip
    assert world.rows("SELECT customer_id FROM event") == [(ANN,)]
    # An identifier that has stayed is whose it was, also for who begins with what is left.
    world.sink(given(change("created", id_of("user:zoe"), 10, "user:zoe")), [(10, ["cookie:t"])])
    assert world.rows("SELECT customer_id FROM event") == [(ANN,), (ANN,)]


def test_an_identifier_that_stays_where_the_id_has_left_is_known_by_the_merge(
    world: World,
) -> None:
    left = change("unmerged", BOB_AGAIN, 4, "user:bob", reason=f"from {ANN}")
    world.sink(given(*JOINED, left), [(3, ["cookie:c"])])
    world.sink(given(change("erased", BOB_AGAIN, 9, absorbed=[BOB])))
    world.sink(given(change("created", id_of("user:zoe"), 10, "user:zoe")), [(5, ["cookie:c"])])
    assert world.rows("SELECT customer_id FROM event") == [(ANN,), (ANN,)]


def test_events_from_before_the_erasure_are_not_taken_however_late(world: World) -> None:
    world.sink(given(*JOINED, change("erased", ANN, 9, absorbed=[BOB])))
    before = [(8, ["cookie:c"]), (9, ["user:ann"]), (3, ["cookie:x", "user:bob"])]
    assert world.sink(None, before).withheld == 3
    assert world.rows("FROM event") == []
    assert latest(Folder(str(world.layer))).withheld == 3
    assert "ann" not in world.text()
    # Who comes back is somebody new, and stays.
    again = id_of("user:ann", 2)
    back = given(change("created", again, 10, "user:ann"))
    assert world.sink(back, [(10, ["user:ann"]), (8, ["user:ann"])]).withheld == 1
    assert world.rows('SELECT customer_id, "time" FROM event') == [(again, 10 * DAY)]
    world.sink(given(change("erased", again, 20)))
    assert world.sink(None, [(15, ["user:ann"]), (21, ["user:ann"])]).withheld == 1
    assert world.rows('SELECT "time" FROM event') == [(21 * DAY,)]


def test_a_late_record_tells_of_identifiers_and_brings_nobody_back(world: World) -> None:
    events = [(3, ["cookie:c"]), (3, ["cookie:t"]), (3, ["cookie:k"])]
    world.sink(given(*JOINED[:2], change("erased", BOB, 9)), events)
    world.sink(
        given(
            change("linked", BOB, 1, "cookie:c"),
            change("linked", BOB, 2, "cookie:t"),
            change("detached", BOB, 3, "cookie:t", reason="shared"),
            change("refused", BOB, 3, "user:bob", "cookie:k", reason="limit"),
        )
    )
    assert sorted(world.rows("SELECT customer_id FROM event")) == [("cookie:k",), ("cookie:t",)]
    assert world.sink(None, [(4, ["cookie:c"]), (4, ["cookie:t"])]).withheld == 1
    # A detachment that comes later still.
    world.sink(given(change("linked", BOB, 1, "cookie:u")))
    assert world.sink(None, [(4, ["cookie:u"])]).withheld == 1
    world.sink(given(change("detached", BOB, 3, "cookie:u")))
    assert world.sink(None, [(5, ["cookie:u"])]).withheld == 0
    # What somebody who stays had by then is theirs.
    world.sink(given(change("linked", ANN, 5, "cookie:w")), [(3, ["cookie:w"])])
    world.sink(given(change("linked", BOB, 1, "cookie:w")))
    assert (ANN,) in world.rows("SELECT customer_id FROM event")


def test_a_late_unmerge_takes_back_what_was_forgotten(world: World) -> None:
    world.sink(given(*JOINED, change("erased", ANN, 9, absorbed=[BOB])))
    cookie = id_of("cookie:c", 1)
    world.sink(given(change("unmerged", cookie, 5, "cookie:c", reason=f"from {ANN}")))
    assert world.sink(None, [(6, ["cookie:c"]), (6, ["user:bob"])]).withheld == 1
    assert world.rows("SELECT customer_id FROM event") == [(cookie,)]


def test_records_that_come_after_the_erasure_stay_out(world: World) -> None:
    records = given(*JOINED)
    world.sink(records)
    world.sink(given(change("erased", ANN, 9, absorbed=[BOB])))
    late = Written()
    for customer in (ANN, BOB):
        late.command(customer, 3 * DAY, "mail")
        late.goal(customer, 3 * DAY)
        late.chose(customer, 3 * DAY)
        late.identities.append(change("created", customer, 3, "user:late"))
        late.rewards.append(
            Reward(
                decision_id="d", action_id="a", customer_id=customer, action="offer",
                channel="mail", features=None, probability=None, outcome=None, value=None,
                reward=0, issued_at=3 * DAY, time=4 * DAY,
            )
        )  # fmt: skip
    world.sink(late)
    for view in ("action", "transition", "decision", "candidate", "outcome", "stay"):
        assert world.rows(f'FROM "{view}"') == [], view
    assert world.rows("SELECT kind FROM identity") == [("erased",)]
    assert "late" not in world.text()


def test_an_event_that_names_a_command_leaves_with_whose_it_was(world: World) -> None:
    def answer(customer: str) -> tuple[list[str], dict[str, str]]:
        return [], {"action_id": f"{customer}-a5", "outcome": "opened"}

    world.sink(given(*JOINED), [(3, answer(BOB)), (3, answer(id_of("user:zoe"))), (3, ([], {}))])
    world.sink(given(change("erased", ANN, 9, absorbed=[BOB])))
    assert len(world.rows("FROM event")) == 2
    assert BOB not in world.text()
    assert world.sink(None, [(12, answer(BOB))]).withheld == 1


def test_what_had_moved_to_the_erased_customer_stays_out_after_a_restart(world: World) -> None:
    records = given(
        *JOINED, change("unmerged", BOB_AGAIN, 4, "user:bob", "cookie:c", reason=f"from {ANN}")
    )
    records.command(ANN, 3 * DAY, "mail")
    records.actions[-1].journey = JourneyRef("j", 1, "moved", "s")
    records.transition(BOB_AGAIN, 5 * DAY, "moved", "j")
    records.transitions[-1].instance_id = "moved"
    world.sink(records)
    world.sink(given(change("erased", BOB_AGAIN, 9, absorbed=[BOB])))
    assert world.rows("FROM action") == []
    late = Written()
    late.transition(ANN, 3 * DAY, "moved", "j")
    late.transitions[-1].instance_id = "moved"
    late.transition(ANN, 3 * DAY, "moved", "own")
    world.sink(late)
    assert world.rows("SELECT journey, customer_id FROM transition") == [("own", ANN)]


def test_events_of_an_erased_customer_whose_changes_were_never_read_leave_by_the_id(
    world: World,
) -> None:
    world.sink(given(JOINED[0]), [(3, ["user:bob"]), (3, ["user:ann"])])
    world.sink(given(change("erased", BOB, 9)))
    assert world.rows("SELECT customer_id FROM event") == [(ANN,)]
    assert world.sink(None, [(4, ["user:bob"])]).withheld == 1


def test_an_erasure_needs_the_key_of_the_records(world: World) -> None:
    erased = change("erased", BOB, 9)
    with pytest.raises(RefusalError, match="Set CJO_TENANT_KEY to that key"):
        world.sink(given(*JOINED[:2], erased), key=b"another key")
    world.sink(given(*JOINED[:2]), key=b"another key")  # without an erasure it does not matter
    world.sink(given(erased))
    with pytest.raises(RefusalError, match="is not the key of the layer"):
        world.sink(key=b"another key")
    assert world.sink(None, [(4, ["user:bob"])]).withheld == 1


def filling(world: World, *changes: IdentityChange) -> Sink:
    """Return a sink that has taken changes, and not made them count."""
    sink = Sink(str(world.layer), tenant_key=KEY)
    for place, one in enumerate(changes):
        sink.add(IDENTITY, f"lane {id(sink)}", place, msgspec.json.encode(one))
    return sink


def test_a_sink_that_was_not_the_first_leaves_no_file(world: World) -> None:
    late = filling(world, change("linked", BOB, 1, "user:robert"))
    world.sink(given(*JOINED))
    with pytest.raises(LockedError, match="give the command again"):
        late.publish()
    assert "user:bob" in world.text()
    assert "user:robert" not in world.text()


def test_what_a_killed_sink_has_left_goes_with_an_erasure(world: World) -> None:
    """Also by a sink that goes on all the time, as that on Kafka does."""
    goes_on = filling(world, *JOINED)
    goes_on.publish()
    killed = filling(world, change("linked", ANN, 3, "user:anna"))
    killed._new.flush()
    assert "user:anna" in world.text()
    erased = change("erased", ANN, 4, absorbed=[BOB])
    goes_on.add(IDENTITY, "erasures", 1, msgspec.json.encode(erased))
    assert goes_on.publish().erased == 1
    assert "user:anna" not in world.text()
