"""A disk of the broker that gives other bytes than were written: nobody takes them for events."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.engine.frame import tick_frame
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.local.broker import Broker
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from tests.kafka.conftest import make_settings
from tests.kafka.stages import make_dispatch, make_intake, make_topology, produce, publish, until
from tests.kafka.workers import Installation
from tests.world.broker import start_broker

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user_id}]}
"""
EVENT = {"type": "come", "identifiers": {"user_id": "u-that-is-known"}}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with start_broker(tmp_path / "broker") as broker:
        yield broker


def change_a_byte(broker: Broker, topic: str, part: bytes) -> None:
    """Let the disk change the last byte of where `part` last lies in a topic's log."""
    folder = broker.folder / "log" / f"{topic}-0"
    (path,) = folder.glob("*.log")
    at = path.read_bytes().rindex(part) + len(part) - 1
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes([part[-1] ^ 1]))


def stops(make: Callable[[Settings], Any], settings: Settings) -> str:
    """Return what a process says, at its start or on its way, that refuses to go on."""
    with pytest.raises(RefusalError) as told:
        until(lambda: False, make(settings))
    return str(told.value)


def test_a_changed_byte_in_any_log_is_refused_and_never_taken(
    broker: Broker, tmp_path: Path
) -> None:
    settings = make_settings(broker.bootstrap, tmp_path, partitions=1)
    names = Names(settings.topic_prefix)
    raw = f"{settings.topic_prefix}event.web.v1"
    with closing(Installation(settings, tmp_path)) as installation:
        publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))

        produce(settings, raw, EVENT)
        change_a_byte(broker, raw, b"u-that-is-know")
        told = stops(make_intake, settings)
        assert f"a record of topic {raw} is damaged" in told

        effect = b"\x93\x01\x92\xa1i\x00\x90"
        produce(settings, names.effect, effect)
        change_a_byte(broker, names.effect, effect)
        told = stops(make_dispatch, settings)
        assert f"a record of topic {names.effect} is damaged" in told

        frame = tick_frame(1_700_000_000_123)
        produce(settings, names.internal, frame)
        change_a_byte(broker, names.internal, frame)
        told = installation.start("0").ends()
        assert f"a record of topic {names.internal} is damaged" in told
