"""The floor under the yardstick: its job as a bare loop over Kafka and RocksDB, exactly once.

    consume ──▶ one write: customers, places, the batch's commands ──▶ one transaction: the
                                                                        commands, and the places

After a kill the store may be one batch ahead of the group's places. The commands of that batch
stand in the store, and are sent by the transaction that the kill took. One process has all
partitions, so nothing is sent from one customer's partition to another: an engine for many workers
must do that, too, and this loop shows what it costs beside.
"""

from __future__ import annotations

import heapq
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from rocksdict import Options, Rdict, WriteBatch

GROUP = "floor"
BATCH = 10_000
REMINDER_MS = 5_000
LARGE = 750
PLACES, PENDING, CUSTOMER = b"places", b"pending", b"c"


class Customer(msgspec.Struct, array_like=True):
    """What is kept of a customer; `due` is when the reminder is, ms, 0 for never."""

    events: int = 0
    spent: int = 0
    due: int = 0


class _Event(msgspec.Struct):
    type: str
    identifiers: dict[str, str]
    attributes: dict[str, Any]


_event = msgspec.json.Decoder(_Event).decode
_json = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_customer = msgspec.msgpack.Decoder(Customer).decode


class Floor:
    """The job over one topic, in a folder of its own."""

    def __init__(self, bootstrap: str, source: str, target: str, folder: Path) -> None:
        self._target = target
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        self._store = Rdict(str(folder), options)
        common = {"bootstrap.servers": bootstrap, "log_level": 0}
        self._producer = Producer({**common, "transactional.id": GROUP, "linger.ms": 5})
        self._producer.init_transactions()
        self._consumer = Consumer(
            {**common, "group.id": GROUP, "enable.auto.commit": False, "fetch.wait.max.ms": 20}
        )
        self._timers = [
            (customer.due, key[1:])
            for key, value in self._store.items()
            if key[:1] == CUSTOMER and (customer := _customer(value)).due
        ]
        heapq.heapify(self._timers)
        self._begin(source)

    def _begin(self, source: str) -> None:
        numbers = self._consumer.list_topics(source, timeout=10).topics[source].partitions
        places = msgspec.msgpack.decode(self._store.get(PLACES) or _pack({}))
        self._places: dict[int, int] = {number: places.get(number, 0) for number in numbers}
        at = [TopicPartition(source, number, place) for number, place in self._places.items()]
        self._consumer.assign(at)
        self._source = source
        self.commands = 0
        committed = {one.partition: max(one.offset, 0) for one in self._consumer.committed(at, 10)}
        if committed != self._places:
            self._send(msgspec.msgpack.decode(self._store.get(PENDING) or _pack([])))

    def run(self) -> dict[str, Any]:
        """Process up to the topic's present end; return the figures."""
        places = [TopicPartition(self._source, number) for number in self._places]
        ends = {one.partition: self._consumer.get_watermark_offsets(one)[1] for one in places}
        events, began, cpu = 0, time.perf_counter(), time.process_time()
        while any(self._places[number] < end for number, end in ends.items()):
            messages = self._consumer.consume(BATCH, 0.2)
            if messages:
                self._step(messages)
                events += len(messages)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        return {
            "events": events,
            "events_per_second": round(events / took),
            "cpu_us_an_event": round(cpu / max(1, events) * 1e6, 1),
            "commands": self.commands,
        }

    def _step(self, messages: Sequence[Message]) -> None:
        changed: dict[bytes, Customer] = {}
        commands: list[bytes] = []
        for message in messages:
            assert message.error() is None, message.error()
            event, clock = _event(message.value() or b""), message.timestamp()[1]
            while self._timers and self._timers[0][0] <= clock:
                due, user = heapq.heappop(self._timers)
                customer = self._read(user, changed)
                if customer.due == due:
                    customer.due = 0
                    commands.append(_json(["reminder", user, customer.events, customer.spent]))
            self._take(event, clock, changed, commands)
            self._places[message.partition() or 0] = (message.offset() or 0) + 1
        batch = WriteBatch(raw_mode=True)
        for user, customer in changed.items():
            batch.put(CUSTOMER + user, _pack(customer))
        batch.put(PLACES, _pack(self._places))
        batch.put(PENDING, _pack(commands))
        self._store.write(batch)
        self._send(commands)

    def _take(
        self, event: _Event, clock: int, changed: dict[bytes, Customer], commands: list[bytes]
    ) -> None:
        user = event.identifiers["user"].encode()
        customer = self._read(user, changed)
        customer.events += 1
        if event.type == "page_viewed":
            return
        total = event.attributes["total"]
        customer.spent += total
        customer.due = 0
        if event.type == "cart_updated":
            customer.due = clock + REMINDER_MS
            heapq.heappush(self._timers, (customer.due, user))
            if total >= LARGE:
                commands.append(_json(["large_cart", user, total]))

    def _read(self, user: bytes, changed: dict[bytes, Customer]) -> Customer:
        customer = changed.get(user)
        if customer is None:
            value = self._store.get(CUSTOMER + user)
            customer = changed[user] = Customer() if value is None else _customer(value)
        return customer

    def _send(self, commands: Sequence[bytes]) -> None:
        producer = self._producer
        producer.begin_transaction()
        for command in commands:
            producer.produce(self._target, command)
        places = [TopicPartition(self._source, *one) for one in self._places.items()]
        producer.send_offsets_to_transaction(places, self._consumer.consumer_group_metadata())
        producer.commit_transaction()
        self.commands += len(commands)


if __name__ == "__main__":
    bootstrap, source, target, folder = sys.argv[1:]
    print(json.dumps(Floor(bootstrap, source, target, Path(folder)).run()))
