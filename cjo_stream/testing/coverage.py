"""Coverage: which rules of the definitions the cases reached, by kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple, get_args

from cjo_stream.definition.rule import Key, Kind, Rule

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Coverage(NamedTuple):
    """How many rules of a kind were reached, and those that were not, by file and line."""

    kind: Kind
    reached: int
    number: int
    uncovered: list[Rule]

    @property
    def share(self) -> float:
        """The share that was reached; 1 where there is none."""
        return self.reached / self.number if self.number else 1.0


def coverage(rules: Sequence[Rule], reached: Collection[Key]) -> list[Coverage]:
    """Return the coverage of each kind."""
    found = []
    for kind in KINDS:
        mine = [rule for rule in rules if kind in rule.kinds]
        uncovered = [rule for rule in mine if rule.keys.isdisjoint(reached)]
        found.append(Coverage(kind, len(mine) - len(uncovered), len(mine), uncovered))
    return found
