"""Commands posted to real endpoints, from a real broker, by processes that are killed."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition

from cjo_stream.core.record import Action, Address
from cjo_stream.engine.hold import Hold, Which
from cjo_stream.errors import StopError, UsageError
from cjo_stream.kafka.channel.taker import Taker
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.operator.installation import OnKafka
from cjo_stream.kafka.process.stage import Stopping
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from cjo_stream.webhook.endpoint import read_endpoints
from cjo_stream.webhook.process import STAGE, WebhookProcess
from tests.kafka.conftest import TENANT_KEY, make_settings
from tests.kafka.stages import (
    WITHIN_S,
    in_background,
    make_topology,
    opened,
    publish,
    read_all,
    until,
)
from tests.world.receiver import OTHER, SECRET, Receiver, receiving
from tests.world.traced import context

pytestmark = pytest.mark.kafka

SHARED = f"shared-{random.randrange(10**9)}"
TOPOLOGY = f"""
topology: small
channels:
  web: {{in: {{}}}}
  mail: {{out: {{address: user_id}}}}
  push: {{out: {{address: user_id}}}}
  sms: {{out: {{address: user_id, topic: {SHARED}}}}}
  letter: {{out: {{address: user_id, topic: {SHARED}}}}}
  fax: {{out: {{address: user_id, topic: {SHARED}}}}}
identity: {{identifiers: [{{type: user_id}}]}}
"""
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def installed(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return an installation with a set in force; each test has a group of its own."""
    folder = tmp_path_factory.mktemp("installed")
    settings = make_settings(bootstrap, folder)
    publish(settings, make_topology(folder / "topology", TOPOLOGY))
    return settings


@pytest.fixture
def installation(installed: Settings, tmp_path: Path) -> Settings:
    own = {"data_dir": tmp_path / "data", "group": f"g{random.randrange(10**9)}"}
    settings = installed.model_copy(update=own)
    _from_now_on(settings)
    return settings


def _from_now_on(settings: Settings) -> None:
    """Let a new group begin behind what other tests have sent."""
    admin = Admin(settings)
    topics = admin.require(f"{settings.topic_prefix}action.{one}.v1" for one in ("mail", "push"))
    ends = admin.ends((name, p) for name in topics for p in range(2))
    consumer = Consumer({**settings.kafka_properties(), "group.id": group_id(settings, STAGE)})
    consumer.commit(
        offsets=[
            TopicPartition(*place, end, f"{topics[place[0]].id} ") for place, end in ends.items()
        ],
        asynchronous=False,
    )
    consumer.close()


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path / "mail") as receiver:
        yield receiver


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path / "push") as receiver:
        yield receiver


def action(number: int, channel: str, customer: str = "c", left_ms: int = HOUR_MS) -> Action:
    now_ms = time.time_ns() // 1_000_000
    return Action(
        action_id=f"{customer}-a{number}",
        customer_id=customer,
        topology="small",
        action="hello",
        issue=None,
        group=None,
        class_="service",
        channel=channel,
        template=None,
        payload={"number": number},
        address=Address("user_id", "u"),
        issued_at=now_ms,
        expires_at=now_ms + left_ms,
        decision_id="d",
        journey=None,
    )


