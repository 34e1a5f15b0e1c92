"""Service cases: open while the latest `opened` of a key is later than its latest `closed`.

If the rules change, open cases stay open while some rule still closes them by the same key, so
that no customer with a problem is forgotten. If no rule does, a case could never close; then all
cases begin anew (`Program.cases_era`).
"""

from __future__ import annotations

from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Scope
from cjo_stream.core.program.topology import CaseRule
from cjo_stream.core.state import Customer, ServiceCase, later
from cjo_stream.core.text import key_text
from cjo_stream.core.turn import Turn


def update_cases(customer: Customer, event: Event, scope: Scope, turn: Turn) -> None:
    """Open and close the cases that `event` concerns."""
    program = turn.program
    if customer.cases_era != program.cases_era:
        customer.cases, customer.cases_era = {}, program.cases_era
    for rule in program.opened:
        case = _case_of(customer, rule, "opened", event, scope, turn)
        if case is not None:
            case.opened_at = later(case.opened_at, event.time)
    for rule in program.closed:
        case = _case_of(customer, rule, "closed", event, scope, turn)
        if case is not None:
            case.closed_at = later(case.closed_at, event.time)


def open_cases(customer: Customer, era: int) -> int:
    """Return how many cases are open; cases of another era do not count."""
    if customer.cases_era != era:
        return 0
    return sum(case.is_open for case in customer.cases.values())


def last_closed(customer: Customer, era: int) -> int | None:
    """Return when a case was last closed, or None; cases of another era do not count."""
    if customer.cases_era != era:
        return None
    closes = (case.closed_at for case in customer.cases.values())
    return max((at for at in closes if at is not None), default=None)


def join_cases(into: Customer, other: Customer, turn: Turn) -> None:
    """Add the other customer's cases; for a key of both keep the latest times."""
    for name, case in other.cases.items():
        if name not in into.cases and not _has_room(into, turn):
            turn.count("cjo_state_bounds_total", "cases")
            continue
        mine = into.cases.setdefault(name, ServiceCase(None, None, case.anchor))
        mine.opened_at = later(mine.opened_at, case.opened_at)
        mine.closed_at = later(mine.closed_at, case.closed_at)


def part_cases(customer: Customer, fresh: Customer, anchors: frozenset[str]) -> None:
    """Move the cases that began with events of these anchors."""
    fresh.cases_era = customer.cases_era
    for name in [name for name, case in customer.cases.items() if case.anchor in anchors]:
        fresh.cases[name] = customer.cases.pop(name)


def _case_of(
    customer: Customer, rule: CaseRule, what: str, event: Event, scope: Scope, turn: Turn
) -> ServiceCase | None:
    """Return the case that a rule opens or closes at an event, or None.

    An event without the rule's `key` names no case; it is counted, by what it does.
    """
    if event.type not in rule.on or (rule.when is not None and not rule.when.holds(scope)):
        return None
    key = rule.key.evaluate(scope) if rule.key is not None else ""
    if key is MISSING:
        turn.count("cjo_cases_ignored_total", what)
        return None
    name = key_text(key)
    case = customer.cases.get(name)
    if case is None:
        if not _has_room(customer, turn):
            turn.count("cjo_state_bounds_total", "cases")
            return None
        case = customer.cases[name] = ServiceCase(None, None, turn.anchor)
    return case


def _has_room(customer: Customer, turn: Turn) -> bool:
    return len(customer.cases) < turn.bounds.cases or _make_room(customer)


def _make_room(customer: Customer) -> bool:
    """Forget the case that has been closed longest, but never the one closed last."""
    newest = last_closed(customer, customer.cases_era)
    shut = [
        (case.closed_at or 0, name)
        for name, case in customer.cases.items()
        if not case.is_open and case.closed_at != newest
    ]
    if not shut:
        return False
    del customer.cases[min(shut)[1]]
    return True
