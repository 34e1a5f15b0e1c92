"""The identifier actor: where the events anchored on one value go.

It holds a pointer to a customer, made once, at its first event. Events whose links are not settled
wait in `held`, and later ones behind them, so that their order stays.
"""

from __future__ import annotations

from cjo_stream.core.event import Event
from cjo_stream.core.message import (
    Arrive,
    Deliver,
    Find,
    Show,
    customer_id,
    customer_key,
)
from cjo_stream.core.record import Reply
from cjo_stream.core.state import HELD_MAX, Identifier
from cjo_stream.core.turn import Turn
from cjo_stream.errors import InvariantError


def on_arrive(key: str, state: Identifier | None, message: Arrive, turn: Turn) -> Identifier:
    """Send an event on to its customer, behind those that wait."""
    anchor = message.event.identifiers[0]
    if state is not None and state.pointer and not state.held and _links_settled(message.event):
        turn.send(customer_key(state.pointer), Deliver(message.event))
        turn.changed = False
        return state
    if state is None:
        state = Identifier()
    if not state.pointer:
        rank = turn.program.identifiers[anchor.type].rank
        state.pointer = customer_id(rank, key[1:], state.epoch)
    if len(state.held) >= HELD_MAX:
        raise InvariantError(
            "more events wait for their links than may: the hold was not released"
        )
    state.held.append(message.event)
    _release(state, turn)
    return state


def on_find(_: str, state: Identifier | None, message: Find, turn: Turn) -> Identifier | None:
    """Ask the customer to show itself; answer where there is none."""
    turn.changed = False
    if state is None or not state.pointer:
        turn.emit(Reply(command_id=message.command_id, body={"found": False}))
        return state
    turn.send(customer_key(state.pointer), Show(message.command_id))
    return state


def _release(state: Identifier, turn: Turn) -> None:
    """Send on, in order, the held events whose links are settled."""
    while state.held and _links_settled(state.held[0]):
        turn.send(customer_key(state.pointer), Deliver(state.held.pop(0)))


def _links_settled(event: Event) -> bool:
    """Return whether an event need not wait: its anchor alone says whose it is."""
    return bool(event.identifiers)
