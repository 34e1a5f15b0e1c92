"""Messages passed on to another customer.

An absorbed customer passes all on; after an unmerge those for members that left are passed on.
"""

from __future__ import annotations

import msgspec

from cjo_stream.core.answer import Nobody
from cjo_stream.core.edge import Edge, next_given_epoch
from cjo_stream.core.message import (
    CustomerMessage,
    Deliver,
    Link,
    Locate,
    Order,
    PathEnd,
    customer_key,
)
from cjo_stream.core.record import Reply
from cjo_stream.core.standing import Standing, standing_of
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn


def on_redirect(_: str, state: Customer, message: CustomerMessage, turn: Turn) -> Customer:
    """Pass a message on to the customer that absorbed this one."""
    turn.changed = False
    pass_on(message, state.redirect, turn)
    return state


def pass_on(message: CustomerMessage, absorbed_by: str, turn: Turn) -> None:
    """Send a message on; a link goes to the greater of the two customers that it now joins."""
    if isinstance(message, Link):
        pair = (absorbed_by, message.to)
        source, other = pair if message.of_source else pair[::-1]
        send_link(message.edge, source, other, turn)
    elif isinstance(message, Deliver):
        again = Deliver(message.event, message.epoch, message.hops + 1)
        turn.send(customer_key(absorbed_by), again)
    else:
        turn.send(customer_key(absorbed_by), message)


def send_link(edge: Edge, source_customer: str, other_customer: str, turn: Turn) -> None:
    """Send an edge to the greater of two customers, the only one that may be absorbed."""
    if source_customer >= other_customer:
        turn.send(customer_key(source_customer), Link(edge, True, other_customer))
    else:
        turn.send(customer_key(other_customer), Link(edge, False, source_customer))


def moved_to(customer: Customer, hash_: str, epoch: int) -> tuple[str, int] | None:
    """Return the customer and the epoch that an unmerge gave this incarnation, or None."""
    to = customer.moved.get(f"{hash_}@{epoch}")
    return (to, next_given_epoch(epoch)) if to is not None else None


def is_event_passed_on(customer: Customer, message: Deliver, turn: Turn) -> bool:
    """Return whether an event belongs to a parted customer; if so, send it there."""
    if not (customer.moved or customer.parted):
        return False
    parted = _parted_of(customer, message, turn)
    if parted is None:
        return False
    to, epoch = parted
    turn.send(customer_key(to), Deliver(message.event, epoch, message.hops + 1))
    turn.changed = False
    return True


def is_locate_passed_on(customer: Customer, message: Locate, turn: Turn) -> bool:
    """Return whether the identifier has left; if so, send the Locate to its customer."""
    moved = moved_to(customer, message.hash, message.epoch)
    if moved is None:
        return False
    to, epoch = moved
    turn.send(customer_key(to), Locate(message.hash, epoch, message.is_final))
    return True


def on_path_end(_: str, state: Customer | None, message: PathEnd, turn: Turn) -> Customer | None:
    """Forget where an identifier went, and pass the message on to there."""
    moved = moved_to(state, message.hash, message.epoch) if state is not None else None
    if state is None or moved is None:
        turn.changed = False
        return state
    to, epoch = moved
    del state.moved[f"{message.hash}@{message.epoch}"]
    if epoch < message.to:  # else events may come by to where it goes after that
        turn.send(customer_key(to), PathEnd(message.hash, epoch, message.to))
    return state


def is_order_passed_on(customer: Customer, order: Order, turn: Turn) -> bool:
    """Return whether an operator's order is not for this customer; if so, pass it on or answer it.

    It is passed on to the customer to which an unmerge gave the order's identifier. If that has
    left and its new customer is not known, the operator is asked to repeat the command, because
    it must not be applied to another customer.
    """
    if order.by is None:
        return False
    hash_, epoch = order.by
    moved = moved_to(customer, hash_, epoch)
    if moved is not None:
        order = msgspec.structs.replace(order, by=(hash_, moved[1]))
        turn.send(customer_key(moved[0]), order)
        return True
    held = [customer.members]
    if customer.membership is not None:
        held += [reserved.members for reserved in customer.membership.reserved.values()]
    is_here = any(hash_ in members and members[hash_].epoch == epoch for members in held)
    if is_here or standing_of(customer) is Standing.ERASED:
        return False
    turn.emit(Reply(command_id=order.command_id, body=Nobody(changed=True)))
    return True


def join_moved(into: Customer, other: Customer, turn: Turn) -> None:
    """Add the other customer's notes of members that left."""
    into.moved.update(other.moved)
    forget_oldest(into, turn)


def join_parted(into: Customer, other: Customer, turn: Turn) -> None:
    """Add the other customer's notes of commands that left, except those that are here again."""
    into.parted.update(other.parted)
    if into.parted:
        back = {into.id, *into.aliases, other.id, *other.aliases}
        into.parted = {id_: to for id_, to in into.parted.items() if to not in back}
    forget_oldest(into, turn)


def note_parted(customer: Customer, fresh: Customer, turn: Turn) -> None:
    """Note that the commands of a fresh customer have gone to it."""
    customer.parted.update(dict.fromkeys((c.id for c in fresh.commands), fresh.id))
    forget_oldest(customer, turn)


def forget_oldest(customer: Customer, turn: Turn) -> None:
    """Keep the newest of the members that left, and of their commands, as bounds allow."""
    turn.drop_oldest(customer.moved, turn.bounds.remembered, "moved")
    turn.drop_oldest(customer.parted, turn.bounds.remembered, "parted")


def _parted_of(customer: Customer, message: Deliver, turn: Turn) -> tuple[str, int] | None:
    """Return the customer and the epoch to which an event must be passed on, or None.

    An outcome passed on more often than the bound of aliases is going in a circle: its command
    left and came back, and the alias that would show this was dropped. It is handled here.
    """
    event = message.event
    if customer.moved and event.identifiers:
        return moved_to(customer, event.identifiers[0].hash, message.epoch)
    if customer.parted and not event.identifiers:
        parted = customer.parted.get(str(event.attributes.get("action_id")))
        if parted is not None and message.hops <= turn.bounds.aliases:
            return parted, message.epoch
        if parted is not None:
            turn.count("cjo_state_bounds_total", "aliases")
    return None
