"""The identifier actor: it sends the events anchored on it to its customer, and keeps its links.

    Arrive        ──▶ links not known?  ── no ──▶ Deliver to the customer
                          │ yes
                          ▼
                  the event is held, and later events behind it
                  LinkRequest to the first identifier; to the next once that link is settled
                          │
    Linked, Refused ──▶ known; events are released in order once all their links are answered

Links are requested one at a time, the strongest of the first event first. So if a limit allows
only one of two links, the stronger one is linked, whichever is answered first. Granted settles a
link while the other customer's state is still on its way: the next link is requested meanwhile.

A pointer is made once in an epoch, when first needed, and moves only to smaller customer ids:

    Rebind ──▶ Locate, by the path that events take ──▶ Rebind, is_located ──▶ moved

It does not move while events may still be on that path: an event sent directly to the customer
would overtake them. If an event was sent after the Locate, the next Rebind sends another Locate.
An unmerge moves the pointer at once, and the old path becomes the former one. Events are held
until a final Locate, sent by it, has come back. If there is no room to hold an event, the first
goes by the former path, behind those before it, and another final Locate after it. PathEnd is the
last message by the former path.
"""

from __future__ import annotations

import msgspec

from cjo_stream.core.answer import Nobody, Tied
from cjo_stream.core.bounds import Bounds
from cjo_stream.core.edge import Edge, Incarnation, next_own_epoch
from cjo_stream.core.event import Event, Traced
from cjo_stream.core.identifier.hold import (
    REFUSAL_MS,
    UNSEEN,
    ask,
    ask_former,
    deliver,
    end_former,
    give_up_first,
    go_on,
    incarnation_of,
    knows_edges,
    remember,
    unknown_edges,
)
from cjo_stream.core.identifier.pointer import (
    become_shared,
    count_users,
    counts_others,
    ensure_pointer,
    knows_users,
)
from cjo_stream.core.identity.forward import send_link
from cjo_stream.core.message import (
    HASH_DIGITS,
    Arrive,
    Denied,
    Drop,
    Find,
    Forget,
    Granted,
    Left,
    Linked,
    LinkRequest,
    Locate,
    Rebind,
    Refused,
    Reseed,
    Tie,
    customer_key,
    identifier_key,
)
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Reply
from cjo_stream.core.size import size_of
from cjo_stream.core.state import Asked, FormerPath, Held, Identifier
from cjo_stream.core.turn import Turn

HOLD_MS = 60_000
"""How long an event waits for the answers to its links; then it goes on without them."""
BUSY_AGAIN_MS = 30_000
STALE_AGAIN_MS = 1_000


def passes_on(state: Identifier, event: Event, program: Program, bounds: Bounds) -> bool:
    """Return whether an identifier only sends an event on to its customer, and does not change.

    It is so at rest: nothing is under way, and the event names nobody new, or nobody whom a shared
    identifier would link. Then no turn is needed to handle the event's Arrive.
    """
    return (
        state.pointer != ""
        and not state.held
        and not state.is_locating
        and state.former_path is None
        and state.erased_at is None
        and (
            state.is_shared
            or (knows_users(state, event, program, bounds) and knows_edges(state, event, program))
        )
    )


def on_arrive(key: str, state: Identifier | None, message: Arrive, turn: Turn) -> Identifier:
    """Send an event on to its customer, or hold it until its links are answered."""
    event = message.event
    if state is None:
        state = Identifier()
    elif state.erased_at is not None and event.time <= state.erased_at:
        turn.count("cjo_events_total", event.channel or "", "erased")
        turn.changed = False
        return state
    turn.changed = ensure_pointer(key, state, event.identifiers[0].type, turn)
    if counts_others(state, event, turn):
        turn.changed = True
        become_shared(key, state, event.identifiers[0], turn)
    waits = unknown_edges(state, event, turn) if len(event.identifiers) > 1 else []
    if not waits and not state.held and state.former_path is None:
        deliver(state, event, turn)
        return state
    turn.changed = True
    size = size_of((event.attributes, [named.value for named in event.identifiers]))
    if isinstance(event.received, Traced):
        size += size_of(event.received)
    state.held.append(Held(event, waits, turn.clock, size))
    size = sum(held.size for held in state.held)
    while len(state.held) > turn.bounds.held or size > turn.bounds.held_bytes:
        size -= state.held[0].size
        give_up_first(state, turn)
    go_on(state, turn)
    return state


