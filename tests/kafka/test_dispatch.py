import json
import re
import time
from pathlib import Path

import msgspec
import pytest

from cjo_stream.definition import load, succeed
from cjo_stream.engine.frame import Effect
from cjo_stream.errors import HoleError, RefusalError
from cjo_stream.kafka.definition.apply import apply
from cjo_stream.kafka.definition.log import Published
from cjo_stream.kafka.position.position import Words
from cjo_stream.kafka.stage.dispatch import DispatchProcess
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from tests.kafka.effects import EffectTask, command, effect_tasks
from tests.kafka.stages import (
    WITHIN_S,
    Tasks,
    in_background,
    make_dispatch,
    make_intake,
    make_topology,
    produce,
    publish,
    read_all,
    until,
)
from tests.world.measurement import shown

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels:
  web: {in: {}}
  mail: {out: {address: user_id}}
  bell: {out: {topic: PREFIXbell, address: user_id}}
identity: {identifiers: [{type: user_id}]}
"""


GREETING = """
---
journey: welcome
version: 1
entry: {on: come}
initial: greeted
states: {greeted: {enter: [{act: hello}], end: done}}
---
action: hello
class: service
treatments: {mail: {template: hello}}
"""


@pytest.fixture
def installation(settings: Settings, tmp_path: Path) -> Settings:
    text = TOPOLOGY.replace("PREFIX", settings.topic_prefix)
    publish(settings, make_topology(tmp_path / "topology", text))
    return settings


@pytest.fixture
def task(installation: Settings) -> EffectTask:
    return effect_tasks(installation)[0]


def sent(settings: Settings, topic: str = "action.mail.v1") -> list[int]:
    return [
        json.loads(message.value())["number"]
        for message in read_all(settings, settings.topic_prefix + topic)
    ]


def until_sent(settings: Settings, dispatch: DispatchProcess, *numbers: int) -> None:
    until(lambda: len(sent(settings)) >= len(numbers), dispatch)
    assert sent(settings) == list(numbers)


def test_each_effect_goes_to_its_topic_once_however_often_its_frame_comes(
    installation: Settings, task: EffectTask
) -> None:
    dispatch = make_dispatch(installation)
    first = task.frame(command(1), Effect("decision", "customer 1", b'{"number": 5}'))
    second = task.frame(command(2), command(3, channel="bell"))
    task.send(first, first, second)
    task.send(first, second)  # a predecessor of the task that did not know it was dead
    task.send(task.frame(command(4)))
    until_sent(installation, dispatch, 1, 2, 4)
    assert sent(installation, "decision.v1") == [5]
    assert sent(installation, "bell") == [3]
    message = read_all(installation, f"{installation.topic_prefix}action.mail.v1")[0]
    assert message.key() == b"customer"
    assert message.headers() == [("action_id", b"1")]
    dispatch.close()


def test_a_successor_sends_what_is_left_and_nothing_twice(
    installation: Settings, task: EffectTask
) -> None:
    first = make_dispatch(installation)
    task.send(task.frame(command(1)))
    until_sent(installation, first, 1)
    # Not closed: the successor of the same slot shuts it out.
    second = make_dispatch(installation)
    task.send(task.frame(command(2)))
    until_sent(installation, second, 1, 2)
    second.close()
    first.close()


def test_a_command_goes_where_the_set_says_that_decided_it_as_soon_as_apply_returns(
    settings: Settings, tmp_path: Path
) -> None:
    def folder(name: str, topic: str) -> Path:
        mail = "mail: {out: {address: user_id, topic: " + settings.topic_prefix + topic
        text = TOPOLOGY.replace("mail: {out: {address: user_id", mail) + GREETING
        return make_topology(tmp_path / name, text.replace("PREFIX", settings.topic_prefix))

    old, new = (f"{settings.topic_prefix}{name}" for name in ("old", "new"))
    publish(settings, folder("first", "old"))
    tasks, dispatch, intake = Tasks(settings), make_dispatch(settings), make_intake(settings)

    def come(*names: str) -> None:
        for name in names:
            now_ms = int(time.time() * 1000)
            event = {"type": "come", "time": now_ms, "identifiers": {"user_id": name}}
            produce(settings, f"{settings.topic_prefix}event.web.v1", event)

    come("ann", "bob")
    until(lambda: len(read_all(settings, old)) == 2, intake, tasks, dispatch)
    definitions = load(folder("second", "new"))
    create(settings, definitions.program)
    come("cid")  # may still be decided by the first set, then goes where that says
    results = in_background(lambda: apply(settings, definitions))
    until(lambda: results, intake, tasks, dispatch)
    assert (results[0].number, results[0].changed) == (2, True)
    before = len(read_all(settings, old))
    come("dan", "eve")
    until(
        lambda: len(read_all(settings, old)) + len(read_all(settings, new)) == 5,
        intake,
        tasks,
        dispatch,
    )
    assert len(read_all(settings, old)) == before
    intake.close()
    dispatch.close()


def test_an_expired_command_is_not_sent_and_the_ones_after_it_are(
    installation: Settings, task: EffectTask
) -> None:
    dispatch = make_dispatch(installation)
    now_ms = int(time.time() * 1000)
    task.send(
        task.frame(command(1, expires_at=now_ms - 1, received_at=now_ms - 50_000)),
        task.frame(command(2, expires_at=now_ms + 3_600_000, received_at=now_ms - 20_000)),
    )
    until_sent(installation, dispatch, 2)
    found = shown(dispatch._metrics)
    assert found['cjo_suppressed_total{gate="expired"}'] == 1
    assert found["cjo_event_to_action_seconds_count"] == 1, "what is not sent is in no figure"
    assert found["cjo_commands_sent_total"] == 1
    assert 20 <= found["cjo_event_to_action_seconds_sum"] < 20 + WITHIN_S
    assert found['cjo_commit_seconds_count{stage="dispatch"}'] >= 1
    dispatch.close()


def test_offsets_that_are_gone_are_refused_and_restored_from_their_copy_when_told_to(
    installation: Settings, task: EffectTask
) -> None:
    first = make_dispatch(installation)
    task.send(task.frame(command(1)))
    until_sent(installation, first, 1)
    first.close()
    bereft = installation.model_copy(update={"group": "bereft"})
    with pytest.raises(RefusalError, match="restore-offsets"):
        make_dispatch(bereft)
    second = make_dispatch(
        bereft.model_copy(update={"group": "bereft2"}), words=Words(restore=True)
    )
    task.send(task.frame(command(2)))
    until_sent(installation, second, 1, 2)
    second.close()


def test_a_hole_between_two_effects_stops_dispatch(
    installation: Settings, task: EffectTask
) -> None:
    dispatch = make_dispatch(installation)
    task.frame(command(1))
    task.send(task.frame(command(2)))
    with pytest.raises(HoleError, match="--without-lost"):
        until(lambda: False, dispatch)
    assert sent(installation) == []
    dispatch.abandon()
    # What is gone for good is gone: an operator says so.
    told = make_dispatch(installation, words=Words(without_lost=True))
    until_sent(installation, told, 2)
    told.close()


def test_a_command_of_a_set_that_was_replaced_goes_out_once_its_record_is_written_back(
    installation: Settings, task: EffectTask, tmp_path: Path
) -> None:
    topic = Names(installation.topic_prefix).definition
    (ours,) = (m for m in read_all(installation, topic) if m.key() == b"small/1")
    text = re.sub("  mail: .*\n", "", TOPOLOGY.replace("PREFIX", installation.topic_prefix))
    theirs = load(make_topology(tmp_path / "other", text))
    replaced = Published(1, theirs.digest, succeed(theirs, None))
    produce(installation, topic, msgspec.json.encode(replaced), key=ours.key())
    dispatch = make_dispatch(installation)
    task.send(task.frame(command(1)))
    with pytest.raises(RefusalError, match=r"does not declare.* Write its records back"):
        until(lambda: False, dispatch)
    dispatch.abandon()
    produce(installation, topic, ours.value(), key=ours.key())
    again = make_dispatch(installation)
    until_sent(installation, again, 1)
    again.close()
