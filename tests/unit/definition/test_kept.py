"""A document that was read before is not read again: its nodes are those of a reading anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.definition.text import compose as reading
from cjo_stream.definition.text.compose import Composed, compose
from cjo_stream.definition.text.node import Mapping, Node, Scalar, Sequence
from cjo_stream.definition.text.source import Source

ROOT = Path(__file__).parents[3]
ALIASES = "---\naction: a\nlist: &all [1, 'two', &one {x: y}]\nagain: *all\nthird: [*one, *one]\n"
BUNDLED = [
    max((path.read_text() for path in folder.rglob("*.yaml")), key=len)
    for folder in sorted(ROOT.glob("topologies/*/"))
]
TEXTS = [ALIASES, *(text if text.startswith("---") else f"---\n{text}" for text in BUNDLED)]


def anew(source: Source, nodes_max: int = reading.NODES_MAX) -> list[Composed]:
    compose.cache_clear()
    reading._kept.cache_clear()
    return compose(source, nodes_max)


def told(composed: list[Composed]) -> list[Any]:
    """Return all that nodes hold; a node that stands twice by the number of its first place."""
    seen: dict[int, int] = {}

    def of(node: Node) -> Any:
        if id(node) in seen:
            return seen[id(node)]
        seen[id(node)] = len(seen)
        inner: Any = None
        if isinstance(node, Scalar):
            inner = node.text, node.value, node.style
        elif isinstance(node, Sequence):
            inner = [of(one) for one in node.items]
        elif isinstance(node, Mapping):
            inner = [(of(key), of(value)) for key, value in node.pairs]
        return type(node), node.source, node.start, node.end, inner

    return [(one.document, [of(root) for root in one.roots], one.faults) for one in composed]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return what tells how many documents were read."""
    read: list[object] = []
    whole = reading._parsed

    def parsed(*given: Any) -> Composed:
        read.append(given)
        return whole(*given)

    monkeypatch.setattr(reading, "_parsed", parsed)
    return lambda: len(read)


@pytest.mark.parametrize(
    ("before", "others"), [("", 0), ("action: b\n", 1), ("# c\naction: b\n--- {x: y}\n", 2)]
)
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_document_under_another_name_and_at_another_place(
    counted: Callable[[], int], text: str, before: str, others: int
) -> None:
    moved = Source("there.yaml", before + text)
    wanted = told(anew(moved))
    first = anew(Source("here.yaml", text))
    here, read = told(first), counted()
    assert told(compose(moved)) == wanted
    assert counted() - read == others
    assert told(first) == here


def test_a_document_that_was_read_counts_as_much_as_one_that_is_read() -> None:
    files = [Source(name, f"{ALIASES}{ALIASES}") for name in ("one.yaml", "two.yaml")]
    for most in range(40):
        wanted = [told(anew(one, most)) for one in files]
        assert [told(compose(one, most)) for one in files[1:]] == wanted[1:]
        compose.cache_clear()
        anew(files[0])
        assert told(compose(files[1], most)) == wanted[1]


def test_a_document_with_a_fault_is_told_of_wherever_it_stands() -> None:
    text = "action: a\na: 1\na: 2\n"
    anew(Source("here.yaml", text))
    ((_, _, faults),) = compose(Source("there.yaml", f"\n\n{text}"))
    assert faults == [(len("\n\naction: a\na: 1\n"), "repeated key 'a', first on line 4")]
