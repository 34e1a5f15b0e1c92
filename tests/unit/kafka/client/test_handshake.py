"""A broker that takes no connection is away; one that is slow to answer is not."""

from __future__ import annotations

import socket
import threading

import pytest

from cjo_stream.kafka.client.handshake import wait_until_away
from cjo_stream.kafka.local.broker import free_port
from cjo_stream.settings import Settings


def settings(*ports: int) -> Settings:
    servers = ",".join(f"127.0.0.1:{port}" for port in ports)
    return Settings(
        kafka={"bootstrap.servers": servers}, tenant_key="a key for tests of this page"
    )


def test_a_broker_is_away_once_none_of_its_servers_takes_a_connection() -> None:
    gone = free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = settings(gone, gone, gone, silent.getsockname()[1])
        waiting = threading.Thread(target=wait_until_away, args=(there,), daemon=True)
        waiting.start()
        waiting.join(1.2)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()
    wait_until_away(settings(gone, gone))


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        UnicodeError("label empty or too long"),
    ],
)
def test_where_the_name_server_does_not_answer_nobody_knows(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def silent(*_: object) -> None:
        raise error

    monkeypatch.setattr(socket, "create_connection", silent)
    waiting = threading.Thread(target=wait_until_away, args=(settings(1),), daemon=True)
    waiting.start()
    waiting.join(1.2)
    assert waiting.is_alive()
    monkeypatch.undo()
    waiting.join(5)
    assert not waiting.is_alive()