class Commands:
    """Commands of one test, put into the channels' topics; their ids are the test's own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sender = Sender(settings)
        self._name = settings.group

    def send(
        self,
        *numbers: int,
        customers: int = 1,
        channel: str = "mail",
        named: str = "hello",
        left_ms: int = HOUR_MS,
        topic: str = "",
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        to = topic or f"{self._settings.topic_prefix}action.{channel}.v1"
        records = []
        for number in numbers:
            customer = f"{self._name}-{number % customers}"
            command = action(number, channel, customer, left_ms)
            value = msgspec.json.encode(msgspec.structs.replace(command, action=named))
            partition = number % customers % 2
            records.append(Outgoing(to, value, partition, customer.encode(), headers))
        self._sender.send(records)

    def outcomes(self) -> dict[str, list[dict[str, Any]]]:
        """Return the events reported of these commands, by command."""
        found: dict[str, list[dict[str, Any]]] = {}
        topic = f"{self._settings.topic_prefix}outcome.v1"
        for message in read_all(self._settings, topic):
            event = json.loads(message.value())
            id_ = event["attributes"]["action_id"]
            if id_.startswith(f"{self._name}-"):
                found.setdefault(id_, []).append(event)
        return found

    def reported(self, number: int = 1) -> Callable[[], bool]:
        """Return whether so many commands have an outcome, asked twice a second at most."""
        asked_s = 0.0

        def are_there() -> bool:
            nonlocal asked_s
            if time.monotonic() < asked_s + 0.5:
                return False
            found = len(self.outcomes())
            asked_s = time.monotonic()
            return found >= number

        return are_there

    def words(self) -> list[str]:
        """Return the outcomes that the engine takes: one for each id of an event."""
        return [events[0]["attributes"]["outcome"] for events in self.outcomes().values()]


@pytest.fixture
def commands(installation: Settings) -> Commands:
    return Commands(installation)


def write_endpoints(folder: Path, **receivers: Receiver | str) -> Path:
    """Write a file of endpoints; the options of each may follow its receiver."""
    file = folder / "webhooks.yaml"
    (folder / "secrets").write_text(SECRET)
    documents = []
    for channel, receiver in receivers.items():
        url = receiver if isinstance(receiver, str) else receiver.url
        documents.append(
            f"webhook: {channel}\nurl: {url}\nsecrets: secrets\naddresses: any\ntimeout: 1s\n"
        )
    file.write_text("---\n".join(documents))
    return file


Working = Callable[..., WebhookProcess]


@pytest.fixture
def working(installation: Settings, tmp_path: Path) -> Iterator[Working]:
    """Return what makes a process that takes commands from the end of the topics on."""
    made: list[WebhookProcess] = []

    def make(settings: Settings = installation, **receivers: Receiver) -> WebhookProcess:
        endpoints = read_endpoints(write_endpoints(tmp_path, **receivers))
        process = WebhookProcess(settings, Metrics(), Stopping(), endpoints)
        made.append(opened(process))
        return process

    yield make
    for process in made:
        with contextlib.suppress(Exception):
            process.abandon()


def waits(process: WebhookProcess, channel: str = "mail") -> int:
    return process._backlogs[channel].waits


def counts(process: WebhookProcess, name: str) -> dict[str, float]:
    """Return a metric by its labels, as it is shown; of a counter what has counted."""
    found = {}
    for line in process._metrics.render().decode().splitlines():
        if line.startswith(f"{name}{{"):
            labels, _, value = line.removeprefix(name).rpartition(" ")
            if float(value) or not name.endswith("_total"):
                found[labels] = float(value)
    return found


def test_a_command_is_posted_signed_and_its_outcome_is_reported(
    working: Working, commands: Commands, mail: Receiver
) -> None:
    process = working(mail=mail)
    commands.send(1)
    until(commands.reported(), process)
    (request,) = mail.requests()
    body = json.loads(request["body"])
    assert request["id"] == body["action_id"]
    assert request["verified"] == [SECRET]
    assert request["path"] == "/hooks"
    assert body["schema"] == "cjo.action.v1"
    ((event,),) = commands.outcomes().values()
    assert event["attributes"] == {"action_id": request["id"], "outcome": "delivered"}
    assert event["id"] == f"{request['id']}-webhook"
    assert waits(process) == 0
    process.turn()
    for name, labels, value in (
        ("cjo_webhook_commands_total", '{channel="mail",result="answered"}', 1),
        ("cjo_webhook_seconds_count", '{channel="mail"}', 1),
        ("cjo_webhook_waiting", '{channel="mail"}', 0),
    ):
        assert counts(process, name) == {labels: value}
    assert 0 < counts(process, "cjo_webhook_seconds_sum")['{channel="mail"}'] < WITHIN_S
    assert counts(process, "cjo_webhook_retries_total") == {}


@pytest.mark.parametrize(
    ("state", "posted"), [(b"a=1", "a=1"), (b"A", None), (b"a=1\r\nx-other: 1", None)]
)
def test_a_command_s_trace_context_is_posted_with_it(
    working: Working, commands: Commands, mail: Receiver, state: bytes, posted: str | None
) -> None:
    process = working(mail=mail)
    commands.send(1, headers=[("traceparent", context(7).encode()), ("tracestate", state)])
    commands.send(2, headers=[("traceparent", b"rubbish"), ("tracestate", state)])
    commands.send(3)
    until(commands.reported(3), process)
    traces = {request["id"][-1]: request["trace"] for request in mail.requests()}
    assert traces == {"1": [context(7), posted], "2": [None, None], "3": [None, None]}


def test_channels_that_share_a_topic_have_each_its_own_endpoint(
    working: Working, commands: Commands, mail: Receiver, push: Receiver
) -> None:
    """And what is for a third channel, whose commands are taken elsewhere, is for none of them."""
    process = working(sms=mail, letter=push)
    for number, channel in enumerate(("sms", "fax", "letter")):
        commands.send(number, channel=channel, topic=SHARED)
    until(commands.reported(2), process)
    for receiver, channel in ((mail, "sms"), (push, "letter")):
        assert [json.loads(one["body"])["channel"] for one in receiver.requests()] == [channel]
    assert waits(process, "sms") == waits(process, "letter") == 0


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("huge", ["delivered"]),
        ("bomb", ["delivered"]),
        ("reject", ["failed"]),
        ("lying", []),
        ("later", []),
    ],
)
def test_any_answer_comes_to_an_end(
    working: Working, commands: Commands, mail: Receiver, behaviour: str, words: list[str]
) -> None:
    mail.behave(behaviour)
    process = working(mail=mail)
    commands.send(1)
    until(lambda: mail.requests() and not waits(process), process)
    assert commands.words() == words
    assert len(mail.requests()) == 1
    result = "refused" if behaviour == "reject" else "answered"
    assert counts(process, "cjo_webhook_commands_total") == {
        f'{{channel="mail",result="{result}"}}': 1
    }


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("error", "error"),
        ("closing", "no_answer"),
        ("torn", "no_answer"),
        ("redirect", "endpoint"),
        ("slow", "no_answer"),
        ("busy", "busy"),
    ],
)
def test_what_is_no_answer_is_posted_again_with_the_same_id(
    working: Working, commands: Commands, mail: Receiver, behaviour: str, reason: str
) -> None:
    mail.behave(behaviour)
    process = working(mail=mail)
    commands.send(1, 2)
    name = "cjo_webhook_retries_total"
    until(lambda: counts(process, name), process)
    assert commands.outcomes() == {}
    assert counts(process, "cjo_webhook_waiting") == {'{channel="mail"}': 2}
    mail.behave("ok")
    until(commands.reported(2), process)
    assert commands.words() == ["delivered"] * 2
    ids = [one["id"] for one in mail.requests()]
    assert len(set(ids)) == 2
    assert len(ids) >= 3
    assert counts(process, name) == {f'{{channel="mail",reason="{reason}"}}': len(ids) - 2}
    assert counts(process, "cjo_webhook_seconds_count") == {'{channel="mail"}': len(ids)}
    assert mail.first_numbers() == {f"{commands._name}-0": [1, 2]}
    assert {one["path"] for one in mail.requests()} == {"/hooks"}, "a redirect was followed"


@pytest.mark.slow
def test_an_endpoint_that_stops_does_not_stop_another(
    working: Working, commands: Commands, mail: Receiver, push: Receiver
) -> None:
    mail.behave("slow")
    process = working(mail=mail, push=push)
    commands.send(*range(1_400), customers=200)
    until(lambda: process._backlogs["mail"].is_full, process)
    commands.send(*range(200), customers=20, channel="push")
    until(commands.reported(200), process, within_s=30)
    assert waits(process) < 1_000 + 400, "memory is not bounded"
    assert process.vitals.problem() is None
    mail.behave("later")
    until(lambda: len(mail.requests()) > 300, process)
    assert all(numbers == sorted(numbers) for numbers in mail.first_numbers().values())


def test_a_command_that_expires_is_counted_and_told_if_it_was_tried(
    working: Working, commands: Commands, mail: Receiver
) -> None:
    mail.behave("error")
    process = working(mail=mail)
    commands.send(1, left_ms=-1)
    commands.send(3, left_ms=3_500)
    commands.send(5, left_ms=1_500)
    until(lambda: mail.requests() and not waits(process), process)
    assert counts(process, "cjo_webhook_commands_total") == {
        '{channel="mail",result="expired"}': 3
    }
    assert [one.rpartition("a")[2] for one in commands.outcomes()] == ["3"]
    assert commands.words() == ["failed"]
    assert {one["payload"]["number"] for one in mail.bodies()} == {3}


def test_commands_that_are_gone_before_they_are_read_are_counted_as_lost(
    working: Working, commands: Commands, mail: Receiver, installation: Settings
) -> None:
    commands.send(0, 2, 4, 1, customers=2)
    admin, place = Admin(installation), (f"{installation.topic_prefix}action.mail.v1", 0)
    cut = TopicPartition(*place, admin.ends([place])[place])
    admin.result(admin.client.delete_records([cut])[cut])
    process = working(mail=mail)
    until(commands.reported(), process)
    assert numbers_of(mail.requests()) == [1]
    assert counts(process, "cjo_webhook_commands_total") == {
        '{channel="mail",result="answered"}': 1,
        '{channel="mail",result="lost"}': 3,
    }


def test_an_endpoint_that_is_gone_gets_nothing_more(
    working: Working, commands: Commands, mail: Receiver, push: Receiver
) -> None:
    mail.behave("gone")
    process = working(mail=mail, push=push)
    commands.send(1)
    until(lambda: counts(process, "cjo_webhook_gone")['{channel="mail"}'] == 1, process)
    mail.behave("ok")
    commands.send(2, 3, customers=3)
    commands.send(4, channel="push")
    until(commands.reported(), process)
    assert len(mail.requests()) == 1
    process.close()
    again = working(mail=mail, push=push)
    until(commands.reported(4), again)
    assert len(push.requests()) == 1, "what was answered was posted again"


def test_an_answer_that_comes_while_a_process_begins_anew_is_not_reported(
    working: Working, commands: Commands, mail: Receiver
) -> None:
    process = working(mail=mail)
    commands.send(*range(20), customers=20)
    until(lambda: process._backlogs["mail"].on_their_way, process)
    until(lambda: not process._poster._answers.empty())
    process.abandon()
    assert commands.outcomes() == {}


def test_no_address_but_a_public_one_is_asked_unless_allowed(
    installation: Settings, commands: Commands, mail: Receiver, tmp_path: Path
) -> None:
    file = write_endpoints(
        tmp_path, mail=mail.url.replace("http://127.0.0.1", "https://localhost")
    )
    file.write_text(file.read_text().replace("addresses: any", "addresses: public"))
    process = opened(WebhookProcess(installation, Metrics(), Stopping(), read_endpoints(file)))
    try:
        commands.send(1)
        until(lambda: counts(process, "cjo_webhook_retries_total"), process)
        assert mail.requests() == []
    finally:
        process.abandon()


def test_a_certificate_that_nobody_trusts_is_refused(
    installation: Settings, commands: Commands, tmp_path: Path
) -> None:
    folder = tmp_path / "mail"
    with receiving(folder, tls=True) as receiver:
        file = write_endpoints(tmp_path, mail=receiver)
        text = file.read_text()
        commands.send(1)
        for ca in ("", f"ca: {folder / 'cert.pem'}\n"):
            file.write_text(text + ca)
            process = WebhookProcess(installation, Metrics(), Stopping(), read_endpoints(file))
            try:
                opened(process)
                name = "cjo_webhook_commands_total" if ca else "cjo_webhook_retries_total"
                until(lambda p=process, name=name: counts(p, name), process)
            finally:
                process.close()
            assert bool(receiver.requests()) is bool(ca)


def test_secrets_are_rotated_without_a_gap(
    working: Working, commands: Commands, mail: Receiver, tmp_path: Path, installation: Settings
) -> None:
    file = write_endpoints(tmp_path, mail=mail)
    (tmp_path / "secrets").write_text(f"{OTHER}\n{SECRET}\n")
    process = opened(WebhookProcess(installation, Metrics(), Stopping(), read_endpoints(file)))
    try:
        commands.send(1)
        until(commands.reported(), process)
    finally:
        process.close()
    assert mail.requests()[0]["verified"] == [SECRET, OTHER]


def test_a_record_that_is_no_command_holds_nobody_up(
    working: Working, commands: Commands, mail: Receiver, installation: Settings
) -> None:
    process = working(mail=mail)
    topic = f"{installation.topic_prefix}action.mail.v1"
    odd = [b"\xff", b"[]", b"", b'{"action_id": 7}', b'{"action_id": "a"}']
    Sender(installation).send([Outgoing(topic, value, 0) for value in odd])
    commands.send(2)
    until(commands.reported(), process)
    unreadable = counts(process, "cjo_webhook_commands_total")
    assert unreadable['{channel="mail",result="unreadable"}'] >= len(odd)


def test_a_channel_that_is_none_is_refused_with_the_nearest(
    installation: Settings, mail: Receiver, tmp_path: Path
) -> None:
    endpoints = read_endpoints(write_endpoints(tmp_path, mial=mail))
    process = WebhookProcess(installation, Metrics(), Stopping(), endpoints)
    with pytest.raises(UsageError, match=r"unknown channel 'mial'; did you mean 'mail'"):
        process.open()
    process.abandon()


@pytest.mark.slow
def test_partitions_that_come_back_while_an_endpoint_is_full_are_read_on(
    working: Working, commands: Commands, mail: Receiver, installation: Settings
) -> None:
    mail.behave("later")
    first = working(mail=mail)
    mail.behave("slow")
    commands.send(*range(1_500), customers=500)
    until(lambda: first._backlogs["mail"].is_full, first)
    other = installation.model_copy(update={"slot": "1"})
    results = in_background(lambda: working(other, mail=mail))
    (second,) = until(lambda: results, first)
    mail.behave("later")
    until(lambda: len(mail.first_numbers()) == 500, first, second)
    until(lambda: not any(lag(one) for one in (first, second)), first, second)
    assert waits(first) + waits(second) < 1_500


def lag(process: WebhookProcess) -> int:
    ends = process._admin.ends(process._taker.standings(), committed=True)
    return sum(end - process._taker.standings()[place] for place, end in ends.items())


def test_a_process_that_is_shut_out_begins_anew_from_what_is_committed(
    working: Working, commands: Commands, mail: Receiver
) -> None:
    first = working(mail=mail)
    commands.send(1)
    until(commands.reported(), first)
    second = working(mail=mail)  # of the same slot
    first._taker._committed.clear()
    with pytest.raises(StopError, match="takes again what was answered since"):
        first._taker._commit(first._taker._reached, wait=True)
    first._poster.close()
    with pytest.raises(StopError, match="this process begins anew"):
        first.turn()
    commands.send(2)
    until(commands.reported(2), second)
    assert len(mail.requests()) <= 3


@pytest.mark.slow
def test_killed_again_and_again_nothing_is_lost_and_order_is_kept(
    installation: Settings, commands: Commands, mail: Receiver, push: Receiver, tmp_path: Path
) -> None:
    """Two processes, one of which is killed every second or so; one endpoint fails, too.

    CJO_LONG=1 sends and kills more.
    """
    mail.behave("flaky")
    file = write_endpoints(tmp_path, mail=mail, push=push)
    draw = random.Random(11)
    number, wanted, customers = (1_200, 15, 60) if "CJO_LONG" in os.environ else (240, 4, 20)
    running: dict[str, subprocess.Popen[bytes]] = {}

    def start(slot: str) -> None:
        running[slot] = started(installation, file, slot)

    try:
        for slot in ("0", "1"):
            start(slot)
        began_s = time.monotonic()
        sent = 0
        kills = 0
        while True:
            if sent < number:
                more = range(sent, min(number, sent + 100))
                commands.send(*more, customers=customers)
                commands.send(*more, customers=customers, channel="push")
                sent = more.stop
            time.sleep(draw.uniform(0.3, 1.5))
            if kills < wanted:
                slot = draw.choice(sorted(running))
                running[slot].send_signal(signal.SIGKILL)
                running[slot].wait()
                start(slot)
                kills += 1
            elif (
                sum(len(v) for v in mail.first_numbers().values()) == number
                and len(commands.outcomes()) >= number
            ):
                break
            assert time.monotonic() < began_s + 240, "it does not come to an end"
        for one in running.values():
            one.terminate()
        assert [one.wait(timeout=30) for one in running.values()] == [0, 0]
    finally:
        for one in running.values():
            one.kill()
            one.wait()

    for receiver in (mail, push):
        firsts = receiver.first_numbers()
        assert sorted(chain.from_iterable(firsts.values())) == list(range(number)), (
            "a command is missing"
        )
        for numbers in firsts.values():
            assert numbers == sorted(numbers), "order was not kept"
        ids = {one["payload"]["number"]: set() for one in receiver.bodies()}
        for one in receiver.requests():
            ids[json.loads(one["body"])["payload"]["number"]].add(one["id"])
        assert all(len(known) == 1 for known in ids.values()), "a command has two ids"
    for id_, events in commands.outcomes().items():
        # A repeat after a kill is reported again, as the same event: the engine takes one.
        assert {event["id"] for event in events} == {f"{id_}-webhook"}


def started(settings: Settings, file: Path, slot: str = "0") -> subprocess.Popen[bytes]:
    """Return a process that posts to the endpoints of a file; its log is beside that."""
    with (file.parent / f"webhook-{slot}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cjo_stream", "webhook", str(file)],
            env=environment(settings, slot),
            stdout=log,
            stderr=log,
        )


def environment(settings: Settings, slot: str) -> dict[str, str]:
    return {
        **os.environ,
        "CJO_KAFKA__BOOTSTRAP_SERVERS": settings.kafka["bootstrap.servers"],
        "CJO_TOPIC_PREFIX": settings.topic_prefix,
        "CJO_GROUP": settings.group,
        "CJO_TENANT_KEY": TENANT_KEY,
        "CJO_PARTITIONS": "2",
        "CJO_DATA_DIR": str(settings.data_dir),
        "CJO_SLOT": slot,
    }


# --- what an operator holds

IN_FORCE_S = 5.0
MAIL, OFFER = Which("mail"), Which(action="offer")


class Operator:
    """Who holds commands; `dispatch` does not run here, so only webhook's answer counts."""

    def __init__(self, settings: Settings) -> None:
        self._place = OnKafka(settings)
        self.held: set[Which] = set()

    def hold(self, which: Which) -> None:
        self.held.add(which)
        self._place.hold(Hold(which, "ann", "a test", 0))

    def release(self, which: Which) -> None:
        self.held.discard(which)
        self._place.release(Hold(which, "ann", "a test", 0))

    def unheeding(self) -> list[str]:
        return self._place.holding().unheeding

    def is_heeded(self) -> bool:
        return not self.unheeding()


