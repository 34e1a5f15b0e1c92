"""The table of a customer's fields: nothing of a customer is forgotten by merge or unmerge."""

from __future__ import annotations

from typing import Any, get_type_hints

import msgspec
import pytest

from cjo_stream.core.bounds import BOUNDS, Bounds
from cjo_stream.core.identity.field import FIELDS, Erased, beyond_bounds, empty
from cjo_stream.core.state import Command, Customer

OF_IDENTIFIERS = {"held", "asked", "known", "users", "held_bytes", "asked_bytes"}
OF_A_TURN = {"raised", "due_at_once", "piece_bytes"}
NAMES = [name for fields in FIELDS for name in fields.names]


def test_each_field_of_a_customer_has_one_row() -> None:
    assert sorted(NAMES) == sorted(Customer.__struct_fields__)


def test_each_bound_of_a_customer_is_that_of_a_field() -> None:
    bounded = {name for fields in FIELDS for name in fields.bounds}
    assert bounded == set(Bounds.__struct_fields__) - OF_IDENTIFIERS - OF_A_TURN


@pytest.mark.parametrize("fields", FIELDS, ids=lambda fields: fields.names[0])
def test_a_field_whose_bound_is_broken_is_named(fields: Any) -> None:
    if not fields.bounds or fields.names == ("noted",):  # a ring of the store bounds the timeline
        assert fields.is_within(FULL, NOTHING)
        return
    name = fields.names[0]
    assert name in beyond_bounds(FULL, NOTHING)
    assert name not in beyond_bounds(FULL, BOUNDS)
    assert name not in beyond_bounds(Customer(id="x"), NOTHING)


def test_an_erasure_leaves_nothing_but_where_to_go_with_what_comes_late() -> None:
    customer = msgspec.msgpack.decode(msgspec.msgpack.encode(FULL), type=Customer)
    empty(customer)
    blank = Customer(id=customer.id, moved=FULL.moved, parted=FULL.parted)
    assert customer == blank
    stays = {name for fields in FIELDS if fields.erased is Erased.STAYS for name in fields.names}
    assert stays == {"id", "moved", "parted"}


def full() -> Customer:
    """Return a customer with something in each field; containers with two of each."""
    values = {name: _something(type_, 0) for name, type_ in get_type_hints(Customer).items()}
    return Customer(**values)


def _something(type_: Any, number: int) -> Any:
    text = f"{number}" + "x" * 20
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        if not type_.__struct_config__.array_like:
            raise AssertionError(type_)
        hints = get_type_hints(type_)
        return type_(**{name: _something(hint, number) for name, hint in hints.items()})
    if type_ is msgspec.Raw:
        return msgspec.Raw(msgspec.msgpack.encode(_something(list[Command], number)))
    args = getattr(type_, "__args__", ())
    origin = getattr(type_, "__origin__", None)
    if origin is list:
        return [_something(args[0], n) for n in range(2)]
    if origin is dict:
        return {_something(args[0], n): _something(args[1], n) for n in range(2)}
    if origin is tuple:
        return tuple(_something(arg, number) for arg in args)
    if args:  # a union: its first that is no None
        return _something(next(arg for arg in args if arg is not type(None)), number)
    return {str: text, int: 7, bool: True, float: 0.5, bytes: text.encode()}.get(type_, text)


NOTHING = Bounds(**dict.fromkeys(Bounds.__struct_fields__, 0))
FULL = full()
