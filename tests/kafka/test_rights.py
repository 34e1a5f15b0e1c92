"""Each process works with the rights that `topics acl` prints, and names one that it lacks."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition

from cjo_stream.core.catalogue import ACTION, RECORDS
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.hold import Hold, Which
from cjo_stream.errors import CjoError
from cjo_stream.insight.filling.live import SinkProcess
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.hold import order
from cjo_stream.kafka.outlook.channel import watching
from cjo_stream.kafka.process.stage import Stopping
from cjo_stream.kafka.stage.learn import LearnProcess
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.right import PROCESSES
from cjo_stream.kafka.topic.wanted import PRIVATE
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from cjo_stream.webhook.endpoint import read_endpoints
from cjo_stream.webhook.process import WebhookProcess
from tests.kafka.allowed import Allowed, event, until
from tests.kafka.effects import command, effect_tasks
from tests.kafka.guarded import guarded_broker
from tests.kafka.lacking import CREATE, MOVE, OPERATOR, Lacking, unnamed, written_out
from tests.kafka.stages import make_dispatch, make_intake, opened, produce
from tests.kafka.test_loss import REWARD
from tests.kafka.test_webhook import action, write_endpoints
from tests.world.receiver import Receiver

pytestmark = pytest.mark.kafka

PROCESSES_OF_KAFKA = ["intake", "worker", "dispatch", "learn", "insight", "webhook"]
WORKS_S = 2.0
WITHOUT_S = 10.0
"""The longest that a process may work before it needs each of its rights."""
WITHOUT_TIMES = 3
UNASKED = {
    # Only where a record is gone: to tell a loss from compaction.
    ("intake", "event.web.v1", "DescribeConfigs"),
    ("intake", "outcome.v1", "DescribeConfigs"),
    ("learn", "reward.v1", "DescribeConfigs"),
    ("learn", "prediction.v1", "DescribeConfigs"),
    # Only where the group has no offsets.
    ("dispatch", "cursor.v1", "Read"),
    # Without these the process works, and its log says what does not.
    ("dispatch", "held.v1", "Delete"),
    ("insight", "internal.v1", "Describe"),
    # The first includes the second. A channel is then not known to be unread.
    ("dispatch", "*", "Describe"),
    ("dispatch", "reader", "Describe"),
}
"""What no process here asks for."""
HOLD = Hold(Which("nowhere"), "ann", "a test", 0)


@pytest.fixture(scope="module")
def allowed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Allowed]:
    """Yield an installation that works, and has learnt a model."""
    folder = tmp_path_factory.mktemp("allowed")
    with guarded_broker(folder, PROCESSES) as (owners, address):
        chain = Allowed(owners, address, folder)
        chain.user = "create"
        assert "warning" not in chain.command("topics", "create", str(chain.topology))
        chain.command("topics", "verify", str(chain.topology))
        chain.user = "operator"
        chain.start(chain.topology)
        for number in range(6):
            web = f"{chain.prefix}event.web.v1"
            produce(chain.owner, web, event("ask", f"u{number}", k=number, mood="fine"))
            if number % 2:
                told = event("cjo.outcome", f"u{number}", action="card", outcome="accept")
                produce(chain.owner, web, told)
        until(lambda: any(chain.read("model.v1").values()))
        yield chain
        chain.stop()
        chain.close()


def test_an_installation_works_with_these_rights(allowed: Allowed, tmp_path: Path) -> None:
    web = f"{allowed.prefix}event.web.v1"
    produce(allowed.owner, web, {"identifiers": {"user": "late"}, "time": 0})
    for kind in ("decision", "transition", "identity", "reward", "prediction", "dead_letter"):
        until(lambda kind=kind: any(allowed.read(f"{kind}.v1").values()))
    until(lambda: any(allowed.read("action.mail.v1").values()))

    allowed.command("hold", "--channel", "mail", "--why", "a test")
    sent = len(_commands(allowed))
    produce(allowed.owner, web, event("ask", "held", k=7, mood="fine"))
    until(lambda: _waiting(allowed))
    assert len(_commands(allowed)) == sent
    allowed.command("release", "--channel", "mail")
    until(lambda: len(_commands(allowed)) > sent)
    assert "1" in allowed.command("dead-letters", "list")
    allowed.command("dead-letters", "redrive", "--edit", "type = 'ask'", "--yes")
    assert allowed.command("records", "action").splitlines()
    allowed.command("apply", str(allowed.topology), "--yes")
    layer = str(tmp_path / "layer")
    said = allowed.as_("insight", "insight", "sink", "--layer", layer, "--once")
    assert "error" not in said, said
    for name in allowed.names:
        log = (allowed.folder / f"{name}.log").read_text()
        for sign in ("uthoriz", "forbid", "not shown", "not deleted"):
            assert sign not in log, (name, log)
    assert not allowed.exits


def test_a_base_moves_in_place_with_these_rights(allowed: Allowed, tmp_path: Path) -> None:
    export, data = tmp_path / "export", allowed.folder / "data"
    web = f"{allowed.prefix}event.web.v1"
    produce(allowed.owner, f"{allowed.prefix}outcome.v1", b"{}")
    allowed.command("hold", "--channel", "mail")
    produce(allowed.owner, web, event("ask", "held", k=8, mood="fine"))
    until(lambda: _waiting(allowed))
    allowed.hold_down("intake", signal.SIGTERM)

    def is_exported() -> bool:
        """Export once all is ended; what is not at rest goes on for a while."""
        others = ("worker-0", "dispatch", "learn")
        time.sleep(WORKS_S)
        for name in others:
            allowed.hold_down(name, signal.SIGTERM)
        said = allowed.as_("move", "base", "export", str(export))
        if "exported to" in said:
            return True
        assert "is not at rest" in said, said
        for name in others:
            allowed.let_up(name)
        return False

    until(is_exported)
    found = [one for one in allowed.rights if one.process == "move"]
    words = {"EXPORT": str(export), "REFUSED": str(tmp_path / "refused")}

    def unlearnt(lacking: Lacking) -> None:
        """Write what the learner has not learnt, which the export counts."""
        if lacking.right.name.endswith(("reward.v1", "prediction.v1")):
            produce(allowed.owner, lacking.right.name, b"{}")
        shutil.rmtree(words["REFUSED"], ignore_errors=True)

    assert not unnamed(allowed, found, MOVE, words, unlearnt, only="base export")
    admin, names = Admin(allowed.owner), Names(allowed.prefix)
    private = [names.of(row.name) for row in PRIVATE if row.is_ours]
    for future in admin.client.delete_topics(private).values():
        admin.result(future)
    until(lambda: not admin.describe(private))
    shutil.rmtree(data)
    allowed.as_("create", "topics", "create", str(allowed.topology))
    assert not unnamed(allowed, found, MOVE, words, only="base import")
    said = allowed.as_("move", "base", "import", str(export))
    assert "imported: " in said, said
    sent = len(_commands(allowed))
    for name in allowed.names:
        allowed.let_up(name)
    allowed.command("release", "--channel", "mail")
    until(lambda: len(_commands(allowed)) > sent)
    sent = len(_commands(allowed))
    produce(allowed.owner, web, event("ask", "late", k=3))
    until(lambda: len(_commands(allowed)) > sent)
    until(lambda: any(allowed.read("model.v1").values()))


def test_who_creates_topics_is_told_which_right_is_missing(allowed: Allowed) -> None:
    prefix, admin = f"{allowed.prefix}new.", Admin(allowed.owner)
    found = [one for one in allowed.rights_of(prefix) if one.process == "create"]
    words = {"TOPOLOGY": str(allowed.topology)}
    allowed.allow(found)

    def make() -> str:
        return allowed.as_("create", "topics", "create", words["TOPOLOGY"], prefix=prefix)

    def delete(lacking: Lacking) -> None:
        """Delete what is to be made, or the log to which the key is to be written."""
        if lacking.operation in ("Create", "Write"):
            is_topic = lacking.right.resource == "topic"
            name = lacking.right.name if is_topic else f"{prefix}definition.v1"
            admin.client.delete_topics([name])[name].exception()
            until(lambda: not admin.describe([name]))

    assert "warning" not in make()
    for only in ("topics verify", "topics create"):
        assert not unnamed(allowed, found, CREATE, words, delete, only=only, prefix=prefix)
    make()
    said = allowed.as_("create", "topics", "verify", words["TOPOLOGY"], prefix=prefix)
    assert "all topics are as they must be" in said, said


def test_an_operator_is_told_which_right_is_missing(allowed: Allowed, tmp_path: Path) -> None:
    late = event("cjo.outcome", "u1", action="card", outcome="accept")
    for name in ("event.web", "outcome"):
        produce(allowed.owner, f"{allowed.prefix}{name}.v1", {**late, "type": None})
    for name in ("action.web", "action.push", "measure"):
        produce(allowed.owner, f"{allowed.prefix}{name}.v1", b"{}")
    allowed.command("hold", "--channel", "mail")
    asked = event("ask", "held", k=9, mood="fine")
    produce(allowed.owner, f"{allowed.prefix}event.web.v1", asked)
    until(lambda: _waiting(allowed))
    other = tmp_path / "other"
    shutil.copytree(allowed.topology, other)
    (written,) = other.iterdir()
    written.write_text(written.read_text().replace("prior: 0.2", "prior: 0.3"))
    words = {"TOPOLOGY": str(allowed.topology), "OTHER": str(other)}
    found = [one for one in allowed.rights if one.process == "operator"]
    assert not unnamed(allowed, found, OPERATOR, words)
    for needing in sorted(set(OPERATOR.values())):
        said = allowed.as_("operator", *written_out(needing, words))
        assert "forbids" not in said, said
    allowed.command("release", "--channel", "mail")


def test_a_channel_is_not_unread_where_the_broker_hides_who_reads_it(
    allowed: Allowed, caplog: pytest.LogCaptureFixture
) -> None:
    mail, group = f"{allowed.prefix}action.mail.v1", f"{allowed.prefix}crm"
    metrics, admin = Metrics(), Admin(allowed.settings("dispatch"))
    asking = watching(admin, lambda: {"mail": mail}, metrics)
    reader = Consumer({**allowed.owner.kafka_properties(), "group.id": group})
    (end,) = Admin(allowed.owner).ends([(mail, 0)]).values()

    def unread(taken: int | None = None) -> str:
        """Return what is shown after more commands; `taken`: what the reader has committed."""
        if taken is not None:
            places = [TopicPartition(mail, 0, taken)]
            reader.commit(offsets=places, asynchronous=False)
        produce(allowed.owner, mail, msgspec.json.encode(action(1, "mail")))
        asking.once()
        shown = metrics.render().decode().splitlines()
        (line,) = [one for one in shown if one.startswith("cjo_channel_unread_seconds{")]
        return line.split()[-1]

    (right,) = [one for one in allowed.rights if one.process == "dispatch" and one.name == "*"]
    with allowed.without(right, "Describe"):
        assert [unread(end + number) for number in range(3)] == ["NaN"] * 3
        assert group in Admin(allowed.owner).groups()
        assert group not in admin.groups(), "a broker now says that it hides groups: ask that"
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert len([one for one in said if "allow it to Describe the group *" in one]) == 1, said
    until(lambda: unread() == "0.0")
    until(lambda: float(unread()) > 0)
    assert unread(end + 3) == "0.0"
    reader.close()


def _commands(allowed: Allowed) -> list[Any]:
    return [message for part in allowed.read("action.mail.v1").values() for message in part]


def _waiting(allowed: Allowed) -> int:
    status = json.loads(allowed.command("status", "--json"))
    return sum(hold["waiting"] for hold in status["holding"]["holds"])


@pytest.mark.parametrize("process", PROCESSES_OF_KAFKA)
def test_a_right_that_is_missing_is_named(allowed: Allowed, tmp_path: Path, process: str) -> None:
    allowed.stop()
    web, tasks = f"{allowed.prefix}event.web.v1", effect_tasks(allowed.owner)
    kinds = [kind.name for kind in RECORDS if kind is not ACTION]
    receiver = Receiver(tmp_path / "receiver", "ok", tls=False)
    endpoints = read_endpoints(
        write_endpoints(tmp_path, mail=receiver, push=receiver, web=receiver)
    )
    starts: dict[str, Callable[[Settings], Any]] = {
        "intake": make_intake,
        "dispatch": make_dispatch,
        "learn": lambda settings: opened(LearnProcess(settings, Metrics(), Stopping())),
        "insight": lambda settings: opened(
            SinkProcess(settings, Metrics(), Stopping(), str(tmp_path / "layer"), 0.0)
        ),
        "webhook": lambda settings: opened(
            WebhookProcess(settings, Metrics(), Stopping(), endpoints)
        ),
    }

    def works(within_s: float) -> str:
        """Give the process something to do; return with what it ends, if it does in time."""
        reward = msgspec.json.encode(REWARD)
        produce(allowed.owner, web, event("ask", "u1", k=1, mood="fine"), {"time": 0})
        produce(allowed.owner, f"{allowed.prefix}reward.v1", reward)
        for channel in ("mail", "push", "web"):
            topic = f"{allowed.prefix}action.{channel}.v1"
            produce(allowed.owner, topic, msgspec.json.encode(action(1, channel)))
        commands = [command(n, channel=c) for n, c in enumerate(("mail", "push", "web"))]
        order.write(allowed.owner, HOLD, is_held=True)
        tasks[0].send(tasks[0].frame(*commands, *(Effect(kind, "c", b"{}") for kind in kinds)))
        if process == "worker":
            return _ends(allowed)
        try:
            working = starts[process](allowed.settings(process))
            try:
                end_s = time.monotonic() + within_s
                while time.monotonic() < end_s:
                    working.turn()
            finally:
                working.abandon()
        except CjoError as error:
            return str(error)
        return ""

    if process != "worker":
        assert not works(WORKS_S), "with all rights"
    unnamed = []
    for right in allowed.rights:
        short = right.name.removeprefix(allowed.prefix)
        for operation in right.operations:
            if right.process != process or (process, short, operation) in UNASKED:
                continue
            lacking = Lacking(right, operation, (operation, "Describe"))
            with allowed.without(right, operation):
                # The next time it has what came too late for it the time before.
                said = [works(WITHOUT_S)]
                while not lacking.is_named(said[-1]) and len(said) < WITHOUT_TIMES:
                    said.append(works(WITHOUT_S))
            if not lacking.is_named(said[-1]):
                unnamed.append((right, operation, said))
    receiver.stop()
    assert not unnamed


def _ends(allowed: Allowed) -> str:
    """Return the last line of a worker that ends by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "cjo_stream", "worker"],
        env=allowed.env("worker"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stderr.splitlines()[-1]
