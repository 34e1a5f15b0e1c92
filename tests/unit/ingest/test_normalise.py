"""Identifiers that mean the same become one value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cjo_stream.core.program.topology import IdentifierType
from cjo_stream.core.word import Ignored, NormalForm
from cjo_stream.ingest.format.name import event_type, snake_case
from cjo_stream.ingest.normalise import email, normaliser, text, text_of_number


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
        ("\u200bann@example.com\u200e\ufeff", "ann@example.com"),
        ("mailto:ann@example.com", "ann@example.com"),
        ("ann@example.com.", "ann@example.com"),
        ("taro..yamada.@docomo.example", "taro..yamada.@docomo.example"),
        (".Ann@my_host.example.com", ".ann@my_host.example.com"),
        ("ann@corp.local", "ann@corp.local"),
        ("ann@nowhere.invalid", None),
        ("ann@@example.com", None),
        ("ann@-x.example", None),
        ("ann@1.2.3.4", None),
    ],
)
def test_email(written: str, normal: str | None) -> None:
    assert email(written) == (Ignored.UNUSABLE if normal is None else normal)


def test_other_types_are_nfkc_and_stripped() -> None:
    assert text("\u00a0ＡＢ１\u2009") == "AB1"
    assert text("Cafe\u0301") == "Café"


def test_an_integer_that_a_column_of_floats_wrote_is_that_integer() -> None:
    plain = normaliser(IdentifierType(type="x", rank=0), None)
    assert plain(" 12345.0 ", False) == plain("12345", False) == "12345"
    assert plain("00123.00", False) == "00123"
    assert plain("1.5", False) == "1.5"
    assert plain("v1.0", False) == "v1.0"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (12345, "12345"),
        (12345.0, "12345"),
        (-7.0, "-7"),
        (0.5, "0.5"),
        (2**63, str(2**63)),
        (float(2**53 - 1), str(2**53 - 1)),
        (float(2**53), Ignored.AMBIGUOUS),
        (1e300, Ignored.AMBIGUOUS),
    ],
)
def test_a_number_is_its_digits_where_it_was_not_rounded(number: float, text: str) -> None:
    assert text_of_number(number) == text


def test_each_type_has_its_normaliser() -> None:
    assert normaliser(IdentifierType(type="x", rank=0), None)(" A@B.de ", False) == "A@B.de"
    mail = normaliser(IdentifierType(type="x", rank=0, normalise=NormalForm.EMAIL), None)
    assert mail("A@B.de", False) == "a@b.de"
    call = normaliser(IdentifierType(type="x", rank=0, normalise=NormalForm.PHONE), "DE")
    assert call("030 12345", False) == "+493012345"


def test_names_of_other_systems_become_ours() -> None:
    assert event_type("order.placed_2") == "order.placed_2"
    assert event_type("OrderPlaced") == "order_placed"
    assert event_type("Product -- Viewed!") == "product_viewed"
    assert snake_case("phoneNumber") == "phone_number"
    assert snake_case("userID") == "user_id"
    assert snake_case("日本") == ""


def test_names_in_the_documentation_become_the_types_that_stand_there() -> None:
    page = (Path(__file__).parents[3] / "docs/events.md").read_text()
    table = page.split("| name | event type |")[1].split("\n\n")[0]
    rows = [re.findall("`([^`]+)`", line) for line in table.splitlines()[2:]]
    assert len(rows) == 6
    for *names, made in rows:
        assert [event_type(name) for name in names] == [made] * len(names)
