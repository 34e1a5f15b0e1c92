"""Annotations of numbers are true in what is compiled, and in the structs that it reads."""

from __future__ import annotations

import sys

import msgspec
import pytest

import hatch_build
from tests.compiled import digest
from tests.compiled.truth import is_lie, watching

MODULES = [name.removesuffix(".py").replace("/", ".") for name in hatch_build.modules()]


@pytest.mark.parametrize("seed", range(4))
def test_numbers_of_a_world_are_of_their_types(seed: int) -> None:
    with watching(MODULES) as lies:
        digest.of_world(seed, 1)
    assert lies == {}


@pytest.mark.parametrize("topology", ["shop", "lending"])
def test_numbers_of_a_topology_are_of_their_types(topology: str) -> None:
    with watching(MODULES) as lies:
        digest.of_run(topology, 200)
    assert lies == {}


class Told(msgspec.Struct):
    """A struct with a number."""

    share: float


def half(told: Told, by: int) -> float | None:
    return told.share / by if by else 0


def test_a_number_of_another_type_is_seen() -> None:
    with watching([__name__]) as lies:
        half(Told(0.5), 2)
        half(Told(1), True)
        half(Told(0.5), 0)
    name = half.__module__
    assert lies == {
        "Told.share": 1,
        f"{name}.half, by: bool": 1,
        f"{name}.half, return: int": 1,
    }
    assert sys.getprofile() is None


def test_what_may_be_either_is_no_lie() -> None:
    assert not is_lie(1, int | float)
    assert not is_lie(None, float | None)
    assert is_lie(1, float | None)
    assert is_lie({"a": 1}, dict[str, float])
    assert is_lie((1.0, 2), tuple[float, float])
