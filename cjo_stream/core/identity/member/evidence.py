"""Accepted links among a customer's members, and the components they make."""

from __future__ import annotations

from collections.abc import Iterable

from cjo_stream.core.edge import Edge, Evidence
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn


def components(members: Iterable[str], evidence: Iterable[Evidence]) -> list[list[str]]:
    """Return the members (hashes) by component, in the order of the members.

    >>> components(["a", "b", "c"], [Evidence("c", "a", 0)])
    [['a', 'c'], ['b']]
    """
    parents = {member: member for member in members}
    for link in evidence:
        if link.a in parents and link.b in parents:
            _unite(parents, link)
    found: dict[str, list[str]] = {}
    for member in parents:
        found.setdefault(_find(parents, member), []).append(member)
    return list(found.values())


def add_evidence(customer: Customer, others: Iterable[Evidence], edge: Edge, turn: Turn) -> None:
    """Keep an accepted link, after `others`; beyond the bound drop the oldest spare link."""
    customer.evidence += others
    one, other = edge.source.hash, edge.other.hash
    if any({e.a, e.b} == {one, other} for e in customer.evidence):
        return
    customer.evidence.append(Evidence(one, other, turn.clock))
    while len(customer.evidence) > turn.bounds.evidence:
        spare = spare_evidence(customer.members, customer.evidence)
        if spare is None:
            break
        turn.count("cjo_state_bounds_total", "evidence")
        customer.evidence.remove(spare)


def spare_evidence(members: Iterable[str], evidence: Iterable[Evidence]) -> Evidence | None:
    """Return the oldest link that closes a circle; without it the components stay the same."""
    parents = {member: member for member in members}
    for link in evidence:
        if link.a not in parents or link.b not in parents or not _unite(parents, link):
            return link
    return None


def part_evidence(customer: Customer, fresh: Customer, anchors: frozenset[str]) -> None:
    """Move the links among leaving members."""
    fresh.evidence = [e for e in customer.evidence if e.a in anchors]
    customer.evidence = [e for e in customer.evidence if e.a not in anchors]


def without(evidence: Iterable[Evidence], left: str, at: int) -> list[Evidence]:
    """Return the links after a member has left; its neighbours are linked with each other."""
    rest: list[Evidence] = []
    neighbours: list[str] = []
    for link in evidence:
        if left not in (link.a, link.b):
            rest.append(link)
        else:
            neighbours.append(link.b if link.a == left else link.a)
    rest += [Evidence(neighbours[0], other, at) for other in neighbours[1:]]
    return rest


def _unite(parents: dict[str, str], link: Evidence) -> bool:
    one, other = _find(parents, link.a), _find(parents, link.b)
    parents[other] = one
    return one != other


def _find(parents: dict[str, str], member: str) -> str:
    while parents[member] != member:
        parents[member] = parents[parents[member]]
        member = parents[member]
    return member
