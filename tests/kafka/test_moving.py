"""A customer base moves to another installation, with other partitions, on a real broker."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from cjo_stream.definition import load
from cjo_stream.engine.task import CLOCK_AHEAD_MAX_MS
from cjo_stream.errors import RefusalError, RetryError, UsageError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.definition.log import SHUT, Shut, read_definitions
from cjo_stream.kafka.definition.writer import Writer
from cjo_stream.kafka.moving import arriving, closing, leaving, source
from cjo_stream.kafka.position.position import Position
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.wanted import PRIVATE
from cjo_stream.kafka.worker.state import checkpoints_of
from cjo_stream.settings import Settings
from cjo_stream.store.export import Export
from cjo_stream.store.memory import MemoryStore
from cjo_stream.store.rocks import RocksStore
from tests.kafka.conftest import TENANT_KEY
from tests.kafka.stages import (
    Tasks,
    make_dispatch,
    make_intake,
    make_topology,
    publish,
    read_all,
)
from tests.kafka.stages import until as stages_until
from tests.world.broker import start_broker
from tests.world.chain import Chain

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: moved
channels:
  web: {in: {topic: WEB}}
  mail: {out: {address: user_id}}
  bell: {out: {address: user_id}}
identity: {identifiers: [{type: user_id}, {type: device}]}
profile: {traits: {comes: {count: come}}}
---
journey: welcome
version: 1
entry: {on: come, reentry: always}
initial: greeted
states: {greeted: {enter: [{act: hello}], end: done}}
---
journey: reminder
version: 1
entry: {on: come, when: event.nth == 0}
initial: waiting
states:
  waiting: {after: {20s: {to: reminded}}}
  reminded: {enter: [{act: remind}], end: done}
---
journey: ring
version: 1
entry: {on: come, when: event.nth == 0}
initial: rung
states: {rung: {enter: [{act: ring}], end: done}}
---
action: hello
class: service
treatments: {mail: {template: hello, payload: {nth: event.nth, comes: profile.comes}}}
---
action: remind
class: service
treatments: {mail: {template: remind, payload: {}}}
---
action: ring
class: service
treatments: {bell: {template: ring, payload: {}}}
"""
PEOPLE = 60


