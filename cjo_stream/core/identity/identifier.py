"""The identifier actor: where the events anchored on one value go, and who it is linked with.

    Arrive        ──▶ links not known?  ── no ──▶ Deliver to the customer
                          │ yes
                          ▼
                  the event is held, and later ones behind it
                  LinkRequest to the first identifier; to the next once that link is settled
                          │
    Linked, Refused ──▶ known; released in their order once each of their links is answered

One link is asked at a time, the strongest of the first event first, so that limits which do not
allow two of them let in the stronger one, whoever answers faster. Granted tells that a link is
settled although the other customer's state is still on its way: the next is asked meanwhile.

A pointer is made once in an epoch, at the first need, and moves only to smaller customer ids:

    Rebind ──▶ Locate, on the way that events take ──▶ Rebind, is_located ──▶ moved

but not while events may be on that way: one sent straight to the customer would overtake them.
Where one was sent after the Locate, the next Rebind asks again. An unmerge moves it at once, and
events are held until a final Locate has come back by the way of those before.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from cjo_stream.core.edge import Edge, Incarnation, next_own_epoch
from cjo_stream.core.event import Event
from cjo_stream.core.event import Identifier as Named
from cjo_stream.core.message import (
    HASH_DIGITS,
    Arrive,
    Deliver,
    Denied,
    Drop,
    Find,
    Forget,
    Granted,
    Left,
    Link,
    Linked,
    LinkRequest,
    Locate,
    Rebind,
    Refused,
    Reseed,
    Tie,
    customer_id,
    customer_key,
    identifier_key,
)
from cjo_stream.core.record import Reply
from cjo_stream.core.size import has_room, size_of
from cjo_stream.core.state import Asked, Held, Identifier
from cjo_stream.core.turn import Turn

HOLD_MS = 60_000
"""How long an event waits for the answers to its links; then it goes on without."""
REFUSAL_MS = 24 * 3_600_000
BUSY_AGAIN_MS = 30_000
STALE_AGAIN_MS = 1_000
_Value = TypeVar("_Value")
UNSEEN = -1
"""The epoch of an edge's other end before its own actor has seen it."""


def on_arrive(key: str, state: Identifier | None, message: Arrive, turn: Turn) -> Identifier:
    """Send an event on to its customer, or hold it until its links are answered."""
    event = message.event
    if state is None:
        state = Identifier()
    elif state.erased_at is not None and event.time <= state.erased_at:
        turn.count("cjo_events_total", event.channel or "", "erased")
        turn.changed = False
        return state
    turn.changed = _settle_pointer(key, state, event.identifiers[0].type, turn)
    if _counts_others(state, event, turn):
        turn.changed = True
        _become_shared(key, state, event.identifiers[0], turn)
    waits = _unknown(state, event, turn) if len(event.identifiers) > 1 else []
    if not waits and not state.held and not state.is_parting:
        _deliver(state, event, turn)
        return state
    turn.changed = True
    size = size_of((event.attributes, [named.value for named in event.identifiers]))
    state.held.append(Held(event, waits, turn.clock, size))
    size = sum(held.size for held in state.held)
    while len(state.held) > turn.bounds.held or size > turn.bounds.held_bytes:
        size -= state.held[0].size
        _give_up_first(state, turn)
    _go_on(state, turn)
    return state


def on_link_request(
    key: str, state: Identifier | None, message: LinkRequest, turn: Turn
) -> Identifier:
    """Bring the two customers together, or refuse."""
    edge = message.edge
    other, source_key = edge.other, identifier_key(edge.source.hash)
    if state is None:
        state = Identifier()
    elif state.erased_at is not None and edge.time <= state.erased_at:
        turn.send(source_key, Refused(edge, "erased"))
        turn.changed = False
        return state
    turn.changed = _settle_pointer(key, state, other.type, turn)
    users = list(message.seen_with)
    if edge.source.type == turn.program.identifier_type(other.type).counts:
        users.append(edge.source.hash)
    denied = Denied(edge, "shared")
    if _count_users(state, other.type, users, turn):
        turn.changed = True
        _become_shared(key, state, other, turn, denied, message.pointer)
        return state
    if state.is_shared:
        turn.send(customer_key(message.pointer), denied)
        return state
    mine = Incarnation(other.type, other.value, other.hash, state.epoch)
    seen = _with_other(edge, mine)
    send_link(seen, message.pointer, state.pointer, turn)
    return state


