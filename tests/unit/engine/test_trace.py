"""An event's trace context on its way to its commands, whatever crashes on that way."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec
import pytest

from cjo_stream.core.event import Event, Identifier, Traced
from cjo_stream.core.message import Arrive, identifier_key
from cjo_stream.definition import DefinitionSet, load
from cjo_stream.engine.frame import Effect, decode_effect_frame, decode_frame, single_frame
from tests.world.mesh import START_MS, Mesh, Retold
from tests.world.partition import RAW, Partition, event, hash_of
from tests.world.situation import Witness
from tests.world.traced import context, write


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> DefinitionSet:
    return load(write(tmp_path_factory.mktemp("traced")))


def visit(number: int, clock: int, rng: random.Random) -> Event:
    """Return an event of few people, most of them with a trace, some with a state of it."""
    user = Identifier("user", f"u{number % 5}", hash_of(number % 5))
    cookie = Identifier("cookie", f"c{rng.randrange(6)}", hash_of(10 + rng.randrange(6)))
    named = rng.choice(([user], [user, cookie], [cookie]))
    received: int | Traced = clock
    if number % 4:
        received = Traced(clock, context(number), f"n={number}" if number % 3 else "")
    return Event("cart", clock, {}, f"e{number}", "web", named, True, received, "t", 0, number)


def commands(effects: list[Effect]) -> list[tuple[str, str, Any, str, str]]:
    """Return of each command: its action, what triggered it, of which id, and its context."""
    rows = [(one, msgspec.json.decode(one.value)) for one in effects if one.value]
    triggers = {row["decision_id"]: row["trigger"] for one, row in rows if one.kind == "decision"}
    found = []
    for one, row in rows:
        if one.kind != "action":
            assert one.headers == []
            continue
        trigger = triggers[row["decision_id"]]
        headers = dict(one.headers)
        parent = headers.get("traceparent", b"").decode()
        state = headers.get("tracestate", b"").decode()
        found.append((row["action"], trigger["kind"], trigger["id"], parent, state))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_a_command_carries_the_context_of_the_event_that_caused_it(
    traced: DefinitionSet, seed: int
) -> None:
    """Also of an event that waited for its links, was passed on, or was handled again."""
    rng = random.Random(seed)
    mesh = Mesh(rng, [traced.content], partitions=3, faults=0.04)
    sent = {}
    for number in range(60):
        sent[f"e{number}"] = one = visit(number, mesh.clock, rng)
        mesh.feed(one)
        for _ in range(rng.choice((0, 3, 20))):
            mesh.step()
        if not number % 10:
            mesh.rest()
            mesh.pause(1000)
    mesh.run_out()
    told = Retold(mesh)
    for _ in told.records(Witness()):
        pass
    found = commands(told.effects)
    by_kind = Counter((action, kind) for action, kind, *_ in found)
    assert by_kind["at_once", "event"] > 10
    assert by_kind["later", "timer"] > 10
    assert by_kind["raised", "raised"] == by_kind["at_once", "event"]
    for action, _, id_, parent, state in found:
        if action == "at_once":
            received = sent[id_].received
            assert (parent, state) == (
                (received.traceparent, received.tracestate)
                if isinstance(received, Traced)
                else ("", "")
            )
        elif action == "later":
            assert (parent, state) == ("", ""), "time caused it"
    raised = Counter(parent for action, *_, parent, _ in found if action == "raised")
    assert raised == Counter(parent for action, *_, parent, _ in found if action == "at_once")
    # What was sent in the run itself, several times over and torn, is the same.
    run = {}
    for frame in mesh.effects:
        for item in decode_effect_frame(frame).items:
            if item.effect.kind == "action":
                key = msgspec.json.decode(item.effect.value)["action_id"]
                assert run.setdefault(key, item.effect.headers) == item.effect.headers
    assert len(run) == len(found)


def test_without_a_context_nothing_has_other_bytes_than_before() -> None:
    one = event(1, 5)
    frame = single_frame(RAW, (0, 0), (-1, -1), identifier_key(hash_of(1)), Arrive(one))
    assert msgspec.msgpack.decode(frame)[3][0][6] == [
        "arrive",
        [
            "cart", START_MS + 5, {"cart": "c", "total": 1}, "e1-5", "web",
            [["user", "secret-user-1", hash_of(1)]], True, START_MS + 5, "cjo.event.web.v1", 7, 5,
        ],
    ]  # fmt: skip


def test_a_context_is_beside_the_time_in_a_frame_and_back() -> None:
    one = msgspec.structs.replace(event(1, 5), received=Traced(START_MS, context(1), "a=1"))
    frame = single_frame(RAW, (0, 0), (-1, -1), identifier_key(hash_of(1)), Arrive(one))
    raw = msgspec.msgpack.decode(frame)[3][0][6][1]
    assert raw[7] == [START_MS, context(1), "a=1"]
    message = decode_frame(frame).items[0].message
    assert isinstance(message, Arrive)
    assert message.event == one
    assert message.event.received_at == START_MS


def test_no_state_keeps_a_context_beyond_the_event() -> None:
    partition = Partition()
    one = msgspec.structs.replace(event(1), received=Traced(START_MS, context(1), "a=1"))
    partition.event(one)
    partition.run()
    assert partition.sent("transition")
    assert list(partition.task.traces) == [context(1)]
    stored = b"".join(value for _, value in partition.store.scan(b"", b"\xff"))
    assert context(1).encode() not in stored
    partition.tick(3_000)
    partition.run()
    assert partition.sent("action")
    assert list(partition.task.traces) == []


def test_a_step_has_each_context_once() -> None:
    partition = Partition()
    for number in (1, 2, 3):
        received = Traced(START_MS, context(number % 2))
        partition.event(msgspec.structs.replace(event(number, number), received=received))
    partition.event(event(4, 4))
    partition.step()
    assert list(partition.task.traces) == [context(1), context(0)]


def test_latency_is_of_the_time_beside_the_context() -> None:
    partition = Partition()
    received = Traced(START_MS - 7, context(1))
    partition.event(msgspec.structs.replace(event(1), received=received))
    partition.run()
    found = {item.effect.received_at for item in partition.out if item.effect.kind == "transition"}
    assert found == {START_MS - 7}
