"""How far the topic of holds was read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from cjo_stream.engine.hold import Hold, Shelf, Which, encode_hold
from cjo_stream.kafka.hold import order
from cjo_stream.kafka.hold.order import HoldLog
from cjo_stream.kafka.hold.shelf import behind

HOLD = Hold(Which("mail"), "ann", "", 0)


def record(offset: int, value: bytes | None) -> Any:
    """Return a message as the broker's client gives it."""
    return SimpleNamespace(
        error=lambda: None, key=lambda: HOLD.key, value=lambda: value, offset=lambda: offset
    )


def end(offset: int) -> Any:
    """Return what the client reports at the end of a partition."""
    error = SimpleNamespace(code=lambda: KafkaError._PARTITION_EOF)
    return SimpleNamespace(error=lambda: error, offset=lambda: offset)


def log(monkeypatch: pytest.MonkeyPatch, *messages: Any) -> HoldLog:
    """Return the log of a topic whose reader gets these."""
    left = list(messages)
    consumer = SimpleNamespace(poll=lambda _: left.pop(0) if left else None)
    monkeypatch.setattr(order, "reader", lambda *_: consumer)
    settings: Any = SimpleNamespace(topic_prefix="cjo.")
    return HoldLog(settings)


def test_it_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    one = log(monkeypatch, record(6, encode_hold(HOLD)), end(7), record(7, None), end(8))
    one.read()
    assert (one.seen, one.holds) == (7, {HOLD.which})
    one.poll()
    assert (one.seen, one.holds) == (8, set())


def test_its_end_does_not_move_when_the_broker_removes_the_null_value_of_a_release(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, after = log(monkeypatch, record(7, None), end(8)), log(monkeypatch, end(8))
    for one in (before, after):
        one.read()
        assert one.seen == 8


def test_a_shelf_that_heeded_a_topic_before_it_was_created_anew_is_behind() -> None:
    shelves = {2: Shelf(seen=7), 0: Shelf(seen=1), 1: Shelf(), 3: Shelf(seen=2)}
    assert behind(shelves, 2) == [0, 1, 2]
    assert behind(shelves, 0) == [0, 2, 3]
