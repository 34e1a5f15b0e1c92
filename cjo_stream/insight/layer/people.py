"""Who is who at present, from identity changes in their order.

merged      the absorbed ids become the customer that stayed
unmerged    the ids whose identifiers left become the customer that the record names; so do the
            instances of which it has records
erased      nobody has the ids and identifiers any more
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Change(NamedTuple):
    """The parts of an identity change that matter here."""

    kind: str
    customer_id: str
    absorbed: list[str]
    identifiers: list[str]
    reason: str | None


class People:
    """The present customers."""

    def __init__(self) -> None:
        self._present: dict[str, str] = {}
        """Absorbed id -> present customer."""
        self._held: dict[str, set[str]] = {}
        """Present customer -> the ids that became it, its own aside."""
        self._identifiers: dict[str, set[str]] = {}
        """Id -> the identifiers that it ever had of its own."""
        self.holders: dict[str, str] = {}
        """Identifier, as `type:value` -> the id that has it."""
        self.parted: set[str] = set()
        """Ids that an unmerge made."""

    def take(self, changes: Iterable[Change]) -> None:
        """Take changes, in their order."""
        for one in changes:
            self._take(one)

    def present(self, customer_id: str) -> str:
        """Return the present customer of an id."""
        return self._present.get(customer_id, customer_id)

    def absorbed(self) -> dict[str, str]:
        """Return the present customer of each id that is no customer any more."""
        return dict(self._present)

    def _take(self, one: Change) -> None:
        customer = self.present(one.customer_id)
        if one.kind in ("created", "linked", "unmerged"):
            self._identifiers.setdefault(one.customer_id, set()).update(one.identifiers)
            self.holders.update(dict.fromkeys(one.identifiers, one.customer_id))
        if one.kind == "detached":
            for identifier in one.identifiers:
                if self.present(self.holders.get(identifier, "")) == customer:
                    del self.holders[identifier]
        if one.kind == "merged":
            for absorbed in one.absorbed:
                for id_ in {absorbed, *self._held.pop(absorbed, ())}:
                    self._become(id_, customer)
        if one.kind == "unmerged":
            self._part(one)
        if one.kind == "erased":
            gone = {one.customer_id, *one.absorbed}
            self.holders = {key: id_ for key, id_ in self.holders.items() if id_ not in gone}
            self._present = {key: id_ for key, id_ in self._present.items() if key not in gone}

    def _part(self, one: Change) -> None:
        left = self.present((one.reason or "").removeprefix("from "))
        self.parted.add(one.customer_id)
        leaving = set(one.identifiers)
        for id_ in list(self._held.get(left, ())):
            if self._identifiers.get(id_, set()) & leaving:
                self._held[left].discard(id_)
                self._become(id_, one.customer_id)

    def _become(self, id_: str, customer: str) -> None:
        if id_ != customer:
            self._present[id_] = customer
            self._held.setdefault(customer, set()).add(id_)
