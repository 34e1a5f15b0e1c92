"""Whose records are, told as in the layer (`layer/who`) from records alone.

Merged customers are one, an unmerge parts them, and an instance that has a transition under the id
of who left has moved there. Erased customers are nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cjo_stream.core.record import IdentityChange, Transition
from cjo_stream.insight.layer.table import Row, identity_rows
from cjo_stream.insight.layer.who import Who

Place = tuple[str, str | None]
"""A record's customer, and the instance that it is of."""


class Whose:
    """Collects the records of one installation; then tells whose a record is."""

    def __init__(self) -> None:
        self._changes: list[Row] = []
        """Identity changes, as rows of the layer."""
        self._seen: dict[tuple[str, str], int] = {}
        """Instance and customer -> time of the latest transition."""

    def add(self, record: IdentityChange | Transition) -> None:
        """Add a record."""
        if isinstance(record, IdentityChange):
            for _, row in identity_rows(record):
                self._changes.append((*row, "", len(self._changes)))
        elif record.instance_id is not None:
            seen = record.instance_id, record.customer_id
            self._seen[seen] = max(record.time, self._seen.get(seen, record.time))

    def find(self) -> Callable[[Place], str | None]:
        """Return what tells the present customer of a record; None of one who was erased."""
        who = Who(self._changes, self._instances)

        def customer(place: Place) -> str | None:
            owner = who.owner(*place)
            return None if owner in who.people.erased else who.people.present(owner)

        return customer

    def _instances(self, customers: Sequence[str]) -> Iterator[tuple[str, str, int]]:
        """Yield the instances with a transition under one of some ids, that id, and its time."""
        parted = set(customers)
        for (instance, customer), time in self._seen.items():
            if customer in parted:
                yield instance, customer, time