@pytest.fixture
def operator(installation: Settings) -> Iterator[Operator]:
    one = Operator(installation)
    yield one
    for which in list(one.held):
        one.release(which)


def numbers_of(requests: Sequence[dict[str, Any]]) -> list[int]:
    return [json.loads(one["body"])["payload"]["number"] for one in requests]


def turning(process: WebhookProcess, seconds: float) -> None:
    """Let a process work for some time."""
    end_s = time.monotonic() + seconds
    until(lambda: time.monotonic() > end_s, process)


def test_a_held_channel_is_not_posted_though_its_endpoint_comes_back_and_webhook_is_killed(
    installation: Settings,
    commands: Commands,
    operator: Operator,
    mail: Receiver,
    push: Receiver,
    tmp_path: Path,
) -> None:
    mail.behave("closing")
    file = write_endpoints(tmp_path, mail=mail, push=push)
    process = started(installation, file)
    try:
        commands.send(*range(60), customers=20)
        until(mail.requests)
        operator.hold(MAIL)
        ordered_s = time.monotonic()
        until(operator.is_heeded)
        assert time.monotonic() < ordered_s + IN_FORCE_S
        before = len(mail.requests())
        mail.behave("ok")
        commands.send(*range(20), customers=20, channel="push")
        time.sleep(4)
        assert sorted(numbers_of(push.requests())) == list(range(20))
        assert len(mail.requests()) == before, "it was said to be in force"

        process.send_signal(signal.SIGKILL)
        process.wait()
        process = started(installation, file)
        commands.send(*range(20, 40), customers=20, channel="push")
        until(lambda: set(numbers_of(push.requests())) == set(range(40)))
        time.sleep(3)
        assert len(mail.requests()) == before, "it was in force before the kill"
        assert operator.is_heeded()

        operator.release(MAIL)
        until(lambda: set(numbers_of(mail.requests()[before:])) == set(range(60)))
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
    assert sorted(numbers_of(mail.requests()[before:])) == list(range(60)), "each once"
    assert len(push.requests()) == 40
    by_customer: dict[str, list[int]] = {}
    for body in mail.bodies()[before:]:
        by_customer.setdefault(body["customer_id"], []).append(body["payload"]["number"])
    assert len(by_customer) == 20
    assert all(numbers == sorted(numbers) for numbers in by_customer.values())