def on_link_request(
    key: str, state: Identifier | None, message: LinkRequest, turn: Turn
) -> Identifier:
    """Send the link to the two customers, or refuse it."""
    edge = message.edge
    other, source_key = edge.other, identifier_key(edge.source.hash)
    if state is None:
        state = Identifier()
    elif state.erased_at is not None and edge.time <= state.erased_at:
        turn.send(source_key, Refused(edge, "erased"))
        turn.changed = False
        return state
    turn.changed = ensure_pointer(key, state, other.type, turn)
    users = list(message.seen_with)
    if edge.source.type == turn.program.identifier_type(other.type).counts:
        users.append(edge.source.hash)
    denied = Denied(edge, "shared")
    if count_users(state, other.type, users, turn):
        turn.changed = True
        become_shared(key, state, other, turn, denied, message.pointer)
        return state
    if state.is_shared:
        turn.send(customer_key(message.pointer), denied)
        return state
    mine = Incarnation(other.type, other.value, other.hash, state.epoch)
    seen = _with_other(edge, mine)
    send_link(seen, message.pointer, state.pointer, turn)
    return state


def on_linked(_: str, state: Identifier | None, message: Linked, turn: Turn) -> Identifier:
    """Note that the edge lies inside one customer; release the events that waited for it."""
    assert state is not None
    edge = message.edge
    _reply(edge, Tied(linked=True), turn)
    if edge.source.epoch == state.epoch:
        state.asked.pop(edge.name, None)
        state.refused.pop(edge.name, None)
        remember(state.known, edge.name, None, turn)
        go_on(state, turn)
    return state


def on_granted(_: str, state: Identifier | None, message: Granted, turn: Turn) -> Identifier:
    """Request the next edge: this one will lie inside one customer once the states are joined."""
    assert state is not None
    edge = message.edge
    asked = state.asked.get(edge.name)
    if edge.source.epoch == state.epoch and asked is not None:
        asked.is_granted = True
        go_on(state, turn)
    return state


def on_refused(_: str, state: Identifier | None, message: Refused, turn: Turn) -> Identifier:
    """Note the refusal of an edge; release the events that waited for it."""
    assert state is not None
    edge, reason = message.edge, message.reason
    if edge.command_id:
        _reply(edge, Tied(linked=False, reason=reason), turn)
        turn.changed = False
        return state
    if reason in ("busy", "stale"):
        asked = state.asked.get(edge.name)
        if edge.source.epoch == state.epoch and asked is not None:
            again_ms = BUSY_AGAIN_MS if reason == "busy" else STALE_AGAIN_MS
            asked.again_at = turn.clock + again_ms
            asked.aside = asked.aside or reason == "busy"
            go_on(state, turn)
        return state
    if edge.source.epoch == state.epoch:
        state.asked.pop(edge.name, None)
        if reason != "erased":
            remember(state.refused, edge.name, turn.clock + REFUSAL_MS, turn)
        if message.full_until is not None:
            state.full[edge.other.type] = message.full_until
        go_on(state, turn)
    return state


def on_rebind(key: str, state: Identifier | None, message: Rebind, turn: Turn) -> Identifier:
    """Point to the absorbing customer, once no event is on its way to the absorbed one."""
    assert state is not None
    if message.is_final:
        path = state.former_path
        if path is None or message.epoch < path.epoch:  # it answers for a path that was left since
            turn.changed = False
        elif path.sent_since:
            ask_former(key[1:], path, turn)
        else:
            end_former(key[1:], state, turn)
            go_on(state, turn)
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


