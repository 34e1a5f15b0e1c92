"""What re-entry asks of the past: when each key was entered and ended last."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.program import Entry, Journey, Reentry
from cjo_stream.core.state import KEYS_MAX, Customer
from cjo_stream.core.text import key_text

ENTERED, ENDED = 0, 1


def note_entry(customer: Customer, journey: Journey, key: Any, at: int) -> None:
    """Note that an instance of `key` was opened, where some re-entry rule will ask."""
    if _asks(journey.entry):
        _note(customer, journey, key, ENTERED, at)


def note_end(customer: Customer, journey: Journey, key: Any, at: int) -> None:
    """Note that an instance of `key` ended, where some re-entry rule will ask."""
    if _asks(journey.entry):
        _note(customer, journey, key, ENDED, at)


def may_reenter(customer: Customer, journey: Journey, key: Any, at: int) -> bool:
    """Return whether the past of `key` allows an instance at `at`; live ones are not looked at."""
    entry = journey.entry
    times = customer.histories.get(journey.name, {}).get(key_text(key))
    if times is None or entry.reentry is Reentry.ALWAYS:
        return True
    if entry.reentry is Reentry.NEVER:
        return False
    last = times[ENTERED if entry.reentry is Reentry.AFTER_ENTRY else ENDED]
    return last is None or at >= last + entry.reentry_ms


def _asks(entry: Entry) -> bool:
    return entry.reentry is Reentry.NEVER or entry.reentry_ms > 0


def _note(customer: Customer, journey: Journey, key: Any, which: int, at: int) -> None:
    keys = customer.histories.setdefault(journey.name, {})
    name = key_text(key)
    times = keys.pop(name, None) or [None, None]
    before = times[which]
    times[which] = at if before is None else max(at, before)
    keys[name] = times
    while len(keys) > KEYS_MAX:
        del keys[next(iter(keys))]
