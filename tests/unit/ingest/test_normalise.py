"""Identifiers that mean the same become one value."""

from __future__ import annotations

import pytest

from cjo_stream.core.program.topology import IdentifierType
from cjo_stream.ingest.format.name import event_type, snake_case
from cjo_stream.ingest.normalise import email, is_blocked, normaliser, phone, text


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  Ann.Lee+x@EXAMPLE.Com\n", "ann.lee+x@example.com"),
        ("ann@xn--exmple-cua.de", "ann@exämple.de"),
        ("ann@shop.test", "ann@shop.test"),
        ("ann", None),
        ("ann@localhost", None),
        ("Ann <ann@example.com>", None),
        ("ann@exa mple.com", None),
        ("a" * 900 + "@example.com", None),
    ],
)
def test_email(written: str, normal: str | None) -> None:
    assert email(written) == normal


@pytest.mark.parametrize(
    ("written", "region", "normal"),
    [
        ("0170 1234567", "DE", "+491701234567"),
        ("+49 (0)170 / 123 45 67", "DE", "+491701234567"),
        ("+49 170 1234567", None, "+491701234567"),
        ("0170 1234567", None, None),
        ("(415) 555-0132", "US", "+14155550132"),
        ("555-0132", "US", None),
        ("123", "DE", None),
        ("call me", "DE", None),
        ("9" * 300, "DE", None),
    ],
)
def test_phone(written: str, region: str | None, normal: str | None) -> None:
    assert phone(written, region) == normal


def test_other_types_are_nfkc_and_stripped() -> None:
    assert text("\u00a0ＡＢ１\u2009") == "AB1"
    assert text("Cafe\u0301") == "Café"


def test_each_type_has_its_normaliser() -> None:
    assert normaliser(IdentifierType(type="x", rank=0), None)(" A@B.de ") == "A@B.de"
    assert normaliser(IdentifierType(type="x", rank=0, normalise="email"), None)("A@B.de") == (
        "a@b.de"
    )
    assert normaliser(IdentifierType(type="x", rank=0, normalise="phone"), "DE")("030 12345") == (
        "+493012345"
    )


@pytest.mark.parametrize(
    "value",
    ["", " ", "-1", "0", "000", "00-00", "---", "NULL", "None", "Undefined", "ANONYMOUS", "N/A"],
)
def test_placeholders_are_blocked_in_any_case(value: str) -> None:
    assert is_blocked(value, frozenset())


def test_the_topology_blocks_values_in_any_case() -> None:
    assert is_blocked("Guest ", frozenset({"guest"}))
    assert not is_blocked("guest2", frozenset({"guest"}))
    assert not is_blocked("01", frozenset())


def test_names_of_other_systems_become_ours() -> None:
    assert event_type("order.placed_2") == "order.placed_2"
    assert event_type("OrderPlaced") == "order_placed"
    assert event_type("Product -- Viewed!") == "product_viewed"
    assert snake_case("phoneNumber") == "phone_number"
    assert snake_case("userID") == "user_id"
    assert snake_case("日本") == ""