def on_reseed(key: str, state: Identifier | None, message: Reseed, turn: Turn) -> Identifier:
    """Follow an unmerge into a new epoch; if that came too late, leave the new customer again.

    Events are held until all events sent before have reached the new customer by the old path.
    """
    assert state is not None
    old = message.incarnation
    if state.epoch != old.epoch:
        moved = Incarnation(old.type, old.value, old.hash, message.epoch)
        turn.send(customer_key(message.pointer), Drop(moved, "moved"))
        turn.changed = False
        return state
    if state.former_path is None:  # else events still go, or are held, by the one before
        state.former_path = FormerPath(state.pointer, state.epoch)
        ask_former(key[1:], state.former_path, turn)
    state.pointer, state.epoch = message.pointer, message.epoch
    state.is_locating = state.sent_since = False
    state.known, state.refused, state.full = {}, {}, {}
    state.asked = {name: Asked(a.edge, a.seen_with) for name, a in state.asked.items()}
    go_on(state, turn)
    return state


def on_left(_: str, state: Identifier | None, message: Left, turn: Turn) -> Identifier | None:
    """Forget the known and refused links with identifiers that have left the customer."""
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
    """Begin a new epoch after the customer was erased; drop held events up to the erasure."""
    if state is not None and state.epoch > message.epoch:
        turn.changed = False
        return state
    turn.purges += [key, customer_key(f"{message.rank:02x}{key[1:]}")]
    if state is not None:
        end_former(key[1:], state, turn)
    later = [h.event for h in state.held if h.event.time > message.erased_at] if state else []
    fresh = Identifier(epoch=next_own_epoch(message.epoch), erased_at=message.erased_at)
    for event in later:
        turn.send(key, Arrive(event))
    return fresh


def on_find(key: str, state: Identifier | None, message: Find, turn: Turn) -> Identifier | None:
    """Pass an operator's order on to the customer; answer if there is none."""
    turn.changed = False
    if state is None or not state.pointer:
        turn.emit(Reply(command_id=message.order.command_id, body=Nobody()))
    else:
        order = msgspec.structs.replace(message.order, by=(key[1:], state.epoch))
        turn.send(customer_key(state.pointer), order)
    return state


def on_tie(key: str, state: Identifier | None, message: Tie, turn: Turn) -> Identifier:
    """Link two identifiers by an operator's order, even if their link was refused before."""
    state = state if state is not None else Identifier()
    ensure_pointer(key, state, message.source.type, turn)
    if state.is_shared:
        body = Tied(linked=False, reason="shared")
        turn.emit(Reply(command_id=message.command_id, body=body))
        return state
    edge = Edge(
        incarnation_of(message.source, state.epoch),
        incarnation_of(message.other, UNSEEN),
        message.other.hash,
        turn.clock,
        command_id=message.command_id,
    )
    turn.send(identifier_key(message.other.hash), LinkRequest(edge, state.pointer))
    return state


def wake_ms(state: Identifier) -> int | None:
    """Return when an edge is requested again or a hold ends, clock in ms, or None."""
    if not state.asked and not state.held:
        return None
    dues = [one.again_at for one in state.asked.values() if one.again_at is not None]
    if state.held:
        dues.append(state.held[0].since + HOLD_MS)
    return min(dues, default=None)


def fire(state: Identifier, turn: Turn) -> None:
    """Request due edges again; release events that have waited HOLD_MS."""
    for one in state.asked.values():
        if one.again_at is not None and one.again_at <= turn.clock:
            ask(state, one, turn)
    while state.held and state.held[0].since + HOLD_MS <= turn.clock:
        give_up_first(state, turn)
    go_on(state, turn)


def _hashes(name: str) -> list[str]:
    """Return the hashes in an edge's name."""
    return [name[at : at + HASH_DIGITS] for at in range(0, len(name), HASH_DIGITS)]


def _reply(edge: Edge, body: Tied, turn: Turn) -> None:
    if edge.command_id:
        turn.emit(Reply(command_id=edge.command_id, body=body))


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
