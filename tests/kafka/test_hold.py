"""The emergency stop on a real broker, under kill -9: in force in time, nothing lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from cjo_stream.engine.frame import Effect
from cjo_stream.engine.hold import Hold, Shelf, Which, encode
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.definition import apply
from cjo_stream.kafka.definition.log import read_definitions
from cjo_stream.kafka.hold import shelf
from cjo_stream.kafka.hold.order import read_holds
from cjo_stream.kafka.hold.shelf import SHELF, read_shelves, settled
from cjo_stream.kafka.operator.installation import OnKafka
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from tests.kafka.conftest import TENANT_KEY
from tests.kafka.effects import EffectTask, effect_tasks
from tests.kafka.stages import make_dispatch, make_topology, produce, publish, read_all, until

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels:
  web: {in: {}}
  mail: {out: {address: user_id}}
  bell: {out: {address: user_id}}
identity: {identifiers: [{type: user_id}]}
"""
MAIL, OFFER, ALL = Which("mail"), Which(action="offer"), Which()
IN_FORCE_S = 5.0


@pytest.fixture
def installation(settings: Settings, tmp_path: Path) -> Settings:
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    return settings


def command(number: int, channel: str, action: str = "hello", expires_at: int = 0) -> Effect:
    return Effect(
        "action",
        f"customer {number % 7}",
        json.dumps({"number": number, "action": action}).encode(),
        channel,
        headers=[("action_id", str(number).encode())],
        expires_at=expires_at,
        set_number=1,
    )


def order(which: Which, who: str = "ann") -> Hold:
    return Hold(which, who, "a test", int(time.time() * 1000))


def sent(settings: Settings, channel: str, *, since_s: float = 0) -> list[int]:
    topic = f"{settings.topic_prefix}action.{channel}.v1"
    return [
        json.loads(message.value())["number"]
        for message in read_all(settings, topic)
        if message.timestamp()[1] > since_s * 1000
    ]


def test_a_held_channel_waits_the_other_goes_on_and_a_release_keeps_the_order(
    installation: Settings,
) -> None:
    task, place = effect_tasks(installation)[0], OnKafka(installation)
    first = make_dispatch(installation)
    place.hold(order(MAIL))
    until(lambda: not place.holding().behind, first)
    late = int(time.time() * 1000) + 3_000
    task.send(
        task.frame(command(1, "mail"), command(2, "bell"), command(3, "mail", expires_at=late))
    )
    until(lambda: sent(installation, "bell") == [2], first)
    # A successor knows what is held; the one before is not even closed.
    second = make_dispatch(installation)
    task.send(task.frame(command(4, "mail"), command(5, "bell")))
    until(lambda: sent(installation, "bell") == [2, 5], second)
    assert sent(installation, "mail") == []
    (held,) = place.holding().holds
    assert (held.channel, held.who, held.why, held.waiting) == ("mail", "ann", "a test", 3)
    until(lambda: time.time() * 1000 > late, second)
    place.release(order(MAIL))
    until(lambda: place.holding().waiting == 0, second)
    task.send(task.frame(command(6, "mail")))
    until(lambda: len(sent(installation, "mail")) == 3, second)
    assert sent(installation, "mail") == [1, 4, 6]
    holding = place.holding()
    assert (holding.sent, holding.expired, holding.leaving, holding.behind) == (2, 1, 0, [])
    metrics = second._metrics.render().decode()
    assert 'cjo_held_commands{channel="mail"} 0.0' in metrics
    assert 'cjo_suppressed_total{gate="expired"} 1.0' in metrics
    assert "cjo_commands_sent_total 4.0" in metrics, "two that were held, and two that were not"
    names, admin = Names(installation.topic_prefix), Admin(installation)
    until(lambda: admin.firsts([(names.held, 0)])[names.held, 0] > 0, second)
    third = make_dispatch(installation)  # its shelf is not deleted
    assert read_shelves(installation, names.held, [0])[0].sent == 2
    third.close()
    second.close()
    first.abandon()


def test_what_is_no_hold_stops_dispatch_until_a_null_value_stands_under_its_key(
    installation: Settings,
) -> None:
    topic = Names(installation.topic_prefix).hold
    produce(installation, topic, b"{", key=b"x")
    with pytest.raises(RefusalError, match="write a null value under that key"):
        make_dispatch(installation)
    produce(installation, topic, None, key=b"x")
    make_dispatch(installation).close()


