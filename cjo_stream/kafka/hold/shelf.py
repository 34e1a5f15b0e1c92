"""The topic of commands that wait: a shelf in each partition, beside the effects' of that number.

    record       key      value (msgpack)
    a command             the effect
    the shelf    shelf    what of this partition waits, as of this record's transaction

The last record of a partition is its shelf: dispatch writes it with each transaction that changes
it. Only dispatch writes here, and deletes what no longer waits.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Final

import msgspec
from confluent_kafka import Message

from cjo_stream.engine.frame import Effect
from cjo_stream.engine.hold import Shelf, decode_command, decode_shelf
from cjo_stream.errors import RefusalError, RetryError
from cjo_stream.kafka.client.admin import TIMEOUT_S, Admin
from cjo_stream.kafka.client.consumer import is_end, reader, reading
from cjo_stream.kafka.client.error import check_consumed, is_out_of_range
from cjo_stream.kafka.client.place import Place
from cjo_stream.settings import Settings

SHELF: Final = b"shelf"
READ_RECORDS_MAX: Final = 500
_BACK: Final = 4
"""Records from the end where the last one of a partition is looked for first."""
_POLL_S: Final = 0.1


def is_shelf(message: Message) -> bool:
    """Return whether a record says what waits, and is no command."""
    return message.key() == SHELF


def read_shelves(settings: Settings, topic: str, numbers: Collection[int]) -> dict[int, Shelf]:
    """Return the shelves of these partitions, as the last transaction that has ended left them.

    Raises RetryError where the broker is away, RefusalError for a record that is not dispatch's.
    """
    admin = Admin(settings)
    found: dict[int, Shelf] = {}
    left = {(topic, number) for number in numbers}
    back = _BACK
    while left:
        firsts, ends = admin.firsts(left), admin.ends(left, committed=True)
        found |= {number: Shelf() for t, number in left if firsts[t, number] == ends[t, number]}
        left = {place for place in left if place[1] not in found}
        starts = {place: max(firsts[place], ends[place] - back) for place in left}
        for place, shelf in _last(settings, starts, ends).items():
            if shelf is None and starts[place] == firsts[place]:
                shelf = Shelf()  # only what was never committed
            if shelf is not None:
                found[place[1]] = shelf
                left.discard(place)
        back *= 50
    return found


def behind(shelves: Mapping[int, Shelf], seen: int) -> list[int]:
    """Return the partitions whose shelves were not written with just the holds before `seen`.

    One that is beyond has heeded a topic of holds that was deleted and created anew, or a hold
    that has come since; then it is no longer told at the next look.
    """
    return [number for number, shelf in sorted(shelves.items()) if shelf.seen != seen]


def settled(admin: Admin, topic: str, numbers: Collection[int]) -> set[int]:
    """Return those of these partitions in which no transaction is open; raises RetryError."""
    places = [(topic, number) for number in numbers]
    ends, tops = admin.ends(places, committed=True), admin.ends(places)
    return {place[1] for place in places if ends[place] == tops[place]}


def _last(
    settings: Settings, starts: dict[Place, int], ends: dict[Place, int]
) -> dict[Place, Shelf | None]:
    """Return the last shelf of each partition between these offsets and its end, if there is one.

    The end of a partition that is written without a pause is never reported: whoever reads its
    end of before has read enough. Partitions are left out of which dispatch has deleted the
    beginning meanwhile.
    """
    found: dict[Place, Shelf | None] = dict.fromkeys(starts)
    left = set(starts)
    if not left:
        return {}
    consumer = reader(settings, starts)
    until_s = time.monotonic() + TIMEOUT_S
    try:
        while left:
            if time.monotonic() > until_s:
                raise RetryError(f"what waits in {min(left)} could not be read: is the broker up?")
            for message in consumer.consume(READ_RECORDS_MAX, _POLL_S):
                place = (message.topic() or "", message.partition() or 0)
                if is_end(message):
                    left.discard(place)
                elif (error := message.error()) is not None:
                    if not is_out_of_range(error):
                        check_consumed(error, place[0], reading(settings))
                        continue
                    found.pop(place, None)
                    left.discard(place)
                else:
                    if is_shelf(message) and place in found:
                        found[place] = decoded(message)
                    if (message.offset() or 0) >= ends[place] - 1:
                        left.discard(place)
    finally:
        consumer.close()
    return found


def decoded(message: Message) -> Shelf:
    """Return what a record says that waits; raises RefusalError."""
    value = message.value()
    try:
        return decode_shelf(value if isinstance(value, bytes) else b"")
    except msgspec.MsgspecError as error:
        raise not_ours(message, error) from error


def command_in(message: Message) -> Effect:
    """Return the command that a record is; raises RefusalError."""
    value = message.value()
    try:
        return decode_command(value if isinstance(value, bytes) else b"")
    except msgspec.MsgspecError as error:
        raise not_ours(message, error) from error


def not_ours(message: Message, error: Exception) -> RefusalError:
    """Return the error for a record that no dispatch wrote."""
    return RefusalError(
        f"{message.topic()}/{message.partition()} holds at offset {message.offset()} what "
        f"dispatch did not write ({error}): which commands wait cannot be known. Find and stop "
        "who did; then delete the topic and run `cjo-stream topics create TOPOLOGY`: commands "
        "that wait in it are lost"
    )
