"""Senders' clocks that are too far ahead, and the operator's permission that lets them pass.

    record of the cursor topic                       key                            value (JSON)
    partition 3 goes on at offset 70, clocks up to   clock/TOPIC ID/3/70            the clock, ms

A frame whose clock is more than an hour ahead of its append time stops its receiver, because
timers fired by that clock could not be undone. The permission names the first such record. It
holds from there on for clocks up to that record's, since the sender repeats its clock until real
time has caught up. It stands in a compacted topic, so that a worker that restores the partition,
and a replay, use it too.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cjo_stream.engine.frame import decode_frame
from cjo_stream.engine.port import AcceptedClock
from cjo_stream.engine.task import CLOCK_AHEAD_MAX_MS
from cjo_stream.errors import InputError, UsageError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.contents import contents, foreign, table
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

_STAGE = "clock"


class Passed(msgspec.Struct, frozen=True):
    """A permission: from which record on, up to which clock, for which append time."""

    partition: int
    offset: int
    clock: int
    time: int


def accept(settings: Settings, partition: int, offset: int) -> Passed:
    """Let a frame with a clock too far ahead pass, and those after it with clocks no higher.

    Raises UsageError where there is no such frame, RetryError where the broker is away.
    """
    names = Names(settings.topic_prefix)
    admin = Admin(settings)
    topic = require_log(admin, settings, names.internal)[names.internal]
    admin.require([names.cursor])
    if partition >= topic.partitions:
        raise UsageError(
            f"{topic.name} has no partition {partition}, only 0 to {topic.partitions - 1}"
        )
    found = next(iter(contents(settings, (topic.name, partition), offset)), None)
    if found is None or found.offset() != offset:
        raise UsageError(
            f"{topic.name}/{partition} holds no record at offset {offset}: take the numbers from "
            "the error with which the worker stopped"
        )
    value, time = found.value(), found.timestamp()[1]
    try:
        clock = decode_frame(value if isinstance(value, bytes) else b"").clock
    except InputError:
        clock = 0  # a record that is no frame, which tasks pass over
    if clock <= time + CLOCK_AHEAD_MAX_MS:
        raise UsageError(
            f"the record at offset {offset} has no clock that stops a worker. Take the numbers "
            "from the error with which the worker stopped"
        )
    key = f"{_STAGE}/{topic.id}/{partition}/{offset}"
    sender = Sender(settings)
    try:
        sender.send([Outgoing(names.cursor, msgspec.json.encode(clock), 0, key.encode())])
    finally:
        sender.close()
    return Passed(partition, offset, clock, time)


def accepted(settings: Settings, topic_id: str) -> dict[int, list[AcceptedClock]]:
    """Return the permissions by partition of the internal topic; raises RetryError."""
    cursor = Names(settings.topic_prefix).cursor
    Admin(settings).require([cursor])
    # They are in no transaction; one of dispatch that is open must not hide them.
    return clocks_of(cursor, topic_id, table(settings, cursor, committed=False))


def clocks_of(
    topic: str, topic_id: str, records: Mapping[bytes, bytes]
) -> dict[int, list[AcceptedClock]]:
    """Return the permissions among the records of the cursor topic, by partition."""
    found: dict[int, list[AcceptedClock]] = {}
    for key, value in records.items():
        stage, _, named = key.decode(errors="replace").partition("/")
        if stage != _STAGE:
            continue
        try:
            of, partition, offset = named.rsplit("/", 2)
            clock = AcceptedClock(int(offset), msgspec.json.decode(value, type=int))
            at = int(partition)
        except (msgspec.MsgspecError, ValueError) as error:
            raise foreign(topic, key, "an operator's command", error) from error
        if of == topic_id:
            found.setdefault(at, []).append(clock)
    return found