def test_what_is_no_shelf_stops_dispatch_until_the_topic_is_made_anew(
    installation: Settings,
) -> None:
    names, admin = Names(installation.topic_prefix), Admin(installation)
    produce(installation, names.held, b"\xff", key=b"shelf")
    with pytest.raises(RefusalError, match="topics create"):
        make_dispatch(installation)
    place = (names.held, 0)
    from confluent_kafka import TopicPartition

    cut = TopicPartition(*place, admin.ends([place])[place])
    admin.result(admin.client.delete_records([cut])[cut])
    make_dispatch(installation).close()


def test_commands_that_someone_deletes_are_told_and_the_rest_goes_on(
    installation: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    from confluent_kafka import TopicPartition

    task, place = effect_tasks(installation)[0], OnKafka(installation)
    dispatch = make_dispatch(installation)
    place.hold(order(ALL))
    until(lambda: not place.holding().behind, dispatch)
    task.send(task.frame(command(1, "mail"), command(2, "mail")))
    until(lambda: place.holding().waiting == 2, dispatch)
    names, admin = Names(installation.topic_prefix), Admin(installation)
    cut = TopicPartition(names.held, 0, admin.ends([(names.held, 0)])[names.held, 0] - 2)
    admin.result(admin.client.delete_records([cut])[cut])
    place.release(order(ALL))
    until(lambda: place.holding().waiting == 0, dispatch)
    assert "has lost 2 commands that waited" in caplog.text
    task.send(task.frame(command(3, "mail")))
    until(lambda: sent(installation, "mail") == [3], dispatch)
    dispatch.close()


def test_what_waits_is_told_while_dispatch_writes(installation: Settings) -> None:
    place, held = OnKafka(installation), Names(installation.topic_prefix).held
    place.hold(order(ALL))
    seen = read_holds(installation).seen
    waiting = Shelf(waiting={"mail": {"hello": 2}}, seen=seen)
    produce(installation, held, encode(waiting), key=SHELF)
    properties = {**installation.kafka_properties(), "transactional.id": held}
    writer = Producer(properties)
    writer.init_transactions(10)
    writer.begin_transaction()
    writer.produce(held, b"begun", partition=0)
    assert writer.flush(10) == 0
    assert settled(Admin(installation), held, range(2)) == {1}
    holding = place.holding()
    assert (holding.waiting, holding.behind) == (2, [1])
    writer.abort_transaction(10)


def test_a_set_is_kept_while_a_command_that_it_decided_waits(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "SETS_KEPT", 2)
    OnKafka(installation).hold(order(ALL))
    held = Names(installation.topic_prefix).held
    waiting = Shelf(waiting={"mail": {"hello": 2}}, oldest_set=1)
    produce(installation, held, encode(waiting), key=SHELF)
    for name in ("second", "third"):
        text = TOPOLOGY.replace("web: ", f"{name}: {{in: {{}}}}\n  web: ")
        publish(installation, make_topology(tmp_path / "topology", text))
    assert set(read_definitions(installation).sets) == {1, 2, 3}
    produce(installation, held, encode(Shelf()), key=SHELF)
    publish(installation, make_topology(tmp_path / "topology", TOPOLOGY))
    assert set(read_definitions(installation).sets) == {3, 4}


# --- real processes, real kill -9


class Writer(threading.Thread):
    """Writes what waits in one partition, a transaction each few ms, until `end`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._topic = Names(settings.topic_prefix).held
        properties = {**settings.kafka_properties(), "transactional.id": self._topic}
        self._producer = Producer(properties)
        self._producer.init_transactions()
        self._ending = threading.Event()
        self.written = 0

    def run(self) -> None:
        while not self._ending.wait(0.005):
            self._producer.begin_transaction()
            self.written += 1
            content = encode(Shelf(sent=self.written))
            self._producer.produce(self._topic, content, SHELF, partition=0)
            self._producer.commit_transaction()

    def end(self) -> None:
        self._ending.set()
        self.join()


def test_what_waits_is_known_while_more_is_written_without_a_pause(
    installation: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "TIMEOUT_S", 3.0)
    writer = Writer(installation)
    writer.start()
    until(lambda: writer.written > 20)
    for _ in range(5):
        before = writer.written
        assert read_shelves(installation, Names(installation.topic_prefix).held, [0])[0].sent >= (
            before - 1
        )
    writer.end()


class Dispatches:
    """Two dispatches as processes, started again when they end."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.kills = 0
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        for slot in (0, 1):
            self._start(slot)
        self._keeper.start()

    def kill(self, slot: int) -> None:
        self.kills += 1
        self._processes[slot].send_signal(signal.SIGKILL)

    def stop(self) -> None:
        self._stopping.set()
        self._keeper.join()
        for process in self._processes.values():
            process.terminate()
            process.wait(30)

    def _start(self, slot: int) -> None:
        settings = self._settings
        env = {
            **os.environ,
            "CJO_KAFKA__BOOTSTRAP_SERVERS": settings.kafka_properties()["bootstrap.servers"],
            "CJO_TOPIC_PREFIX": settings.topic_prefix,
            "CJO_TENANT_KEY": TENANT_KEY,
            "CJO_PARTITIONS": str(settings.partitions),
            "CJO_DATA_DIR": str(self._folder / "data"),
            "CJO_SLOT": str(slot),
            "CJO_METRICS_PORT": "0",
        }
        with (self._folder / f"dispatch-{slot}.log").open("ab") as log:
            self._processes[slot] = subprocess.Popen(
                [sys.executable, "-m", "cjo_stream", "dispatch"], env=env, stdout=log, stderr=log
            )

    def _keep(self) -> None:
        while not self._stopping.wait(0.05):
            for slot, process in list(self._processes.items()):
                if process.poll() is not None:
                    self._start(slot)


@pytest.fixture
def dispatches(installation: Settings, tmp_path: Path) -> Iterator[Dispatches]:
    running = Dispatches(installation, tmp_path)
    yield running
    running.stop()


class Tasks(threading.Thread):
    """What tasks send to dispatch, without a pause until `end`."""

    def __init__(self, tasks: list[EffectTask]) -> None:
        super().__init__(daemon=True)
        self._tasks = tasks
        self._ending = threading.Event()
        self.sent: dict[str, list[int]] = defaultdict(list)
        self.partition: dict[int, int] = {}

    def run(self) -> None:
        number = 0
        while not self._ending.wait(0.01):
            for partition, task in enumerate(self._tasks):
                made = []
                for _ in range(4):
                    number += 1
                    channel = "mail" if number % 3 else "bell"
                    action = "offer" if number % 5 == 0 else "hello"
                    made.append(command(number, channel, action))
                    self.sent[channel].append(number)
                    self.partition[number] = partition
                task.send(task.frame(*made))

    def end(self) -> None:
        self._ending.set()
        self.join()


def until_more(settings: Settings, channel: str, number: int) -> None:
    """Return when so many commands of a channel were sent."""
    until(lambda: len(sent(settings, channel)) >= number)


def test_holds_are_in_force_in_time_and_over_kills_and_nothing_is_lost_or_doubled(
    installation: Settings, dispatches: Dispatches
) -> None:
    draw = random.Random(5)
    place = OnKafka(installation)
    tasks = Tasks(effect_tasks(installation))
    tasks.start()
    until(lambda: len(sent(installation, "mail")) > 100)

    for which, channel, is_of in (
        (MAIL, "mail", lambda _: True),
        (OFFER, "bell", lambda number: number % 5 == 0),
        (ALL, "bell", lambda _: True),
    ):
        ordered_s = time.time()
        place.hold(order(which))
        until(lambda: not place.holding().behind)
        before = set(sent(installation, channel))
        for _ in range(3):
            dispatches.kill(draw.randrange(2))
            time.sleep(draw.uniform(2, 4))
        after = set(sent(installation, channel)) - before
        assert not [number for number in after if is_of(number)], "it was said to be in force"
        late = set(sent(installation, channel, since_s=ordered_s + IN_FORCE_S))
        assert not [number for number in late if is_of(number)], "it was to be in force"
        if which is MAIL:
            until_more(installation, "bell", 1 + len(sent(installation, "bell")))
        place.release(order(which))
        for _ in range(2):
            time.sleep(draw.uniform(0.2, 1.5))
            dispatches.kill(draw.randrange(2))
        # A release while others come, and another hold in the middle of it.
        place.hold(order(OFFER, "bob"))
        time.sleep(draw.uniform(0.2, 1))
        place.release(order(OFFER, "bob"))
    tasks.end()
    until(lambda: place.holding().waiting == 0)
    assert dispatches.kills == 15
    for channel, wanted in tasks.sent.items():
        until_more(installation, channel, len(wanted))
        found = sent(installation, channel)
        assert sorted(found) == sorted(wanted)
        kinds: dict[tuple[int, int, bool], list[int]] = defaultdict(list)
        for number in found:
            kinds[tasks.partition[number], number % 7, number % 5 == 0].append(number)
        for kind, numbers in kinds.items():
            assert numbers == sorted(numbers), (channel, kind)
