"""The customers of both sides, grouped over their identifiers.

Two customers are of one group if they share an identifier, directly or over others. A customer
without an identifier is grouped by its id.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import msgspec


class Groups(msgspec.Struct, frozen=True):
    """Which group each customer is of, by side; groups are numbered from 0."""

    live: Sequence[int]
    candidate: Sequence[int]
    number: int

    def members(self) -> Members:
        """Return the customers of each group."""
        return Members(_sorted(self.live, self.number), _sorted(self.candidate, self.number))


class Members(msgspec.Struct, frozen=True):
    """The customers of each group, by side."""

    live: tuple[Sequence[int], Sequence[int]]
    candidate: tuple[Sequence[int], Sequence[int]]

    def of(self, group: int) -> tuple[Sequence[int], Sequence[int]]:
        """Return the customers of a group: of live, and of the candidate."""
        (live_at, live), (candidate_at, candidate) = self.live, self.candidate
        return (
            live[live_at[group] : live_at[group + 1]],
            candidate[candidate_at[group] : candidate_at[group + 1]],
        )


def group(live: Iterable[Sequence[str]], candidate: Iterable[Sequence[str]]) -> Groups:
    """Return the groups; each customer is the list of the names by which it is grouped."""
    leads = array("I")
    named: dict[str, int] = {}
    lengths = []
    for side in (live, candidate):
        for names in side:
            node = len(leads)
            leads.append(node)
            for name in names:
                other = named.setdefault(name, node)
                if other != node:
                    _join(leads, node, other)
        lengths.append(len(leads))
    numbers: dict[int, int] = {}
    found = (_lead(leads, node) for node in range(len(leads)))
    of = array("I", (numbers.setdefault(lead, len(numbers)) for lead in found))
    return Groups(of[: lengths[0]], of[lengths[0] :], len(numbers))


def _lead(leads: array[int], node: int) -> int:
    """Return the node that stands for a group, and shorten the way to it."""
    while leads[node] != node:
        leads[node] = leads[leads[node]]
        node = leads[node]
    return node


def _join(leads: array[int], one: int, other: int) -> None:
    one, other = _lead(leads, one), _lead(leads, other)
    leads[max(one, other)] = min(one, other)


def _sorted(of: Sequence[int], groups: int) -> tuple[Sequence[int], Sequence[int]]:
    """Return where the customers of each group begin, and the customers by group."""
    begins = array("I", bytes(4 * (groups + 1)))
    for one in of:
        begins[one + 1] += 1
    for number in range(groups):
        begins[number + 1] += begins[number]
    at = array("I", begins)
    customers = array("I", bytes(4 * len(of)))
    for customer, one in enumerate(of):
        customers[at[one]] = customer
        at[one] += 1
    return begins, customers
