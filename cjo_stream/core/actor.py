"""The table of messages: which actor understands what, who sends it, and who handles it.

The core's one entry for messages; time has its own, `fire`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cjo_stream.core import customer
from cjo_stream.core.identity import erasure, identifier, merge, unmerge
from cjo_stream.core.message import (
    Absorb,
    Accept,
    ActorMessage,
    Arrive,
    Deliver,
    Denied,
    Drop,
    Erase,
    Find,
    Forget,
    Granted,
    Left,
    Link,
    Linked,
    LinkRequest,
    Locate,
    Propose,
    Purge,
    Rebind,
    Refused,
    Reject,
    Reseed,
    Seed,
    Seeded,
    Show,
    Tie,
    Unlink,
)
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.turn import Turn
from cjo_stream.errors import InvariantError

Actor = Customer | Identifier
Handler = Callable[[str, Any, Any, Turn], Actor | None]

HANDLERS: dict[type, tuple[str, Handler]] = {
    # To an identifier (n), sent by
    Arrive: ("n", identifier.on_arrive),  # intake; a customer who was erased
    LinkRequest: ("n", identifier.on_link_request),  # an anchor that saw it
    Linked: ("n", identifier.on_linked),  # the customer that now has both
    Granted: ("n", identifier.on_granted),  # the customer that will have both
    Refused: ("n", identifier.on_refused),  # a customer, or the other identifier
    Rebind: ("n", identifier.on_rebind),  # the customer an event, or a Locate, was redirected to
    Reseed: ("n", identifier.on_reseed),  # a customer that an unmerge made
    Left: ("n", identifier.on_left),  # the customer whose others have left
    Forget: ("n", identifier.on_forget),  # an erased customer
    Find: ("n", identifier.on_find),  # an operator
    Tie: ("n", identifier.on_tie),  # an operator
    # To a customer (p), sent by
    Deliver: ("p", customer.on_deliver),  # an identifier; a redirect; intake, for outcomes
    Locate: ("p", customer.on_locate),  # an identifier; a redirect
    Denied: ("p", merge.on_denied),  # an identifier; a redirect; whom it has left
    Link: ("p", merge.on_link),  # an identifier; a redirect
    Propose: ("p", merge.on_propose),  # a greater customer; a redirect
    Accept: ("p", merge.on_accept),  # the smaller customer
    Reject: ("p", merge.on_reject),  # the smaller customer
    Absorb: ("p", merge.on_absorb),  # the greater customer
    Drop: ("p", merge.on_drop),  # an identifier; a redirect
    Seed: ("p", unmerge.on_seed),  # a customer from which it parts
    Seeded: ("p", merge.on_seeded),  # whom it parted with
    Show: ("p", customer.on_show),  # an identifier; a redirect
    Unlink: ("p", merge.on_unlink),  # an identifier; a redirect
    Erase: ("p", merge.on_erase),  # an identifier; a redirect
    Purge: ("p", erasure.on_purge),  # an erased customer, absorbed by it or parted from it
}


def receive(key: str, state: Actor | None, message: ActorMessage, turn: Turn) -> Actor | None:
    """Let the actor at `key` handle a message; return its new state, None for none.

    `state` may be changed in place. Everything sent, emitted and counted is left on `turn`.
    """
    kind, handler = HANDLERS[type(message)]
    if key[0] != kind:
        raise InvariantError(f"a {type(message).__name__} for an actor of kind {key[0]!r}")
    return handler(key, state, message, turn)


def fire(state: Actor, turn: Turn) -> None:
    """Let everything of an actor have its effect that is due at the turn's clock."""
    if isinstance(state, Customer):
        customer.fire(state, turn)
    else:
        identifier.fire(state, turn)


def wake_ms(state: Actor | None) -> int | None:
    """Return when an actor is due next, clock in ms, or None."""
    if isinstance(state, Customer):
        return customer.wake_ms(state)
    return identifier.wake_ms(state) if state is not None else None
