"""What refuses an event or fails a command takes no good name for a misspelt one."""

from __future__ import annotations

import pytest

from cjo_stream.core.likeness import nearest, surely


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Channel", "channel"),
        ("CHANNEL", "channel"),
        ("channels", "channel"),
        ("channel", "channels"),
        ("statuses", "status"),
        ("actionId", "action_id"),
        ("Order-ID", "order_id"),
        ("order id", "orderId"),
        ("ids", "id"),
        ("chanel", "channel"),
        ("channle", "channel"),
        ("channell", "channel"),
        ("channrl", "channel"),
        ("cnhannel", "channel"),
        ("purpos", "purpose"),
        ("satus", "status"),
        ("valeu", "value"),
        ("acton_id", "action_id"),
        ("line2_adress", "line2_address"),
    ],
)
def test_the_same_and_one_slip_are_sure(name: str, word: str) -> None:
    assert surely(name, ["unlike", word]) == word


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("channel_id", "channel"),
        ("channelId", "channel"),
        ("my_channel", "channel"),
        ("channel2", "channel"),
        ("c_hannell", "channel"),
        ("kanal", "channel"),
        ("p_value", "value"),
        ("x_value", "value"),
        ("xvalue", "value"),
        ("valueX", "value"),
        ("value2", "value"),
        ("valued", "value"),
        ("reaction_id", "action_id"),
        ("transaction", "action"),
        ("paid", "id"),
        ("is", "id"),
        ("data", "date"),
        ("country", "coupon"),
        ("phone_type", "phone"),
        ("border_id", "order_id"),
        ("address_2", "address_1"),
        ("address21", "address12"),
        ("", "s"),
        ("_", "-s"),
        ("chanenlx", "channel"),
        ("c" * 81, "c" * 80),
    ],
)
def test_another_name_is_none(name: str, word: str) -> None:
    assert surely(name, [word]) is None


def test_the_same_goes_before_a_slip() -> None:
    assert surely("orders", ["ordera", "order"]) == "order"


def test_the_order_of_words_does_not_matter() -> None:
    words = ["channels", "channel"]
    assert surely("chanels", words) == surely("chanels", words[::-1])


def test_a_hint_may_be_wide_of_it() -> None:
    assert nearest("reaction_id", ["action_id", "value"]) == "action_id"
    assert nearest("kanal", ["action_id", "value"]) is None
    assert nearest("c" * 81, ["c" * 80]) is None
