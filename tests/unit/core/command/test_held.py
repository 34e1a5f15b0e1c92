"""A customer's commands stay as they are stored until somebody asks for them."""

from __future__ import annotations

import msgspec
import pytest

from cjo_stream.core.state import Command, Customer
from cjo_stream.errors import InvariantError

_DECODE = msgspec.msgpack.Decoder(Customer).decode
_ENCODE = msgspec.msgpack.Encoder().encode


def command(number: int) -> Command:
    return Command(f"x-a{number}", "act", "web", None, None, "service", number)


def stored(*numbers: int) -> bytes:
    customer = Customer(id="x")
    customer.commands = [command(number) for number in numbers]
    return _ENCODE(customer)


def test_commands_nobody_asks_for_are_not_decoded() -> None:
    customer = _DECODE(stored(1, 2))
    customer.events += 1
    again = _DECODE(_ENCODE(customer))
    assert type(customer.held_commands) is type(again.held_commands) is msgspec.Raw
    assert [one.id for one in again.commands] == ["x-a1", "x-a2"]


def test_commands_somebody_has_changed_are_stored_so() -> None:
    customer = _DECODE(stored(1))
    customer.commands.append(command(2))
    customer.commands[0].outcomes["accepted"] = 5
    again = _DECODE(_ENCODE(customer))
    assert [(one.id, one.outcomes) for one in again.commands] == [
        ("x-a1", {"accepted": 5}),
        ("x-a2", {}),
    ]


def test_the_bytes_are_those_of_a_list() -> None:
    customer = _DECODE(stored(1, 2))
    assert _ENCODE(customer) == stored(1, 2)
    assert len(customer.commands) == 2
    assert _ENCODE(customer) == stored(1, 2)


def test_customers_do_not_share_their_first_list() -> None:
    one, other = Customer(id="x"), Customer(id="y")
    one.commands.append(command(1))
    assert other.commands == []


def test_damaged_commands_stop_the_process_and_are_no_event_s_fault() -> None:
    customer = _DECODE(stored(1).replace(b"\xa3act", b"\x93\x01\x02\x03"))
    with pytest.raises(InvariantError, match="the stored commands of customer x are damaged"):
        _ = customer.commands