def test_of_a_held_action_nothing_is_posted_and_other_customers_go_on(
    working: Working, commands: Commands, operator: Operator, mail: Receiver
) -> None:
    operator.hold(OFFER)
    assert len(operator.unheeding()) == 4, "no webhook has heeded it"
    process = working(mail=mail)
    until(lambda: len(operator.unheeding()) == 2, process)  # those of push are read by nobody
    commands.send(0, 2, customers=2, named="offer")
    commands.send(4, 1, customers=2)
    commands.send(3, customers=2, named="offer", left_ms=1_500)
    commands.send(5, customers=2)
    until(commands.reported(2), process)
    turning(process, 2)
    assert numbers_of(mail.requests()) == [1, 5], "the held one of this customer has expired"
    assert counts(process, "cjo_webhook_commands_total") == {
        '{channel="mail",result="answered"}': 2,
        '{channel="mail",result="expired"}': 1,
    }
    assert counts(process, "cjo_held_commands") == {'{channel="mail"}': 3}
    assert counts(process, "cjo_webhook_waiting") == {'{channel="mail"}': 0}
    operator.release(OFFER)
    until(commands.reported(5), process)
    assert numbers_of(mail.requests()) == [1, 5, 0, 2, 4]
    assert counts(process, "cjo_held_commands") == {'{channel="mail"}': 0}


