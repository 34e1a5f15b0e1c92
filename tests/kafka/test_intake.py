import json
import re
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from cjo_stream.core.message import Arrive
from cjo_stream.engine.frame import decode_frame
from cjo_stream.errors import RefusalError, StopError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_consumer, group_id
from cjo_stream.kafka.definition import apply as definition
from cjo_stream.kafka.position.position import Words, set_numbers
from cjo_stream.kafka.process.stage import Stopping
from cjo_stream.kafka.stage.intake import IntakeProcess
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from tests.kafka.stages import make_intake, make_topology, produce, publish, read_all, until

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels:
  web: {in: {}}
  app: {in: {topic: PREFIXapp.tracking, format: segment}}
identity: {identifiers: [{type: user_id}]}
"""


def topology(settings: Settings, folder: Path, text: str = TOPOLOGY) -> Path:
    return make_topology(folder / "topology", text.replace("PREFIX", settings.topic_prefix))


def event(user: str, id_: str = "e1") -> dict[str, Any]:
    return {"type": "seen", "time": 1_700_000_000_000, "id": id_, "identifiers": {"user_id": user}}


def arrivals(settings: Settings) -> list[tuple[str, int]]:
    """Return (channel, offset) of every event in the internal log, repeats included."""
    items = [
        item.message
        for message in read_all(settings, Names(settings.topic_prefix).internal)
        for item in decode_frame(message.value()).items
    ]
    events = [message.event for message in items if isinstance(message, Arrive)]
    return sorted((event.channel or "", event.offset) for event in events)


def test_several_topics_come_in_each_by_its_format_and_refused_records_go_out_as_they_came(
    settings: Settings, tmp_path: Path
) -> None:
    publish(settings, topology(settings, tmp_path))
    names = Names(settings.topic_prefix)
    web, app = f"{names.prefix}event.web.v1", f"{names.prefix}app.tracking"
    intake = make_intake(settings)
    track = {
        "type": "track",
        "event": "Order Completed",
        "userId": "ann",
        "timestamp": "2026-03-01T10:00:00Z",
        "messageId": "m1",
    }
    produce(settings, web, event("ann"), b"\xff{", event("bob", "e2"))
    produce(settings, app, track)
    until(lambda: len(arrivals(settings)) >= 3, intake)
    letters = until(lambda: read_all(settings, names.dead_letter), intake)
    assert arrivals(settings) == [("app", 0), ("web", 0), ("web", 2)]
    assert [letter.value() for letter in letters] == [b"\xff{"]
    assert letters[0].key() == b"a key"
    headers = dict(letters[0].headers())
    assert headers["reason"] == b"malformed"
    assert (headers["topic"], headers["partition"], headers["offset"]) == (
        web.encode(),
        b"0",
        b"1",
    )
    intake.close()


def test_a_successor_goes_on_where_its_predecessor_committed(
    settings: Settings, tmp_path: Path
) -> None:
    publish(settings, topology(settings, tmp_path))
    web = f"{settings.topic_prefix}event.web.v1"
    first = make_intake(settings)
    produce(settings, web, *(event("ann", f"e{n}") for n in range(10)))
    until(lambda: len(arrivals(settings)) == 10, first)
    first.close()
    second = make_intake(settings)
    produce(settings, web, event("ann", "e10"))
    until(lambda: len(arrivals(settings)) > 10, second)
    assert arrivals(settings) == [("web", n) for n in range(11)]
    second.close()


def test_what_is_abandoned_in_the_midst_of_a_step_is_not_committed_and_sent_again(
    settings: Settings, tmp_path: Path
) -> None:
    publish(settings, topology(settings, tmp_path))
    web = f"{settings.topic_prefix}event.web.v1"
    first = make_intake(settings)
    produce(settings, web, event("ann", "e0"))
    until(lambda: len(arrivals(settings)) == 1, first)
    produce(settings, web, event("ann", "e1"), event("ann", "e2"))
    for lane in first._lanes.values():
        lane.next += 2  # as it is in a step whose frames are not delivered
    first.abandon()
    second = make_intake(settings)
    until(lambda: len(set(arrivals(settings))) == 3, second)
    second.close()


def test_who_loses_its_place_to_another_of_its_slot_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    publish(settings, topology(settings, tmp_path))
    first, second = make_intake(settings), make_intake(settings)
    with pytest.raises(StopError, match="a second process of the same CJO_SLOT"):
        until(lambda: False, first)
    first.abandon()
    # With a slot of its own it has its share.
    other = IntakeProcess(
        settings.model_copy(update={"slot": "1"}), Metrics(), Stopping(), words=Words()
    )
    other.open()
    until(lambda: second._lanes.keys() and other._lanes.keys(), second, other)
    for number in range(2):
        produce(settings, f"{settings.topic_prefix}event.web.v1", event("ann", f"e{number}"))
    until(lambda: len(arrivals(settings)) == 2, second, other)
    other.close()
    second.close()


def test_before_the_first_apply_intake_waits(settings: Settings) -> None:
    create(settings, None)
    stopping = Stopping()
    intake = IntakeProcess(settings, Metrics(), stopping)
    stopping.ask()
    intake.open()
    assert "apply" in (intake.not_ready() or "")
    intake.turn()
    intake.close()


def test_offsets_that_are_gone_are_refused_and_restored_from_their_copy_when_told_to(
    settings: Settings, tmp_path: Path
) -> None:
    publish(settings, topology(settings, tmp_path))
    web = f"{settings.topic_prefix}event.web.v1"
    first = make_intake(settings)
    produce(settings, web, event("ann"))
    until(lambda: len(arrivals(settings)) == 1, first)
    first.close()
    # Another group is one whose offsets are gone: the copies are the installation's.
    bereft = settings.model_copy(update={"group": "bereft"})
    with pytest.raises(RefusalError, match="restore-offsets"):
        make_intake(bereft)
    told = bereft.model_copy(update={"group": "bereft2"})
    second = make_intake(told, words=Words(restore=True))
    produce(settings, web, event("ann", "e2"))
    until(lambda: len(arrivals(settings)) > 1, second)
    assert arrivals(settings) == [("web", 0), ("web", 1)]
    second.close()


def test_an_offset_out_of_the_logs_range_is_refused(settings: Settings, tmp_path: Path) -> None:
    publish(settings, topology(settings, tmp_path))
    names = Names(settings.topic_prefix)
    web = f"{names.prefix}event.web.v1"
    ids = {n: t.id for n, t in Admin(settings).require([web, names.internal]).items()}
    stray = group_consumer(settings, "intake")
    metadata = f"{ids[names.internal]} {ids[web]} 1"
    stray.commit(
        offsets=[TopicPartition(web, 0, 17, metadata)],
        asynchronous=False,
    )
    stray.close()
    with pytest.raises(RefusalError, match="17"):
        make_intake(settings)


def test_a_raw_topic_created_anew_is_a_new_lane(settings: Settings, tmp_path: Path) -> None:
    publish(settings, topology(settings, tmp_path))
    web = f"{settings.topic_prefix}event.web.v1"
    first = make_intake(settings)
    produce(settings, web, event("ann"), event("ann", "e2"))
    until(lambda: len(arrivals(settings)) == 2, first)
    first.close()
    admin = Admin(settings)
    before = admin.require([web])[web].id
    admin.result(admin.client.delete_topics([web])[web])
    until(lambda: not admin.describe([web]))
    admin.result(admin.client.create_topics([NewTopic(web, 2, 1)])[web])
    until(lambda: web in admin.describe([web]))
    assert admin.require([web])[web].id != before
    second = make_intake(settings)
    produce(settings, web, event("ann", "e3"))
    until(lambda: len(arrivals(settings)) == 3, second)
    assert arrivals(settings) == [("web", 0), ("web", 0), ("web", 1)]
    second.close()


def test_a_new_set_is_a_barrier_brings_its_topics_and_governs_when_apply_returns(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = topology(settings, tmp_path)
    publish(settings, folder)
    web = f"{settings.topic_prefix}event.web.v1"
    intake = make_intake(settings)
    produce(settings, web, event("ann"))
    until(lambda: len(arrivals(settings)) == 1, intake)
    more = TOPOLOGY.replace("  web:", "  till: {in: {}}\n  web:").replace("app:", "phone:")
    applied = publish(settings, topology(settings, tmp_path, more), intake)
    assert (applied.number, applied.behind) == (2, ())
    assert intake.set_number == 2
    produce(settings, web, event("ann", "e2"))
    produce(settings, f"{settings.topic_prefix}event.till.v1", event("ann", "e3"))
    until(lambda: len(arrivals(settings)) == 3, intake)
    assert arrivals(settings) == [("till", 0), ("web", 0), ("web", 1)]
    intake.close()
    numbers = set_numbers(Admin(settings), group_id(settings, "intake"))
    assert numbers[f"{web}/0"] == numbers[f"{settings.topic_prefix}event.till.v1/0"] == 2
    monkeypatch.setattr(definition, "INTAKE_WITHIN_S", 0.1)
    applied = publish(settings, topology(settings, tmp_path))
    assert f"{web}/0" in applied.behind
    again = publish(settings, topology(settings, tmp_path))
    assert (again.changed, again.behind) == (False, applied.behind)


def test_a_topic_that_ends_in_a_transactions_marker_holds_up_no_apply_and_ages_out_whole(
    settings: Settings, tmp_path: Path
) -> None:
    publish(settings, topology(settings, tmp_path))
    web = f"{settings.topic_prefix}event.web.v1"
    producer = Producer({**settings.kafka_properties(), "transactional.id": web})
    producer.init_transactions(10)
    first = make_intake(settings)
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        producer.produce(web, json.dumps(event("ann")).encode(), b"a key", 0)
        producer.flush(10)
        end(10)
    until(lambda: first._lanes[web, 0].reach == 4, first)
    first.close()
    # One that is open hides what lies behind its beginning, for as long as its producer likes.
    producer.begin_transaction()
    producer.produce(web, json.dumps(event("ann", "e1")).encode(), b"a key", 0)
    producer.flush(10)
    admin = Admin(settings)
    ends = [admin.ends([(web, 0)], committed=it)[web, 0] for it in (True, False)]
    assert ends == [4, 5]
    second = make_intake(settings)
    more = TOPOLOGY.replace("  web:", "  till: {in: {}}\n  web:")
    assert publish(settings, topology(settings, tmp_path, more), second).behind == ()
    # What cannot be read yet is no lag, for which the watchdog would end the process.
    watched = second.vitals._ends()
    assert watched == {n: at.next_offset for n, at in second.vitals._numbered().items()}
    producer.commit_transaction(10)
    until(lambda: len(arrivals(settings)) == 2, second)
    until(lambda: second._lanes[web, 0].reach == 6, second)
    second.close()
    whole = TopicPartition(web, 0, admin.ends([(web, 0)])[web, 0])
    admin.result(admin.client.delete_records([whole])[whole])
    third = make_intake(settings)
    produce(settings, web, event("ann", "e2"))
    until(lambda: len(arrivals(settings)) == 3, third)
    assert arrivals(settings) == [("web", 0), ("web", 4), ("web", 6)]
    third.close()


def test_a_channel_taken_out_while_intake_is_down_is_left_in_order_and_may_be_put_back(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = TOPOLOGY.replace(", format: segment", "")
    publish(settings, topology(settings, tmp_path, whole))
    app = f"{settings.topic_prefix}app.tracking"
    first = make_intake(settings)
    produce(settings, app, event("ann"))
    until(lambda: len(arrivals(settings)) == 1, first)
    first.close()
    produce(settings, app, event("ann", "e2"))
    without = re.sub("  app: .*\n", "", whole)
    with monkeypatch.context() as patch:
        patch.setattr(definition, "INTAKE_WITHIN_S", 0.1)
        applied = publish(settings, topology(settings, tmp_path, without))
    assert f"{app}/0" in applied.behind
    second = make_intake(settings)
    # What came before it was taken out is taken; then nobody reads the topic.
    until(lambda: app not in second._member.topics and second.not_ready() is None, second)
    assert arrivals(settings) == [("app", 0), ("app", 1)]
    numbers = set_numbers(Admin(settings), group_id(settings, "intake"))
    assert {n for place, n in numbers.items() if place.startswith(app)} == {0}
    produce(settings, app, event("ann", "e3"))
    assert publish(settings, topology(settings, tmp_path, without), second).behind == ()
    assert publish(settings, topology(settings, tmp_path, whole), second).behind == ()
    until(lambda: len(arrivals(settings)) == 3, second)
    # Put back before every lane has gone over to the set that does not read it.
    monkeypatch.setattr(definition, "INTAKE_WITHIN_S", 0.1)
    second._lanes[f"{settings.topic_prefix}outcome.v1", 0].safe = 1
    publish(settings, topology(settings, tmp_path, without), second)
    until(lambda: second._lanes[app, 0].is_off, second)
    produce(settings, app, event("ann", "e4"))
    for _ in range(10):
        second.turn()
    publish(settings, topology(settings, tmp_path, whole), second)
    until(lambda: len(arrivals(settings)) == 4, second)
    second.close()
