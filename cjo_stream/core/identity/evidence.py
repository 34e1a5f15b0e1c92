"""Accepted links among a customer's members, and the components they make."""

from __future__ import annotations

from collections.abc import Iterable

from cjo_stream.core.edge import Evidence


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


def spare_evidence(members: Iterable[str], evidence: Iterable[Evidence]) -> Evidence | None:
    """Return the oldest link that closes a circle: without it every member hangs as before."""
    parents = {member: member for member in members}
    for link in evidence:
        if link.a not in parents or link.b not in parents or not _unite(parents, link):
            return link
    return None


def without(evidence: Iterable[Evidence], left: str, at: int) -> list[Evidence]:
    """Return the links when a member has left; those it had linked stay linked with each other."""
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
