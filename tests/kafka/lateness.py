"""Transactions behind a network that is late, and a reader of the topics who judges them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import TopicPartition

from cjo_stream.core.learning.posterior import Posterior
from cjo_stream.engine.frame import Effect
from cjo_stream.errors import HoleError, RefusalError, RetryError, StopError
from cjo_stream.kafka.client.consumer import group_consumer
from cjo_stream.kafka.client.sender import Outgoing
from cjo_stream.kafka.client.transaction import Transactions
from cjo_stream.kafka.stage import dispatch as dispatch_module
from cjo_stream.kafka.stage.dispatch import DispatchProcess
from cjo_stream.kafka.stage.memory import Memory, Standing
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from tests.kafka.effects import command, effect_tasks
from tests.kafka.proxy import TRANSACTION, Api, Proxy
from tests.kafka.stages import make_dispatch, make_topology, publish, read_all
from tests.world.chain import Chain

TOPOLOGY = """
topology: small
channels:
  web: {in: {}}
  mail: {out: {address: user_id}}
  bell: {out: {address: user_id}}
identity: {identifiers: [{type: user_id}]}
"""
OUT = ("action.mail.v1", "action.bell.v1", "decision.v1")
QUIET_S = 2.0
"""What comes so late after the last command is not ours any more."""
FRAMES_AT_ONCE = 200
KINDS = ("decision", "transition")


class Figures(msgspec.Struct):
    """What it came to."""

    transactions: int = 0
    ends: int = 0
    """Of the process: a successor went on from what was committed."""
    seconds: float = 0.0


def behind(settings: Settings, proxy: Proxy) -> Settings:
    """Return the settings of a process that reaches the broker through the proxy."""
    return settings.model_copy(update={"kafka": {"bootstrap.servers": proxy.address}})


# --- transactions --------------------------------------------------------------------------------


class Writer:
    """Writes numbered transactions of two topics and an offset; begins anew where one fails."""

    def __init__(self, settings: Settings, proxy: Proxy) -> None:
        self._settings = settings
        self._names = Names(settings.topic_prefix)
        self._place = TopicPartition(self._names.effect, 0)
        self._consumer = group_consumer(settings, "writer")
        self._consumer.subscribe([self._names.effect])
        while not self._consumer.assignment():
            self._consumer.poll(0.1)
        self._transactions = Transactions(behind(settings, proxy), f"{settings.topic_prefix}one")
        self._number = 0
        self.ends = 0
        self._begin()

    def _begin(self) -> None:
        self._transactions.open()
        (told,) = self._consumer.committed([self._place], 30)
        self._number = max(told.offset, 0)

    def write(self, transactions: int) -> None:
        end = self._number + transactions
        while self._number < end:
            try:
                self._transactions.write(
                    [Outgoing(self._names.of(kind), b"%d" % self._number, 0) for kind in KINDS],
                    [TopicPartition(self._place.topic, 0, self._number + 1)],
                    self._consumer.consumer_group_metadata(),
                )
                self._number += 1
            except (RetryError, StopError) as error:
                print(f"begins anew: {error}", flush=True)
                self.ends += 1
                self._begin()

    def judge(self) -> None:
        """Raise AssertionError where a reader of the topics finds anything but each once."""
        wanted = [b"%d" % number for number in range(self._number)]
        for kind in KINDS:
            records = read_all(self._settings, self._names.of(kind))
            assert [record.value() for record in records] == wanted, kind
        (told,) = self._consumer.committed([self._place], 30)
        assert told.offset == self._number
        self._consumer.close()


# --- dispatch ------------------------------------------------------------------------------------


def send_commands(settings: Settings, proxy: Proxy, folder: Path, transactions: int) -> Figures:
    """Have dispatch make each frame a transaction of three topics; raise AssertionError where a
    reader of the topics finds anything torn, twice, missing or out of order."""
    publish(settings, make_topology(folder / "topology", TOPOLOGY))
    tasks = effect_tasks(settings)
    customers = [f"customer {task}" for task in range(len(tasks))]
    each = transactions // len(tasks)
    for first in range(0, each, FRAMES_AT_ONCE):
        numbers = range(first, min(first + FRAMES_AT_ONCE, each))
        for task, customer in zip(tasks, customers, strict=True):
            task.send(*(task.frame(*_effects(number, customer)) for number in numbers))
    began_s = time.monotonic()
    share, proxy.share = proxy.share, 0.0
    last = dict.fromkeys(customers, each - 1)
    with pytest.MonkeyPatch.context() as patch:
        # The smallest step there is: a frame.
        patch.setattr(dispatch_module, "STEP_BYTES_MAX", 1)
        process = _Process(lambda: make_dispatch(behind(settings, proxy)))
        process.turn()
        proxy.share = share
        process.turn_until(lambda: _last(settings) == last)
        process.turn_for(QUIET_S)
        process.end()
    for topic in OUT:
        assert _numbers(settings, topic) == {c: list(range(each)) for c in customers}, topic
    return Figures(each * len(tasks), process.ends, time.monotonic() - began_s)


def _effects(number: int, customer: str) -> list[Effect]:
    value = json.dumps({"number": number}).encode()
    return [
        command(number, customer=customer),
        command(number, customer=customer, channel="bell"),
        Effect("decision", customer, value),
    ]


def _numbers(settings: Settings, topic: str) -> dict[str, list[int]]:
    """Return the numbers of each customer as a reader of the topic sees them."""
    found: dict[str, list[int]] = {}
    for message in read_all(settings, settings.topic_prefix + topic):
        number = json.loads(message.value())["number"]
        found.setdefault(message.key().decode(), []).append(number)
    return found


def _last(settings: Settings) -> dict[str, int]:
    return {customer: max(n) for customer, n in _numbers(settings, OUT[0]).items()}


class _Process:
    """A dispatch that is begun anew when it ends, as its supervisor does."""

    def __init__(self, make: Callable[[], DispatchProcess]) -> None:
        self._make = make
        self._dispatch: DispatchProcess | None = None
        self.ends = 0

    def turn(self) -> None:
        try:
            if self._dispatch is None:
                self._dispatch = self._make()
            self._dispatch.turn()
        except (HoleError, RefusalError):
            raise
        except (RetryError, StopError) as error:
            print(f"begins anew: {error}", flush=True)
            self.ends += 1
            self.end()

    def turn_for(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.turn()

    def turn_until(self, condition: Callable[[], bool], within_s: float = 1_800) -> None:
        end_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < end_s, "it does not come to its end"
            self.turn_for(QUIET_S)

    def end(self) -> None:
        if self._dispatch is not None:
            self._dispatch.close()
            self._dispatch = None


# --- the learner's memory ------------------------------------------------------------------------


def remember(settings: Settings, proxy: Proxy, transactions: int) -> Figures:
    """Have the learner's memory take so many steps; raise AssertionError where a reader of the
    topic finds one torn, twice, missing or out of order."""
    began_s = time.monotonic()
    figures = Figures(transactions)
    memory: Memory | None = None
    number = 0
    while number < transactions:
        try:
            if memory is None:
                memory = Memory(behind(settings, proxy))
                memory.open()
                _, standing = memory.read()
                number = standing.offset if standing is not None else 0
            step = Posterior(positives=number + 1)
            memory.write({"one": step, "two": step}, Standing("rewards", number + 1))
            number += 1
        except (RetryError, StopError):
            figures.ends += 1
            memory = None
    time.sleep(QUIET_S)
    steps: dict[str, list[int]] = {}
    for message in read_all(settings, Names(settings.topic_prefix).model):
        key, value = message.key().decode(), message.value()
        kind: Any = Standing if key == "learner" else Posterior
        decoded = msgspec.msgpack.decode(value, type=kind)
        step = decoded.offset if key == "learner" else decoded.positives
        steps.setdefault(key, []).append(step)
    wanted = list(range(1, transactions + 1))
    assert steps == dict.fromkeys(("treatment/one", "treatment/two", "learner"), wanted)
    figures.seconds = time.monotonic() - began_s
    return figures


# --- the whole chain -----------------------------------------------------------------------------


@contextlib.contextmanager
def late_networks(chain: Chain, share: float, seed: int) -> Iterator[list[Proxy]]:
    """Put a proxy of its own in front of each of a chain's processes, before they start."""
    with contextlib.ExitStack() as stack:
        proxies = []
        for number, name in enumerate(chain.names):
            proxy = Proxy(chain.bootstrap, seed + number, share, (*TRANSACTION, Api.OFFSET_COMMIT))
            proxies.append(stack.enter_context(proxy))
            chain.networks[name] = proxy.address
        yield proxies
