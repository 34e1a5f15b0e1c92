"""The table of messages: which actor understands what, and who handles it.

kind of key    message    handler                      sent by
n identifier   Arrive     identifier.on_arrive         intake
n identifier   Find       identifier.on_find           an operator
p customer     Deliver    customer.on_deliver          an identifier; intake, for outcomes
p customer     Show       customer.on_show             an identifier
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cjo_stream.core import customer
from cjo_stream.core.identity import identifier
from cjo_stream.core.message import ActorMessage, Arrive, Deliver, Find, Show
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.turn import Turn
from cjo_stream.errors import InvariantError

Handler = Callable[[str, Any, Any, Turn], Customer | Identifier | None]

HANDLERS: dict[type, tuple[str, Handler]] = {
    Arrive: ("n", identifier.on_arrive),
    Find: ("n", identifier.on_find),
    Deliver: ("p", customer.on_deliver),
    Show: ("p", customer.on_show),
}


def receive(
    key: str, state: Customer | Identifier | None, message: ActorMessage, turn: Turn
) -> Customer | Identifier | None:
    """Let the actor at `key` handle a message; return its new state, None for none.

    `state` may be changed in place. Everything sent, emitted and counted is left on `turn`.
    """
    kind, handler = HANDLERS[type(message)]
    if key[0] != kind:
        raise InvariantError(f"a {type(message).__name__} for an actor of kind {key[0]!r}")
    return handler(key, state, message, turn)
