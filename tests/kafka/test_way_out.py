"""What a refusal says to do where a broker, or another process, is in the way: it is done here.

Here stand the ways out that no test of a promise takes anyway. `tests/unit/house/refusals` lists
all of them.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic

from cjo_stream.core.message import ActivateSet
from cjo_stream.definition import load
from cjo_stream.engine.hold import Shelf, encode
from cjo_stream.errors import RefusalError, RetryError, StopError
from cjo_stream.kafka import command
from cjo_stream.kafka.client import contents, feed, transaction
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_consumer
from cjo_stream.kafka.client.contents import table
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.feed import Feed
from cjo_stream.kafka.client.producer import FrameProducer
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.client.transaction import Transactions
from cjo_stream.kafka.definition import apply as definition
from cjo_stream.kafka.definition import log as definition_log
from cjo_stream.kafka.definition.apply import apply, current
from cjo_stream.kafka.definition.log import read_definitions
from cjo_stream.kafka.definition.writer import Writer
from cjo_stream.kafka.hold import order, shelf
from cjo_stream.kafka.hold.order import read_holds
from cjo_stream.kafka.hold.shelf import SHELF, read_shelves
from cjo_stream.kafka.operator.replay import replay
from cjo_stream.kafka.position import loss
from cjo_stream.kafka.process import stage
from cjo_stream.kafka.stage import committer
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from tests.kafka.conftest import make_settings
from tests.kafka.lateness import behind
from tests.kafka.proxy import TRANSACTION, Api, Proxy
from tests.kafka.stages import (
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
from tests.kafka.test_intake import arrivals, event
from tests.kafka.test_loss import REWARD, make_learn
from tests.kafka.workers import environment
from tests.world.command_line import Done, cli
from tests.world.measurement import shown

__all__ = ["cli"]

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user_id}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_topology(tmp_path / "topology", TOPOLOGY)


@pytest.fixture(scope="module")
def small(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of an installation that governs, for tests that write nothing."""
    folder = tmp_path_factory.mktemp("small")
    settings = make_settings(bootstrap, folder)
    publish(settings, make_topology(folder / "topology", TOPOLOGY))
    return settings


@pytest.fixture
def proxy(bootstrap: str) -> Iterator[Proxy]:
    with Proxy(bootstrap, apis=(*TRANSACTION, Api.FETCH)) as proxy:
        yield proxy


def make_topic(settings: Settings, name: str, **config: str) -> str:
    topic = f"{settings.topic_prefix}{name}"
    made = NewTopic(topic, 1, 1, config={key.replace("_", "."): v for key, v in config.items()})
    admin = Admin(settings)
    admin.result(admin.client.create_topics([made])[topic])
    until(lambda: admin.describe([topic]))
    return topic


def values(settings: Settings, topic: str) -> list[bytes]:
    return [message.value() for message in read_all(settings, topic)]


# --- a broker that is away


def test_what_the_broker_did_not_take_is_sent_again_once_it_is_there(
    settings: Settings, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings, folder)
    far, raw = behind(settings, proxy), f"{settings.topic_prefix}event.web.v1"

    def ask() -> dict[int, Any]:
        return command.ask_tasks(far, lambda command_id: ActivateSet(0, command_id), 10)

    def put() -> int:
        with Feed(far) as source:
            source.put(raw, json.dumps(event("ann")).encode(), b"ann")
        return source.acknowledged

    first = make_intake(far)
    produce(settings, raw, event("bob"))
    with proxy.losing(Api.PRODUCE), monkeypatch.context() as patch:
        patch.setattr(command, "SEND_WITHIN_S", 0.5)
        patch.setattr(feed, "END_WITHIN_S", 0.5)
        patch.setattr(stage, "GIVE_UP_S", 0.5)
        with pytest.raises(RetryError, match="does not take the command: is it up"):
            ask()
        with pytest.raises(RetryError, match="1 records were not acknowledged: is the broker up"):
            put()
        first._stopping.ask()
        with pytest.raises(StopError, match="it is sent again after the next start"):
            until(lambda: False, first)
        first.abandon()
    second = make_intake(far)
    assert put() == 1
    until(lambda: len(arrivals(settings)) >= 2, second)
    answers = in_background(ask)
    until(lambda: answers, second, Tasks(settings), make_dispatch(settings))
    assert set(answers[0]) == {0, 1}
    second.close()


