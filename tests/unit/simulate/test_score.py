"""Customers held against people: pairs counted without making them."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict

import pytest

from cjo_stream.simulate import Truth
from cjo_stream.simulate.score import Score, pairs, score

ANN = Truth("ann", {"email": ["ann@x.org"], "cookie": ["a1", "a2"]}, {"device": ["tablet"]})
BEN = Truth("ben", {"email": ["ben@x.org"], "cookie": ["b1"]}, {"device": ["tablet"]})


def of(*customers: dict[str, list[str]]) -> Score:
    return score([ANN, BEN], customers)


def test_who_is_found_whole_and_alone_is_perfect() -> None:
    found = of(
        {"email": ["ann@x.org"], "cookie": ["a1", "a2"]},
        {"email": ["ben@x.org"], "cookie": ["b1"]},
    )
    assert (found.precision, found.recall, found.f1) == (1, 1, 1)
    assert (found.right, found.joined, found.belonging) == (4, 4, 4)
    assert (found.exact, found.mixed, found.split) == (2, 0, 0)


def test_what_was_not_joined_costs_recall_alone() -> None:
    found = of({"email": ["ann@x.org"]}, {"cookie": ["a1"]}, {"cookie": ["a2"]})
    assert (found.precision, found.recall, found.f1) == (1, 0, 0)
    assert (found.split, found.exact) == (1, 0)


def test_what_was_joined_wrongly_costs_precision_alone() -> None:
    found = of({"email": ["ann@x.org", "ben@x.org"], "cookie": ["a1", "a2", "b1"]})
    assert found.recall == 1
    assert found.precision == 4 / 10
    assert (found.mixed, found.exact) == (1, 0)


def test_what_people_share_is_nobodys_and_counted_apart() -> None:
    found = of({"email": ["ann@x.org"], "device": ["tablet"]}, {"cookie": ["stranger"]})
    assert (found.joined, found.shared, found.unknown) == (0, 1, 1)
    assert found.customers == 1


def test_an_identifier_that_two_customers_hold_is_two_holdings() -> None:
    found = of({"email": ["ann@x.org"], "cookie": ["a1"]}, {"cookie": ["a1"]})
    assert (found.right, found.belonging) == (1, 3)


def test_of_nothing_all_is_well_and_nobody_was_met() -> None:
    found = of()
    assert (found.precision, found.recall, found.people, found.customers) == (1, 1, 0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_counting_gives_what_enumerating_gives(seed: int) -> None:
    draw = random.Random(seed)
    owner = {f"i{n}": f"p{draw.randrange(6)}" for n in range(40)}
    people: dict[str, list[str]] = defaultdict(list)
    for value, name in owner.items():
        people[name].append(value)
    place = {value: draw.randrange(9) for value in owner}
    customers: dict[int, list[str]] = defaultdict(list)
    for value, number in place.items():
        customers[number].append(value)
    found = score(
        [Truth(name, {"cookie": values}, {}) for name, values in people.items()],
        [{"cookie": values} for values in customers.values()],
    )
    every = list(itertools.combinations(owner, 2))
    assert found.joined == sum(place[a] == place[b] for a, b in every)
    assert found.belonging == sum(owner[a] == owner[b] for a, b in every)
    assert found.right == sum(place[a] == place[b] and owner[a] == owner[b] for a, b in every)


def test_a_million_of_one_are_counted_at_once() -> None:
    assert pairs(1_000_000) == 499_999_500_000
