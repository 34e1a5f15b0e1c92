"""Tables made with numpy and without it: the same bits. A draw: the plain rule's winner."""

from __future__ import annotations

import hashlib
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from cjo_stream.core.learning import number, thompson, vector
from cjo_stream.core.learning.thompson import DRAWS, TABLE, Drawn, Table
from cjo_stream.core.learning.weight import Weights

EXTREMES = [0.0, 5e-324, 2.2250738585072014e-308, 1e-17, 1e-9, 0.5, 1.0, 36.8, 708.0, 709.0, 1e300]


@pytest.fixture
def fresh() -> Iterator[None]:
    """Leave the choice of the arithmetic as the machine makes it."""
    thompson._arithmetic.cache_clear()
    yield
    thompson._arithmetic.cache_clear()


def bits(values: Sequence[float]) -> list[str]:
    assert all(type(value) is float for value in values)
    return [value.hex() for value in values]


def drawn(seed: int, many: int) -> list[float]:
    """Return numbers of every size and both signs, with the extreme ones."""
    chance = random.Random(seed)
    sized = [10 ** chance.uniform(-20, 3) for _ in range(many)]
    numbers = [*sized, *(float(n) for n in range(700)), *EXTREMES]
    return [*numbers, *(-x for x in numbers)]


@pytest.mark.parametrize("name", ["exp", "sigmoid", "log", "positive"])
def test_each_function_of_arrays_gives_the_bits_of_the_same_one_of_numbers(name: str) -> None:
    numbers = drawn(3, 20_000)
    if name == "log":
        numbers = [abs(x) for x in numbers if x]
    if name == "sigmoid":
        assert bits(vector.sigmoids(numbers)) == bits(number.sigmoids(numbers))
    else:
        found = getattr(vector, name)(np.array(numbers)).tolist()
        # + 0.0: of two zeros, the greater one may be either; all that follows takes both alike
        wanted = [getattr(number, name)(x) + 0.0 for x in numbers]
        assert bits([x + 0.0 for x in found]) == bits(wanted)


def betas(chance: random.Random) -> Iterator[tuple[float, float]]:
    """Yield parameters: as decisions make them, of every size, equal, whole."""
    for _ in range(70):
        told = Weights(chance.randrange(20), chance.randrange(10 ** chance.randrange(1, 8)))
        yield told.beta(chance.random() ** chance.randrange(1, 6))
        yield 10 ** chance.uniform(-4, 12), 10 ** chance.uniform(-4, 12)
        yield (10 ** chance.uniform(-3, 9),) * 2
        yield float(chance.randrange(1, 50)), float(chance.randrange(1, 10**6))


def both(monkeypatch: pytest.MonkeyPatch, table: Callable[[], Table]) -> list[list[str]]:
    made = []
    for arithmetic in (number, vector):
        monkeypatch.setattr(thompson, "_arithmetic", lambda of=arithmetic: of)
        made.append(bits(table()))
    return made


@pytest.mark.slow
def test_a_cold_table_has_the_same_bits_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    for a, b in betas(random.Random(11)):
        plain, by_numpy = both(monkeypatch, lambda a=a, b=b: thompson._beta.__wrapped__(a, b))
        assert plain == by_numpy, (a, b)
        assert len(plain) == TABLE


def test_a_warm_table_has_the_same_bits_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(12)
    for _ in range(1_000):
        mean, variance = (
            chance.gauss(0, 10 ** chance.uniform(-3, 2.8)),
            10 ** chance.uniform(-8, 4),
        )
        plain, by_numpy = both(
            monkeypatch, lambda m=mean, v=variance: thompson._logit_normal.__wrapped__(m, v)
        )
        assert plain == by_numpy, (mean, variance)


@pytest.mark.usefixtures("fresh")
def test_numpy_is_used_where_it_is_installed_and_only_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert thompson._arithmetic() is vector
    thompson._arithmetic.cache_clear()
    monkeypatch.delattr("cjo_stream.core.learning.vector")
    monkeypatch.delitem(sys.modules, "cjo_stream.core.learning.vector")
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert thompson._arithmetic() is number


# --- draws


def by_the_rule(decision_id: str, candidates: Sequence[tuple[Table, float]]) -> Drawn:
    """Return the choice as the docstring of `thompson` says it, draw by draw."""
    key = hashlib.blake2b(decision_id.encode(), digest_size=64).digest()
    picks = b"".join(
        hashlib.blake2b(block.to_bytes(8, "big"), key=key).digest()
        for block in range(DRAWS // 64 * len(candidates))
    )
    winners = []
    for n in range(DRAWS):
        values = [
            table[picks[DRAWS * place + n]] * factor
            for place, (table, factor) in enumerate(candidates)
        ]
        winners.append(values.index(max(values)))
    return Drawn(winners[0], winners.count(winners[0]) / DRAWS)


@pytest.mark.slow
def test_a_choice_is_that_of_all_draws_of_all_candidates() -> None:
    chance = random.Random(13)
    tables = [thompson._beta(1.0 + n % 7, 5.0 + n) for n in range(40)]
    tables += [thompson.fixed_table(p) for p in (0.0, 0.02, 0.02, 1.0)]
    factors = [1.0, 1.0, 12.0, 17.0, 0.0, -3.0, 1e-300, math.inf, -math.inf]
    places = set()
    for n in range(1_500):
        many = chance.randrange(1, 25)
        candidates = [
            (chance.choice(tables), chance.choice(factors[: chance.choice((2, 4, 9))]))
            for _ in range(many)
        ]
        wanted = by_the_rule(f"c-d{n}", candidates)
        assert thompson.choose(f"c-d{n}", candidates) == wanted, candidates
        places.add(wanted.place)
    assert places > set(range(20))


def test_without_candidates_nothing_is_chosen() -> None:
    with pytest.raises(ValueError, match="empty"):
        thompson.choose("c-d1", [])
