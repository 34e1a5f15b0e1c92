"""Many partitions on a real broker: applied, worked through, and gone on with by successors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic

from cjo_stream.definition import load
from cjo_stream.errors import RetryError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.topic.wanted import wanted_topics
from cjo_stream.settings import Settings
from tests.kafka.stages import (
    Tasks,
    make_dispatch,
    make_intake,
    make_topology,
    produce,
    publish,
    read_all,
    until,
)

pytestmark = pytest.mark.kafka

PARTITIONS = 256
PEOPLE = 400
TOPOLOGY = """
topology: many
channels: {web: {in: {}}, mail: {out: {address: user_id}}}
identity: {identifiers: [{type: user_id}]}
---
journey: welcome
version: 1
entry: {on: come, reentry: always}
initial: greeted
states: {greeted: {enter: [{act: hello}], end: done}}
---
action: hello
class: service
treatments: {mail: {template: hello, payload: {nth: event.nth}}}
"""


def create_public_topics(settings: Settings, folder: Path) -> None:
    """Make the topics whose number of partitions is nobody's matter, with few."""
    few = settings.model_copy(update={"partitions": 2})
    topics = [t for t in wanted_topics(few, load(folder).program) if not t.counted]
    new = [NewTopic(t.name, t.partitions, 1, config=dict(t.config)) for t in topics]
    admin = Admin(settings)
    for made in admin.client.create_topics(new).values():
        made.result(30)


def patiently(call: Callable[[], Any]) -> Any:
    """Return what a call gives; a broker that is making partitions is asked again."""
    until_s = time.monotonic() + 120
    while True:
        try:
            return call()
        except RetryError:
            assert time.monotonic() < until_s
        except AssertionError as error:
            if "RetryError" not in str(error) or time.monotonic() > until_s:
                raise


def test_every_event_of_256_partitions_has_its_command_once_and_in_order_over_restarts(
    settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = settings_of(partitions=PARTITIONS)
    folder = make_topology(tmp_path / "topology", TOPOLOGY)
    create_public_topics(settings, folder)
    assert patiently(lambda: publish(settings, folder)).number == 1
    tasks, web = patiently(lambda: Tasks(settings)), f"{settings.topic_prefix}event.web.v1"

    def come(nth: int) -> None:
        now_ms = int(time.time() * 1000)
        events = [
            {
                "type": "come",
                "time": now_ms,
                "identifiers": {"user_id": f"u{number}"},
                "attributes": {"nth": nth},
            }
            for number in range(PEOPLE)
        ]
        produce(settings, web, *events)

    def commands() -> list[dict[str, object]]:
        return [
            json.loads(m.value())
            for m in read_all(settings, f"{settings.topic_prefix}action.mail.v1")
        ]

    def arrived(wanted: int) -> bool:
        return len(commands()) >= wanted

    for nth in range(2):
        intake = patiently(lambda: make_intake(settings))
        dispatch = patiently(lambda: make_dispatch(settings))
        come(nth)
        wanted = (nth + 1) * PEOPLE
        until(partial(arrived, wanted), intake, tasks, dispatch, within_s=90)
        if nth:
            intake.close()
            dispatch.close()
        # Not closed, the first ones die with what they had in mind; successors shut them out.
    found: dict[object, list[object]] = {}
    for command in commands():
        found.setdefault(command["customer_id"], []).append(command["payload"]["nth"])
    assert len(found) == PEOPLE
    assert all(nths == [0, 1] for nths in found.values())
