"""Who an event is about, as far as its anchor alone says, and the identifiers of a customer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from cjo_stream.core.actor import receive
from cjo_stream.core.answer import Nobody, Shown
from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import Arrive, Deliver, Find, Show, customer_id, partition_of
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Reply
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from tests.world.scene import HEAD, Scene

DAY = 86_400
NOTHING = """
action: nothing
treatments: {mail: {template: t}}
"""
HASH = "ab" * 16


def changes(scene: Scene) -> list[tuple[str, list[str]]]:
    """Return (kind, values) of every identity change."""
    rows = scene.driver._records.rows["identity"]
    return [(row["kind"], [i["value"] for i in row["identifiers"]]) for row in rows]


def known(scene: Scene, identifier: str) -> dict[str, list[str]] | None:
    row = scene.driver.customer(identifier)
    return row["identifiers"] if row else None


def test_an_event_belongs_to_its_strongest_identifier(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTHING)
    scene.send("e", 1, identifiers={"cookie": "c", "user": "u"})
    scene.send("e", 2, identifiers={"user": "u", "email": "A@Example.com"})
    scene.send("e", 3, identifiers={"cookie": "c"})
    row = scene.driver.customer("user:u")
    assert row is not None
    assert row["events"] == 3
    assert row["identifiers"] == {"user": ["u"], "email": ["a@example.com"], "cookie": ["c"]}


def test_of_several_values_of_a_type_the_first_given_is_the_anchor(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTHING)
    scene.send("e", 1, identifiers={"email": ["z@example.com", "a@example.com"]})
    scene.send("e", 2, identifiers={"email": "z@example.com"})
    row = scene.driver.customer("email:a@example.com")
    assert row is not None
    assert row["events"] == 2


def test_a_customer_is_created_once_and_each_new_identifier_is_linked_once(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, NOTHING)
    scene.send("e", 1, identifiers={"user": "u", "cookie": "c"})
    scene.send("e", 2, identifiers={"user": "u", "cookie": ["c", "d"]})
    scene.send("e", 3, identifiers={"user": "u"})
    assert changes(scene) == [("created", ["u"]), ("linked", ["c"]), ("linked", ["d"])]


def test_a_customer_keeps_as_many_values_of_a_type_as_its_limit(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTHING)
    for number in range(7):
        ids = {"user": "u", "cookie": f"c{number}", "email": f"e{number}@example.com"}
        scene.send("e", number, identifiers=ids)
    assert known(scene, "user:u") == {
        "user": ["u"],
        "email": ["e0@example.com", "e1@example.com"],
        "cookie": ["c0", "c1", "c2", "c3", "c4"],
    }


def test_a_limit_with_per_counts_the_links_made_within_it_by_the_clock(tmp_path: Path) -> None:
    limit = {"type: cookie, limit: 5": "type: cookie, limit: 2, per: 10d"}
    scene = Scene(tmp_path, NOTHING, head=limit)

    def link(cookie: str, clock: float, at: float | None = None) -> bool:
        scene.send("e", clock, user="other")
        ids = {"user": "u", "cookie": cookie}
        scene.send("e", clock if at is None else at, identifiers=ids)
        return cookie in (known(scene, "user:u") or {}).get("cookie", [])

    assert link("a", 2 * DAY, at=0)
    assert link("b", 3 * DAY)
    assert not link("c", 11 * DAY)
    assert not link("c", 11.999 * DAY)  # refused, and remembered for a day
    assert link("c", 12 * DAY)
    assert not link("d", 12.5 * DAY)
    assert link("e", 13 * DAY)


def test_a_repeated_event_still_shows_who_it_was_about(tmp_path: Path) -> None:
    scene = Scene(tmp_path, NOTHING)
    scene.send("e", 1, id="same", identifiers={"user": "u"})
    scene.send("e", 2, id="same", identifiers={"user": "u", "cookie": "c"})
    row = scene.driver.customer("cookie:c")
    assert row is not None
    assert row["events"] == 1


# --- the actors themselves


def program(folder: Path) -> Program:
    (folder / "all.yaml").write_text(HEAD + "---" + NOTHING)
    return load(folder).program


def event() -> Event:
    return Event("e", 1, {}, "1", "web", [Identifier("cookie", "c", HASH)], True)


def test_an_identifier_points_to_a_customer_made_at_its_first_event(tmp_path: Path) -> None:
    turn = Turn(program(tmp_path), 1)
    state: Any = receive("n" + HASH, None, Arrive(event()), turn)
    rank = turn.program.identifiers["cookie"].rank
    assert state.pointer == customer_id(rank, HASH, 0)
    assert turn.messages == [("p" + state.pointer, Deliver(event()))]
    assert turn.changed
    assert partition_of("n" + HASH, 7) == partition_of("p" + state.pointer, 7)
    again = Turn(turn.program, 2)
    assert receive("n" + HASH, state, Arrive(event()), again) is state
    assert again.messages == turn.messages
    assert not again.changed


def test_find_asks_the_customer_to_show_itself(tmp_path: Path) -> None:
    made = program(tmp_path)
    state: Any = receive("n" + HASH, None, Arrive(event()), Turn(made, 1))
    turn = Turn(made, 1)
    receive("n" + HASH, state, Find(Show("question")), turn)
    assert turn.messages == [("p" + state.pointer, Show("question", by=(HASH, 0)))]
    assert turn.records == []


def test_find_of_nobody_is_answered_and_leaves_nothing(tmp_path: Path) -> None:
    turn = Turn(program(tmp_path), 1)
    assert receive("n" + HASH, None, Find(Show("question")), turn) is None
    assert turn.records == [Reply(command_id="question", body=Nobody())]
    assert not turn.changed


def test_show_answers_with_the_customers_row_and_changes_nothing(tmp_path: Path) -> None:
    made = program(tmp_path)
    key = "p" + customer_id(3, HASH, 0)
    state: Any = receive(key, None, Deliver(event()), Turn(made, 1))
    before = msgspec.msgpack.encode(state)
    turn = Turn(made, 5)
    receive(key, state, Show("question"), turn)
    (reply,) = turn.records
    assert isinstance(reply, Reply)
    assert reply.command_id == "question"
    assert isinstance(reply.body, Shown)
    assert reply.body.customer.identifiers == {"cookie": ["c"]}
    assert msgspec.msgpack.encode(state) == before
    assert not turn.changed
    nobody = Turn(made, 5)
    assert receive(key, None, Show("question"), nobody) is None
    assert nobody.records == [Reply(command_id="question", body=Nobody())]
