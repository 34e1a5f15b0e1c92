"""Layers of a directed graph: each node behind all that lead to it, as far as loops allow.

The longest path to a node is its layer, without the edges that close a loop (Sugiyama et al. 1981,
IEEE Transactions on Systems, Man, and Cybernetics 11). An edge over several layers has a
place of its own in each layer between. Within a layer, nodes are ordered by the mean place of the
nodes before or behind them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

Edge = tuple[str, str]
SWEEPS: Final = 4


def backward(roots: Sequence[str], ways: Mapping[str, Sequence[str]]) -> set[Edge]:
    """Return the edges that close a loop, found depth first from the roots."""
    found: set[Edge] = set()
    done: set[str] = set()
    for root in roots:
        if root in done:
            continue
        open_ = [(root, iter(ways.get(root, ())))]
        within = {root}
        while open_:
            node, nexts = open_[-1]
            following = next(nexts, None)
            if following is None:
                open_.pop()
                within.discard(node)
                done.add(node)
            elif following in within:
                found.add((node, following))
            elif following not in done:
                within.add(following)
                open_.append((following, iter(ways.get(following, ()))))
    return found


def layers(nodes: Sequence[str], forward: Sequence[Edge]) -> dict[str, int]:
    """Return the layer of each node: the longest path to it. `forward` has no loop."""
    layer = dict.fromkeys(nodes, 0)
    for _ in nodes:
        moved = False
        for source, target in forward:
            if layer[target] < layer[source] + 1:
                layer[target] = layer[source] + 1
                moved = True
        if not moved:
            break
    return layer


def ordered(layer: Mapping[str, int], chains: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the nodes of each layer in order.

    `chains` are the edges, each as its nodes from layer to layer.
    """
    columns: list[list[str]] = [[] for _ in range(1 + max(layer.values(), default=0))]
    for node, number in layer.items():
        columns[number].append(node)
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for chain in chains:
        for source, target in itertools.pairwise(chain):
            before.setdefault(target, []).append(source)
            after.setdefault(source, []).append(target)
    for sweep in range(SWEEPS):
        near, order = (before, columns) if sweep % 2 == 0 else (after, columns[::-1])
        for column in order:
            place = {node: at for of in columns for at, node in enumerate(of)}
            column.sort(
                key=lambda node: _mean([place[one] for one in near.get(node, ())], place[node])
            )
    return columns


def _mean(places: Sequence[int], otherwise: int) -> float:
    return sum(places) / len(places) if places else float(otherwise)
