"""The layout of a journey's graph: nothing overlaps, and edges lead forward."""

from __future__ import annotations

import itertools
import random
import re

import pytest

from cjo_stream.insight.drawing.graph import Card, Way, graph
from cjo_stream.insight.drawing.layer import backward, layers
from cjo_stream.insight.drawing.sankey import SLOT, Node, sankey
from tests.world.page import Page


def some_cards(seed: int) -> list[Card]:
    drawn = random.Random(seed)
    names = [f"state_{number}" for number in range(drawn.randint(1, 12))]
    return [
        Card(
            name,
            "about",
            [
                Way(target, drawn.randint(1, 999), "1 h")
                for target in drawn.sample([*names, None], drawn.randint(0, min(5, len(names))))
            ],
            drawn.choice((0, 0, 9)),
            False,
        )
        for name in names
    ]


@pytest.mark.parametrize("seed", range(40))
def test_no_card_covers_another_and_none_is_cut(seed: int) -> None:
    cards = some_cards(seed)
    page = Page(graph("g", cards))
    boxes = [
        tuple(float(str(one[side])) for side in ("x", "y", "width", "height"))
        for one in page.of("rect")
    ]
    assert len(boxes) == len(cards)
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    _, _, width, height = map(float, str(page.of("svg")[0]["viewbox"]).split())
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in boxes)


@pytest.mark.parametrize("seed", range(40))
def test_a_state_stands_behind_all_that_lead_to_it_save_by_a_loop(seed: int) -> None:
    cards = some_cards(seed)
    names = [card.name for card in cards]
    ways = {card.name: [way.target for way in card.ways if way.target] for card in cards}
    edges = [(name, target) for name, targets in ways.items() for target in targets]
    back = backward(names, ways)
    forward = [edge for edge in edges if edge not in back]
    layer = layers(names, forward)
    assert all(layer[source] < layer[target] for source, target in forward)


def test_without_a_loop_no_edge_leads_back() -> None:
    assert backward(["a"], {"a": ["b", "c"], "b": ["d"], "c": ["b", "d"]}) == set()
    assert backward(["a"], {"a": ["b"], "b": ["a", "b"]}) == {("b", "a"), ("b", "b")}


def test_labels_of_a_flow_have_a_line_each() -> None:
    nodes = [Node(0, "all", 1000), *(Node(1, f"n{n}", 1) for n in range(50))]
    links = [(0, place, 1) for place in range(1, 51)]
    text = sankey("f", nodes, links, tallest=200.0)
    heights = sorted(
        float(y) for x, y in re.findall(r'<text class="label" x="([\d.]+)" y="([\d.]+)">', text)
    )
    assert len(heights) == 50
    assert all(after - before >= SLOT for before, after in itertools.pairwise(heights))
