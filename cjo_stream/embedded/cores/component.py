"""Groups of identifiers that were seen together, directly or through others."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Sequence


class Components:
    """A union-find over identifiers, by hash; each group has a weight, which is its events."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._above = array("q")
        """The number of another of the same group, nearer to its root; a root's own."""
        self._weights = array("q")

    def add(self, hashes: Sequence[str]) -> int:
        """Note that identifiers were seen together, at one event; return the number of one."""
        root = self._root(self._number(hashes[0]))
        for other in hashes[1:]:
            found = self._root(self._number(other))
            if found != root:
                if self._weights[found] > self._weights[root]:
                    root, found = found, root
                self._above[found] = root
                self._weights[root] += self._weights[found]
        self._weights[root] += 1
        return root

    def owners(self, shares: int) -> bytes:
        """Return the share of each number: groups are dealt out by weight, the heaviest first.

        >>> groups = Components()
        >>> [groups.add(one) for one in (["a", "b"], ["c"], ["b", "d"], ["e"])]
        [0, 2, 0, 4]
        >>> list(groups.owners(2))
        [0, 0, 1, 0, 1]
        """
        numbers = range(len(self._above))
        roots = [number for number in numbers if self._above[number] == number]
        roots.sort(key=lambda root: (-self._weights[root], root))
        loads = [(0, share) for share in range(shares)]
        owners = bytearray(len(self._above))
        for root in roots:
            load, share = loads[0]
            heapq.heapreplace(loads, (load + self._weights[root], share))
            owners[root] = share
        for number in numbers:
            owners[number] = owners[self._root(number)]
        return bytes(owners)

    def _number(self, identifier: str) -> int:
        number = self._numbers.get(identifier)
        if number is None:
            number = self._numbers[identifier] = len(self._above)
            self._above.append(number)
            self._weights.append(0)
        return number

    def _root(self, number: int) -> int:
        above = self._above
        while above[number] != number:
            above[number] = above[above[number]]
            number = above[number]
        return number
