"""What an operator's expressions choose among refused records, and make of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest.mending import Mending
from cjo_stream.installation.answer import Refused

VALUE = {"type": "order", "attributes": {"total": "12.5", "note": "x"}}


def letter(reason: str = "invalid", value: Any = VALUE, detail: str = "no `time`") -> Refused:
    text = value if isinstance(value, str) else json.dumps(value)
    return Refused(reason=reason, detail=detail, topic="web", partition=1, offset=7, value=text)


def chosen(mending: Mending, one: Refused) -> bool:
    return mending.is_of(one, one.value.encode())


def mended(*edits: str, value: Any = VALUE) -> Any:
    one = letter(value=value)
    return json.loads(Mending(edits=edits).mended(one, one.value.encode()))


def test_letters_are_chosen_by_reason_and_by_what_the_record_and_its_letter_hold() -> None:
    assert chosen(Mending(), letter())
    assert chosen(Mending("invalid"), letter())
    assert not chosen(Mending("future"), letter())
    assert chosen(Mending(where="row.type == 'order'"), letter())
    assert not chosen(Mending("future", "row.type == 'order'"), letter())
    assert chosen(Mending(where="item.detail == 'no `time`' and item.offset == 7"), letter())
    assert not chosen(Mending(where="row.missing > 3"), letter())
    # What is no object has a letter all the same.
    assert chosen(Mending(where="item.reason == 'malformed'"), letter("malformed", "{"))
    assert not chosen(Mending(where="row.type == 'order'"), letter("malformed", "{"))


def test_edits_set_and_remove_fields_and_read_the_record_as_it_was() -> None:
    assert mended() == VALUE
    assert mended(
        "attributes.total = float(row.attributes.total)",
        "type = 'sale'",
        "attributes.was=row.type",
        "attributes.note = row.nothing",
        "new.below = item.offset",
        "gone.below = row.nothing",
    ) == {
        "type": "sale",
        "attributes": {"total": 12.5, "was": "order"},
        "new": {"below": 7},
    }


def test_a_record_without_edits_keeps_its_bytes_and_one_that_is_no_object_takes_none() -> None:
    assert Mending().mended(letter(), b' {"a" : 1}') == b' {"a" : 1}'
    with pytest.raises(InputError) as error:
        Mending(edits=["a = 1"]).mended(letter(), b"{")
    assert error.value.reason == "malformed"


def test_what_an_expression_could_not_use_is_counted() -> None:
    mending = Mending(where="row.attributes.note > 5")
    assert not chosen(mending, letter())
    ((option, field, _),) = mending.unread
    assert (option, field) == ("--where", "row.attributes.note")


def test_an_expression_that_is_none_is_refused_until_it_is_written_as_said() -> None:
    with pytest.raises(UsageError, match=r"--where rwo.type == 'x': .*`row`"):
        Mending(where="rwo.type == 'x'")
    for wrong in ("total", "row['total'] = 5", "total == 5"):
        with pytest.raises(UsageError, match=r"write PATH = EXPRESSION, as attributes\.total"):
            Mending(edits=[wrong])
    assert chosen(Mending(where="row.type == 'order'", edits=["total = 5"]), letter())
