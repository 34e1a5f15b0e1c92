"""How far a definition set has reached the customers of one task.

A set holds for all customers from its activation on. A customer who is touched is brought up to it
first. Sleeping ones are reached by a walk over the store, some customers a record: the task sends
itself `RollOut`, which brings up the next ones and sends itself again. At most one is on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

ROLLOUT_CUSTOMERS_MAX = 500
"""How many customers one record of a walk looks at."""


Live = Mapping[str, Mapping[int, Mapping[str, int]]]
"""How many instances are live, by journey, version and state."""


def add_live(parts: Iterable[Live]) -> dict[str, dict[int, dict[str, int]]]:
    """Return the live instances of several partitions together."""
    total: dict[str, dict[int, dict[str, int]]] = {}
    for part in parts:
        for journey, versions in part.items():
            for version, states in versions.items():
                found = total.setdefault(journey, {}).setdefault(version, {})
                for state, number in states.items():
                    found[state] = found.get(state, 0) + number
    return total


class Rollout(msgspec.Struct, array_like=True):
    """The sets that customers may lack, and the place of the walk.

    `revisions`: those of the sets in force since the last walk began, in order; the last one is in
    force now. `after`: the key of the last customer looked at, of `reached` in all; None: no walk
    is under way.
    """

    revisions: list[int] = []
    after: str | None = None
    reached: int = 0

    def begin(self, before: int, revision: int) -> bool:
        """Note that a set is in force after another; return whether `RollOut` must be sent."""
        was_under_way = self.after is not None
        if not before:  # there is no customer yet
            self.revisions = [revision]
            return False
        self.revisions = [*(self.revisions or [before]), revision]
        self.after, self.reached = "", 0
        return not was_under_way

    def advance(self, keys: Sequence[str], most: int) -> bool:
        """Note customers that were looked at, of `most`; return whether there may be more."""
        self.reached += len(keys)
        self.after = keys[-1] if len(keys) == most else None
        if self.after is None:
            self.revisions = self.revisions[-1:]
        return self.after is not None

    def lacking(self, revision: int) -> list[int]:
        """Return the revisions that a customer of this one lacks, in order."""
        return [one for one in self.revisions if one > revision]

    def copy(self) -> Rollout:
        """Return a copy."""
        return Rollout(list(self.revisions), self.after, self.reached)
