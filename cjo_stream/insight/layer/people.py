"""Who is who at present, from identity changes in their order.

merged      the absorbed ids become the customer that stayed. Its identifiers matter only where
            nobody has them: the records of who had brought them may be gone by an erasure
unmerged    the ids whose first identifier left become the customer that the record names: an id is
            made from it. So do the instances of which it has records. Other identifiers of such an
            id stay with who was left
erased      nobody has the ids and identifiers any more that the record names. It has the latest
            1,000 ids at most; where it has as many, all go that had become the customer. Else it
            is to be believed: who left may do so by a record that is not read yet

The order is that of time. Changes of one time may be in several lanes, each in its own order: then
comes next whose beginning is so already, because what it took back, or joined, is known.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
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
    lane: str = ""


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
        """Identifier that an erased customer had -> the time of the erasure; as far as known."""
        self.unnamed: list[str] = []
        """Ids of erased customers of whose identifiers nothing is known."""

    def take(self, changes: Iterable[Change]) -> None:
        """Take changes, ordered by time; those of one time in the order of each lane."""
        for _, of in groupby(changes, attrgetter("time")):
            at_once = list(of)
            for one in at_once if len(at_once) == 1 else self._in_order(at_once):
                self._take(one)

    def _in_order(self, at_once: Sequence[Change]) -> Iterator[Change]:
        """Yield changes of one time; which comes next is asked once the last was taken."""
        lanes: dict[str, deque[Change]] = {}
        for one in at_once:
            lanes.setdefault(one.lane, deque()).append(one)
        if len(lanes) == 1:
            yield from at_once
            return
        acting = Counter(id_ for one in at_once for id_ in (one.customer_id, _left_by(one)))
        while lanes:
            name = min(lanes, key=lambda name: self._lacks(lanes[name][0], acting))
            one = lanes[name].popleft()
            yield one
            acting.subtract((one.customer_id, _left_by(one)))
            if not lanes[name]:
                del lanes[name]

    def _lacks(self, one: Change, acting: Mapping[str, int]) -> int:
        """Return how much of what a change begins with is not so yet: 0 is nothing, 2 is much.

        `acting`: the customers of changes to come; who was absorbed does nothing any more.
        """
        is_so = True
        match one.kind:
            case "merged" if one.absorbed:
                whole = one.absorbed[0]
                if any(acting[id_] for id_ in one.absorbed) or self.present(whole) != whole:
                    return 2
                return 0 if self._has(whole, one.identifiers) else 1
            case "unmerged":
                is_so = self._has(_left_by(one), one.identifiers)
            case "detached":
                is_so = self._has(one.customer_id, one.identifiers)
            case "erased":
                is_so = all(self.present(id_) == one.customer_id for id_ in one.absorbed)
            case "linked":
                is_so = one.customer_id in self._identifiers
        return 0 if is_so else 2

    def _has(self, customer: str, names: Sequence[str]) -> bool:
        """Return whether a customer is known, and has these identifiers at present."""
        return customer in self._identifiers and all(
            self.present(self.holders.get(name, "")) == customer for name in names
        )

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
            if one.kind == "linked":  # it was nobody's, or has gone on to another since
                for name in one.identifiers:
                    self.holders.setdefault(name, one.customer_id)
            else:
                self.holders.update(dict.fromkeys(one.identifiers, one.customer_id))
        if one.kind == "detached":
            for identifier in one.identifiers:
                if self.present(self.holders.get(identifier, "")) == customer:
                    del self.holders[identifier]
        if one.kind == "merged":
            for absorbed in one.absorbed:
                for id_ in {absorbed, *self._held.pop(absorbed, ())}:
                    self._become(id_, customer)
            if len(had) < len(one.identifiers):
                self._adopt(one.customer_id, one.identifiers)
        if one.kind == "unmerged":
            self._part(one, had)
        if one.kind == "erased":
            self._erase(one)

    def _adopt(self, id_: str, names: Sequence[str]) -> None:
        """Give an id the identifiers that nobody has."""
        new = [name for name in names if name not in self.holders]
        self._identifiers[id_] = (*self._identifiers.get(id_, ()), *new)
        self.holders.update(dict.fromkeys(new, id_))

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
            if not names:
                self.unnamed.append(id_)
            # What somebody else has by now, after an unmerge, is theirs; what is shared, nobody's.
            self.note_erased({n: one.time for n in names if self.holders.get(n) in self.erased})

    def gone_with(self, customer_id: str, named: list[str]) -> list[str]:
        """Return all ids that an erased customer had; `named`: those that the record names."""
        return self._gone.get(customer_id, named)

    def note_erased(self, names: Mapping[str, int]) -> None:
        """Note identifiers that erased customers had, each with the time of the erasure."""
        for name, at in names.items():
            self.erased_names[name] = max(at, self.erased_names.get(name, at))
            if self.holders.get(name) in self.erased:
                del self.holders[name]

    def forget_names(self) -> None:
        """Forget identifiers that erased customers had: the layer has no row any more with one."""
        self.erased_names, self.unnamed = {}, []

    def _part(self, one: Change, had: set[str]) -> None:
        """Part ids from the customer left; `had`: who had the identifiers so far."""
        left = self.present(_left_by(one))
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


def _left_by(one: Change) -> str:
    """Return the id of the customer whom an unmerge left."""
    return (one.reason or "").removeprefix("from ")


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
