"""What re-entry asks of the past: when each key was entered and ended last.

It is noted whether the version that runs asks or not: a later one may, and its rule counts the
instances of all versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cjo_stream.core.program import Journey
from cjo_stream.core.state import Customer, Instance
from cjo_stream.core.text import KEY_CHARACTERS_MAX, key_text
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Reentry

ENTERED, ENDED = 0, 1
TIMES_BYTES = 60
"""Two times and an anchor."""
KEY_BYTES_MAX = TIMES_BYTES + 4 * KEY_CHARACTERS_MAX
"""Of one key, however long it is."""


def note_entry(customer: Customer, instance: Instance, at: int, turn: Turn) -> None:
    """Note that an instance was opened."""
    _note(customer, instance, ENTERED, at, turn)


def note_end(customer: Customer, instance: Instance, at: int, turn: Turn) -> None:
    """Note that an instance ended."""
    _note(customer, instance, ENDED, at, turn)


def join_histories(into: Customer, other: Customer, turn: Turn) -> None:
    """Take the other customer's keys; of one key the latest times."""
    for journey, keys in other.histories.items():
        held = into.histories.setdefault(journey, {})
        for name, times in keys.items():
            mine = held.pop(name, None) or [None, None, times[2]]
            for which in (ENTERED, ENDED):
                found = [t for t in (mine[which], times[which]) if t is not None]
                mine[which] = max(found, default=None)
            held[name] = mine
        _forget_oldest(into, held, turn)


def part_histories(customer: Customer, fresh: Customer, anchors: frozenset[str]) -> None:
    """Move the keys that were entered with these anchors."""
    for journey, keys in customer.histories.items():
        for name in [name for name, times in keys.items() if times[2] in anchors]:
            fresh.histories.setdefault(journey, {})[name] = keys.pop(name)


def may_reenter(customer: Customer, journey: Journey, key: Any, at: int) -> bool:
    """Return whether the past of `key` allows an instance at `at`; live ones are not looked at.

    A rule without a pause asks nothing of the past: an event that comes late, older than the last
    end, may open an instance.
    """
    entry = journey.entry
    if entry.reentry is not Reentry.NEVER and not entry.reentry_ms:
        return True
    times = customer.histories.get(journey.name, {}).get(key_text(key))
    if times is None:
        return True
    if entry.reentry is Reentry.NEVER:
        return False
    last = times[ENTERED if entry.reentry is Reentry.AFTER_ENTRY else ENDED]
    return last is None or at >= last + entry.reentry_ms


def _note(customer: Customer, instance: Instance, which: int, at: int, turn: Turn) -> None:
    keys = customer.histories.setdefault(instance.journey, {})
    name = key_text(instance.key)
    times = keys.pop(name, None) or [None, None, instance.anchor]
    before = times[which]
    times[which] = at if before is None else max(at, before)
    keys[name] = times
    _forget_oldest(customer, keys, turn)


def _forget_oldest(customer: Customer, keys: dict[str, list[Any]], turn: Turn) -> None:
    """Keep the last keys of a journey, and of all journeys what there is room for."""
    turn.drop_oldest(keys, turn.bounds.keys, "histories")
    histories = customer.histories
    if sum(map(len, histories.values())) * KEY_BYTES_MAX <= turn.bounds.histories_bytes:
        return
    left = turn.bounds.histories_bytes - sum(map(_bytes_of, histories.values()))
    while left < 0:
        longest = max(histories.values(), key=len)
        oldest = next(iter(longest))
        left += _bytes_of((oldest,))
        del longest[oldest]
        turn.count("cjo_state_bounds_total", "histories")


def _bytes_of(names: Iterable[str]) -> int:
    """Return about what keys take, each with its times and anchor, as msgpack."""
    return sum(
        TIMES_BYTES + (len(name) if name.isascii() else len(name.encode())) for name in names
    )
