"""Definitions change while customers live: no key of the grammar breaks what they have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cjo_stream.definition.grammar.compound import Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.item import Shape
from cjo_stream.definition.section import KINDS
from cjo_stream.errors import CjoError
from tests.unit.definition.redefined import BASE, ROWS, Row
from tests.unit.definition.story import tell_after, tell_before, tell_years
from tests.world.redefining import World


def keys(shape: Shape, path: str, seen: set[str]) -> Iterator[str]:
    """Yield each key of a form by its path; what has a name of its own stands once, under that."""
    if isinstance(shape, Record):
        name = shape.named or path
        if name not in seen:
            seen.add(name)
            for key, field in shape.fields.items():
                yield f"{name}.{key}"
                yield from keys(field.of, f"{name}.{key}", seen)
    elif isinstance(shape, Many | MapOf):
        yield from keys(shape.of, path, seen)
    elif isinstance(shape, ScalarOr):
        yield from keys(shape.mapping, path, seen)


def test_every_key_of_the_grammar_has_a_row() -> None:
    seen: set[str] = set()
    grammar = [key for kind, form in KINDS.items() for key in keys(form, kind, seen)]
    assert sorted(ROWS) == sorted(grammar)


@pytest.mark.slow
@pytest.mark.parametrize("key", list(ROWS))
def test_what_an_apply_changes_breaks_no_customer(key: str) -> None:
    live_through(ROWS[key], World(BASE, 1), in_halves=False)


_KEPT = ("topology.identity", "topology.profile", "topology.service", "case_rule", "journey.entry")
KEPT = [key for key in ROWS if key.startswith(_KEPT) or key in ("journey.version", "step.set")]
"""What customers keep state by that travels in merges."""


@pytest.mark.slow
@pytest.mark.parametrize("key", KEPT)
def test_nor_while_only_some_partitions_have_the_new_set(key: str) -> None:
    live_through(ROWS[key], World(BASE, 4), in_halves=True)


def live_through(row: Row, world: World, *, in_halves: bool) -> None:
    """Let a row's change happen in the middle of the story."""
    tell_before(world)
    if row.refused is not None:
        with pytest.raises(CjoError, match=row.refused):
            world.store(row.text)
        return
    world.store(row.text)
    tell_after(world, in_halves=in_halves)
    if row.holds is not None and not in_halves:  # else the change came to each in their own time
        row.holds(world)
    tell_years(world)
