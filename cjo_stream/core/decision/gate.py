"""The gates, in the order in which a candidate meets them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cjo_stream.core.expression import Expression, Scope
from cjo_stream.core.identity.membership import address_of
from cjo_stream.core.program import Action, Channel
from cjo_stream.core.state import Customer


class Judged(msgspec.Struct):
    """A candidate before the gates: an action on a channel, for a customer."""

    customer: Customer
    action: Action
    channel: Channel
    scope: Scope
    """With the request's event, data and key, and the candidate's channel."""


def _holds(condition: Expression | None, scope: Scope) -> bool:
    return condition is None or condition.holds(scope)


def _eligible(judged: Judged) -> bool:
    return _holds(judged.action.eligible, judged.scope)


def _applicable(judged: Judged) -> bool:
    return _holds(judged.action.applicable, judged.scope)


def _suitable(judged: Judged) -> bool:
    return _holds(judged.action.suitable, judged.scope)


def _address(judged: Judged) -> bool:
    type_ = judged.channel.address
    return type_ is None or address_of(judged.customer, type_) is not None


GATES: tuple[tuple[str, Callable[[Judged], bool]], ...] = (
    ("eligible", _eligible),
    ("applicable", _applicable),
    ("suitable", _suitable),
    ("address", _address),
)


def first_stop(judged: Judged) -> str | None:
    """Return the gate that stops a candidate, or None."""
    for name, passes in GATES:
        if not passes(judged):
            return name
    return None
