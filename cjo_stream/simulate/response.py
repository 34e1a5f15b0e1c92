"""How people take what they are sent: the hidden model, of which the engine sees answers alone.

    chance of acceptance = accept x taste x channel x patience ^ (sent to them in the last 7 days)

`accept` is the chance among people whose taste the action is; others accept it seldom. Each person
has one channel of their own and answers less on the others. The more a person is sent, the less
they answer. Nothing else enters, so the worth of any choice can be computed afterwards, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

ELSEWHERE = 0.08
"""Factor for people whose taste an action is not."""
AWAY = 0.5
"""Factor of a channel that is not the person's own."""
FATIGUE_MS = 7 * 86_400_000
CHANCE_MAX = 0.7


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """How people like one action.

    `accept`: chance, 0..1, at its best. `brings`: what an acceptance is worth, from and to; None
    if the command's payload says it, as `total`. `tastes`: whose it is; empty: everybody's.
    """

    accept: float
    brings: tuple[float, float] | None = (0.0, 0.0)
    tastes: frozenset[str] = frozenset()

    @property
    def mean_worth(self) -> float:
        """What an acceptance is worth on average; 0 where only the payload tells."""
        return sum(self.brings) / 2 if self.brings else 0.0


class Character(msgspec.Struct, frozen=True):
    """What answers depend on: a taste, the channel of one's own, patience 0..1 with what comes."""

    name: str
    taste: str
    channel: str
    patience: float


UNMOVING = Preference(accept=0.0)
"""Of an action that nobody can accept: a confirmation, a notice."""


class Response(msgspec.Struct, frozen=True):
    """The hidden model of one population.

    `character` of a person by index; `preferences` by action; `reach`: by channel, the chance that
    what was sent there is seen at all.
    """

    character: Callable[[int], Character]
    preferences: Mapping[str, Preference]
    reach: Mapping[str, float]

    def preference(self, action: str) -> Preference:
        """Return an action's preference."""
        return self.preferences.get(action, UNMOVING)

    def chance(self, person: int, action: str, channel: str, sent: int) -> float:
        """Return the chance, 0..1, that `person` accepts; `sent`: what came in the last 7 days.

        >>> ann = Character("ann", "shoes", "push", 0.5)
        >>> model = Response(lambda _: ann, {"sneakers": Preference(accept=0.4)}, {"push": 1.0})
        >>> model.chance(0, "sneakers", "push", 0), model.chance(0, "sneakers", "push", 2)
        (0.4, 0.1)
        """
        preference = self.preference(action)
        if not preference.accept:
            return 0.0
        who = self.character(person)
        chance = preference.accept
        if preference.tastes and who.taste not in preference.tastes:
            chance *= ELSEWHERE
        if channel != who.channel:
            chance *= AWAY
        for _ in range(min(sent, 20)):
            chance *= who.patience
        return min(chance, CHANCE_MAX, self.reach.get(channel, 1.0))

    def worth(self, person: int, action: str, channel: str, sent: int) -> float:
        """Return what sending it is expected to bring."""
        return self.chance(person, action, channel, sent) * self.preference(action).mean_worth
