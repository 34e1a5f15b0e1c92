"""Past runs for re-entry rules: when each key was last entered, and last ended.

They are noted even if the current version has no such rule: a later version may have one, and it
counts the instances of all versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cjo_stream.core.program.journey import Journey
from cjo_stream.core.state import Customer, Instance, LastRun, later
from cjo_stream.core.text import KEY_CHARACTERS_MAX, key_text
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Reentry

TIMES_BYTES = 60
"""Size of two times and an anchor."""
KEY_BYTES_MAX = TIMES_BYTES + 4 * KEY_CHARACTERS_MAX
"""The largest size of one key, with its times and anchor."""


def note_entry(customer: Customer, instance: Instance, at: int, turn: Turn) -> None:
    """Note that an instance was opened."""
    run = _last_run_of(customer, instance)
    run.entered_at = later(run.entered_at, at)
    _forget_oldest(customer, customer.histories[instance.journey], turn)


def note_end(customer: Customer, instance: Instance, at: int, turn: Turn) -> None:
    """Note that an instance ended."""
    run = _last_run_of(customer, instance)
    run.ended_at = later(run.ended_at, at)
    _forget_oldest(customer, customer.histories[instance.journey], turn)


def join_histories(into: Customer, other: Customer, turn: Turn) -> None:
    """Add the other customer's keys; for a key of both keep the latest times."""
    for journey, keys in other.histories.items():
        held = into.histories.setdefault(journey, {})
        for name, run in keys.items():
            mine = held.pop(name, None) or LastRun(None, None, run.anchor)
            mine.entered_at = later(mine.entered_at, run.entered_at)
            mine.ended_at = later(mine.ended_at, run.ended_at)
            held[name] = mine
        _forget_oldest(into, held, turn)


def part_histories(customer: Customer, fresh: Customer, anchors: frozenset[str]) -> None:
    """Move the keys that were entered with these anchors."""
    for journey, keys in customer.histories.items():
        for name in [name for name, run in keys.items() if run.anchor in anchors]:
            fresh.histories.setdefault(journey, {})[name] = keys.pop(name)


def may_reenter(customer: Customer, journey: Journey, key: Any, at: int) -> bool:
    """Return whether the past runs of `key` allow an instance at `at`; live ones do not count.

    A rule without a pause ignores past runs: even a late event, older than the last end, may open
    an instance.
    """
    entry = journey.entry
    if entry.reentry is not Reentry.NEVER and not entry.reentry_ms:
        return True
    run = customer.histories.get(journey.name, {}).get(key_text(key))
    if run is None:
        return True
    if entry.reentry is Reentry.NEVER:
        return False
    is_after_entry = entry.reentry is Reentry.AFTER_ENTRY
    last = run.entered_at if is_after_entry else run.ended_at
    return last is None or at >= last + entry.reentry_ms


def bytes_of_histories(customer: Customer) -> int:
    """Return the approximate size of the histories as msgpack, in bytes."""
    return sum(map(_bytes_of, customer.histories.values()))


def _last_run_of(customer: Customer, instance: Instance) -> LastRun:
    """Return the last run of an instance's key, and move it to the end of its journey's keys."""
    keys = customer.histories.setdefault(instance.journey, {})
    name = key_text(instance.key)
    run = keys.pop(name, None) or LastRun(None, None, instance.anchor)
    keys[name] = run
    return run


def _forget_oldest(customer: Customer, keys: dict[str, LastRun], turn: Turn) -> None:
    """Drop the oldest keys of a journey beyond its bound, then those of all beyond the bytes."""
    if len(keys) > turn.bounds.keys:
        turn.drop_oldest(keys, turn.bounds.keys, "histories")
    histories = customer.histories
    if sum(map(len, histories.values())) * KEY_BYTES_MAX <= turn.bounds.histories_bytes:
        return
    left = turn.bounds.histories_bytes - bytes_of_histories(customer)
    while left < 0:
        longest = max(histories.values(), key=len)
        oldest = next(iter(longest))
        left += _bytes_of((oldest,))
        del longest[oldest]
        turn.count("cjo_state_bounds_total", "histories")


def _bytes_of(names: Iterable[str]) -> int:
    """Return the approximate size of keys, times and anchors included, as msgpack, in bytes."""
    return sum(
        TIMES_BYTES + (len(name) if name.isascii() else len(name.encode())) for name in names
    )
