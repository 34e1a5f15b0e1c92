"""Who is who at present: merges, and what an unmerge takes back."""

from __future__ import annotations

from cjo_stream.core.bounds import BOUNDS
from cjo_stream.insight.layer.people import Change, People


def created(customer: str, *identifiers: str) -> Change:
    return Change("created", customer, [], list(identifiers), None)


def merged(customer: str, *absorbed: str) -> Change:
    return Change("merged", customer, list(absorbed), [], None)


def unmerged(customer: str, left: str, *identifiers: str) -> Change:
    return Change("unmerged", customer, [], list(identifiers), f"from {left}")


def people(*changes: Change) -> People:
    found = People()
    found.take(changes)
    return found


def test_merges_are_followed_over_several() -> None:
    found = people(created("a"), created("b"), created("c"), merged("b", "c"), merged("a", "b"))
    assert [found.present(one) for one in "abcd"] == ["a", "a", "a", "d"]
    assert found.absorbed() == {"b": "a", "c": "a"}


def test_an_unmerge_takes_the_ids_of_its_identifiers_along() -> None:
    changes = (
        created("a", "email:a"),
        created("b", "cookie:b"),
        created("c", "cookie:c"),
        merged("b", "c"),
        merged("a", "b"),
        unmerged("b2", "a", "cookie:b"),
    )
    found = people(*changes)
    assert [found.present(one) for one in ("a", "b", "c", "b2")] == ["a", "b2", "a", "b2"]
    assert found.parted == {"b2"}
    assert found.holders == {"email:a": "a", "cookie:b": "b2", "cookie:c": "c"}
    again = people(*changes, merged("a", "b2"))
    assert [again.present(one) for one in ("b", "b2")] == ["a", "a"]


def test_an_id_goes_with_the_identifier_that_it_was_made_from() -> None:
    """What else the former customer had may leave, or stay, without it."""
    changes = (
        created("a", "email:a"),
        created("b", "user:b"),
        Change("linked", "b", [], ["cookie:b"], None),
        Change("linked", "b", [], ["cookie:other"], None),
        merged("a", "b"),
    )
    some = people(*changes, unmerged("k", "a", "cookie:b"))
    assert some.absorbed() == {"b": "a"}
    assert some.holders["cookie:b"] == "k"
    assert some.present(some.holders["user:b"]) == "a"
    first = people(*changes, unmerged("b2", "a", "user:b", "cookie:b"))
    assert first.absorbed() == {"b": "b2"}
    assert {name: first.present(id_) for name, id_ in first.holders.items()} == {
        "email:a": "a", "user:b": "b2", "cookie:b": "b2", "cookie:other": "a",
    }  # fmt: skip
    # What stayed is erased with whom it stayed, and not with who left.
    left = people(
        *changes,
        unmerged("b2", "a", "user:b", "cookie:b"),
        Change("erased", "b2", ["b"], [], None, 7),
    )
    assert left.holders == {"email:a": "a", "cookie:other": "a"}
    assert left.erased_names == {"user:b": 7, "cookie:b": 7}
    left.take([Change("erased", "a", [], [], None, 8)])
    assert left.erased_names == {"user:b": 7, "cookie:b": 7, "email:a": 8, "cookie:other": 8}


def test_a_shared_identifier_is_not_erased_with_who_had_it() -> None:
    found = people(
        created("a", "email:a"),
        Change("linked", "a", [], ["cookie:k"], None),
        Change("detached", "a", [], ["cookie:k"], "shared"),
        Change("erased", "a", [], [], None, 7),
    )
    assert found.erased_names == {"email:a": 7}


def test_an_identifier_that_was_detached_is_nobodys() -> None:
    detached = Change("detached", "a", [], ["cookie:k"], "limit")
    assert people(created("a", "email:a", "cookie:k"), detached).holders == {"email:a": "a"}


def test_who_was_erased_has_no_identifier() -> None:
    erased = Change("erased", "a", ["b"], [], None)
    found = people(created("a", "email:a"), created("b", "cookie:b"), merged("a", "b"), erased)
    assert (found.holders, found.absorbed()) == ({}, {})


def test_all_that_became_an_erased_customer_is_erased_where_the_record_can_name_no_more() -> None:
    changes = (
        created("a", "email:a"),
        created("b", "cookie:b"),
        created("c", "cookie:c"),
        merged("b", "c"),
        merged("a", "b"),
    )
    named = ["b", *(f"x{number}" for number in range(BOUNDS.aliases - 1))]
    found = people(*changes, Change("erased", "a", named, [], None, 7))
    assert found.erased == dict.fromkeys(("a", *named, "c"), 7)
    assert found.erased_names == {"email:a": 7, "cookie:b": 7, "cookie:c": 7}
    assert found.absorbed() == {}
    assert found.gone_with("a", named) == [*named, "c"]
    assert found.gone_with("d", ["e"]) == ["e"]
    # With room left, it would have named whoever had not left.
    some = people(*changes, Change("erased", "a", named[:-1], [], None, 7))
    assert "c" not in some.erased


def test_what_an_unmerge_gave_to_another_is_not_erased_with_who_had_it() -> None:
    found = people(
        created("a", "email:a", "cookie:k"),
        created("b", "email:b"),
        merged("a", "b"),
        unmerged("k", "a", "cookie:k"),
        Change("erased", "a", ["b"], [], None, 7),
    )
    assert found.erased_names == {"email:a": 7, "email:b": 7}
    assert found.holders == {"cookie:k": "k"}


def test_an_unmerge_holds_where_the_changes_of_who_was_left_are_erased() -> None:
    """The merge is of who was erased: a layer that is opened anew does not have it any more."""
    changes = (
        created("b", "cookie:b"),
        created("a", "email:a"),
        merged("a", "b"),
        unmerged("b2", "a", "cookie:b"),
        Change("erased", "a", [], [], None),
    )
    left = [one for one in changes if one.customer_id != "a" or one.kind == "erased"]
    for found in (people(*changes), people(*left)):
        assert found.absorbed() == {"b": "b2"}
        assert found.holders == {"cookie:b": "b2"}
