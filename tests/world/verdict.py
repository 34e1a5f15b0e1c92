"""What an installation on a broker did, held against a replay of its log.

The oracle reads the broker's topics itself. It takes from the engine only what it must hold it
against: the internal log, replayed record by record through a fresh store.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import msgspec

from cjo_stream.core.snapshot import snapshot
from cjo_stream.core.state import Customer
from cjo_stream.definition import compile_content, load
from cjo_stream.engine import codec
from cjo_stream.engine.frame import decode_effect_frame
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.kafka.topic.name import Names
from cjo_stream.store.memory import MemoryStore
from tests.world import TOPOLOGY
from tests.world.chain import Chain


class Verdict:
    """What the oracle saw."""

    def __init__(self) -> None:
        self.customers: list[dict[str, Any]] = []
        """A row, as of customers.jsonl, of each customer who has had an event."""
        self.records: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        """(kind, record) of each customer id, in the order of its customer's log."""
        self.commands = 0

    @property
    def events(self) -> Counter[str]:
        """Events by user, where every customer is one."""
        counted: Counter[str] = Counter()
        for row in self.customers:
            counted[row["identifiers"]["user"][0]] += row["events"]
        return counted


PUBLIC = ("transition", "decision", "identity")


def judge(chain: Chain, topology: Path = TOPOLOGY) -> Verdict:
    """End the chain and compare (a) and (c) of docs/promises.md; raise AssertionError."""
    chain.end_intake_and_workers()
    verdict = Verdict()
    topic_id, names = chain.internal_topic_id(), Names(chain.prefix)
    program = load(topology).program
    effects = chain.read("effect.v1", committed=False)
    wanted: dict[str, dict[str, list[bytes]]] = defaultdict(lambda: defaultdict(list))
    for number, messages in chain.read("internal.v1", committed=False).items():
        store = MemoryStore()
        task = Task(number, chain.partitions, Log(topic_id, number), store, compile_content)
        replayed: list[tuple[str, str, str | None, bytes]] = []
        for message in messages:
            _, appended = message.timestamp()
            record = LogRecord(message.offset(), appended, message.value())
            for frame in task.process([record]).effects:
                replayed += [
                    (i.effect.kind, i.effect.key, i.effect.channel, i.effect.value)
                    for i in decode_effect_frame(frame).items
                ]
            task.commit()
        seen: list[tuple[str, str, str | None, bytes]] = []
        last = (-1, -1)
        for message in effects[number]:
            for item in decode_effect_frame(message.value()).items:
                if (item.offset, item.index) > last:
                    last = (item.offset, item.index)
                    effect = item.effect
                    seen.append((effect.kind, effect.key, effect.channel, effect.value))
        differs = f"(a) partition {number}: the effects are not those of a replay"
        assert seen == replayed[: len(seen)], differs
        # A profile may have come due in the last seconds, which the worker did not live to see.
        assert {kind for kind, *_ in replayed[len(seen) :]} <= {"profile"}, differs
        for kind, key, channel, value in seen:
            if kind in PUBLIC or kind == "action":
                topic = f"{chain.prefix}{kind}.v1"
                if channel is not None:
                    target = names.target(program.channels[channel])
                    assert target is not None
                    topic = target
                    verdict.commands += 1
                wanted[topic][key].append(value)
                verdict.records[key].append((kind, json.loads(value)))
        for key_bytes, value in store.scan(*codec.CUSTOMERS):
            customer = codec.decode_actor(key_bytes[1:].decode(), value)
            assert isinstance(customer, Customer)
            if customer.events:
                verdict.customers.append(
                    msgspec.to_builtins(snapshot(customer, program, task.clock))
                )
    for topic, by_key in wanted.items():
        assert chain.published(topic, by_key) == by_key, (
            f"(c) {topic}: not the replay's, once each"
        )
    return verdict