class Moving(Chain):
    """An installation that a customer base leaves, or at which it arrives."""

    def __init__(self, bootstrap: str, folder: Path, partitions: int) -> None:
        folder.mkdir()
        super().__init__(bootstrap, folder, partitions=partitions, workers=1)

    def killed(self, step: str, *words: str) -> None:
        """Give a command, and kill it when it says that it takes a step."""
        process = subprocess.Popen(
            [sys.executable, "-m", "cjo_stream", *words],
            env=self.env(),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if step in line:
                process.send_signal(signal.SIGKILL)
                break
        process.stderr.close()
        assert process.wait() == -signal.SIGKILL, told

    def refused(self, *words: str) -> str:
        """Give a command that fails; return what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "cjo_stream", *words],
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode, done.stdout
        return " ".join(done.stderr.split())

    def end_in_order(self) -> None:
        for name in ("worker-0", "dispatch"):
            self.hold_down(name, signal.SIGTERM)

    def settings(self) -> Settings:
        return Settings(
            kafka={"bootstrap.servers": self.bootstrap},
            topic_prefix=self.prefix,
            tenant_key=TENANT_KEY,
            data_dir=self.folder / "own",
            partitions=self.partitions,
        )

    def waiting(self) -> int:
        """Return how many commands wait for a release."""
        status = json.loads(self.command("status", "--json"))
        return sum(int(one["waiting"]) for one in status["holding"]["holds"])

    def commands(self, channel: str) -> dict[str, list[dict[str, Any]]]:
        """Return the commands of each customer, in order."""
        found = defaultdict(list)
        for messages in self.read(f"action.{channel}.v1").values():
            for message in messages:
                one = json.loads(message.value())
                found[one["customer_id"]].append(one)
        return found


def comers(nth: int) -> Iterator[dict[str, Any]]:
    """Yield an event of each person: as a user at first, then with a device, then by that."""
    for number in range(PEOPLE):
        identifiers = {"user_id": f"u{number}"}
        if nth == 1:
            identifiers["device"] = f"d{number}"
        yield {
            "type": "come",
            "time": int(time.time() * 1000),
            "identifiers": {"device": f"d{number}"} if nth == 2 else identifiers,
            "attributes": {"nth": nth},
        }


def come(bootstrap: str, topic: str, nth: int, *, with_ids: bool = False) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    for number, event in enumerate(comers(nth)):
        if with_ids:
            event["id"] = f"come-{nth}-{number}"
        producer.produce(topic, json.dumps(event), key=str(number))
    assert producer.flush(30) == 0


def count(found: dict[str, list[dict[str, Any]]], action: str) -> int:
    return sum(one["action"] == action for of_one in found.values() for one in of_one)


def until(condition: Callable[[], bool], within_s: float = 90) -> None:
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.3)


def test_a_base_goes_on_in_another_installation_with_more_partitions_as_if_nothing_was(
    bootstrap: str, tmp_path: Path
) -> None:
    web = f"web-{random.randrange(1 << 32):08x}"
    topology = make_topology(tmp_path / "topology", TOPOLOGY.replace("WEB", web))
    old = Moving(bootstrap, tmp_path / "old", 3)
    export = str(tmp_path / "export")
    old.create(topology)
    try:
        old.start(topology)
        old.command("hold", "--channel", "bell", "--who", "ann", "--why", "a test")
        come(bootstrap, web, 0)
        until(lambda: count(old.commands("mail"), "hello") == PEOPLE)
        old.hold_down("intake", signal.SIGTERM)
        come(bootstrap, web, 1)  # nobody reads it until the base is elsewhere
        assert "is held by another process" in old.refused("base", "export", export)
        old.end_in_order()
        old.killed("partition 2 of 3", "base", "export", export)
        assert "holds no whole export" in old.refused("base", "import", export)
        old.command("base", "export", export)
        assert "is not new: a worker has run" in old.refused("base", "import", export)
    finally:
        old.stop()
    before = old.commands("mail")
    assert count(old.commands("bell"), "ring") == 0

    new = Moving(bootstrap, tmp_path / "new", 5)
    new.create(topology)
    for step in ("partitions 0 to 4", "60 held commands", "holds and positions"):
        new.killed(step, "base", "import", export)
        with pytest.raises(RefusalError, match="give `cjo-stream base import` again"):
            read_definitions(new.settings())
    new.command("base", "import", export)
    assert "is in already" in new.command("base", "import", export)
    try:
        new.start(topology)
        until(lambda: count(new.commands("mail"), "hello") == PEOPLE)
        come(bootstrap, web, 2)
        until(lambda: count(new.commands("mail"), "hello") == 2 * PEOPLE)
        until(lambda: count(new.commands("mail"), "remind") + count(before, "remind") == PEOPLE)
        assert count(new.commands("bell"), "ring") == 0
        new.command("release", "--channel", "bell", "--who", "ann")
        assert count(new.commands("bell"), "ring") == PEOPLE
    finally:
        new.stop()
    after = new.commands("mail")
    assert set(before) == set(after)
    for customer, commands in before.items():
        all_ = [*commands, *after[customer]]
        assert len({one["action_id"] for one in all_}) == len(all_) == 4
        hellos = [one["payload"] for one in all_ if one["action"] == "hello"]
        assert hellos == [{"nth": nth, "comes": nth + 1} for nth in range(3)]
    assert all(len(one) == 1 for one in new.commands("bell").values())


def test_a_backup_is_restored_on_another_cluster_and_what_came_after_it_is_sent_again(
    bootstrap: str, tmp_path: Path
) -> None:
    web = f"web-{random.randrange(1 << 32):08x}"
    topology = make_topology(tmp_path / "topology", TOPOLOGY.replace("WEB", web))
    lost = Moving(bootstrap, tmp_path / "lost", 3)
    backup = str(tmp_path / "backup")
    lost.create(topology)
    try:
        lost.start(topology)
        come(bootstrap, web, 0, with_ids=True)
        until(lambda: count(lost.commands("mail"), "hello") == PEOPLE)
        lost.hold_down("intake", signal.SIGTERM)
        lost.end_in_order()
        lost.command("base", "export", backup)
        reminded = count(lost.commands("mail"), "remind")
        for name in lost.names:
            lost.let_up(name)
        come(bootstrap, web, 1, with_ids=True)
        until(lambda: count(lost.commands("mail"), "hello") == 2 * PEOPLE)
    finally:
        lost.stop()
    before = lost.commands("mail")

    with start_broker(tmp_path / "other-broker") as other:
        new = Moving(other.bootstrap, tmp_path / "new", 4)
        new.prefix = lost.prefix
        new.create(topology)
        assert "--from-beginning" in new.refused("base", "import", backup)
        new.command("base", "import", backup, "--from-beginning")
        said = new.refused("hold", "--all", "--who", "ann", "--why", "a restore")
        assert "the next one to start heeds it" in said
        try:
            new.start(topology)
            for nth in (0, 1):  # all that was kept of the events, the known ones too
                come(other.bootstrap, web, nth, with_ids=True)
            wanted, found = 2 * PEOPLE - reminded, 0
            until_s = time.monotonic() + 90
            while found != wanted:
                assert time.monotonic() < until_s, f"{found} commands wait, not {wanted}"
                found = new.waiting()
            assert not new.commands("mail")
            new.command("release", "--all", "--who", "ann")
            until(lambda: count(new.commands("mail"), "hello") >= PEOPLE)
            until(lambda: count(new.commands("mail"), "remind") >= PEOPLE - reminded)
        finally:
            new.stop()
        after = new.commands("mail")
    assert set(after) == set(before)
    for commands in after.values():
        assert len({one["action_id"] for one in commands}) == len(commands) <= 2
        (hello,) = (one["payload"] for one in commands if one["action"] == "hello")
        assert hello == {"nth": 1, "comes": 2}


def test_a_base_moves_from_a_state_folder_to_kafka_and_back_with_the_same_customers(
    bootstrap: str, tmp_path: Path
) -> None:
    web = f"web-{random.randrange(1 << 32):08x}"
    topology = str(make_topology(tmp_path / "topology", TOPOLOGY.replace("WEB", web)))
    kafka = Moving(bootstrap, tmp_path / "kafka", 5)

    def run(state: str, nth: int, *more: str) -> Path:
        file, out = tmp_path / f"{nth}.jsonl", tmp_path / f"out-{nth}"
        file.write_text("".join(f"{json.dumps(one)}\n" for one in comers(nth)))
        words = ("--channel", "web", "--state", str(tmp_path / state), "--out", str(out))
        kafka.command("run", topology, str(file), *words, *more)
        return out

    def exported(name: str, *of: str) -> dict[bytes, bytes]:
        kafka.command("base", "export", str(tmp_path / name), *of)
        return dict(Export(tmp_path / name).actors())

    first = ("--state", str(tmp_path / "first"))
    run("first", 0, "--partitions", "3")
    kafka.command("hold", "--channel", "bell", "--who", "ann", *first)
    before = exported("of-first", *first)
    assert len(before) > 2 * PEOPLE

    kafka.create(Path(topology))
    kafka.command("base", "import", str(tmp_path / "of-first"))
    assert exported("arrived") == before
    try:
        kafka.start(Path(topology))
        come(bootstrap, web, 1)
        until(lambda: count(kafka.commands("mail"), "hello") == PEOPLE)
        until(lambda: count(kafka.commands("mail"), "remind") == PEOPLE)
        kafka.hold_down("intake", signal.SIGTERM)
        kafka.end_in_order()
        before = exported("of-kafka")
    finally:
        kafka.stop()
    for commands in kafka.commands("mail").values():
        assert [one["payload"] for one in commands if one["action"] == "hello"] == [
            {"nth": 1, "comes": 2}
        ]

    second = ("--state", str(tmp_path / "second"))
    kafka.command("base", "import", str(tmp_path / "of-kafka"), *second, "--partitions", "4")
    assert exported("of-second", *second) == before
    out = run("second", 2)
    greeted = [json.loads(line) for line in (out / "actions.jsonl").read_text().splitlines()]
    assert [one["payload"] for one in greeted] == [{"nth": 2, "comes": 3}] * PEOPLE
    assert {one["customer_id"] for one in greeted} == set(kafka.commands("mail"))


def turned(condition: Callable[[], Any], *stages: Any) -> None:
    """Turn stages until the condition holds."""
    stages_until(condition, *stages)


def greeted(settings: Settings) -> list[int]:
    """Return of each greeting how many times its customer had come, the lowest first."""
    mails = read_all(settings, f"{settings.topic_prefix}action.mail.v1")
    payloads = [json.loads(message.value())["payload"] for message in mails]
    return sorted(one["comes"] for one in payloads if one)


def leaving_twice(settings: Settings, folder: Path) -> Path:
    """Export twice; return the first one."""
    for name in ("export", "again"):
        leaving.export(settings, folder / name)
    return folder / "export"


def restored(settings: Settings, folder: Path) -> list[MemoryStore]:
    """Return what the first checkpoints hold."""
    topic = Admin(settings).require([Names(settings.topic_prefix).internal])
    stores = []
    for number in range(settings.partitions):
        checkpoints = checkpoints_of(settings, *topic.values(), number)
        assert checkpoints is not None
        newest = checkpoints.newest()
        assert newest is not None
        checkpoints.restore(newest, folder / "restored")
        with contextlib.closing(RocksStore(folder / "restored")) as kept:
            stores.append(MemoryStore())
            stores[-1].write(list(kept.scan(b"", b"\xff")))
    return stores


def keep(settings: Settings, tasks: Tasks) -> None:
    """Leave the tasks' states where a worker would have them."""
    for number, store in enumerate(tasks.stores):
        folder = settings.data_dir / "worker" / "0" / "tasks" / f"{number:04d}"
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.closing(RocksStore(folder)) as kept:
            kept.write(list(store.scan(b"", b"\xff")))


def test_a_base_leaves_at_rest_and_arrives_where_nothing_ran(
    bootstrap: str, settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    web = f"web-{random.randrange(1 << 32):08x}"
    topology = make_topology(tmp_path / "topology", TOPOLOGY.replace("WEB", web))
    program = load(topology).program
    old = settings_of()
    names, admin = Names(old.topic_prefix), Admin(old)
    create(old, program)
    with pytest.raises(UsageError, match="no customers to export"):
        leaving.export(old, tmp_path / "export")
    with pytest.raises(UsageError, match="no customers to keep out"):
        closing.close(old)
    publish(old, topology)
    with pytest.raises(RefusalError, match="with the CJO_CHECKPOINT_URL of the workers"):
        leaving.export(old, tmp_path / "export")
    tasks = Tasks(old)

    def height(topic: str) -> int:
        return sum(admin.ends((topic, number) for number in range(old.partitions)).values())

    def not_at_rest() -> str:
        keep(old, tasks)
        with pytest.raises(RefusalError, match="the installation is not at rest") as refused:
            leaving.export(old, tmp_path / "export")
        return str(refused.value)

    turned(tasks.are_at_end, tasks)
    come(bootstrap, web, 0)
    intake, group = make_intake(old), group_id(old, "intake")
    places = [(web, number) for number in range(old.partitions)]

    def taken() -> int:
        return sum(one.offset for one in admin.committed(group, places).values())

    turned(lambda: taken() == PEOPLE, intake)
    with pytest.raises(RetryError, match="is an intake of this prefix running"):
        source.commit(old, {(web, 0): Position(0, "")})
    intake.close()
    assert "items in its log that are not processed" in not_at_rest()
    turned(tasks.are_at_end, tasks)
    assert "records of partition" in not_at_rest()
    dispatch = make_dispatch(old)
    turned(lambda: len(greeted(old)) == PEOPLE, dispatch)
    dispatch.close()
    exported = Export(leaving_twice(old, tmp_path))
    with pytest.raises(UsageError, match="is not closed: start its processes"):
        closing.reopen(old)
    for _ in range(2):
        closing.close(old)
    with pytest.raises(RefusalError, match="this installation is closed"):
        read_definitions(old)
    leaving.export(old, tmp_path / "once more")
    closing.reopen(old)
    read_definitions(old)

    new = settings_of(partitions=3)
    create(new, program)
    with pytest.raises(UsageError, match="set CJO_CHECKPOINT_URL"):
        arriving.import_(new, exported)
    new = new.model_copy(update={"checkpoint_url": str(tmp_path / "checkpoints")})
    clock = exported.base.common.clock
    exported.base.common.clock = clock + 2 * CLOCK_AHEAD_MAX_MS
    with pytest.raises(RefusalError, match="Import it when that time has come"):
        arriving.import_(new, exported)
    exported.base.common.clock = clock
    with Writer(new) as writer:
        writer.write({SHUT: msgspec.json.encode(Shut("of another export"))})
        with pytest.raises(RefusalError, match="an import into this installation has begun"):
            read_definitions(new)
        with pytest.raises(RefusalError, match="an import into this installation has begun"):
            closing.reopen(new)
        with pytest.raises(RefusalError, match="is not new: an import of another export"):
            arriving.import_(new, exported)
    with Writer(new) as writer:
        writer.write({SHUT: None})
    assert arriving.import_(new, exported)
    assert not arriving.import_(new, exported)
    with pytest.raises(RefusalError, match="is not new: definitions are applied"):
        arriving.import_(new, Export(tmp_path / "again"))

    # In place: the private topics are made anew, with another number of partitions.
    private = [names.of(row.name) for row in PRIVATE if row.is_ours]
    for future in admin.client.delete_topics(private).values():
        admin.result(future)
    turned(lambda: not admin.describe(private))
    there = old.model_copy(update={"partitions": 5, "checkpoint_url": new.checkpoint_url})
    create(there, program)
    assert arriving.import_(there, exported)
    come(bootstrap, web, 1)
    stages = make_intake(there), Tasks(there, restored(there, tmp_path)), make_dispatch(there)
    turned(lambda: len(greeted(there)) >= 2 * PEOPLE, *stages)
    for _ in range(20):
        for stage in stages:
            stage.turn()
    assert greeted(there) == [1] * PEOPLE + [2] * PEOPLE
