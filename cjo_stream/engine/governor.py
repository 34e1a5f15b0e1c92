"""How far the definition sets of an installation have reached, seen from its first partition.

A set comes into force in each partition by itself, and each walks over its own sleeping customers
(`rollout`). Every task tells the first partition's when its walk has ended. So one log has what
holds for all of them, in one order, and each governance record is emitted once:

    applied     when the set is in force in the first partition, and its walk begins there; the
                first set, for which there is no walk, with the record behind its activation
    sweeping    with it, where the set may change something for customers who sleep
    swept       when the walk has ended in every partition
"""

from __future__ import annotations

from typing import Final

import msgspec

GOVERNOR: Final = 0
"""The partition whose task keeps this."""


class Sweeps(msgspec.Struct, array_like=True):
    """The sets that have not reached all sleeping customers yet, and how far partitions are.

    `reached`: partition -> the last set that has reached all its customers. `applied`: the last
    set of which there is a record.
    """

    applied: int = 0
    under_way: list[int] = []
    reached: dict[int, int] = {}

    def end(self, partition: int, number: int, partitions: int) -> list[int]:
        """Note that a walk has ended; return the sets that have now reached all `partitions`."""
        self.reached[partition] = max(number, self.reached.get(partition, 0))
        through = min(self.reached.get(one, 0) for one in range(partitions))
        swept = [one for one in self.under_way if one <= through]
        self.under_way = [one for one in self.under_way if one > through]
        return swept

    def copy(self) -> Sweeps:
        """Return a copy."""
        return Sweeps(self.applied, list(self.under_way), dict(self.reached))