def test_a_request_that_is_on_its_way_when_it_is_held_is_broken_off(
    installation: Settings,
    commands: Commands,
    operator: Operator,
    mail: Receiver,
    tmp_path: Path,
) -> None:
    mail.behave("slow")
    file = write_endpoints(tmp_path, mail=mail)
    file.write_text(file.read_text().replace("timeout: 1s", "timeout: 60s"))
    process = opened(WebhookProcess(installation, Metrics(), Stopping(), read_endpoints(file)))
    try:
        commands.send(1)
        until(mail.requests, process)
        before = process._heeding.in_force
        operator.hold(Which())
        ordered_s = time.monotonic()
        until(lambda: process._heeding.in_force > before, process)
        assert 1 < time.monotonic() - ordered_s < IN_FORCE_S, "an answer has some time"
        assert counts(process, "cjo_webhook_retries_total") == {}
        assert waits(process) == 1
        mail.behave("ok")
        turning(process, 3)
        assert len(mail.requests()) == 1
        operator.release(Which())
        until(commands.reported(), process)
        assert numbers_of(mail.requests()) == [1, 1], "its answer was lost"
    finally:
        process.abandon()


def test_a_topic_that_was_never_read_is_known_before_anything_of_it_is_posted(
    installation: Settings,
    operator: Operator,
    mail: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Taker, "commit_when_due", lambda _: None)
    file = write_endpoints(tmp_path, sms=mail)
    process = opened(WebhookProcess(installation, Metrics(), Stopping(), read_endpoints(file)))
    try:
        operator.hold(Which("sms"))
        assert f"{SHARED}/0" in operator.unheeding(), "it was said to be in force"
    finally:
        process.abandon()


def test_a_partition_that_is_taken_over_is_not_posted_before_its_holds_are_read(
    working: Working, commands: Commands, operator: Operator, mail: Receiver
) -> None:
    """The reader of holds that is there already may not have come so far as the one before."""
    process = working(mail=mail)
    deaf = process._heeding._log
    assert deaf is not None
    deaf.poll = lambda: None  # type: ignore[method-assign] # as a slow network has it
    operator.hold(MAIL)
    commands.send(1)
    process._taker.begun += 1
    turning(process, 2)
    assert mail.requests() == []
    assert process._heeding._log is not deaf
    operator.release(MAIL)
    until(commands.reported(), process)
