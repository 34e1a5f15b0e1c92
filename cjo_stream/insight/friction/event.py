"""The events of a layer in memory, in order: by customer, and then by time.

What takes the events of a customer one after the other (how often within a day, since when, what
came before) is arithmetic of arrays in that order, which is made once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cjo_stream.errors import UsageError

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_YEAR_MS: Final = 365 * DAY_MS
ORDINALS: Final = (2, 3, 5, 8, 13, 21)
"""How often within 24 hours: each is a rate of its own."""
Integers = NDArray[np.int64]
Codes = NDArray[np.int32]
"""Numbers that stand for something: there are many, so they are small."""
Flags = NDArray[np.bool_]
_EVENTS: Final = """
SELECT customer_id, "type", coalesce(channel, '') AS channel, "time", lane, position
FROM "event"
WHERE customer_id IS NOT NULL AND "type" NOT LIKE 'cjo.%'
"""


class Kind(NamedTuple):
    """What an event is, and where it came."""

    type: str
    channel: str


def read_events(connection: Any) -> Any:
    """Return what `Events` are made of, as a table of Arrow."""
    return connection.cursor().sql(_EVENTS).to_arrow_table()


class Names:
    """Texts that numbers stand for; they are read when they are asked for."""

    def __init__(self, texts: Any) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def named(self, numbers: Codes) -> list[str]:
        """Return the texts of some numbers in order, without empty ones."""
        return sorted(filter(None, self._texts.take(numbers).to_pylist()))

    def numbers(self, texts: Iterable[str | None]) -> Codes:
        """Return the number of each text, -1 of those that are none of these."""
        return np.array([self._number.get(one, -1) for one in texts], dtype=np.int32)

    @cached_property
    def _number(self) -> dict[str | None, int]:
        return {one: number for number, one in enumerate(self._texts.to_pylist())}


class Events:
    """Events, as arrays of one order: of customers, and the time of each."""

    def __init__(self, found: Any) -> None:
        who, self.customers = numbered(found["customer_id"])
        type_, self.types = coded(found["type"])
        channel, channels = coded(found["channel"])
        time = found["time"].to_numpy()
        key = _key(who, time)
        order = _order(key, found["lane"], found["position"].to_numpy())
        self._key: Integers = key[order]
        self.who: Codes = who[order]
        self.time: Integers = time[order]
        self.hour: Integers = self.time // HOUR_MS
        self.type: Codes = type_[order]
        self.kind: Codes = (type_ * np.int32(len(channels)) + channel)[order]
        self.kinds = [Kind(one, other) for one in self.types for other in channels]

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def is_first(self) -> Flags:
        """Which have no other event of the customer in the 24 hours before them, or just then."""
        apart = np.diff(self._key)
        found: Flags = np.append(True, apart > DAY_MS) & np.append(apart > 0, True)
        return found[: len(self)]

    @cached_property
    def of_type(self) -> Integers:
        """How many-th event of its type of the customer within 24 hours; all above 21 are 22."""
        found = np.empty(len(self), dtype=np.int64)
        for at in self.by_type:
            found[at] = self._ordinal(self._key[at])
        return found

    @cached_property
    def by_type(self) -> list[Integers]:
        """Of each type, where its events are."""
        return places_of(self.type, len(self.types))

    @cached_property
    def by_kind(self) -> list[Integers]:
        """Of each kind, where its events are."""
        return places_of(self.kind, len(self.kinds))

    def named(self, at: Any) -> list[str]:
        """Return the customers of some events, each once, in order."""
        return self.customers.named(np.unique(self.who[at]))

    def of(self, customer: str) -> slice:
        """Return where the events of a customer are."""
        number = self.customers.numbers([customer])[0]
        begin, end = np.searchsorted(self.who, np.array([number, number + 1], dtype=np.int32))
        return slice(int(begin), int(end))

    def latest(self, of: Integers, at: Integers) -> Integers:
        """Return for each event the latest among others of its customer, up to its time; or -1."""
        last = np.searchsorted(self._key[of], self._key[at], side="right") - 1
        found = np.where(last >= 0, of[np.maximum(last, 0)], -1)
        return np.where((found >= 0) & (self.who[found] == self.who[at]), found, -1)

    @staticmethod
    def _ordinal(key: Integers) -> Integers:
        found = np.ones(len(key), dtype=np.int64)
        at = np.flatnonzero(np.append(False, key[1:] - key[:-1] <= DAY_MS)[: len(key)])
        for number in range(2, ORDINALS[-1] + 2):
            found[at] = number
            at = at[at >= number]
            at = at[key[at] - key[at - number] <= DAY_MS]
        # Of equal ones each is as the last.
        ends = np.flatnonzero(np.append(key[1:] != key[:-1], True)[: len(key)])
        return np.repeat(found[ends], np.diff(ends, prepend=-1))


def coded(column: Any) -> tuple[Codes, list[Any]]:
    """Return a column of texts as numbers, and the few texts that they stand for."""
    found, texts = _encoded(column)
    return found, texts.to_pylist()


def numbered(column: Any) -> tuple[Codes, Names]:
    """Return a column of texts as numbers, and the many texts that they stand for."""
    found, texts = _encoded(column)
    return found, Names(texts)


def _encoded(column: Any) -> tuple[Codes, Any]:
    chunks = column.dictionary_encode("encode").chunks
    if not chunks:
        return np.zeros(0, dtype=np.int32), column.combine_chunks()
    # One dictionary is of all chunks.
    return np.concatenate([one.indices.to_numpy() for one in chunks]), chunks[-1].dictionary


def _key(who: Codes, time: Integers) -> Integers:
    """Return numbers in the order of customers and times; a day less is of the same customer."""
    if not time.size:
        return time
    span = int(time.max()) - int(time.min()) + 2 * DAY_MS
    if (int(who.max()) + 1) * span >= 1 << 63:
        raise UsageError(
            f"friction: the events of {int(who.max()) + 1:,} customers are of "
            f"{span // _YEAR_MS:,} years, too many years to be looked at: sink those of fewer "
            "years into a layer of their own"
        )
    return np.asarray(who * np.int64(span) + (time - (time.min() - DAY_MS)))


def _order(key: Integers, lane: Any, position: Integers) -> Integers:
    """Return the order by key; of equal ones, which are few, by lane and position."""
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    ties = np.flatnonzero(np.append(False, same) | np.append(same, False))
    of = order[ties]
    codes, lanes = coded(lane.take(of))
    place = np.argsort(np.argsort(np.array(lanes, dtype=object)))[codes]
    order[ties] = of[np.lexsort((position[of], place, key[of]))]
    return order


def places_of(codes: Codes, number: int) -> list[Integers]:
    """Return of each number below one where it stands."""
    # Small numbers are sorted without comparisons.
    order = np.argsort(codes.astype(np.min_scalar_type(number)), kind="stable")
    edges = np.searchsorted(codes[order], np.arange(number + 1))
    return [order[begin:end] for begin, end in pairwise(edges.tolist())]
