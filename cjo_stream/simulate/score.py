"""How well customers match people: precision and recall over pairs of identifiers.

A *holding* is one identifier of one customer. Among all pairs of holdings whose person is known:

    joined      both are the same customer's
    belonging   both are the same person's
    right       both
    precision = right / joined            share of joined pairs that belong together
    recall    = right / belonging         share of pairs that belong together and are joined

An identifier of two customers is two holdings, so a person split in two lowers recall. Identifiers
that several people share (a tablet, an address that many type) belong to nobody and are counted
apart, as are identifiers that the truth does not know. Pairs are counted, not enumerated: a group
of n has n(n-1)/2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cjo_stream.simulate.record import Truth

Identifiers = Mapping[str, Sequence[str]]
"""Values by type, as a row of customers.jsonl has them."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of pairs and of customers, and the rates that follow from them.

    `people`: people with at least one holding. `exact` customers hold all identifiers found of one
    person, and none of another; `mixed` customers hold identifiers of several people; `split`
    people belong to several customers. `shared` and `unknown` are holdings left out of the pairs.
    """

    right: int
    joined: int
    belonging: int
    people: int
    customers: int
    exact: int
    mixed: int
    split: int
    shared: int
    unknown: int

    @property
    def precision(self) -> float:
        """Share of the joined pairs that belong together; 1 if nothing was joined."""
        return self.right / self.joined if self.joined else 1.0

    @property
    def recall(self) -> float:
        """Share of the pairs that belong together which were joined; 1 if none do."""
        return self.right / self.belonging if self.belonging else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        precision, recall = self.precision, self.recall
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def score(people: Iterable[Truth], customers: Iterable[Identifiers]) -> Score:
    """Return how well `customers` match `people`; values are normalised in both.

    >>> ann = Truth("ann", {"email": ["a@x.org"], "cookie": ["c1", "c2"]}, {})
    >>> found = score([ann], [{"email": ["a@x.org"], "cookie": ["c1"]}, {"cookie": ["c2"]}])
    >>> found.precision, found.recall
    (1.0, 0.3333333333333333)
    """
    owners: dict[tuple[str, str], str] = {}
    shared: set[tuple[str, str]] = set()
    for person in people:
        for type_, values in person.identifiers.items():
            owners.update(((type_, value), person.person) for value in values)
        for type_, values in person.shared.items():
            shared.update((type_, value) for value in values)
    held_by_person: Counter[str] = Counter()
    holders: Counter[str] = Counter()
    cells: list[Counter[str]] = []
    left_out = {"shared": 0, "unknown": 0}
    for customer in customers:
        cell: Counter[str] = Counter()
        for held in ((type_, value) for type_, values in customer.items() for value in values):
            name = owners.get(held)
            if name is not None:
                cell[name] += 1
            else:
                left_out["shared" if held in shared else "unknown"] += 1
        if cell:
            cells.append(cell)
            held_by_person.update(cell)
            holders.update(cell.keys())
    return Score(
        right=sum(pairs(n) for cell in cells for n in cell.values()),
        joined=sum(pairs(cell.total()) for cell in cells),
        belonging=sum(pairs(n) for n in held_by_person.values()),
        people=len(held_by_person),
        customers=len(cells),
        exact=sum(len(cell) == 1 and holders[next(iter(cell))] == 1 for cell in cells),
        mixed=sum(len(cell) > 1 for cell in cells),
        split=sum(n > 1 for n in holders.values()),
        **left_out,
    )


def pairs(number: int) -> int:
    """Return the number of pairs among `number` things.

    >>> pairs(1), pairs(4)
    (0, 6)
    """
    return number * (number - 1) // 2
