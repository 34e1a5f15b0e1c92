"""A broker that takes no connection is away; one that is slow to answer is not."""

from __future__ import annotations

import socket

from cjo_stream.kafka.client.handshake import is_away
from cjo_stream.kafka.local.broker import free_port
from cjo_stream.settings import Settings


def settings(*ports: int) -> Settings:
    servers = ",".join(f"127.0.0.1:{port}" for port in ports)
    return Settings(
        kafka={"bootstrap.servers": servers}, tenant_key="a key for tests of this page"
    )


def test_a_broker_is_away_if_none_of_its_servers_takes_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there, gone = silent.getsockname()[1], free_port()
        assert not is_away(settings(there))
        assert not is_away(settings(gone, there))
        assert is_away(settings(gone, gone))