def test_what_could_not_be_read_is_read_once_the_broker_is_there(
    small: Settings, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    far, topic = behind(small, proxy), Names(small.topic_prefix).definition
    held = Names(small.topic_prefix).held
    produce(small, held, encode(Shelf(sent=1)), key=SHELF)
    limits = (
        (contents, "SILENCE_MAX_S"),
        *((module, "TIMEOUT_S") for module in (loss, definition_log, order, shelf)),
    )
    asked = {
        "could not be read to its end: is the broker up": lambda: table(far, topic),
        "could not be read: is the broker up": lambda: loss.look(far, Admin(far), {(topic, 0): 0}),
        "definition.v1 could not be read: is": lambda: read_definitions(far).pointer.number,
        "hold.v1 could not be read: is": lambda: read_holds(far).holds == frozenset(),
        "what waits in": lambda: read_shelves(far, held, [0])[0].sent == 1,
    }
    with proxy.losing(Api.FETCH), monkeypatch.context() as patch:
        for module, limit in limits:
            patch.setattr(module, limit, 1.0)
        for words, ask in asked.items():
            with pytest.raises(RetryError, match=words):
                ask()
    for ask in asked.values():
        assert ask()


def test_a_transaction_without_an_answer_is_written_again_from_what_was_committed(
    settings: Settings, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = make_topic(settings, "out")
    consumer = group_consumer(settings, "test")
    consumer.subscribe([topic])
    until(lambda: consumer.poll(0.05) or consumer.assignment())
    writer = Transactions(behind(settings, proxy), f"{settings.topic_prefix}one")
    writer.open()

    def write(number: int) -> None:
        records = [Outgoing(topic, b"%d" % number, 0)]
        offsets = [TopicPartition(topic, 0, number + 1)]
        writer.write(records, offsets, consumer.consumer_group_metadata())

    limits = (("FLUSH_S", 0.5), ("CALL_S", 1.0), ("OVERDUE_S", 0.0))
    for number, (api, words) in enumerate(
        (
            (Api.PRODUCE, "1 records of a transaction were not acknowledged"),
            (Api.TXN_OFFSET_COMMIT, "the group's coordinator does not answer"),
            (Api.END_TXN, "a transaction got no answer"),
        )
    ):
        with proxy.losing(api), monkeypatch.context() as patch:
            for name, limit in limits:
                patch.setattr(transaction, name, limit)
            with pytest.raises(RetryError, match=f"{words}.* is written again"):
                write(number)
        writer.open()
        (told,) = consumer.committed([TopicPartition(topic, 0)], 10)
        assert max(told.offset, 0) == number
        write(number)
    assert values(settings, topic) == [b"0", b"1", b"2"]
    consumer.close()


def test_what_goes_to_a_missing_topic_is_sent_again_once_there_is_one(
    settings: Settings, bootstrap: str
) -> None:
    brief = {"bootstrap.servers": bootstrap, "topic.metadata.propagation.max.ms": "100"}
    impatient = settings.model_copy(update={"kafka": brief})
    topic = f"{settings.topic_prefix}raw"

    def put() -> None:
        with Feed(impatient) as source:
            for _ in range(3):
                source.put(topic, b"fed", None)
                time.sleep(0.2)

    sender = Sender(impatient)
    for _ in range(2):
        with pytest.raises(StopError, match=r"was not delivered .* done again when it is started"):
            sender.send([Outgoing(topic, b"sent", 0)])
    with pytest.raises(RetryError, match="do the topics exist"):
        put()

    async def frame() -> None:
        frames = FrameProducer(impatient.kafka_properties())
        try:
            await frames.send([(topic, 0, b"frame")])
        except StopError as error:
            said.append(str(error))
        try:
            await frames.send_keyed(topic, b"key", b"keyed")
        except StopError as error:
            said.append(str(error))
        frames.close()

    said: list[str] = []
    asyncio.run(frame())
    assert "goes on from its store when it is started again" in said[0]
    assert f"{topic} could not be written" in said[1]
    looking = group_consumer(impatient, "test")
    looking.subscribe([topic])

    def look() -> None:
        message = looking.poll(0.05)
        if message is not None:
            check_consumed(message.error(), topic)

    with pytest.raises(RefusalError, match="is missing: run `cjo-stream topics create`"):
        until(look)
    looking.close()

    make_topic(settings, "raw")
    put()
    Sender(impatient).send([Outgoing(topic, b"sent", 0)])
    said.clear()
    asyncio.run(frame())
    assert not said
    assert values(settings, topic) == [b"fed"] * 3 + [b"sent", b"frame", b"keyed"]


# --- others under one's own name


def test_a_writer_that_another_shut_out_writes_on_after_a_start(settings: Settings) -> None:
    topic = make_topic(settings, "out")
    one, other = (Transactions(settings, f"{settings.topic_prefix}one") for _ in range(2))
    one.open()
    one.write([Outgoing(topic, b"1", 0)])
    other.open()
    with pytest.raises(StopError, match=r"another writer .* under the same slot.*a start mends"):
        one.write([Outgoing(topic, b"2", 0)])
    other.close()
    one.open()
    one.write([Outgoing(topic, b"2", 0)])
    one.close()
    assert values(settings, topic) == [b"1", b"2"]


def test_a_transaction_that_failed_is_written_after_a_start_once_there_is_room(
    settings: Settings,
) -> None:
    topic, larger = make_topic(settings, "out", max_message_bytes="1000"), os.urandom(2_000)
    writer = Transactions(settings, f"{settings.topic_prefix}one")
    writer.open()
    with pytest.raises(StopError, match=r"a transaction failed .* written again after a start"):
        writer.write([Outgoing(topic, larger, 0)])
    admin = Admin(settings)
    admin.result(admin.client.delete_topics([topic])[topic])
    until(lambda: not admin.describe([topic]))
    make_topic(settings, "out")
    writer.open()
    writer.write([Outgoing(topic, larger, 0)])
    assert values(settings, topic) == [larger]


def test_an_intake_that_was_shut_out_or_stood_still_begins_anew_from_what_is_committed(
    settings: Settings,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish(settings, folder)
    raw = f"{settings.topic_prefix}event.web.v1"
    monkeypatch.setattr(committer, "COMMIT_S", 60.0)
    first = make_intake(settings)
    produce(settings, raw, event("ann", "e1"))
    until(lambda: len(arrivals(settings)) == 1, first)
    second = make_intake(settings)
    with caplog.at_level(logging.WARNING):
        first.close()
    assert "positions could not be committed" in caplog.text
    assert "goes on from those before" in caplog.text
    until(lambda: len(arrivals(settings)) == 2, second)  # which the tasks have, and drop
    produce(settings, raw, event("ann", "e2"))
    until(lambda: len(arrivals(settings)) == 3, second)
    assert arrivals(settings) == [("web", 0), ("web", 0), ("web", 1)]
    with monkeypatch.context() as patch:
        patch.setattr(stage, "STANDSTILL_S", 0.2)
        time.sleep(0.3)
        with pytest.raises(StopError, match=r"this process stood still .* begins anew"):
            second.turn()
    second.abandon()
    third = make_intake(settings)
    produce(settings, raw, event("ann", "e3"))
    until(lambda: ("web", 2) in arrivals(settings), third)
    third.close()


def test_a_consumer_whose_time_is_over_gives_its_place_to_the_next(
    settings: Settings, bootstrap: str
) -> None:
    topic = make_topic(settings, "in")
    brief = {"bootstrap.servers": bootstrap, "max.poll.interval.ms": "3000"}
    hasty = settings.model_copy(update={"kafka": brief, "session_timeout_ms": 3_000})

    def turn(consumer: Any) -> bytes | None:
        message = consumer.poll(0.05)
        if message is None:
            return None
        if message.error() is not None:
            check_consumed(message.error(), topic)
            return None
        return bytes(message.value())

    def member(given: Settings) -> Any:
        consumer = group_consumer(given, "test")
        consumer.subscribe([topic], on_assign=begin)
        return consumer

    def begin(consumer: Any, places: list[TopicPartition]) -> None:
        consumer.assign([TopicPartition(place.topic, place.partition, 0) for place in places])

    produce(settings, topic, b"1")
    first = member(hasty)
    assert until(lambda: turn(first)) == b"1"
    time.sleep(4.0)  # librdkafka looks every half a second
    with pytest.raises(StopError, match=r"this consumer is finished .* begins anew"):
        until(lambda: turn(first))
    first.close()
    second = member(settings)
    assert until(lambda: turn(second)) == b"1"
    second.close()


def test_a_learner_whose_rewards_are_gone_learns_anew_once_its_memory_is_deleted(
    settings: Settings,
) -> None:
    create(settings, None)
    tasks, dispatch = Tasks(settings), make_dispatch(settings)
    names, admin = Names(settings.topic_prefix), Admin(settings)
    reward = names.reward

    def delete(*topics: str) -> None:
        for future in admin.client.delete_topics(list(topics)).values():
            admin.result(future)
        until(lambda: not admin.describe(topics))
        create(settings, None)

    def learn_to(offset: int, *, number: int, rewards: int) -> None:
        learn = make_learn(settings.model_copy(update={"learn_interval_s": 0.2}))
        assert shown(learn._metrics)['cjo_items_total{result="applied",stage="learn"}'] == 0
        learnt = in_background(
            lambda: until(lambda: learn._rewards._remembered[0] == offset, learn)
        )
        until(lambda: learnt, tasks, dispatch)
        assert learnt == [True]
        found = shown(learn._metrics)
        assert (found["cjo_model_number"], found["cjo_model_rewards"]) == (number, rewards)
        assert (found["cjo_model_waiting_seconds"] == 0) == (learn._unsent is None)
        assert found['cjo_items_total{result="applied",stage="learn"}'] == rewards
        assert found['cjo_commit_seconds_count{stage="learn"}'] >= 1
        learn.close()

    told = msgspec.json.encode(msgspec.structs.replace(REWARD, features=[1, 2]))
    produce(settings, reward, told, told)
    learn_to(2, number=1, rewards=2)
    produce(settings, reward, told, told)
    cut = TopicPartition(reward, 0, 3)
    admin.result(admin.client.delete_records([cut])[cut])
    with pytest.raises(RefusalError, match=r"are not learnt.* or delete \S+, run"):
        make_learn(settings)
    delete(names.model)
    learn_to(4, number=2, rewards=1)
    delete(reward)
    with pytest.raises(RefusalError, match=r"is of another one\. Delete \S+ too, run"):
        make_learn(settings)
    delete(names.model)
    produce(settings, reward, told)
    learn_to(1, number=3, rewards=1)
    dispatch.close()


# --- operators


def test_an_apply_that_nobody_confirmed_or_another_shut_out_is_run_again(
    settings: Settings, folder: Path, cli: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = load(folder)
    create(settings, definitions.program)
    tasks, dispatch = Tasks(settings), make_dispatch(settings)
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)

    def another_comes(step: str) -> None:
        if "pointing" in step:
            Writer(settings).__enter__()

    monkeypatch.setattr(definition, "OVERTAKEN_WITHIN_S", 0.2)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    refused = cli("apply", folder)
    assert refused.code == 2
    assert "add --yes" in refused.err
    shut_out = in_background(lambda: apply(settings, definitions, another_comes))
    until(lambda: shut_out, tasks, dispatch)
    assert isinstance(shut_out[0], RetryError)
    assert "is another `apply` under way? See `cjo-stream status`, then run" in str(shut_out[0])
    assert current(settings) is None
    again = in_background(lambda: cli("apply", folder, "--yes"))
    until(lambda: again, tasks, dispatch)
    assert again[0].code == 0, again[0].err
    found = current(settings)
    assert found is not None
    assert found.number == 1
    dispatch.close()


def test_of_a_partition_whose_beginning_is_gone_another_is_replayed(small: Settings) -> None:
    cut = TopicPartition(Names(small.topic_prefix).internal, 0, 1)
    admin = Admin(small)
    admin.result(admin.client.delete_records([cut])[cut])
    with pytest.raises(RefusalError, match="try another --partition"):
        list(replay(small, None))
    kinds = {effect.kind for _, effect in replay(small, 1)}
    assert kinds == {"reply"}
