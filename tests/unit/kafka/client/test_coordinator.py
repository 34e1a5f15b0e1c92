"""A group's coordinator that has moved, comes up, or may not be asked: by a broker's bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from aiokafka.protocol.admin import ApiVersionResponse_v0
from aiokafka.protocol.commit import OffsetFetchResponse_v3
from aiokafka.protocol.coordination import FindCoordinatorResponse_v1
from aiokafka.protocol.metadata import MetadataResponse_v1
from confluent_kafka import KafkaError

from cjo_stream.errors import RefusalError, RetryError
from cjo_stream.kafka.client import admin as client_admin
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.settings import Settings

METADATA, OFFSET_FETCH, FIND_COORDINATOR, API_VERSIONS = 3, 9, 10, 18
APIS = [(METADATA, 0, 1), (OFFSET_FETCH, 0, 3), (FIND_COORDINATOR, 0, 1), (API_VERSIONS, 0, 0)]
UNSUPPORTED_VERSION = 35
HEADER = struct.Struct(">hhi")


class Broker:
    """A broker with one group, which has committed offset 7 of the one partition of a topic.

    `refusals`: with what it answers the first questions about offsets; `find`: with what it
    answers whoever looks for the coordinator.
    """

    def __init__(self, refusals: list[int], find: int = 0) -> None:
        self.refusals = refusals
        self.find = find
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # Whoever has its answer may be gone.
        with contextlib.suppress(ConnectionError), client, client.makefile("rb") as asked:
            while size := asked.read(4):
                request = asked.read(int.from_bytes(size, "big"))
                key, version, number = HEADER.unpack_from(request)
                answer = number.to_bytes(4, "big") + self._answer(key, version)
                client.sendall(len(answer).to_bytes(4, "big") + answer)

    def _answer(self, key: int, version: int) -> bytes:
        here = (1, "127.0.0.1", self.port)
        if key == API_VERSIONS:
            code = UNSUPPORTED_VERSION if version else 0
            return bytes(ApiVersionResponse_v0(code, APIS).encode())
        if key == METADATA:
            topic = (0, "t", False, [(0, 0, 1, [1], [1])])
            return bytes(MetadataResponse_v1([(*here, None)], 1, [topic]).encode())
        if key == FIND_COORDINATOR:
            return bytes(FindCoordinatorResponse_v1(0, self.find, None, *here).encode())
        assert key == OFFSET_FETCH, key
        code = self.refusals.pop(0) if self.refusals else 0
        # The client commits the end of a C string with it, and reads on to one.
        topics = [] if code else [("t", [(0, 7, "note\0", 0)])]
        return bytes(OffsetFetchResponse_v3(0, topics, code).encode())


@pytest.fixture
def broker() -> Iterator[Broker]:
    """Yield a broker that answers."""
    made = Broker([])
    yield made
    made.close()


def admin(broker: Broker) -> Admin:
    return Admin(Settings(kafka={"bootstrap_servers": f"127.0.0.1:{broker.port}"}))


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    ],
)
def test_a_coordinator_that_has_moved_or_comes_up_is_asked_again(
    broker: Broker, code: int
) -> None:
    broker.refusals = [code] * 3
    ours = admin(broker)
    assert ours.places() == [("t", 0)]
    found = ours.committed("g", ours.places())
    assert {place: (one.offset, one.metadata) for place, one in found.items()} == {
        ("t", 0): (7, "note")
    }


def test_where_none_comes_the_coordinator_is_said_to_be_missing_and_not_the_broker(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_admin, "TIMEOUT_S", 1.0)
    broker.refusals = [KafkaError.NOT_COORDINATOR] * 1_000
    with pytest.raises(RetryError, match=r"no coordinator for us yet .*__consumer_offsets"):
        admin(broker).committed("g", [("t", 0)])


def test_whoever_may_not_see_a_group_is_told_so_and_does_not_wait(broker: Broker) -> None:
    broker.find = KafkaError.GROUP_AUTHORIZATION_FAILED
    with pytest.raises(RefusalError, match="to see the group g"):
        admin(broker).committed("g", [("t", 0)])
