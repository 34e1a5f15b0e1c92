"""The task: what one partition promises, with faults put in by hand and time moved by hand."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core import customer
from cjo_stream.core.message import (
    ActivateSet,
    Arrive,
    Deliver,
    Find,
    Show,
    StoreSet,
    customer_key,
    identifier_key,
)
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.turn import Turn
from cjo_stream.definition import compile_content
from cjo_stream.engine import codec
from cjo_stream.engine.cache import ActorMemory, Cache
from cjo_stream.engine.frame import FrameWriter, decode_frame, single_frame, tick_frame
from cjo_stream.engine.lane import Numbering
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.engine.task import CLOCK_AHEAD_MAX_MS, TIMERS_PER_RECORD_MAX, Task
from cjo_stream.errors import ClockError, HoleError, RefusalError
from cjo_stream.kafka.definition.apply import check_answers
from cjo_stream.store.memory import MemoryStore
from tests.world.handling import fail_handlers, wrap_handlers
from tests.world.partition import LOADED, LOG, RAW, START_MS, Partition, event, hash_of

NO_CANARY = {"canaries": [], "verdicts": []}
SECOND = 1_000


# --- poison


def fill(partition: Partition, *, poisoned: bool) -> None:
    for at in range(0, 6 * SECOND, SECOND):
        for user in range(3):
            partition.event(event(user, at + user, total=3))
        if poisoned:
            partition.event(event(1, at + 5, "poison"))
        else:
            partition.tick(at + 5)
    partition.tick(60 * SECOND)


def test_an_event_that_fails_is_a_dead_letter_and_everything_else_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_handlers(monkeypatch, Deliver)
    without, with_ = Partition(), Partition()
    # The lanes differ by the numbers that the bad events take, so the good ones are compared.
    fill(without, poisoned=False)
    fill(with_, poisoned=True)
    without.run()
    with_.run()
    for kind in ("action", "decision", "transition", "identity"):
        assert with_.sent(kind) == without.sent(kind), kind
    assert without.sent("action")
    assert without.letters() == []
    assert [(x["reason"], x["detail"]) for x in with_.letters()] == [("failed", "ValueError")] * 6
    states = [dict(p.store.scan(*codec.CUSTOMERS)) for p in (with_, without)]
    assert states[0] == states[1]
    counts = with_.task.take_counts()
    assert ("cjo_events_total", "web", "half done") not in counts
    assert counts["cjo_dead_letters_total", "failed"] == 6


def test_the_dead_letter_of_a_failed_event_is_the_event_with_its_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_handlers(monkeypatch, Deliver)
    partition = Partition()
    partition.event(event(1, 55, "poison", colour="green"))
    partition.run()
    (letter,) = partition.letters()
    assert (letter["topic"], letter["partition"], letter["offset"]) == (
        "cjo.event.web.v1",
        "7",
        "55",
    )
    assert letter["value"] == {
        "type": "poison",
        "time": START_MS + 55,
        "id": "e1-55",
        "channel": "web",
        "identifiers": {"user": ["secret-user-1"]},
        "attributes": {"cart": "c", "total": 1, "colour": "green"},
    }
    assert dict(partition.store.scan(*codec.CUSTOMERS)) == {}


@pytest.mark.parametrize("most", [1, 2, 7, None])
def test_poison_gives_the_same_however_the_records_are_batched(
    monkeypatch: pytest.MonkeyPatch, most: int | None
) -> None:
    fail_handlers(monkeypatch, Deliver)
    whole, parts = Partition(), Partition()
    for partition, size in ((whole, None), (parts, most)):
        fill(partition, poisoned=True)
        partition.run(size)
    assert parts.out == whole.out
    assert dict(parts.store.scan(b"", b"\xff")) == dict(whole.store.scan(b"", b"\xff"))


def test_steps_that_share_a_commit_give_what_each_would_with_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_handlers(monkeypatch, Deliver)
    own, shared = Partition(), Partition()
    for partition in (own, shared):
        for at in range(20):
            poison = [event(1, at * SECOND, "poison")] if at == 7 else []
            for one in [*poison, event(at % 3, at * SECOND + 1, total=3)]:
                partition.event(one)
        partition.tick(60 * SECOND)
    own.run(1)
    writes = 0
    while shared.task.applied + 1 < len(shared.log):
        shared.process(1)
        if shared.task.must_commit or shared.task.processed + 1 == len(shared.log):
            shared.task.commit()
            writes += 1
    assert writes == 2, "the step of the poison, and the last one"
    assert shared.out == own.out
    assert dict(shared.store.scan(b"", b"\xff")) == dict(own.store.scan(b"", b"\xff"))


def test_when_a_set_is_announced_does_not_depend_on_what_shares_a_commit() -> None:
    sent = []
    for commits_each in (True, False):
        partition = Partition(partitions=2, sets=False)
        partition.control(StoreSet(1, LOADED.content))
        numbers, to = Numbering(), identifier_key(hash_of(0))
        for at in (1, 2, 3):  # of a sender that has activated it already
            writer = FrameWriter()
            numbers.begin(at)
            writer.add(Log("internal", 1), *numbers.number(0), to, Arrive(event(0, at)))
            partition.append(*writer.frames(0, 1), at)
        partition.control(ActivateSet(1), at=50)
        partition.tick(60)
        while partition.task.processed + 1 < len(partition.log):
            partition.process(1)
            if commits_each:
                partition.task.commit()
        sent.append([(one.offset, one.index, one.effect) for one in partition.out])
    assert sent[0] == sent[1]
    assert any(effect.kind == "governance" for *_, effect in sent[0])


def test_actors_at_the_bound_of_their_memory_ask_for_a_commit() -> None:
    partition = Partition(memory=ActorMemory(20_000))
    for user in range(20):
        partition.event(event(user, user, total=3))
    asked = []
    while partition.task.processed + 1 < len(partition.log):
        partition.process(1)
        asked.append(partition.task.must_commit)
        if asked[-1]:
            partition.task.commit()
            assert not partition.task.must_commit
    assert 2 <= sum(asked) <= len(asked) // 2


def test_the_example_of_a_count_does_not_depend_on_what_shares_a_commit() -> None:
    own, shared = Partition(), Partition()
    for partition in (own, shared):
        partition.event(event(1, 0, total=3))
        partition.tick(4 * SECOND)  # counts in the state that the order then counts out of
        partition.event(event(1, 5 * SECOND, "order"))
    own.run(1)
    shared.run()
    moved = ("cjo_journey_instances", "cart", "1", "reminded")
    assert own.task.examples[moved] == ("cjo.event.web.v1", 7, 5 * SECOND)
    assert shared.task.examples == own.task.examples


def test_poison_processed_again_after_a_crash_sends_the_same_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_handlers(monkeypatch, Deliver)
    partition = Partition()
    fill(partition, poisoned=True)
    partition.step(9)
    first = partition.process()
    partition.open()
    assert partition.process() == first


def test_a_failure_is_logged_by_place_and_type_never_by_value(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail_handlers(monkeypatch, Deliver)
    partition = Partition()
    partition.event(event(1, 0, "poison", note="secret-note"))
    with caplog.at_level(logging.DEBUG):
        partition.run()
    assert "ValueError at handle" in caplog.text
    assert "secret" not in caplog.text


def test_a_timer_that_fails_is_dropped_into_a_dead_letter_and_its_customer_lives_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = customer.fire

    def faulty(state: Customer, turn: Turn) -> None:
        good(state, turn)
        if state.id[2:34] == hash_of(1):
            state.events += 1_000
            raise KeyError("secret-value")

    monkeypatch.setattr(customer, "fire", faulty)
    partition = Partition()
    for user in range(3):
        partition.event(event(user))
    partition.tick(5 * SECOND)
    partition.event(event(1, 6 * SECOND, "order"))
    partition.run()
    (letter,) = partition.letters()
    assert (letter["reason"], letter["detail"]) == ("failed", "KeyError")
    (timer,) = letter["value"]["timers"]
    assert timer["customer_id"][2:34] == hash_of(1)
    assert (timer["journey"], timer["state"]) == ("cart", "waiting")
    assert timer["due"] == START_MS + 3 * SECOND
    assert {a["customer_id"][2:34] for a in partition.sent("action")} == {hash_of(0), hash_of(2)}
    goals = [t for t in partition.sent("transition") if t["reason"] == "goal"]
    assert [t["customer_id"][2:34] for t in goals] == [hash_of(1)]
    (state,) = [
        s
        for k, v in partition.store.scan(*codec.CUSTOMERS)
        if (s := codec.decode_actor(k[1:].decode(), v)) and hash_of(1) in k.decode()
    ]
    assert isinstance(state, Customer)
    assert state.events == 2
    assert "secret" not in caplog.text


@pytest.mark.parametrize("error", [ValueError, MemoryError, RecursionError])
def test_a_failure_in_the_identity_protocol_stops_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    partition = Partition()
    before = dict(partition.store.scan(b"", b"\xff"))
    partition.event(event(1))
    partition.event(event(2, 5, "poison"))
    with monkeypatch.context() as patch:
        fail_handlers(patch, Arrive, error)
        with pytest.raises(error):
            partition.process()
    assert dict(partition.store.scan(b"", b"\xff")) == before
    partition.open()
    partition.run()
    assert partition.changes() == [("created", [1]), ("created", [2])]


@pytest.mark.parametrize("error", [MemoryError, RecursionError])
def test_no_event_is_blamed_for_want_of_memory_or_of_stack(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    fail_handlers(monkeypatch, Deliver, error)
    partition = Partition()
    partition.event(event(1, 0, "poison"))
    with pytest.raises(error):
        partition.process()


def test_an_operators_command_that_fails_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_handlers(monkeypatch, Find, bad=lambda message: True)
    partition = Partition()
    partition.control(Find(Show("question")), to="n" + hash_of(1))
    partition.event(event(1))
    partition.run()
    (reply,) = partition.sent("reply")
    assert (reply["command_id"], reply["body"]) == ("question", {"error": "ValueError"})
    assert partition.changes() == [("created", [1])]


# --- the log, its lanes, its clock


def test_a_hole_in_the_log_stops_the_task() -> None:
    partition = Partition()
    partition.tick(1)
    with pytest.raises(HoleError, match="record 3 follows 0"):
        partition.task.process([LogRecord(3, START_MS, tick_frame())])


@pytest.mark.parametrize("mended", ["the log", "the state"])
def test_a_task_goes_on_over_a_hole_that_is_filled_or_lies_behind_it(
    tmp_path: Path, mended: str
) -> None:
    partition = Partition()
    partition.event(event(1))
    partition.run()
    partition.store.checkpoint(str(tmp_path / "older"))
    partition.event(event(2, 1))
    lost = len(partition.log) - 1
    partition.run()
    partition.store.checkpoint(str(tmp_path / "newer"))
    partition.event(event(3, 2))
    cut = [record for record in partition.log if record.offset != lost]

    def task(checkpoint: str) -> Task:
        return Task(0, 1, LOG, MemoryStore(str(tmp_path / checkpoint)), compile_content)

    with pytest.raises(HoleError, match=r"Bring back what it has lost.*or a newer checkpoint"):
        task("older").process(cut)
    again = task("newer") if mended == "the state" else task("older")
    again.process(cut if mended == "the state" else partition.log)
    again.commit()
    assert again.events == {"applied": 3}


def test_a_record_that_is_no_frame_is_a_dead_letter_and_carries_time() -> None:
    partition = Partition()
    partition.event(event(1))
    partition.append(b'{"not": "ours"}', 3 * SECOND)
    partition.run()
    (letter,) = partition.letters()
    assert letter == {
        "reason": "invalid",
        "detail": "no frame: something else writes to the internal topic; find and stop it",
        "topic": "internal",
        "partition": "0",
        "offset": "2",
        "value": {"not": "ours"},
    }
    assert [t["reason"] for t in partition.sent("transition")] == ["entered", "moved"]
    assert partition.task.take_counts()["cjo_dead_letters_total", "invalid"] == 1


def test_a_frame_that_was_damaged_is_taken_once_it_is_back() -> None:
    partition = Partition()
    partition.event(event(1))
    whole = partition.log[-1]
    damaged = whole.value.replace(b"secret-user-1", b"secret-user-\xff")
    partition.log[-1] = LogRecord(whole.offset, whole.time, damaged)
    with pytest.raises(RefusalError, match="bring the record back"):
        partition.process()
    partition.log[-1] = whole
    partition.open()
    partition.run()
    assert partition.changes() == [("created", [1])]


def test_a_frame_in_whose_place_stands_another_record_is_missed() -> None:
    partition = Partition()
    partition.event(event(1))
    partition.event(event(1, 1))
    first = partition.log[-2]
    partition.log[-2] = LogRecord(first.offset, first.time, b"{}")
    with pytest.raises(HoleError, match="bring back what it has lost, from a replica or a copy"):
        partition.process()
    partition.log[-2] = first
    partition.open()
    partition.run()
    assert partition.task.events == {"applied": 2}


def test_a_hole_in_a_lane_stops_the_task() -> None:
    partition = Partition()
    to = "n" + hash_of(1)
    partition.append(single_frame(RAW, (5, 0), (4, 0), to, Arrive(event(1))))
    with pytest.raises(HoleError, match="item"):
        partition.process()


def test_records_and_items_that_come_again_have_no_effect() -> None:
    partition = Partition()
    partition.event(event(1))
    partition.event(event(2, 1))
    partition.run()
    out = list(partition.out)
    before = dict(partition.store.scan(*codec.ACTORS))
    assert partition.task.process(partition.log) == partition.task.process([])
    for record in list(partition.log[1:]):
        partition.append(record.value, 10)  # a second sender, or a zombie
    partition.run()
    assert partition.out == out
    assert dict(partition.store.scan(*codec.ACTORS)) == before
    counts = partition.task.take_counts()
    assert counts["cjo_items_total", "task", "applied"] == 2
    assert counts["cjo_items_total", "task", "repeated"] == 2
    assert partition.task.take_counts() == {}


def test_a_clock_that_jumped_ahead_is_refused() -> None:
    partition = Partition()
    partition.append(tick_frame(START_MS + CLOCK_AHEAD_MAX_MS))
    partition.step()
    assert partition.task.clock == START_MS + CLOCK_AHEAD_MAX_MS
    partition.append(tick_frame(START_MS + CLOCK_AHEAD_MAX_MS + 1))
    with pytest.raises(ClockError, match="offset 2"):
        partition.process()


def test_the_clock_never_goes_back() -> None:
    partition = Partition()
    for at, expected in [(50, 50), (20, 50), (60, 60)]:
        partition.tick(at)
        partition.step()
        assert partition.task.clock == START_MS + expected
    partition.open()
    assert partition.task.clock == START_MS + 60


def test_timers_fire_before_the_items_of_the_record_that_passes_them() -> None:
    partition = Partition()
    partition.event(event(1))
    partition.event(event(1, 3 * SECOND, "order"))
    partition.run()
    reasons = [t["reason"] for t in partition.sent("transition")]
    assert reasons == ["entered", "moved", "goal", "exited"]


def test_a_wake_that_a_release_of_other_behaviour_left_is_passed_over_and_forgotten() -> None:
    def wakes() -> list[tuple[int, str]]:
        return [codec.read_timer_key(key) for key, _ in partition.store.scan(*codec.TIMERS)]

    partition = Partition()
    partition.event(event(1))
    partition.run()
    ((due, key),) = wakes()
    partition.store.write([(codec.timer_key(due - 9, key), b"")])
    partition.open()
    partition.out.clear()
    partition.tick(due - 1 - START_MS)
    partition.run()
    assert partition.out == []
    assert wakes() == [(due, key)]


def test_a_step_that_was_not_committed_gives_the_same_bytes_again() -> None:
    partition = Partition()
    for at in range(0, 9 * SECOND, 700):
        partition.event(event(at // 700 % 3, at, total=3))
    partition.step(4)
    first = partition.process()
    partition.open()
    assert partition.process() == first


def test_at_most_so_many_timers_fire_at_a_record_and_the_rest_with_the_next() -> None:
    assert TIMERS_PER_RECORD_MAX == 5_000
    partition = Partition()
    for user in range(TIMERS_PER_RECORD_MAX + 2):
        partition.event(event(user))
    partition.step()
    for at in (4 * SECOND, 4 * SECOND + 1, 4 * SECOND + 2):
        partition.tick(at)
    users = [f"secret-user-{user}" for user in range(TIMERS_PER_RECORD_MAX + 2)]
    for expected in (users[:TIMERS_PER_RECORD_MAX], users[TIMERS_PER_RECORD_MAX:], []):
        partition.out.clear()
        partition.step(1)
        assert [row["address"]["value"] for row in partition.sent("action")] == expected


def test_timers_put_off_or_cancelled_take_nothing_from_what_a_record_may_fire() -> None:
    reopened = []
    for restart in (False, True):
        partition = Partition(timers_per_record_max=3)
        for user in range(6):
            partition.event(event(user))
            partition.event(event(user, SECOND))
        partition.event(event(5, SECOND + 1, "order"))
        partition.run(2)
        if restart:
            partition.open()
        for at in (4 * SECOND, 4 * SECOND + 1):
            partition.out.clear()
            partition.tick(at)
            partition.process()
            partition.open()  # killed between produce and commit
            partition.out.clear()
            partition.step()
            reopened.append(partition.out)
            users = (0, 1, 2) if at == 4 * SECOND else (3, 4)
            reminded = [row["address"]["value"] for row in partition.sent("action")]
            assert reminded == [f"secret-user-{user}" for user in users]
    assert reopened[:2] == reopened[2:]


def test_a_wake_that_no_actor_has_is_let_go_of_once_its_time_has_come() -> None:
    """A release of other behaviour may have left it."""
    partition = Partition()
    partition.event(event(1))
    partition.step()
    stale = codec.timer_key(START_MS + SECOND, customer_key("0" * 36 + "0000"))
    partition.store.write([(stale, b"")])
    partition.open()
    partition.tick(SECOND - 1)
    partition.step()
    assert partition.store.get(stale) is not None
    partition.tick(SECOND)
    partition.step()
    assert partition.store.get(stale) is None
    partition.tick(5 * SECOND)
    partition.step()
    assert [row["address"]["value"] for row in partition.sent("action")] == ["secret-user-1"]


def test_a_message_to_an_actor_of_another_partition_travels_in_a_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def elsewhere(key: str, state: Any, message: Arrive, turn: Turn) -> Any:
        turn.send(customer_key(f"00{hash_of(1)}0000"), Deliver(message.event))
        return Identifier()

    wrap_handlers(monkeypatch, Arrive, lambda _: elsewhere)
    sender = Partition(partitions=2)
    for at in (0, 5):
        sender.event(event(2, at))
    sender.run(1)
    assert [to for to, _ in sender.frames] == [1, 1]
    store = MemoryStore()
    receiver = Task(1, 2, Log("internal", 1), store, compile_content)
    records = [sender.log[0]]
    # Every frame arrives twice, the first once more at the end.
    for _, frame in [sender.frames[0], *sender.frames, *sender.frames]:
        records.append(LogRecord(len(records), START_MS + 9, frame))
    receiver.process(records)
    receiver.commit()
    items = [decode_frame(frame).items[0] for _, frame in sender.frames]
    assert [(i.offset, i.previous_offset) for i in items] == [(1, -1), (2, 1)]
    (state,) = [codec.decode_actor(k[1:].decode(), v) for k, v in store.scan(*codec.CUSTOMERS)]
    assert isinstance(state, Customer)
    assert state.events == 2


# --- whose store it is


def test_a_store_of_another_topic_partition_or_number_of_partitions_is_refused() -> None:
    store = Partition().store
    for log in (Log("created anew", 0), Log("internal", 1)):
        with pytest.raises(RefusalError, match="created anew, or"):
            Task(log.partition, 1, log, store, compile_content)
    with pytest.raises(RefusalError, match="has 1 partitions, not 2"):
        Task(0, 2, LOG, store, compile_content)
    # The ways out: the log and the number that it belongs to, or an empty store.
    assert Task(0, 1, LOG, store, compile_content).applied >= 0
    assert Task(0, 1, Log("created anew", 0), MemoryStore(), compile_content).applied == -1


def test_another_behaviour_opens_only_a_store_left_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partition = Partition()
    monkeypatch.setattr(codec, "BEHAVIOUR", codec.BEHAVIOUR + 1)
    with pytest.raises(RefusalError, match="stop it cleanly"):
        partition.open()
    partition.task.mark_clean()
    partition.open()
    partition.tick(1)
    partition.step()  # from here on it is in the middle again, by the new behaviour
    partition.open()
    later = partition.task
    monkeypatch.undo()
    # What a later release has written an earlier one may misread, however it was left.
    for leave in (lambda: None, later.mark_clean):
        leave()
        with pytest.raises(RefusalError, match=r"was left by .*\. Start that release, or a later"):
            partition.open()
    monkeypatch.setattr(codec, "BEHAVIOUR", codec.BEHAVIOUR + 1)
    partition.open()


# --- definition sets


def test_items_before_the_first_definition_set_stop_the_task() -> None:
    partition = Partition(sets=False)
    partition.event(event(1))
    with pytest.raises(RefusalError, match="cjo-stream apply"):
        partition.process()
    applied = Partition()
    applied.event(event(1))
    applied.run()
    assert applied.changes() == [("created", [1])]


def test_sets_are_stored_then_activated_and_each_is_answered() -> None:
    partition = Partition(sets=False)
    partition.control(ActivateSet(2, "early"))
    partition.control(StoreSet(2, LOADED.content, "store"))
    partition.control(ActivateSet(2, "activate"))
    partition.run(1)
    early, stored, active = partition.sent("reply")
    assert early["body"]["active"] == 0
    assert "never stored" in early["body"]["error"]
    assert (stored["command_id"], stored["body"]) == ("store", {"stored": 2})
    assert (active["command_id"], active["body"]) == (
        "activate",
        {"active": 2, "error": None, "live": {}, "reached": None, **NO_CANARY},
    )
    assert {reply["partition"] for reply in (early, stored, active)} == {0}
    assert partition.open().active_number == 2


def test_lower_numbers_are_ignored_and_so_is_other_content_under_a_number_in_force() -> None:
    partition = Partition()
    partition.control(StoreSet(3, LOADED.content), ActivateSet(3))
    partition.control(StoreSet(2, b"broken", "a"), ActivateSet(2, "b"), StoreSet(3, b"broken"))
    partition.event(event(1))
    partition.run()
    assert partition.task.active_number == 3
    answer = partition.sent("reply")[-1]["body"]
    assert answer == {"active": 3, "error": None, "live": {}, "reached": 0, **NO_CANARY}
    check_answers(3, [answer], "definition")
    assert partition.open().program is not None


def test_a_set_that_does_not_compile_is_refused_and_the_one_in_force_stays() -> None:
    partition = Partition()
    partition.control(StoreSet(2, b"broken"), ActivateSet(2, "x"))
    partition.event(event(1))
    partition.run()
    (reply,) = partition.sent("reply")
    assert reply["body"]["active"] == 1
    assert "does not compile" in reply["body"]["error"]
    with pytest.raises(RefusalError, match="Apply it from the release that the workers have"):
        check_answers(2, [reply["body"]], "definition")
    assert partition.changes() == [("created", [1])]
    # Applied by one release for all, it has another number, and compiles.
    partition.control(StoreSet(3, LOADED.content), ActivateSet(3, "y"))
    partition.run()
    answer = partition.sent("reply")[-1]["body"]
    assert (answer["active"], answer["error"]) == (3, None)


def test_a_set_governs_from_its_place_in_the_log_on_whatever_the_batch() -> None:
    content = LOADED.content
    outs = []
    for most in (1, None):
        partition = Partition()
        partition.event(event(1))
        partition.control(StoreSet(2, content), ActivateSet(2), at=10)
        partition.event(event(2, 20))
        partition.run(most)
        outs.append(partition.out)
    assert outs[0] == outs[1]


def test_a_store_keeps_a_few_older_sets_only() -> None:
    partition = Partition()
    for number in range(2, 9):
        partition.control(StoreSet(number, LOADED.content), ActivateSet(number))
        partition.run()
    kept = [codec.read_set_key(k) for k, _ in partition.store.scan(*codec.SETS)]
    assert kept == [5, 6, 7, 8]
    partition.open()
    partition.event(event(1))
    partition.run()
    assert partition.changes() == [("created", [1])]


def test_sets_taken_back_by_poison_are_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_handlers(monkeypatch, Deliver)
    partition = Partition(sets=False)
    partition.control(StoreSet(1, LOADED.content), ActivateSet(1))
    partition.event(event(1, 0, "poison"))
    partition.event(event(1, 1))
    partition.run()
    assert partition.task.active_number == 1
    assert [letter["reason"] for letter in partition.letters()] == ["failed"]
    assert partition.open().active_number == 1


def test_an_actor_that_waits_for_the_clocks_next_move_is_read_as_it_was_written() -> None:
    store = MemoryStore()
    cache = Cache(store)
    entry = cache.entry("pa")
    entry.state = Customer(id="a", profile_due=5)
    entry.wake, entry.is_put_off = 8, True  # due at 5, at a clock of 7
    cache.touch("pa", entry)
    store.write(cache.batch())
    again = Cache(store).entry("pa")
    assert (again.wake, again.written_wake, again.is_put_off) == (8, 8, True)
    assert again.state == entry.state
    assert [codec.read_timer_key(key) for key, _ in store.scan(*codec.TIMERS)] == [(8, "pa")]
