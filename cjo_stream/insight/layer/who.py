"""Who is who as of each manifest: changes in, the tables of who is who out.

Changes come in the order in which they were read. Their order by time matters only beside one that
takes something back (an unmerge, a detachment, an erasure); if such a change comes out of order,
or at the time of one that came before it, all changes are gone through again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from cjo_stream.insight.layer.people import Change, People
from cjo_stream.insight.layer.table import (
    HOLDERS,
    IDENTITIES,
    MOVED,
    PRESENT,
    TRANSITIONS,
    Row,
    Table,
)

_TAKING_BACK: Final = frozenset(("detached", "erased", "unmerged"))
_FIRST: Final = -(2**63)
_KIND = IDENTITIES.places["kind"]
_TIME = IDENTITIES.places["time"]
_LANE, _POSITION = -2, -1
_INSTANCE = TRANSITIONS.places["instance_id"]
_CUSTOMER = TRANSITIONS.places["customer_id"]
_AT = TRANSITIONS.places["time"]

Instances = Callable[[Sequence[str]], Iterable[tuple[str, str, int]]]
"""Returns the instances with a record under one of some ids, each with that id and its time."""


class Who:
    """Who is who, kept from one manifest to the next."""

    def __init__(
        self,
        rows: Iterable[Row],
        instances: Instances,
        moved: Mapping[str, tuple[int, str]] = MappingProxyType({}),
    ) -> None:
        """Begin with the identity changes of a layer, and the instances of its transitions.

        `moved` are those that had moved to customers who were erased since.
        """
        self.people = People()
        self._latest = self._taking_back = _FIRST
        self._moved_before = dict(moved)
        self.moved: dict[str, tuple[int, str]] = {}
        """Of an instance with a record under a parted id: its time, and that id."""
        self._begin(rows, instances)
        self.has_changed = False
        """Whether the tables are to be drawn anew."""

    def take(
        self, rows: Sequence[Row], again: Callable[[], Iterable[Row]], instances: Instances
    ) -> None:
        """Take new identity changes; `again` gives all of them, with these."""
        if not rows:
            return
        self.has_changed = True
        ordered = sorted(rows, key=_key)
        late_taking_back = any(
            row[_KIND] in _TAKING_BACK and row[_TIME] <= self._latest for row in ordered
        )
        if late_taking_back or ordered[0][_TIME] <= self._taking_back:
            self._begin(again(), instances)
            return
        parted = set(self.people.parted)
        self._take(ordered)
        if new := sorted(self.people.parted - parted):
            self._note(instances(new))

    def see(self, row: Row) -> None:
        """Note a new transition if it shows that an instance has moved."""
        if row[_CUSTOMER] in self.people.parted and row[_INSTANCE] is not None:
            self._note([(row[_INSTANCE], row[_CUSTOMER], row[_AT])])

    def owner(self, customer_id: str, instance: str | None) -> str:
        """Return the id whose a record is: to which its instance moved, else the record's own."""
        moved = None if instance is None else self.moved.get(instance)
        return customer_id if moved is None else moved[1]

    def drawn(self) -> dict[Table, list[Row]]:
        """Return the rows of the tables of who is who."""
        people = self.people
        return {
            PRESENT: sorted(people.absorbed().items()),
            MOVED: sorted(
                (instance, people.present(id_))
                for instance, (_, id_) in self.moved.items()
                if id_ not in people.erased
            ),
            HOLDERS: sorted((name, people.present(id_)) for name, id_ in people.holders.items()),
        }

    def moved_to_erased(self) -> dict[str, tuple[int, str]]:
        """Return of `moved` what no record shows any more, once the erasures are carried out."""
        erased = self.people.erased
        return {instance: to for instance, to in self.moved.items() if to[1] in erased}

    def _begin(self, rows: Iterable[Row], instances: Instances) -> None:
        self._moved_before |= self.moved_to_erased()
        self.people = People()
        self.moved = dict(self._moved_before)
        self._latest = self._taking_back = _FIRST
        self._take(sorted(rows, key=_key))
        if self.people.parted:
            self._note(instances(sorted(self.people.parted)))

    def _take(self, ordered: Sequence[Row]) -> None:
        self.people.take(
            Change(row[0], row[1], row[2], row[3], row[5], row[_TIME], row[_LANE])
            for row in ordered
        )
        for row in ordered:
            self._latest = max(self._latest, row[_TIME])
            if row[_KIND] in _TAKING_BACK:
                self._taking_back = max(self._taking_back, row[_TIME])

    def _note(self, found: Iterable[tuple[str, str, int]]) -> None:
        """Note that instances have records under these ids; the latest one counts."""
        for instance, id_, time in found:
            if (time, id_) > self.moved.get(instance, (time - 1, "")):
                self.moved[instance] = time, id_
                self.has_changed = True


def _key(row: Row) -> tuple[int, str, int]:
    return row[_TIME], row[_LANE], row[_POSITION]