def on_linked(_: str, state: Identifier | None, message: Linked, turn: Turn) -> Identifier:
    """Note that the edge lies inside one customer, and let go who waited for it."""
    assert state is not None
    edge = message.edge
    _reply(edge, {"linked": True}, turn)
    if edge.source.epoch == state.epoch:
        state.asked.pop(edge.name, None)
        state.refused.pop(edge.name, None)
        _remember(state.known, edge.name, None, turn)
        _go_on(state, turn)
    return state


def on_granted(_: str, state: Identifier | None, message: Granted, turn: Turn) -> Identifier:
    """Ask the next edge: this one will lie inside one customer, once their states are joined."""
    assert state is not None
    edge = message.edge
    asked = state.asked.get(edge.name)
    if edge.source.epoch == state.epoch and asked is not None:
        asked.is_granted = True
        _go_on(state, turn)
    return state


def on_refused(_: str, state: Identifier | None, message: Refused, turn: Turn) -> Identifier:
    """Note why the edge's ends stay apart, and let go who waited for it."""
    assert state is not None
    edge, reason = message.edge, message.reason
    if edge.command_id:
        _reply(edge, {"linked": False, "reason": reason}, turn)
        turn.changed = False
        return state
    if reason in ("busy", "stale"):
        asked = state.asked.get(edge.name)
        if edge.source.epoch == state.epoch and asked is not None:
            again_ms = BUSY_AGAIN_MS if reason == "busy" else STALE_AGAIN_MS
            asked.again_at = turn.clock + again_ms
            asked.aside = asked.aside or reason == "busy"
            _go_on(state, turn)
        return state
    if edge.source.epoch == state.epoch:
        state.asked.pop(edge.name, None)
        if reason != "erased":
            _remember(state.refused, edge.name, turn.clock + REFUSAL_MS, turn)
        if message.full_until is not None:
            state.full[edge.other.type] = message.full_until
        _go_on(state, turn)
    return state


def on_rebind(key: str, state: Identifier | None, message: Rebind, turn: Turn) -> Identifier:
    """Follow the customer who absorbed this identifier's, once nothing is on the longer way."""
    assert state is not None
    if message.is_final:
        state.is_parting = False
        _go_on(state, turn)
        return state
    turn.changed = False
    if message.epoch != state.epoch:
        return state
    if message.is_located:
        turn.changed = True
        if not state.sent_since:
            state.pointer = min(state.pointer, message.pointer)
        state.is_locating = state.sent_since = False
    elif message.pointer < state.pointer and not state.is_locating:
        turn.changed = state.is_locating = True
        hash_ = key[1:]
        turn.send(customer_key(state.pointer), Locate(hash_, state.epoch))
    return state


def on_reseed(_: str, state: Identifier | None, message: Reseed, turn: Turn) -> Identifier:
    """Follow an unmerge into a new epoch; where that came too late, say so.

    Events are held until all that were sent before have come to the new customer, on the old way.
    """
    assert state is not None
    old = message.incarnation
    if state.epoch != old.epoch:
        moved = Incarnation(old.type, old.value, old.hash, message.epoch)
        turn.send(customer_key(message.pointer), Drop(moved, "moved"))
        turn.changed = False
        return state
    if not state.is_parting:  # else nothing was sent since; what is under way passes here, too
        turn.send(customer_key(state.pointer), Locate(old.hash, old.epoch, is_final=True))
        state.is_parting = True
    state.pointer, state.epoch = message.pointer, message.epoch
    state.is_locating = state.sent_since = False
    state.known, state.refused, state.full = {}, {}, {}
    state.asked = {name: Asked(a.edge, a.seen_with) for name, a in state.asked.items()}
    _go_on(state, turn)
    return state


def on_left(_: str, state: Identifier | None, message: Left, turn: Turn) -> Identifier | None:
    """Forget what was known of links with those who have left the customer."""
    turn.changed = False
    if state is None:
        return state
    left = set(message.hashes)
    for edges in (state.known, state.refused):
        for name in [name for name in edges if not left.isdisjoint(_hashes(name))]:
            del edges[name]
    state.full = {}
    turn.changed = True
    return state


def on_forget(key: str, state: Identifier | None, message: Forget, turn: Turn) -> Identifier:
    """Begin anew where the customer was erased; events not later are dropped."""
    if state is not None and state.epoch > message.epoch:
        turn.changed = False
        return state
    turn.purges += [key, customer_key(f"{message.rank:02x}{key[1:]}")]
    later = [h.event for h in state.held if h.event.time > message.erased_at] if state else []
    fresh = Identifier(epoch=next_own_epoch(message.epoch), erased_at=message.erased_at)
    for event in later:
        turn.send(key, Arrive(event))
    return fresh


