"""Service cases: open while the latest `opened` of a key is later than its latest `closed`.

A case stays open however its rules change, as long as some rule still closes by the same key: a
customer with a problem is not forgotten. Where no rule does, it could never close: cases begin
anew then (`Program.cases_era`).
"""

from __future__ import annotations

from typing import Any

from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Scope
from cjo_stream.core.program import CaseRule
from cjo_stream.core.state import Customer
from cjo_stream.core.text import key_text
from cjo_stream.core.turn import Turn

OPENED, CLOSED = 0, 1


def update_cases(customer: Customer, event: Event, scope: Scope, turn: Turn) -> None:
    """Let `event` open and close cases."""
    program = turn.program
    if customer.cases_era != program.cases_era:
        customer.cases, customer.cases_era = {}, program.cases_era
    for rules, which in ((program.opened, OPENED), (program.closed, CLOSED)):
        for rule in rules:
            if event.type in rule.on:
                _apply(customer, rule, which, event, scope, turn)


def open_cases(customer: Customer, era: int) -> int:
    """Return how many cases are open; those of another era are none."""
    if customer.cases_era != era:
        return 0
    return sum(_is_open(times) for times in customer.cases.values())


def last_closed(customer: Customer, era: int) -> int | None:
    """Return when a case was closed last, or None; those of another era are none."""
    if customer.cases_era != era:
        return None
    closes = (times[CLOSED] for times in customer.cases.values())
    return max((at for at in closes if at is not None), default=None)


def join_cases(into: Customer, other: Customer, turn: Turn) -> None:
    """Take the other customer's cases; of one key the latest times."""
    for name, times in other.cases.items():
        if name not in into.cases and not _has_room(into, turn):
            turn.count("cjo_state_bounds_total", "cases")
            continue
        mine = into.cases.setdefault(name, [None, None, times[2]])
        for which in (OPENED, CLOSED):
            mine[which] = max(
                (t for t in (mine[which], times[which]) if t is not None), default=None
            )


def part_cases(customer: Customer, fresh: Customer, anchors: frozenset[str]) -> None:
    """Move the cases that were begun with these anchors."""
    for name in [name for name, times in customer.cases.items() if times[2] in anchors]:
        fresh.cases[name] = customer.cases.pop(name)


def _apply(
    customer: Customer, rule: CaseRule, which: int, event: Event, scope: Scope, turn: Turn
) -> None:
    if rule.when is not None and not rule.when.holds(scope):
        return
    key = rule.key.evaluate(scope) if rule.key is not None else ""
    if key is MISSING:
        return
    name = key_text(key)
    times = customer.cases.get(name)
    if times is None:
        if not _has_room(customer, turn):
            turn.count("cjo_state_bounds_total", "cases")
            return
        times = customer.cases[name] = [None, None, turn.anchor]
    held = times[which]
    if held is None or event.time >= held:
        times[which] = event.time


def _is_open(times: list[Any]) -> bool:
    opened, closed = times[OPENED], times[CLOSED]
    return opened is not None and (closed is None or opened > closed)


def _has_room(customer: Customer, turn: Turn) -> bool:
    return len(customer.cases) < turn.bounds.cases or _make_room(customer)


def _make_room(customer: Customer) -> bool:
    """Forget the case that has been closed longest; the last close of all stays known."""
    newest = last_closed(customer, customer.cases_era)
    shut = [
        (times[CLOSED] or 0, name)
        for name, times in customer.cases.items()
        if not _is_open(times) and times[CLOSED] != newest
    ]
    if not shut:
        return False
    del customer.cases[min(shut)[1]]
    return True
