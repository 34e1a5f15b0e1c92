"""A start that fails leaves nothing behind: it is tried again every few seconds of an outage."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.errors import RetryError
from cjo_stream.kafka.client.place import Topic
from cjo_stream.kafka.client.sender import Sender
from cjo_stream.kafka.worker import process
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Health, Metrics

AWAY = {"bootstrap_servers": "127.0.0.1:1"}
ASKED = (
    "require_log",
    "_check_configs",
    "check_key",
    "accepted",
    "read_folders",
)
"""Of whom a worker asks before it begins, in order; then `Admin.committed`."""


class Admin:
    """Stands for a broker that has every topic."""

    def __init__(self, settings: Settings) -> None:
        pass

    def require(self, names: Any) -> dict[str, Topic]:
        return topics(None, None, *names)

    def committed(self, *_: Any) -> None:
        away("committed")()


def topics(_: Any, __: Any, *names: str) -> dict[str, Topic]:
    return {name: Topic(name, "id", 4, 1) for name in names}


def away(name: str) -> Callable[..., None]:
    """Return what raises, and says who was asked."""

    def ask(*_: Any) -> None:
        raise RetryError(f"no answer: {name}")

    return ask


@pytest.mark.parametrize("silent", [*ASKED, "committed"])
def test_a_worker_that_cannot_begin_leaves_no_producer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, silent: str
) -> None:
    monkeypatch.setattr(process, "Admin", Admin)
    for name in ASKED:
        monkeypatch.setattr(process, name, lambda *_: {})
    monkeypatch.setattr(process, "require_log", topics)
    if silent in ASKED:
        monkeypatch.setattr(process, silent, away(silent))
    before = threading.active_count()
    with pytest.raises(RetryError, match=f"no answer: {silent}$"):
        process._Worker(Settings(data_dir=tmp_path, kafka=AWAY), Metrics(), Health())
    assert threading.active_count() == before


def threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="it counts librdkafka's threads in /proc")
def test_a_sender_that_is_closed_has_no_threads_left() -> None:
    before = threads()
    sender = Sender(Settings(kafka=AWAY))
    assert threads() > before
    sender.close()
    assert threads() <= before
