"""Which customers must stay apart, worked out from the operators' orders alone.

Taking a link back gives both of its ends' customers a mark of the same name, each with its own
side. Marks go where their customers go. A customer holds so many; the oldest goes first, and what
it kept apart may be linked again, as it may by an operator's own link.
"""

from __future__ import annotations

from collections import defaultdict

from cjo_stream.core.answer import Unlinked

Mark = tuple[str, str, int]
"""The link that was taken back, and when."""


class Apart:
    """The marks of all customers in a history, as its orders, merges and erasures come."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: defaultdict[str, dict[Mark, int]] = defaultdict(dict)
        self._marks: dict[tuple[str, str, str], Mark] = {}
        self._lifted = set[Mark]()
        """Marks that some customer has lost."""

    def unlink(self, command_id: str, answer: Unlinked, clock: int) -> None:
        """Note the links that an order took back."""
        customer = answer.customer_id
        homes = dict.fromkeys((end for link in answer.links for end in link), customer)
        for part in answer.leaving:
            homes |= dict.fromkeys(part.identifiers, part.customer_id)
            self._of[part.customer_id] = dict(self._of[customer])
        for one, other in answer.links:
            if homes[one] == homes[other]:
                continue
            mark = self._marks[command_id, one, other] = (one, other, clock)
            self._of[homes[one]][mark], self._of[homes[other]][mark] = 0, 1
            self._forget(homes[one])
            self._forget(homes[other])

    def join(self, absorbed: str, by: str, *, is_ordered: bool) -> None:
        """Note a merge; raise AssertionError where a mark is against it and no order for it."""
        into, other = self._of[by], self._of.pop(absorbed, {})
        opposite = [mark for mark, side in other.items() if into.get(mark, side) != side]
        assert is_ordered or not opposite, f"joined although taken back: {opposite}"
        for mark in opposite:
            del into[mark], other[mark]
        self._lifted.update(opposite)
        into.update(other)
        self._forget(by)

    def erase(self, customer: str) -> None:
        """Note that a customer is erased: whoever comes back has no marks."""
        self._of.pop(customer, None)

    def sides(self, customer: str) -> list[int]:
        """Return the sides of a customer's marks, oldest first."""
        return list(self._of[customer].values())

    def holds(self, command_id: str, one: str, other: str) -> bool:
        """Return whether nobody has lost the mark of a link that an order took back."""
        return self._marks[command_id, one, other] not in self._lifted

    def _forget(self, customer: str) -> None:
        marks = self._of[customer]
        while len(marks) > self._most:
            oldest = next(iter(marks))
            del marks[oldest]
            self._lifted.add(oldest)
