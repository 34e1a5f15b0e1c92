"""Consent: a customer's last statement about a purpose, on a channel or on all (`*`)."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.state import Customer, Statement
from cjo_stream.core.text import moment_text
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import ActionClass, Consent, ConsentStatus

_STATUSES = frozenset(ConsentStatus)
_CLASSES = frozenset(ActionClass)
EVERYWHERE = "*"
EVERY_CHANNEL = (EVERYWHERE, "all", "any")
NO_STATEMENT = "no statement"
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


def statement_text(attributes: dict[str, Any]) -> str:
    """Return what a valid statement says.

    >>> statement_text({"purpose": "marketing", "status": "revoked"})
    'revoked marketing for every channel'
    """
    where = attributes.get("channel") or EVERYWHERE
    everywhere = "every channel" if where == EVERYWHERE else where
    return f"{attributes['status']} {attributes['purpose']} for {everywhere}"


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


def latest_statement(
    customer: Customer, purpose: str, channel: str
) -> tuple[str, Statement] | None:
    """Return the latest statement that covers purpose and channel, with the channel it is about.

    At equal times it is the stricter.
    """
    held = customer.consent.get(purpose)
    if not held:
        return None
    found = [(name, held[name]) for name in (channel, EVERYWHERE) if name in held]
    return max(
        found, key=lambda one: (one[1].time, one[1].status != ConsentStatus.GRANTED), default=None
    )


def consent_stop(
    customer: Customer, asked: dict[str, Consent], class_: str, channel: str
) -> str | None:
    """Return, in words, the statement that stops a class on a channel; None if nothing does.

    `asked` is the policy's requirement by class; a class not in it, and transactional, need no
    consent.
    """
    need = None if class_ == ActionClass.TRANSACTIONAL else asked.get(class_)
    if need is None:
        return None
    latest = latest_statement(customer, class_, channel)
    if latest is None:
        return NO_STATEMENT if need is Consent.OPT_IN else None
    where, statement = latest
    if statement.status == ConsentStatus.GRANTED:
        return None
    everywhere = "every channel" if where == EVERYWHERE else where
    return f"{statement.status} for {everywhere}, {moment_text(statement.time)}"


def consented(customer: Customer, asked: dict[str, Consent], purpose: str, channel: str) -> bool:
    """Return whether a customer's statements allow a purpose on a channel, as `consent_stop`.

    A purpose that is not a class needs a grant. Statements have both in lower case.
    """
    if purpose in _CLASSES:
        return consent_stop(customer, asked, purpose, channel) is None
    latest = latest_statement(customer, purpose, channel)
    return latest is not None and latest[1].status == ConsentStatus.GRANTED
