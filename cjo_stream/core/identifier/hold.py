"""Events that wait at an identifier for their links, and the links that it requests.

Links are requested one at a time, the strongest of the first event first, the next once the one
before is settled. Events go on in order, each once all its links are answered.
"""

from __future__ import annotations

from typing import TypeVar

from cjo_stream.core.edge import Edge, Incarnation
from cjo_stream.core.event import Event
from cjo_stream.core.event import Identifier as Named
from cjo_stream.core.message import (
    Deliver,
    Denied,
    LinkRequest,
    Locate,
    PathEnd,
    customer_key,
    identifier_key,
)
from cjo_stream.core.program.program import Program
from cjo_stream.core.size import has_room
from cjo_stream.core.state import Asked, FormerPath, Identifier
from cjo_stream.core.turn import Turn

REFUSAL_MS = 24 * 3_600_000
"""How long a refused edge is not requested again."""
UNSEEN = -1
"""The epoch of an edge's other end before its own actor has seen it."""
_Value = TypeVar("_Value")


def knows_edges(state: Identifier, event: Event, program: Program) -> bool:
    """Return whether all of the event's edges are known."""
    anchor = event.identifiers[0]
    for other in event.identifiers[1:]:
        if other.hash + "".join(_seen_with(event, anchor, other, program)) not in state.known:
            return False
    return True


def unknown_edges(state: Identifier, event: Event, turn: Turn) -> list[str]:
    """Return the names of the event's edges that are not known yet; note them to be requested."""
    if state.is_shared:
        return []
    waits: list[str] = []
    anchor = event.identifiers[0]
    for other in event.identifiers[1:]:
        seen_with = _seen_with(event, anchor, other, turn.program)
        name = other.hash + "".join(seen_with)
        if name in state.known or turn.clock < state.refused.get(name, turn.clock):
            continue
        asked = state.asked.get(name)
        if asked is None or asked.aside:
            edge = Edge(
                incarnation_of(anchor, state.epoch),
                incarnation_of(other, UNSEEN),
                name,
                event.time,
                event.id,
                event.type,
            )
            one = Asked(edge, seen_with)
            others = state.asked.values()
            bounds = turn.bounds
            if len(others) >= bounds.asked or not has_room(
                one, others, bounds.asked_bytes, bounds.small_bytes
            ):
                turn.count("cjo_state_bounds_total", "asked")
                continue
            state.asked.pop(name, None)
            state.asked[name] = one
        waits.append(name)
    return waits


def go_on(state: Identifier, turn: Turn) -> None:
    """Request the next edge unless one is open; release the events that wait for nothing more."""
    while (one := next((a for a in state.asked.values() if not _is_settled(a)), None)) is not None:
        if one.is_open:
            break
        if not _has_no_room(state, one.edge.other.type, turn):
            ask(state, one, turn)
            break
        del state.asked[one.edge.name]
        remember(state.refused, one.edge.name, turn.clock + REFUSAL_MS, turn)
        turn.send(customer_key(state.pointer), Denied(one.edge, "limit"))
    release(state, turn)


def release(state: Identifier, turn: Turn) -> None:
    """Send on, in order, the held events that wait for nothing more."""
    asked = state.asked
    while state.held and state.former_path is None:
        if any(name in asked and not asked[name].aside for name in state.held[0].waits):
            break
        _deliver_first(state, turn)


def _deliver_first(state: Identifier, turn: Turn) -> None:
    deliver(state, state.held.pop(0).event, turn)


def give_up_first(state: Identifier, turn: Turn) -> None:
    """Send the first event on without its links; these are still requested in their turn."""
    turn.count("cjo_state_bounds_total", "held")
    _deliver_first(state, turn)


def deliver(state: Identifier, event: Event, turn: Turn) -> None:
    """Send an event to the customer; by the former path, while others may still be on it."""
    path = state.former_path
    if path is not None:
        path.sent_since = True
        turn.send(customer_key(path.pointer), Deliver(event, path.epoch))
        return
    if state.is_locating and not state.sent_since:
        turn.changed = state.sent_since = True
    turn.send(customer_key(state.pointer), Deliver(event, state.epoch))


def ask_former(hash_: str, path: FormerPath, turn: Turn) -> None:
    """Ask by the former path whether all events that were sent by it have arrived."""
    path.sent_since = False
    turn.send(customer_key(path.pointer), Locate(hash_, path.epoch, is_final=True))


def end_former(hash_: str, state: Identifier, turn: Turn) -> None:
    """Leave the former path, if there is one, for good."""
    if state.former_path is not None:
        path, state.former_path = state.former_path, None
        turn.send(customer_key(path.pointer), PathEnd(hash_, path.epoch, state.epoch))


def ask(state: Identifier, one: Asked, turn: Turn) -> None:
    """Request an edge, in the identifier's epoch."""
    edge = one.edge
    source = Incarnation(edge.source.type, edge.source.value, edge.source.hash, state.epoch)
    one.edge = Edge(source, edge.other, edge.name, edge.time, edge.event_id, edge.event_type)
    one.is_open, one.is_granted, one.again_at = True, False, None
    request = LinkRequest(one.edge, state.pointer, one.seen_with)
    turn.send(identifier_key(edge.other.hash), request)


def _is_settled(one: Asked) -> bool:
    """Return whether the next edge need not wait for this one."""
    return one.is_open and (one.is_granted or one.aside)


def _has_no_room(state: Identifier, type_: str, turn: Turn) -> bool:
    """Return whether the customer is known to be full of a type: no link need be requested.

    A type that counts its users is requested anyway, so that it can count.
    """
    until = state.full.get(type_)
    if until is None or turn.clock >= until:
        return False
    return turn.program.identifier_type(type_).counts is None


def _seen_with(event: Event, anchor: Named, other: Named, program: Program) -> list[str]:
    """Return the hashes, except the anchor's, that `other` counts to know whether it is shared.

    They are part of the edge's name: an edge with further hashes is a new edge.
    """
    counted = program.identifier_type(other.type).counts
    if counted is None or counted == anchor.type:
        return []
    return [i.hash for i in event.identifiers if i.type == counted and i.hash != other.hash]


def remember(edges: dict[str, _Value], name: str, value: _Value, turn: Turn) -> None:
    """Note an edge as the newest; beyond the bound drop the oldest."""
    edges.pop(name, None)
    edges[name] = value
    if len(edges) > turn.bounds.known:
        del edges[next(iter(edges))]


def incarnation_of(named: Named, epoch: int) -> Incarnation:
    """Return an identifier in one of its epochs."""
    return Incarnation(named.type, named.value, named.hash, epoch)
