"""The table of messages: the senders of each, and its handler for each standing of the receiver.

`receive` is the core's entry point for messages, `fire` the one for time. Where a standing has no
handler, the protocol never sends that message to an actor in that standing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cjo_stream.core import customer
from cjo_stream.core.identifier import arrival
from cjo_stream.core.identity import absent, change, erasure, merge, unmerge
from cjo_stream.core.identity.forward import on_path_end, on_redirect
from cjo_stream.core.identity.refusal import on_denied
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
    PathEnd,
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
from cjo_stream.core.standing import CHANGING, PRESENT, Standing, standing_of
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.turn import Turn
from cjo_stream.errors import InvariantError

Actor = Customer | Identifier
Handler = Callable[[str, Any, Any, Turn], Actor | None]
Rows = Mapping[frozenset[Standing] | Standing, Handler]


def _by_standing(rows: Rows) -> dict[Standing, Handler]:
    """Return the handler of each standing; a standing that no row names has none."""
    return {
        standing: handler
        for standings, handler in rows.items()
        for standing in (standings if isinstance(standings, frozenset) else (standings,))
    }


OF_IDENTIFIERS: dict[type, Handler] = {
    #                                     sent by
    Arrive: arrival.on_arrive,  # intake; a customer that was erased
    LinkRequest: arrival.on_link_request,  # the anchor of an event that names both
    Linked: arrival.on_linked,  # the customer that now has both
    Granted: arrival.on_granted,  # the customer that will have both
    Refused: arrival.on_refused,  # a customer, or the other identifier
    Rebind: arrival.on_rebind,  # the customer an event, or a Locate, was redirected to
    Reseed: arrival.on_reseed,  # a customer that an unmerge made
    Left: arrival.on_left,  # its customer, when other members have left
    Forget: arrival.on_forget,  # an erased customer
    Find: arrival.on_find,  # an operator
    Tie: arrival.on_tie,  # an operator
}
_NOBODY, _REDIRECT, _ERASED = Standing.NOBODY, Standing.REDIRECT, Standing.ERASED
_ASKED: Rows = {
    _NOBODY: change.on_first,
    Standing.ROOT: change.on_change,
    CHANGING: change.on_change_in_queue,
    _REDIRECT: on_redirect,
    _ERASED: absent.on_change_for_erased,
}
_ORDERED: Rows = {**_ASKED, _NOBODY: absent.on_order_for_nobody}
OF_CUSTOMERS: dict[type, dict[Standing, Handler]] = {
    # an identifier; a redirect; intake, for outcomes
    Deliver: _by_standing(
        {
            PRESENT | {_NOBODY}: customer.on_deliver,
            _REDIRECT: on_redirect,
            _ERASED: absent.on_deliver_for_erased,
        }
    ),
    # an identifier; a redirect
    Locate: _by_standing(
        {
            _NOBODY: absent.on_locate_for_nobody,
            PRESENT: customer.on_locate,
            _REDIRECT: on_redirect,
            _ERASED: absent.on_locate_for_erased,
        }
    ),
    # an identifier; a redirect; a customer that the identifier has left
    PathEnd: _by_standing(
        {PRESENT | {_NOBODY, _ERASED}: on_path_end, _REDIRECT: on_redirect},
    ),
    # an identifier; a redirect; a customer that the identifier has left
    Denied: _by_standing(
        {
            _NOBODY: absent.on_denied_for_nobody,
            PRESENT: on_denied,
            _REDIRECT: on_redirect,
            _ERASED: absent.on_denied_for_erased,
        }
    ),
    Link: _by_standing(_ASKED),  # an identifier; a redirect
    Propose: _by_standing(_ASKED),  # a greater customer; a redirect
    Drop: _by_standing(_ASKED),  # an identifier; a redirect
    Accept: _by_standing({Standing.FROZEN: merge.on_accept}),  # the smaller customer
    Reject: _by_standing({Standing.FROZEN: change.on_reject}),  # the smaller customer
    Absorb: _by_standing({Standing.RESERVING: change.on_absorb}),  # the greater customer
    # the customer that it was parted from
    Seed: _by_standing({_NOBODY: unmerge.on_seed, Standing.UNSEEDED: unmerge.on_seed}),
    Seeded: _by_standing({PRESENT: change.on_seeded}),  # a customer that parted from it
    # an operator, by an identifier; a redirect
    Show: _by_standing(
        {
            _NOBODY: absent.on_order_for_nobody,
            PRESENT: customer.on_show,
            _REDIRECT: on_redirect,
            _ERASED: absent.on_order_for_erased,
        }
    ),
    Unlink: _by_standing(_ORDERED),  # an operator, by an identifier; a redirect
    Erase: _by_standing(_ORDERED),  # an operator, by an identifier; a redirect
    # an erased customer that it had absorbed, or that was parted from it
    Purge: _by_standing(
        {
            _NOBODY: erasure.on_purge_for_nobody,
            PRESENT | {_REDIRECT, _ERASED}: erasure.on_purge,
        }
    ),
}


def receive(key: str, state: Actor | None, message: ActorMessage, turn: Turn) -> Actor | None:
    """Let the actor at `key` handle a message; return its new state, None for none.

    `state` may be changed in place. Everything sent, emitted and counted is collected on `turn`.
    Raises InvariantError if the protocol never sends this message to an actor in this standing.
    """
    found: Any = state
    try:
        if key[0] == "n":
            handler = OF_IDENTIFIERS[type(message)]
        else:
            handler = OF_CUSTOMERS[type(message)][standing_of(found)]
    except KeyError:
        what = "an identifier" if key[0] == "n" else standing_of(found).value
        raise InvariantError(f"a {type(message).__name__} for {what}") from None
    return handler(key, state, message, turn)


def fire(state: Actor, turn: Turn) -> None:
    """Apply everything of an actor that is due at the turn's clock."""
    if isinstance(state, Customer):
        customer.fire(state, turn)
    else:
        arrival.fire(state, turn)


def wake_ms(state: Actor | None) -> int | None:
    """Return when an actor is due next, clock in ms, or None."""
    if isinstance(state, Customer):
        return customer.wake_ms(state)
    return arrival.wake_ms(state) if state is not None else None