def on_find(key: str, state: Identifier | None, message: Find, turn: Turn) -> Identifier | None:
    """Pass an operator's order on to the customer; answer where there is none."""
    turn.changed = False
    if state is None or not state.pointer:
        turn.emit(Reply(command_id=message.order.command_id, body={"found": False}))
    else:
        order = msgspec.structs.replace(message.order, by=(key[1:], state.epoch))
        turn.send(customer_key(state.pointer), order)
    return state


def on_tie(key: str, state: Identifier | None, message: Tie, turn: Turn) -> Identifier:
    """Link two identifiers as an operator says, whatever was refused before."""
    state = state if state is not None else Identifier()
    _settle_pointer(key, state, message.source.type, turn)
    if state.is_shared:
        body = {"linked": False, "reason": "shared"}
        turn.emit(Reply(command_id=message.command_id, body=body))
        return state
    edge = Edge(
        _incarnation(message.source, state.epoch),
        _incarnation(message.other, UNSEEN),
        message.other.hash,
        turn.clock,
        command_id=message.command_id,
    )
    turn.send(identifier_key(message.other.hash), LinkRequest(edge, state.pointer))
    return state


def wake_ms(state: Identifier) -> int | None:
    """Return when an edge is asked again or a hold ends, clock in ms, or None."""
    if not state.asked and not state.held:
        return None
    dues = [one.again_at for one in state.asked.values() if one.again_at is not None]
    if state.held:
        dues.append(state.held[0].since + HOLD_MS)
    return min(dues, default=None)


def fire(state: Identifier, turn: Turn) -> None:
    """Ask again what is due; let go events that have waited long enough."""
    for one in state.asked.values():
        if one.again_at is not None and one.again_at <= turn.clock:
            _ask(state, one, turn)
    while state.held and state.held[0].since + HOLD_MS <= turn.clock:
        _give_up_first(state, turn)
    _go_on(state, turn)


def send_link(edge: Edge, source_customer: str, other_customer: str, turn: Turn) -> None:
    """Tell the greater of two customers, the only one that may be absorbed, of an edge."""
    if source_customer >= other_customer:
        turn.send(customer_key(source_customer), Link(edge, True, other_customer))
    else:
        turn.send(customer_key(other_customer), Link(edge, False, source_customer))


# --- edges: asked, known


