"""What becomes of requests when their partitions go, by real requests and without a broker."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cjo_stream.errors import RetryError
from cjo_stream.kafka.process.stage import Stopping
from cjo_stream.telemetry import Metrics
from cjo_stream.webhook import process as process_
from cjo_stream.webhook.answer import Answer
from cjo_stream.webhook.backlog import Command
from cjo_stream.webhook.post import Answered
from cjo_stream.webhook.process import WebhookProcess
from tests.unit.telemetry.test_label import VALUES
from tests.unit.webhook.test_post import endpoint
from tests.world.measurement import shown

NEVER = 10**15


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookProcess]:
    """Return a process with an endpoint that never answers; six requests are on their way."""
    edge = SimpleNamespace(
        require=lambda _: {}, read=lambda: None, beat=lambda: None, wait=None, close=lambda: None,
        abandon=lambda: None, subscribe=lambda _: None,
    )  # fmt: skip
    for name in ("Admin", "DefinitionLog", "Texts", "Sender", "Taker", "Vitals"):
        monkeypatch.setattr(process_, name, lambda *_: edge)
    monkeypatch.setattr(process_, "AT_A_REVOKE_S", 0.2)
    settings: Any = SimpleNamespace(topic_prefix="cjo.")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(10)
        one = WebhookProcess(settings, Metrics(), Stopping(), [endpoint(silent, tmp_path)])
        backlog = one._backlogs["mail"]
        for number in range(6):
            backlog.add(waiting(number), 0)
        for command in backlog.next(0):
            one._poster.post("mail", command)
        connections = [silent.accept()[0] for _ in range(6)]
        yield one
        for connection in connections:
            connection.close()
        one.abandon()


def test_a_request_does_not_outlive_its_partition(process: WebhookProcess) -> None:
    """The next member with the partition may answer a hold before the request arrives."""
    process._leave([("t", 0)])
    assert numbers(process) == [1, 3, 5]
    assert process._backlogs["mail"].waits == process._backlogs["mail"].on_their_way == 3


def test_nor_does_it_where_an_answer_cannot_be_reported(process: WebhookProcess) -> None:
    def fails(_: object) -> None:
        raise RetryError("the broker is away")

    process._sender.send = fails  # type: ignore[method-assign] # the broker is away
    backlog = process._backlogs["mail"]
    backlog.add(waiting(6), 0)
    (answered,) = backlog.next(0)
    delivered = Answer(0.1, 200, None, b'{"outcome": "delivered"}')
    process._poster._answers.put(Answered("mail", answered, delivered))
    process._leave([("t", 0), ("t", 1)])
    assert numbers(process) == []
    assert backlog.on_their_way == 0


def test_a_channel_whose_commands_are_passed_over_is_named(
    process: WebhookProcess, caplog: pytest.LogCaptureFixture
) -> None:
    process._subscribe({"mail": "shared", "push": "shared", "sms": "another"})
    (warned,) = caplog.messages
    assert "channel push has no endpoint here and shares the topic shared" in warned


def test_what_may_come_of_commands_is_counted_from_zero(process: WebhookProcess) -> None:
    name = "cjo_webhook_commands_total"
    counted = {key: by for key, by in shown(process._metrics).items() if key.startswith(name)}
    results = VALUES[name]["result"]
    assert counted == {f'{name}{{channel="mail",result="{one}"}}': 0 for one in results}


def waiting(number: int) -> Command:
    name = f"c{number}"
    return Command(("t", number % 2), number, name, name, NEVER, b"{}", "mail", "hello")


def numbers(process: WebhookProcess) -> list[int]:
    """Return which requests are on their way."""
    return [command.offset for command in process._poster._tasks.values()]
