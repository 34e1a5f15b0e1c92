"""Whether the broker answers, its topics are as they should be, and its clock agrees with ours."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message, Producer

from cjo_stream.core.program.program import Program
from cjo_stream.engine.frame import tick_frame
from cjo_stream.errors import CjoError
from cjo_stream.installation.finding import Finding, note, ok, problem
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.property import connect
from cjo_stream.kafka.topic.check import OLD, advice, verify
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import KAFKA_DEFAULTS, Settings

CONNECT_S: Final = 2.0
CLOCK_S: Final = 3.0
SKEW_MS_MAX: Final = 1_000
_ADDRESS: Final = "bootstrap.servers"
_PORT: Final = 9092
_LOG = logging.getLogger(__package__)


def checkup(settings: Settings, program: Program | None) -> Iterator[Finding]:
    """Yield what is found, within seconds also where there is no broker.

    For its clock a frame without items goes to the internal topic, as for `cjo-stream status`.
    """
    servers = settings.kafka_properties()[_ADDRESS]
    if not any(_answers(server) for server in servers.split(",")):
        yield _unreachable(settings, servers)
        return
    try:
        Admin(settings).ping()
    except CjoError as error:
        yield problem("broker", f"{servers} does not answer: {error}", _ask(servers))
        return
    yield ok("broker", f"{servers} answers")
    try:
        differences, advised = verify(settings, program), advice(settings, program)
    except CjoError as error:
        yield problem("topics", str(error), "mend that, and run this again")
        return
    for one in differences:
        what = f"{one.topic}: {one.what} is {one.found or 'unset'}, must be {one.wanted}"
        yield problem("topics", what, one.mend)
    for one in advised:
        yield note("topics", f"{one.topic}: {one.what} is {one.found}: {OLD}", one.mend)
    if not differences:
        which = "all topics" if program is not None else "the installation's topics"
        yield ok("topics", f"{which} are as they must be")
    internal = Names(settings.topic_prefix).internal
    if internal not in {one.topic for one in differences}:
        yield _clock(settings, internal)


def _answers(server: str) -> bool:
    """Return whether something listens at `host:port`."""
    host, _, port = server.strip().rpartition("://")[2].rpartition(":")
    try:
        address = (host or port, int(port) if host else _PORT)
        with closing(socket.create_connection(address, CONNECT_S)):
            return True
    except (OSError, ValueError):
        return False


def _unreachable(settings: Settings, servers: str) -> Finding:
    if _ADDRESS in settings.kafka and servers != KAFKA_DEFAULTS[_ADDRESS]:
        return problem("broker", f"nothing answers at {servers}", _ask(servers))
    return note(
        "broker",
        f"nothing answers at {servers}, the default",
        "only Kafka needs it: set CJO_KAFKA__BOOTSTRAP_SERVERS to the broker's host:port",
    )


def _ask(servers: str) -> str:
    return (
        f"start the broker, let this host reach {servers}, or set CJO_KAFKA__BOOTSTRAP_SERVERS "
        "and its credentials (`cjo-stream settings` shows them)"
    )


def _clock(settings: Settings, topic: str) -> Finding:
    """Return how far the broker's clock is from this host's."""
    reported: list[Message] = []

    def report(error: Any, message: Message) -> None:
        if error is None:
            reported.append(message)

    own = {"message.timeout.ms": int(CLOCK_S * 1000), "acks": "all"}
    producer = connect(Producer, {**settings.kafka_properties(), **own}, logger=_LOG)
    producer.list_topics(topic, CLOCK_S)  # so that connecting does not count
    before_ms = _now_ms()
    producer.produce(topic, tick_frame(), partition=0, on_delivery=report)
    producer.flush(CLOCK_S)
    after_ms = _now_ms()
    kind, at_ms = reported[0].timestamp() if reported else (None, 0)
    if kind != TIMESTAMP_LOG_APPEND_TIME:
        return problem(
            "clock",
            f"the broker did not say its time within {CLOCK_S:.0f} s",
            "run this again; `cjo-stream status` shows what answers",
        )
    ahead = at_ms - after_ms if at_ms > after_ms else min(0, at_ms - before_ms)
    if abs(ahead) <= SKEW_MS_MAX:
        return ok("clock", f"the broker's clock and this host's agree within {SKEW_MS_MAX} ms")
    which = "ahead of" if ahead > 0 else "behind"
    return problem(
        "clock",
        f"the broker's clock is {abs(ahead):,} ms {which} this host's",
        "set both by one time service (NTP): the broker's clock decides what is in the future",
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