def _unknown(state: Identifier, event: Event, turn: Turn) -> list[str]:
    """Return the names of the event's edges that are not known; they are asked for in turn."""
    if state.is_shared:
        return []
    waits: list[str] = []
    anchor = event.identifiers[0]
    for other in event.identifiers[1:]:
        seen_with = _seen_with(event, anchor, other, turn)
        name = other.hash + "".join(seen_with)
        if name in state.known or turn.clock < state.refused.get(name, turn.clock):
            continue
        asked = state.asked.get(name)
        if asked is None or asked.aside:
            edge = Edge(
                _incarnation(anchor, state.epoch),
                _incarnation(other, UNSEEN),
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


def _go_on(state: Identifier, turn: Turn) -> None:
    """Ask the next edge where none is open; let go the events that wait for nothing any more."""
    while (one := next((a for a in state.asked.values() if not _is_settled(a)), None)) is not None:
        if one.is_open:
            break
        if not _has_no_room(state, one.edge.other.type, turn):
            _ask(state, one, turn)
            break
        del state.asked[one.edge.name]
        _remember(state.refused, one.edge.name, turn.clock + REFUSAL_MS, turn)
        turn.send(customer_key(state.pointer), Denied(one.edge, "limit"))
    _release(state, turn)


def _is_settled(one: Asked) -> bool:
    """Return whether the next edge need not wait for this one."""
    return one.is_open and (one.is_granted or one.aside)


def _has_no_room(state: Identifier, type_: str, turn: Turn) -> bool:
    """Return whether the customer is known to be full of a type: another one need not be asked.

    One that counts who it is seen with is asked all the same.
    """
    until = state.full.get(type_)
    if until is None or turn.clock >= until:
        return False
    return turn.program.identifier_type(type_).counts is None


def _seen_with(event: Event, anchor: Named, other: Named, turn: Turn) -> list[str]:
    """Return the hashes, the anchor's apart, that `other` must count to know whether it is shared.

    They are part of the edge's name, so that a known edge does not keep a new one from it.
    """
    counted = turn.program.identifier_type(other.type).counts
    if counted is None or counted == anchor.type:
        return []
    return [i.hash for i in event.identifiers if i.type == counted and i.hash != other.hash]


def _hashes(name: str) -> list[str]:
    """Return the hashes that an edge's name is made of."""
    return [name[at : at + HASH_DIGITS] for at in range(0, len(name), HASH_DIGITS)]


def _ask(state: Identifier, one: Asked, turn: Turn) -> None:
    edge = one.edge
    source = Incarnation(edge.source.type, edge.source.value, edge.source.hash, state.epoch)
    one.edge = Edge(source, edge.other, edge.name, edge.time, edge.event_id, edge.event_type)
    one.is_open, one.is_granted, one.again_at = True, False, None
    request = LinkRequest(one.edge, state.pointer, one.seen_with)
    turn.send(identifier_key(edge.other.hash), request)


def _remember(edges: dict[str, _Value], name: str, value: _Value, turn: Turn) -> None:
    """Note an edge as the newest; beyond the bound the oldest goes."""
    edges.pop(name, None)
    edges[name] = value
    if len(edges) > turn.bounds.known:
        del edges[next(iter(edges))]


def _release(state: Identifier, turn: Turn) -> None:
    """Send on, in order, the held events that wait for nothing any more."""
    asked = state.asked
    while state.held and not state.is_parting:
        if any(name in asked and not asked[name].aside for name in state.held[0].waits):
            break
        _deliver_first(state, turn)


def _deliver_first(state: Identifier, turn: Turn) -> None:
    _deliver(state, state.held.pop(0).event, turn)


def _give_up_first(state: Identifier, turn: Turn) -> None:
    """Let the first event go on without its links; they are asked in their turn all the same."""
    turn.count("cjo_state_bounds_total", "held")
    _deliver_first(state, turn)


def _deliver(state: Identifier, event: Event, turn: Turn) -> None:
    if state.is_locating and not state.sent_since:
        turn.changed = state.sent_since = True
    turn.send(customer_key(state.pointer), Deliver(event, state.epoch))


def _reply(edge: Edge, body: dict[str, object], turn: Turn) -> None:
    if edge.command_id:
        turn.emit(Reply(command_id=edge.command_id, body=body))


# --- the pointer, and sharing


def _settle_pointer(key: str, state: Identifier, type_: str, turn: Turn) -> bool:
    """Make the pointer where there is none; return whether it was made."""
    if state.pointer:
        return False
    rank = turn.program.identifier_type(type_).rank
    state.pointer = customer_id(rank, key[1:], state.epoch)
    return True


def _counts_others(state: Identifier, event: Event, turn: Turn) -> bool:
    """Count what the anchor itself was seen with; return whether that makes it shared."""
    counted = turn.program.identifier_type(event.identifiers[0].type).counts
    if counted is None:
        return False
    others = [i.hash for i in event.identifiers[1:] if i.type == counted]
    return _count_users(state, event.identifiers[0].type, others, turn)


def _count_users(state: Identifier, type_: str, hashes: list[str], turn: Turn) -> bool:
    """Count distinct values of the type that shares; return whether that makes it shared."""
    declared = turn.program.identifier_type(type_)
    if declared.shared_after is None or declared.counts is None or state.is_shared:
        return False
    if state.counted != declared.counts:
        if state.counted:  # of another type: `of` has changed, or a stronger type has come
            state.users = []
        state.counted = declared.counts
        turn.changed = True
    for hash_ in hashes:
        if hash_ not in state.users:
            state.users.append(hash_)
            turn.changed = True
    return len(state.users) > min(declared.shared_after, turn.bounds.users)


def _become_shared(
    key: str,
    state: Identifier,
    named: Named | Incarnation,
    turn: Turn,
    denied: Denied | None = None,
    denied_to: str = "",
) -> None:
    """Leave the customer, and link nobody from here on; waiting events go to the new one.

    `denied` goes on to customer `denied_to` when that is done: who asks next finds it so.
    """
    old = Incarnation(named.type, named.value, key[1:], state.epoch)
    turn.send(customer_key(state.pointer), Drop(old, "shared", denied, denied_to))
    state.is_shared = True
    state.users = []
    state.known, state.refused, state.full = {}, {}, {}
    state.asked = {}
    state.epoch = next_own_epoch(state.epoch)
    state.is_locating = state.sent_since = False
    state.is_parting = False
    state.pointer = ""
    _settle_pointer(key, state, named.type, turn)
    _release(state, turn)


def _incarnation(named: Named, epoch: int) -> Incarnation:
    return Incarnation(named.type, named.value, named.hash, epoch)


def _with_other(edge: Edge, other: Incarnation) -> Edge:
    return Edge(
        edge.source,
        other,
        edge.name,
        edge.time,
        edge.event_id,
        edge.event_type,
        edge.command_id,
    )
