"""Whether anybody takes the commands of a channel.

Somebody does if the committed offset of any consumer group moves. Lag would not tell: markers of
transactions leave a lag of 1 for ever. A channel system that commits no offsets cannot be seen.
Where the broker may hide groups from us, nobody knows whether one of them takes the commands.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cjo_stream.errors import RefusalError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.outlook.asking import Asking
from cjo_stream.telemetry import Metrics

PAUSE_S: Final = 30.0
GROUPS_MAX: Final = 50
"""Groups that have not taken commands before, asked at one time: a broker may have thousands."""
ANY_GROUP: Final = "?a group of any name?"
"""A name that no group has, and that no right on a name or on its beginning covers: who may
describe this one may describe all. A broker with an authorizer lists only the groups that its
asker may describe, and does not say that there are others."""

Topics = Callable[[], Mapping[str, str]]
"""Returns the topic of each channel that commands went to."""


class Unread:
    """Since when commands of each channel have gone out that nobody has taken."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}
        self._since_s: dict[str, float] = {}

    def look(self, now_s: float, standing: Mapping[str, tuple[int, int]]) -> dict[str, float]:
        """Return how long each channel has been unread; 0 where it is read, or nothing goes out.

        `standing`: by channel, where its topic ends, and what all groups have committed; both are
        sums over partitions.
        """
        for channel, (end, taken) in standing.items():
            end_before, taken_before = self._seen.get(channel, (end, taken))
            if taken != taken_before:
                self._since_s.pop(channel, None)
            elif end > end_before:
                self._since_s.setdefault(channel, now_s)
        self._seen = dict(standing)
        self._since_s = {name: at for name, at in self._since_s.items() if name in standing}
        return {name: now_s - self._since_s.get(name, now_s) for name in standing}


class Groups:
    """The consumer groups of a broker: those that have taken commands, and the others in turn."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._known: set[str] = set()
        self._others: deque[str] = deque()

    def taken(self, places: Sequence[Place]) -> dict[Place, int]:
        """Return the sum of all groups' committed offsets, by partition.

        Raises RefusalError where the broker may hide groups from us.
        """
        self._check_that_none_is_hidden(places[0])
        there = set(self._admin.groups())
        self._known &= there
        others = there - self._known
        kept = [name for name in self._others if name in others]
        self._others = deque([*kept, *sorted(others - set(kept))])
        asked = [*sorted(self._known), *list(self._others)[:GROUPS_MAX]]
        self._others.rotate(-GROUPS_MAX)
        total: dict[Place, int] = {}
        for group in asked:
            for place, one in self._admin.committed(group, places).items():
                self._known.add(group)
                total[place] = total.get(place, 0) + one.offset
        return total

    def _check_that_none_is_hidden(self, place: Place) -> None:
        try:
            self._admin.committed(ANY_GROUP, [place])
        except RefusalError as error:
            raise RefusalError(
                "the broker shows this process's user only the groups that it may describe, so "
                "another group may take the commands: allow it to Describe the group * "
                "(`cjo-stream topics acl TOPOLOGY` has the line)"
            ) from error


def watching(admin: Admin, topics: Topics, metrics: Metrics) -> Asking:
    """Return what shows unread channels in the metrics, once it is started."""
    unread, groups = Unread(), Groups(admin)
    shown: set[str] = set()

    def ask() -> None:
        wanted = topics()
        described = admin.describe(wanted.values())
        places = [(name, p) for name, one in described.items() for p in range(one.partitions)]
        taken = groups.taken(places) if places else {}
        ends = admin.ends(places, committed=True)
        standing = {
            channel: (_sum(ends, topic), _sum(taken, topic))
            for channel, topic in wanted.items()
            if topic in described
        }
        found = unread.look(time.monotonic(), standing)
        for channel in shown - set(found):
            metrics.forget("cjo_channel_unread_seconds", (channel,))
        for channel, seconds in found.items():
            metrics.set("cjo_channel_unread_seconds", (channel,), seconds)
        shown.clear()
        shown.update(found)

    def give_up() -> None:
        shown.update(topics())
        for channel in shown:
            metrics.set("cjo_channel_unread_seconds", (channel,), math.nan)

    return Asking("who takes the commands", ask, give_up, PAUSE_S)


def _sum(offsets: Mapping[Place, int], topic: str) -> int:
    return sum(offset for place, offset in offsets.items() if place[0] == topic)
