"""Who is who at present, from identity changes in their order.

merged      the absorbed ids become the customer that stayed
unmerged    the ids whose first identifier left become the customer that the record names: an id is
            made from it. So do the instances of which it has records. Other identifiers of such an
            id stay with who was left
erased      nobody has the ids and identifiers any more that the record names. It has the latest
            1,000 ids at most; where it has as many, all go that had become the customer. Else it
            is to be believed: who left may do so by a record that is not read yet
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cjo_stream.core.bounds import BOUNDS


class Change(NamedTuple):
    """The parts of an identity change that matter here."""

    kind: str
    customer_id: str
    absorbed: list[str]
    identifiers: list[str]
    reason: str | None
    time: int = 0


class People:
    """The present customers."""

    def __init__(self) -> None:
        self._present: dict[str, str] = {}
        """Absorbed id -> present customer."""
        self._held: dict[str, set[str]] = {}
        """Present customer -> the ids that became it, its own aside."""
        self._identifiers: dict[str, tuple[str, ...]] = {}
        """Id -> the identifiers that it ever had of its own; the id is made from the first."""
        self.holders: dict[str, str] = {}
        """Identifier, as `type:value` -> the id that has it."""
        self.parted: set[str] = set()
        """Ids that an unmerge made."""
        self.erasures = 0
        """Customers who were erased."""
        self.erased: dict[str, int] = {}
        """Id of an erased customer -> the time of the erasure, ms."""
        self._gone: dict[str, list[str]] = {}
        """Erased customer -> all ids that went with it."""
        self.erased_names: dict[str, int] = {}
        """Identifier that an erased customer had -> the time of the erasure."""

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
        had = {self.holders[name] for name in one.identifiers if name in self.holders}
        if one.kind in ("created", "linked", "unmerged"):
            known = self._identifiers.get(one.customer_id, ())
            new = (name for name in one.identifiers if name not in known)
            self._identifiers[one.customer_id] = (*known, *new)
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
            self._part(one, had)
        if one.kind == "erased":
            self._erase(one)

    def _erase(self, one: Change) -> None:
        self.erasures += 1
        with_it = dict.fromkeys(one.absorbed)
        if len(one.absorbed) >= BOUNDS.aliases:
            with_it |= dict.fromkeys(sorted(self._held.pop(one.customer_id, ())))
        self._gone[one.customer_id] = list(with_it)
        gone = (one.customer_id, *with_it)
        self.erased.update(dict.fromkeys(gone, one.time))
        for id_ in gone:
            self._present.pop(id_, None)
            names = self._identifiers.pop(id_, ())
            # What somebody else has by now, after an unmerge, is theirs; what is shared, nobody's.
            self.note_erased(id_, [n for n in names if self.holders.get(n) in self.erased])

    def gone_with(self, customer_id: str, named: list[str]) -> list[str]:
        """Return all ids that an erased customer had; `named`: those that the record names."""
        return self._gone.get(customer_id, named)

    def note_erased(self, id_: str, names: Sequence[str]) -> bool:
        """Note identifiers that an erased customer had; return whether there are any."""
        at = self.erased[id_]
        for name in names:
            self.erased_names[name] = max(at, self.erased_names.get(name, at))
            if self.holders.get(name) in self.erased:
                del self.holders[name]
        return bool(names)

    def _part(self, one: Change, had: set[str]) -> None:
        """Part ids from the customer left; `had`: who had the identifiers so far."""
        left = self.present((one.reason or "").removeprefix("from "))
        self.parted.add(one.customer_id)
        ids = set(self._held.get(left, ()))
        if left not in self._identifiers:
            # The changes of who was left are gone by an erasure, the merge among them.
            ids |= had - {one.customer_id}
        for id_ in sorted(ids):
            names = self._identifiers.get(id_, ())
            if names and names[0] in one.identifiers:
                self._held.get(self.present(id_), set()).discard(id_)
                self._leave(left, id_, names)
                self._become(id_, one.customer_id)

    def _leave(self, left: str, id_: str, names: Sequence[str]) -> None:
        """Give the identifiers that an id has still, as it leaves, to the customer left."""
        staying = [name for name in names if self.holders.get(name) == id_]
        if known := self._identifiers.get(left):
            self._identifiers[left] = tuple(dict.fromkeys((*known, *staying)))
            self.holders.update(dict.fromkeys(staying, left))
        else:
            for name in staying:
                del self.holders[name]

    def _become(self, id_: str, customer: str) -> None:
        if id_ != customer:
            self._present[id_] = customer
            self._held.setdefault(customer, set()).add(id_)


class Followed(People):
    """The same, and who was who at any earlier time."""

    def __init__(self) -> None:
        super().__init__()
        self.became: dict[tuple[str, int], str] = {}
        """Id, and the time of a change, ms -> whose it was from then on."""
        self._at = 0

    def _take(self, one: Change) -> None:
        self._at = one.time
        super()._take(one)

    def _become(self, id_: str, customer: str) -> None:
        super()._become(id_, customer)
        self.became[id_, self._at] = customer
