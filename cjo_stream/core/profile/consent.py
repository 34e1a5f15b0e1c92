"""Consent: a customer's last statement about a purpose, on a channel or on all (`*`)."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.state import Customer, Statement
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import ActionClass, Consent, ConsentStatus

_STATUSES = frozenset(ConsentStatus)
_REFUSALS = _STATUSES - {ConsentStatus.GRANTED}
_CLASSES = frozenset(ActionClass)
EVERYWHERE = "*"
NAME_CHARACTERS_MAX = 100
"""Longest name of a purpose or a channel; no topology declares a longer one."""


def record_consent(customer: Customer, attributes: dict[str, Any], time: int, turn: Turn) -> bool:
    """Note one statement, made with the turn's anchor; return whether it was valid and kept.

    The later statement wins; at equal times the stricter.
    """
    purpose, status = attributes.get("purpose"), attributes.get("status")
    channel = attributes.get("channel")
    if channel is None:
        channel = EVERYWHERE
    if type(purpose) is not str or type(channel) is not str:
        return False
    if max(len(purpose), len(channel)) > NAME_CHARACTERS_MAX:
        return False
    if type(status) is not str or status not in _STATUSES:
        return False
    return _keep(customer, purpose, channel, Statement(status, time, turn.anchor), turn)


def join_consent(into: Customer, other: Customer, turn: Turn) -> None:
    """Add the other customer's statements that are later, or at equal times stricter."""
    for purpose, channels in other.consent.items():
        for channel, statement in channels.items():
            if not _keep(into, purpose, channel, statement, turn):
                turn.count("cjo_state_bounds_total", "consent")


def _keep(
    customer: Customer, purpose: str, channel: str, statement: Statement, turn: Turn
) -> bool:
    """Keep a statement if it is the stronger; return False if there is no room for it."""
    held = customer.consent.get(purpose, {})
    before = held.get(channel)
    if before is None and sum(map(len, customer.consent.values())) >= turn.bounds.statements:
        return False
    if before is None or _is_stronger(statement, before):
        customer.consent.setdefault(purpose, {})[channel] = statement
    return True


def part_consent(customer: Customer, fresh: Customer, anchors: frozenset[str]) -> None:
    """Move the statements that were made with these anchors."""
    for purpose, channels in customer.consent.items():
        for channel in [name for name, held in channels.items() if held.anchor in anchors]:
            fresh.consent.setdefault(purpose, {})[channel] = channels.pop(channel)


def _is_stronger(statement: Statement, before: Statement) -> bool:
    if statement.time != before.time:
        return statement.time > before.time
    return not (statement.status == ConsentStatus.GRANTED != before.status)


def latest_status(customer: Customer, purpose: str, channel: str) -> str | None:
    """Return the latest status that covers purpose and channel; at equal times the stricter."""
    held = customer.consent.get(purpose)
    if not held:
        return None
    found = [held[name] for name in (channel, EVERYWHERE) if name in held]
    if not found:
        return None
    latest = max(found, key=lambda one: (one.time, one.status != ConsentStatus.GRANTED))
    return latest.status


def consented(customer: Customer, asked: dict[str, Consent], purpose: str, channel: str) -> bool:
    """Return whether a customer's statements allow a purpose on a channel.

    `asked` is the policy's requirement by class; a class not in it, and transactional, need no
    consent. A purpose that is not a class needs a grant. Statements have both in lower case.
    """
    if purpose in _CLASSES:
        need = None if purpose == ActionClass.TRANSACTIONAL else asked.get(purpose)
        if need is None:
            return True
        status = latest_status(customer, purpose, channel)
        if need is Consent.OPT_IN:
            return status == ConsentStatus.GRANTED
        return status not in _REFUSALS
    return latest_status(customer, purpose, channel) == ConsentStatus.GRANTED
