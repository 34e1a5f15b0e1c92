"""A channel system on Kafka: takes commands, acts once for each, reports outcomes.

    python consumer.py --bootstrap 127.0.0.1:9092 --table channel.db cjo.action.email.v1

Needs confluent-kafka alone. `act` is where your channel does its work. What it does here is one
row in the same SQLite file, so acting and remembering are one transaction, and a kill at any line
repeats nothing. A call to a provider cannot be in that transaction: pass on `action_id` as its
idempotency key, and keep the rest as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

BATCH = 100
TABLES = """
CREATE TABLE IF NOT EXISTS acted (action_id TEXT PRIMARY KEY, outcome TEXT, at INTEGER);
CREATE TABLE IF NOT EXISTS sent (action_id TEXT, customer_id TEXT, template TEXT, payload TEXT);
"""


def act(table: sqlite3.Connection, command: dict[str, Any]) -> str:
    """Do what the command says; return its outcome. Here: keep a message as sent."""
    table.execute(
        "INSERT INTO sent VALUES (?, ?, ?, ?)",
        (
            command["action_id"],
            command["customer_id"],
            command["template"],
            json.dumps(command["payload"]),
        ),
    )
    return "delivered"


def outcome_of(table: sqlite3.Connection, command: dict[str, Any], now_ms: int) -> str | None:
    """Act, unless that was done before; return the outcome. None: the command has expired."""
    row = table.execute("SELECT outcome FROM acted WHERE action_id = ?", (command["action_id"],))
    if (done := row.fetchone()) is not None:
        return str(done[0])
    if command["expires_at"] <= now_ms:
        return None
    with table:
        outcome = act(table, command)
        table.execute(
            "INSERT INTO acted VALUES (?, ?, ?)", (command["action_id"], outcome, now_ms)
        )
    return outcome


def report(command: dict[str, Any], outcome: str, now_ms: int) -> bytes:
    """Return the event cjo.outcome. Its id is the same at each report, so the engine takes one."""
    event = {
        "type": "cjo.outcome",
        "time": now_ms,
        "id": f"{command['action_id']}-{outcome}",
        "attributes": {"action_id": command["action_id"], "outcome": outcome},
    }
    return json.dumps(event).encode()


class Channel:
    """The consumer of commands, the producer of outcomes, and the table between them."""

    def __init__(self, options: argparse.Namespace) -> None:
        # What lets you in, such as sasl.username, is of the environment: KAFKA_SASL_USERNAME.
        shared = {
            "bootstrap.servers": options.bootstrap,
            **{
                name.removeprefix("KAFKA_").lower().replace("_", "."): value
                for name, value in os.environ.items()
                if name.startswith("KAFKA_")
            },
        }
        self._consumer = Consumer(
            {
                **shared,
                "group.id": options.group,
                # Commands are written in transactions: of those alone that are complete.
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                # An offset is committed only once the outcome is reported.
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                **({"group.instance.id": options.instance} if options.instance else {}),
            }
        )
        self._producer = Producer({**shared, "enable.idempotence": True, "acks": "all"})
        self._outcomes = options.outcomes
        self._topics = options.topics
        self._table = sqlite3.connect(options.table)
        self._table.execute("PRAGMA journal_mode = WAL")
        self._table.execute("PRAGMA synchronous = FULL")
        self._table.executescript(TABLES)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        self._consumer.subscribe(self._topics)
        with _asked_to_end() as asked:
            while not asked():
                self._take(self._consumer.consume(BATCH, 1.0))
        self._consumer.close()
        self._table.close()

    def _take(self, messages: list[Message]) -> None:
        """Act on commands in their order, report, and only then commit."""
        reached: dict[tuple[str, int], int] = {}
        for message in messages:
            if (error := message.error()) is not None:
                _check(error)
                continue
            reached[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1
            command = _read(message)
            if command is None:
                continue
            now_ms = time.time_ns() // 1_000_000
            outcome = outcome_of(self._table, command, now_ms)
            if outcome is None:
                print(f"expired: {command['action_id']}", file=sys.stderr)
                continue
            self._producer.produce(
                self._outcomes,
                report(command, outcome, now_ms),
                command["customer_id"],
                on_delivery=_delivered,
            )
            self._producer.poll(0)
        if reached:
            if self._producer.flush(30):
                raise SystemExit("outcomes could not be reported: is the broker up?")
            offsets = [TopicPartition(*place, offset) for place, offset in reached.items()]
            self._consumer.commit(offsets=offsets, asynchronous=False)


def _read(message: Message) -> dict[str, Any] | None:
    """Return a command; None for a record that is none."""
    try:
        command = json.loads(message.value() or b"")
        if command["schema"] == "cjo.action.v1":
            return dict(command)
    except (ValueError, KeyError, TypeError):
        pass
    print(f"no command: {message.topic()}, offset {message.offset()}", file=sys.stderr)
    return None


def _check(error: KafkaError) -> None:
    if error.fatal() or not error.retriable():
        raise KafkaException(error)
    print(error, file=sys.stderr)


def _delivered(error: KafkaError | None, _: Message) -> None:
    if error is not None:
        raise KafkaException(error)


@contextmanager
def _asked_to_end() -> Iterator[Any]:
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.append(number))
    yield lambda: bool(asked)


def main() -> None:
    """Read the options, and work."""
    options = argparse.ArgumentParser(description="Takes commands of cjo-stream from Kafka.")
    options.add_argument("--bootstrap", default="127.0.0.1:9092", help="host:port of a broker")
    options.add_argument("--group", default="channel-system", help="the consumer group")
    options.add_argument(
        "--instance",
        help="a name of this process alone: started again, it has its partitions back at once",
    )
    options.add_argument("--outcomes", default="cjo.outcome.v1", help="the topic of outcomes")
    options.add_argument("--table", type=Path, default=Path("channel.db"), help="a SQLite file")
    options.add_argument(
        "topics", nargs="+", help="topics of commands; one that begins with ^ is a pattern"
    )
    Channel(options.parse_args()).run()


if __name__ == "__main__":
    main()
